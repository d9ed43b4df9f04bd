/* A jobserver's client: what MAKEFLAGS says, and tokens of made pipes and FIFOs. */
#include "cli/run_tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run_tokens_parse.h"
#include "lib/util.h"
#include "tests/unit/test.h"

static const struct {
        const char *makeflags;
        enum run_tokens_kind kind;
        int read_fd, write_fd;
        const char *path;
} cases[] = {
        {.makeflags = NULL},
        {.makeflags = ""},
        {.makeflags = "w"},
        {.makeflags = "kw -j"},
        {" -j4 --jobserver-auth=3,4", RUN_TOKENS_PIPE, 3, 4, NULL},
        {"--jobserver-auth=3,4", RUN_TOKENS_PIPE, 3, 4, NULL},
        {"kw --jobserver-fds=10,11 -j", RUN_TOKENS_PIPE, 10, 11, NULL},
        {"\tk\n--jobserver-fds=10,11", RUN_TOKENS_PIPE, 10, 11, NULL},
        {" -j4 --jobserver-auth=fifo:/tmp/GMfifo12", RUN_TOKENS_FIFO, 0, 0, "/tmp/GMfifo12"},
        {" --jobserver-auth=fifo:/tmp/a\\ b\\\\c$$d", RUN_TOKENS_FIFO, 0, 0, "/tmp/a b\\c$d"},
        {" --jobserver-auth=fifo:rel,1", RUN_TOKENS_FIFO, 0, 0, "rel,1"},
        {" --jobserver-auth=-2,-2", RUN_TOKENS_CLOSED, 0, 0, NULL},
        {" --jobserver-auth=3,-2", RUN_TOKENS_CLOSED, 0, 0, NULL},
        /* the last one wins, whatever it says */
        {" --jobserver-fds=3,4 --jobserver-auth=5,6", RUN_TOKENS_PIPE, 5, 6, NULL},
        {" --jobserver-auth=fifo:/a --jobserver-fds=3,4", RUN_TOKENS_PIPE, 3, 4, NULL},
        {" --jobserver-auth=3,4 --jobserver-auth=fifo:/a", RUN_TOKENS_FIFO, 0, 0, "/a"},
        {.makeflags = " --jobserver-auth=3,4 --jobserver-auth=x"},
        /* variables */
        {.makeflags = " -j4 -- X=1 --jobserver-auth=3,4"},
        {" --jobserver-auth=3,4 -- --jobserver-auth=5,6", RUN_TOKENS_PIPE, 3, 4, NULL},
        {.makeflags = "X=--jobserver-auth=3,4"},
        {.makeflags = "X=a\\ --jobserver-auth=3,4"},
        /* what nobody means */
        {.makeflags = "--jobserver-auth="},
        {.makeflags = "--jobserver-auth"},
        {.makeflags = "--jobserver-auth=fifo:"},
        {.makeflags = "--jobserver-auth=3"},
        {.makeflags = "--jobserver-auth=3,"},
        {.makeflags = "--jobserver-auth=,4"},
        {.makeflags = "--jobserver-auth=3,4,5"},
        {.makeflags = "--jobserver-auth=3 ,4"},
        {.makeflags = "--jobserver-auth=+3,4"},
        {.makeflags = "--jobserver-auth=3,4x"},
        {.makeflags = "--jobserver-auth=0x3,4"},
        {.makeflags = "--jobserver-auth=99999999999,4"},
        {.makeflags = "--jobserver-auth=99999999999999999999999,4"},
        {.makeflags = "-jobserver-auth=3,4"},
        {.makeflags = "\\"},
        {.makeflags = "--jobserver-auth=3,4\\"},
};

static void test_parse(void)
{
        struct run_tokens_source s;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                run_tokens_parse(cases[i].makeflags, &s);
                if (s.kind != cases[i].kind)
                        fprintf(stderr, "of %s\n", cases[i].makeflags);
                CHECK_INT(s.kind, cases[i].kind);
                if (s.kind == RUN_TOKENS_PIPE)
                        CHECK(s.read_fd == cases[i].read_fd && s.write_fd == cases[i].write_fd);
                if (s.kind == RUN_TOKENS_FIFO)
                        CHECK_STR(s.path, cases[i].path);
        }
}

static void test_parse_long(void)
{
        static char flags[3 * RUN_TOKENS_PATH_MAX];
        struct run_tokens_source s;

        memset(flags, 'x', sizeof(flags) - 1);
        memcpy(flags, "--jobserver-auth=fifo:", 22);
        run_tokens_parse(flags, &s);
        CHECK_INT(s.kind, RUN_TOKENS_NONE);
        memcpy(flags + 22 + RUN_TOKENS_PATH_MAX - 1, "", 1);
        run_tokens_parse(flags, &s);
        CHECK_INT(s.kind, RUN_TOKENS_FIFO);
        CHECK_INT(strlen(s.path), RUN_TOKENS_PATH_MAX - 1);
}

/* Words put together at random: what is said stays in its bounds, and is said of every text alike. */
static void test_parse_random(void)
{
        static const char *const parts[] = {
                "--jobserver-auth=",
                "--jobserver-fds=",
                "fifo:",
                "3",
                ",",
                "-",
                " ",
                "--",
                " -- ",
                "\\",
                "$",
                "$$",
                "=",
                "/a",
                "99999999999",
                "\t",
                "j4",
                "\xff",
                "X=",
        };
        uint32_t seed = 7;

        for (unsigned i = 0; i < 200000; i++) {
                struct run_tokens_source s;
                char text[256] = "";

                for (unsigned n = 0; n < i % 12; n++) {
                        seed = seed * 1664525 + 1013904223;
                        strcat(text, parts[(seed >> 16) % ELEMENTSOF(parts)]);
                }
                run_tokens_parse(text, &s);
                CHECK(s.kind <= RUN_TOKENS_CLOSED);
                CHECK((s.kind == RUN_TOKENS_FIFO) == (s.path[0] != '\0'));
                CHECK(s.kind != RUN_TOKENS_PIPE || (s.read_fd >= 0 && s.write_fd >= 0));
                CHECK(s.kind == RUN_TOKENS_NONE || strstr(text, "--jobserver-"));
        }
}

static struct run_tokens *shared(void)
{
        void *t = mmap(NULL, sizeof(struct run_tokens), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        CHECK(t != MAP_FAILED);
        return t;
}

/* What is in a pipe, sorted, so that orders do not matter. */
static const char *left_in(int fd)
{
        static char text[64];
        ssize_t n;

        fcntl(fd, F_SETFL, O_NONBLOCK);
        n = read(fd, text, sizeof(text) - 1);
        fcntl(fd, F_SETFL, 0);
        text[n > 0 ? n : 0] = '\0';
        for (char *a = text; *a; a++)
                for (char *b = a + 1; *b; b++)
                        if (*b < *a) {
                                char c = *a;

                                *a = *b;
                                *b = c;
                        }
        return text;
}

static void open_as(const char *flags, struct run_tokens *t, const char **ret_why)
{
        run_tokens_open(flags, t, ret_why);
        CHECK(run_tokens_is_client(t) == !*ret_why);
}

/* Takes, gives and gives all back; nobody else's descriptor changes. */
static void use(const char *flags, int shared_fd, int look_fd)
{
        struct run_tokens *t = shared();
        const char *why;

        open_as(flags, t, &why);
        CHECK(!why);
        CHECK(run_tokens_take(t) && run_tokens_take(t) && run_tokens_take(t));
        CHECK(!run_tokens_take(t));
        CHECK_INT(t->n, 3);
        run_tokens_give(t);
        CHECK_INT(t->n, 2);
        CHECK(run_tokens_take(t));
        CHECK_INT(fcntl(shared_fd, F_GETFL) & O_NONBLOCK, 0);
        run_tokens_close(t);
        CHECK(!run_tokens_is_client(t));
        CHECK_STR(left_in(look_fd), "+ab");
        run_tokens_close(t);
        CHECK_STR(left_in(look_fd), "");
        munmap(t, sizeof(*t));
}

static void test_pipe(void)
{
        char flags[128];
        int fds[2];

        CHECK(pipe(fds) == 0 && write(fds[1], "a+b", 3) == 3);
        snprintf(flags, sizeof(flags), " -j4 --jobserver-auth=%d,%d", fds[0], fds[1]);
        use(flags, fds[0], fds[0]);
        close(fds[0]);
        close(fds[1]);
}

static void test_fifo(void)
{
        char dir[] = "/tmp/test run tokens XXXXXX", path[64], flags[128] = " --jobserver-auth=fifo:";
        size_t n = strlen(flags);
        int fd;

        CHECK(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/fifo", dir);
        CHECK(mkfifo(path, 0600) == 0);
        fd = open(path, O_RDWR);
        CHECK(fd >= 0 && write(fd, "a+b", 3) == 3);
        for (const char *at = path; *at; at++) {
                if (*at == ' ')
                        flags[n++] = '\\';
                flags[n++] = *at;
        }
        flags[n] = '\0';
        use(flags, fd, fd);
        unlink(path);
        rmdir(dir);
        close(fd);
}

static void refused(const char *flags)
{
        struct run_tokens *t = shared();
        const char *why;

        open_as(flags, t, &why);
        CHECK(why && *why);
        run_tokens_close(t);
        munmap(t, sizeof(*t));
}

/* Where make has closed its descriptors somebody else may have these numbers. */
static void test_what_is_no_jobserver(void)
{
        struct run_tokens *t = shared();
        int one[2], two[2], file;
        char flags[128];
        const char *why;

        run_tokens_open(NULL, t, &why);
        CHECK(!why && !run_tokens_is_client(t) && !run_tokens_is_client(NULL));
        CHECK(pipe(one) == 0 && pipe(two) == 0);
        file = open("/dev/null", O_RDWR);
        const int pairs[][2] = {{one[0], two[1]}, {one[1], one[0]}, {file, file}, {one[0], 4000}, {4000, 4001}};
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                snprintf(flags, sizeof(flags), " --jobserver-auth=%d,%d", pairs[i][0], pairs[i][1]);
                refused(flags);
        }
        refused(" --jobserver-auth=-2,-2");
        refused(" --jobserver-auth=fifo:/dev/null");
        refused(" --jobserver-auth=fifo:/nowhere/fifo");
        for (unsigned i = 0; i < 2; i++) {
                close(one[i]);
                close(two[i]);
        }
        close(file);
        munmap(t, sizeof(*t));
}

/* The engine's end by SIGKILL, in its child's place: the guardian gives back what that had. */
static void test_killed(void)
{
        struct run_tokens *t = shared();
        int fds[2], status;
        char flags[64];
        const char *why;
        pid_t child;

        CHECK(pipe(fds) == 0 && write(fds[1], "xyz", 3) == 3);
        snprintf(flags, sizeof(flags), "--jobserver-fds=%d,%d", fds[0], fds[1]);
        open_as(flags, t, &why);
        child = fork();
        if (child == 0) {
                (void)run_tokens_take(t);
                (void)run_tokens_take(t);
                /* and in the midst of a third */
                if (read(t->read_fd, &t->bytes[t->n], 1) == 1)
                        raise(SIGKILL);
                _exit(1);
        }
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        CHECK_STR(left_in(fds[0]), "");
        run_tokens_close(t);
        CHECK_STR(left_in(fds[0]), "xyz");
        close(fds[0]);
        close(fds[1]);
        munmap(t, sizeof(*t));
}

int main(void)
{
        test_parse();
        test_parse_long();
        test_parse_random();
        test_pipe();
        test_fifo();
        test_what_is_no_jobserver();
        test_killed();
        return 0;
}
