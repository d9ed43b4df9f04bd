/* Signals reach what is below this process, and nobody else; what looking at it costs. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run_tree.h"
#include "tests/unit/test.h"

static pid_t start(void)
{
        pid_t pid = fork();

        if (pid == 0)
                for (;;)
                        pause();
        return pid;
}

static void test_own(void)
{
        pid_t pid = start();
        int status;

        CHECK_INT(run_tree_signal(pid, 0), 0);
        CHECK_INT(run_tree_signal(pid, SIGKILL), 0);
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        CHECK_INT(run_tree_signal(pid, 0), -ESRCH); /* nobody's, or somebody else's by now */
}

/* As a number does that was given to another process. */
static void test_others(void)
{
        CHECK_INT(run_tree_signal(getppid(), 0), -ESRCH);
        CHECK_INT(run_tree_signal(1, 0), -ESRCH);
}

/* What others compute meanwhile is no cost of ours. */
static void test_cost(void)
{
        enum { LONG = 100000 };
        uint64_t begin = run_tree_cost();
        pid_t pid = fork();

        if (pid == 0) {
                while (run_tree_cost() < LONG)
                        ;
                _exit(0);
        }
        CHECK_INT(waitpid(pid, NULL, 0), pid);
        CHECK(run_tree_cost() - begin < LONG);
}

int main(void)
{
        test_own();
        test_others();
        test_cost();
        return 0;
}
