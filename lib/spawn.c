#include "lib/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/util.h"

extern char **environ;

enum {
        LISTEN_FD = 3, /* SD_LISTEN_FDS_START */
        ERROR_FD = 4,
        ABOVE = 10, /* descriptors are moved here first, so that none is overwritten */
        PID_DIGITS = 12,
};

struct spawn {
        char *const *argv;
        char **env;
        char *pid_text; /* within env: the digits of LISTEN_PID */
        int null_fd;
        int log_fd;
        int listen_fd;
        int error_fd; /* the child writes its errno here; the exec closes it */
};

static void spawn_finish(struct spawn *s)
{
        cleanup_closep(&s->null_fd);
        cleanup_closep(&s->log_fd);
        cleanup_closep(&s->listen_fd);
        cleanup_closep(&s->error_fd);
        free(s->pid_text);
        free(s->env);
}

/* What a service manager told the caller about the caller. */
static bool is_callers_own(const char *entry)
{
        static const char *const names[] = {
                "LISTEN_",        "NOTIFY_SOCKET=",   "WATCHDOG_",          "JOURNAL_STREAM=",
                "INVOCATION_ID=", "MEMORY_PRESSURE_", "RUNTIME_DIRECTORY=", "STATE_DIRECTORY="};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strncmp(entry, names[i], strlen(names[i])) == 0)
                        return true;
        return false;
}

static int make_environment(struct spawn *s)
{
        size_t n = 0, kept = 0;

        while (environ && environ[n])
                n++;
        s->env = calloc(n + 3, sizeof(*s->env));
        s->pid_text = calloc(1, sizeof("LISTEN_PID=") + PID_DIGITS);
        if (!s->env || !s->pid_text)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (!is_callers_own(environ[i]))
                        s->env[kept++] = environ[i];
        memcpy(s->pid_text, "LISTEN_PID=", sizeof("LISTEN_PID="));
        s->env[kept++] = s->pid_text;
        s->env[kept] = (char *)"LISTEN_FDS=1";
        return 0;
}

static int move_above(int fd, int *ret_fd)
{
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);

        if (moved < 0)
                return -errno;
        *ret_fd = moved;
        return 0;
}

static int prepare(struct spawn *s, int listen_fd, int log_fd, int error_fd)
{
        CLEANUP_CLOSE int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        int r;

        if (null_fd < 0)
                return -errno;
        if ((r = make_environment(s)) < 0 || (r = move_above(null_fd, &s->null_fd)) < 0 ||
            (r = move_above(log_fd, &s->log_fd)) < 0 || (r = move_above(listen_fd, &s->listen_fd)) < 0)
                return r;
        return move_above(error_fd, &s->error_fd);
}

/* From here to the exec: async-signal-safe calls only. */

static void reset_signals(void)
{
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int s = 1; s < NSIG; s++)
                sigaction(s, &action, NULL); /* fails for SIGKILL, SIGSTOP and libc's own */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A service that outlives the caller is not to stay on the CPUs that the caller happened to be pinned to. */
static void reset_affinity(void)
{
        unsigned char every[512];

        memset(every, 0xff, sizeof(every));
        sched_setaffinity(0, sizeof(every), (const cpu_set_t *)(const void *)every);
}

static void write_pid(char *text)
{
        char digits[PID_DIGITS];
        size_t n = 0, at = strlen("LISTEN_PID=");

        for (pid_t pid = getpid(); pid > 0; pid /= 10)
                digits[n++] = (char)('0' + pid % 10);
        while (n > 0)
                text[at++] = digits[--n];
        text[at] = '\0';
}

__attribute__((noreturn)) static void fail(int fd)
{
        int error = errno;
        ssize_t n = write(fd, &error, sizeof(error));

        (void)n;
        _exit(1);
}

__attribute__((noreturn)) static void become(struct spawn *s)
{
        if (dup2(s->null_fd, STDIN_FILENO) < 0 || dup2(s->null_fd, STDOUT_FILENO) < 0 ||
            dup2(s->log_fd, STDERR_FILENO) < 0 || dup2(s->listen_fd, LISTEN_FD) < 0 ||
            dup3(s->error_fd, ERROR_FD, O_CLOEXEC) < 0)
                fail(s->error_fd);
        close_range(ERROR_FD + 1, ~0U, 0); /* a kernel before 5.9 leaves those that are not close-on-exec */
        if (chdir("/") < 0)
                fail(ERROR_FD);
        umask(077);
        reset_signals();
        reset_affinity();
        write_pid(s->pid_text);
        execve(s->argv[0], s->argv, s->env);
        fail(ERROR_FD);
}

__attribute__((noreturn)) static void detach(struct spawn *s)
{
        if (setsid() < 0)
                fail(s->error_fd);

        /* The second child is nobody's but init's: no zombie in the caller, no terminal to acquire. */
        pid_t pid = fork();
        if (pid < 0)
                fail(s->error_fd);
        if (pid == 0)
                become(s);
        _exit(0);
}

/* The child's errno, or 0 when the exec closed its end. */
int spawn_result(int fd)
{
        int error;
        ssize_t n;

        do
                n = read(fd, &error, sizeof(error));
        while (n < 0 && errno == EINTR);
        return n == sizeof(error) ? -error : 0;
}

int spawn_begin(char *const argv[], int listen_fd, int log_fd, int *ret_fd)
{
        CLEANUP(spawn_finish)
        struct spawn s = {.argv = argv, .null_fd = -1, .log_fd = -1, .listen_fd = -1, .error_fd = -1};
        CLEANUP_CLOSE int read_fd = -1, write_fd = -1;
        int pair[2];

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        read_fd = pair[0];
        write_fd = pair[1];

        int r = prepare(&s, listen_fd, log_fd, write_fd);
        if (r < 0)
                return r;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                detach(&s);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ; /* ECHILD: the program reaps its children by itself */
        *ret_fd = TAKE_FD(read_fd);
        return 0;
}
