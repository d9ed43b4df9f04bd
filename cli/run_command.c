#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/run_command.h"
#include "cli/run_nice.h"

int run_command_exec(char **command)
{
        int error;

        execvp(command[0], command);
        error = errno;
        fprintf(stderr, "schedctl run: %s: %s\n", command[0], strerror(error));
        return error == ENOENT || error == ENOTDIR ? RUN_EXIT_NOT_FOUND : RUN_EXIT_NOT_EXECUTABLE;
}

pid_t run_command_start(char **command, const sigset_t *mask, const struct run_nice *nice)
{
        pid_t engine = getpid(), pid = fork();

        if (pid != 0)
                return pid < 0 ? -errno : pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != engine) /* it died before it could be asked for */
                _exit(RUN_EXIT_NOT_EXECUTABLE);
        run_nice_become(nice);
        sigprocmask(SIG_SETMASK, mask, NULL);
        _exit(run_command_exec(command));
}
