/* What processes used, from made trees of /proc, and from the real one. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/run_sample.h"
#include "lib/util.h"
#include "tests/unit/test.h"

static char root[] = "/tmp/test-sample-XXXXXX";

static void write_file(const char *name, const char *text)
{
        CLEANUP_FREE char *path = NULL;
        CLEANUP_FCLOSE FILE *f = NULL;

        CHECK(asprintf(&path, "%s%s", root, name) > 0);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
                *slash = '/';
        }
        f = fopen(path, "w");
        CHECK(f && fputs(text, f) >= 0);
}

/* Times in clock ticks of 10 ms, nanoseconds in schedstat; NULL: there is no such file. */
static void write_process(unsigned pid, unsigned user, unsigned of_children, const char *schedstat,
                          const char *children)
{
        char path[64], text[256];

        snprintf(path, sizeof(path), "/proc/%u/stat", pid);
        snprintf(text, sizeof(text), "%u (a) b (c) S 1 1 1 0 -1 0 0 0 0 0 %u 0 %u 0 20 0 1 0 0\n", pid, user,
                 of_children);
        write_file(path, text);
        snprintf(path, sizeof(path), "/proc/%u/task/%u/schedstat", pid, pid);
        if (schedstat)
                write_file(path, schedstat);
        snprintf(path, sizeof(path), "/proc/%u/task/%u/children", pid, pid);
        if (children)
                write_file(path, children);
}

static double used(pid_t pid)
{
        double seconds = -1;

        CHECK_INT(run_sample_used(root, pid, &seconds), 0);
        return seconds;
}

static bool is_near(double a, double b)
{
        return fabs(a - b) < 1e-9;
}

static void test_used(void)
{
        double seconds = -1;

        CHECK_INT(run_sample_used(root, 7, &seconds), -ESRCH);
        write_file("/proc/7/stat", "7 (who knows\n");
        CHECK_INT(run_sample_used(root, 7, &seconds), -ESRCH);
        write_process(10, 0, 0, "1500000000 250000000 3\n", "");
        CHECK(is_near(used(10), 1.75));
        /* A thread that ended, and a child that was waited for, have only clock ticks. */
        write_process(11, 200, 50, "1500000000 250000000 3\n", "");
        CHECK(is_near(used(11), 2.75));
        /* No schedstat, no children: a kernel that was built without them. */
        write_process(12, 200, 0, NULL, NULL);
        CHECK(is_near(used(12), 2));
        /* A child, its child, and one that is gone meanwhile. */
        write_process(13, 0, 0, "1000000000 0 1\n", "10 14 99 ");
        write_process(14, 0, 0, "0 500000000 1\n", "11 ");
        CHECK(is_near(used(13), 1 + 1.75 + 0.5 + 2.75));
        CHECK(seconds < 0);
}

static void test_threads(void)
{
        write_process(20, 0, 0, "1000000000 0 1\n", "");
        write_file("/proc/20/task/21/schedstat", "500000000 0 1\n");
        write_file("/proc/20/task/21/children", "10 ");
        CHECK(is_near(used(20), 1)); /* stat says that there is one thread */
        write_file("/proc/20/stat", "20 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 2 0 0\n");
        CHECK(is_near(used(20), 1 + 0.5 + 1.75));
}

static void test_idle(void)
{
        struct cpuset pus = {0};
        double seconds = -1;

        cpuset_add(&pus, 1);
        cpuset_add(&pus, 10);
        CHECK_INT(run_sample_idle(root, &pus, false, &seconds), -ENOENT);
        write_file("/proc/stat", "cpu  1 1 1 1 1\ncpu0 0 0 0 900 0 0\ncpu1 5 6 7 100 20 1\n");
        CHECK_INT(run_sample_idle(root, &pus, false, &seconds), -EINVAL);
        CHECK(seconds < 0);
        write_file("/proc/stat", "cpu  1 1 1 1 1\ncpu1 5 6 7 100 20 1\ncpu10 0 0 0 30 0 0 0\nintr 5\ncpu1 0 0 0 9 9\n");
        CHECK_INT(run_sample_idle(root, &pus, false, &seconds), 0);
        CHECK(is_near(seconds, 1.5));
        CHECK_INT(run_sample_idle(root, &pus, true, &seconds), 0);
        CHECK(is_near(seconds, 1.56));
}

/* A child of a child of the process looked at computes: for how long, it says itself. */
static void test_the_real_one(void)
{
        int status, ends[2];
        double before, after;
        pid_t child;
        char byte;

        CHECK_INT(run_sample_used("", getpid(), &before), 0);
        CHECK_INT(pipe(ends), 0);
        child = fork();
        if (child == 0) {
                if (fork() > 0)
                        _exit(read(ends[0], &byte, 1) != 1);
                while (clock() < CLOCKS_PER_SEC / 20)
                        ;
                _exit(write(ends[1], "xx", 2) != 2 || waitpid(-1, NULL, 0) > 0);
        }
        CHECK(child > 0);
        CHECK_INT(read(ends[0], &byte, 1), 1);
        CHECK_INT(waitpid(child, &status, 0), child);
        CHECK_INT(run_sample_used("", getpid(), &after), 0);
        CHECK(after >= before);
        CHECK(run_sample_resident("", getpid()) > 100 * 1024);
        CHECK_INT(run_sample_resident(root, getpid()), 0);
}

int main(void)
{
        char command[64];

        CHECK(mkdtemp(root));
        test_used();
        test_threads();
        test_idle();
        test_the_real_one();
        snprintf(command, sizeof(command), "rm -r %s", root);
        CHECK_INT(system(command), 0);
        return 0;
}
