/* COMMAND: started so that it cannot outlive the engine. */
#pragma once

#include <signal.h>
#include <sys/types.h>

struct run_nice;

/* What shells answer for a command that is not there or cannot be run. */
enum {
        RUN_EXIT_NOT_FOUND = 127,
        RUN_EXIT_NOT_EXECUTABLE = 126,
};

/* Becomes `command`; returns, having said why not, one of the two statuses. */
int run_command_exec(char **command);

/* Forks it with the signal mask `mask`, that niceness, the present environment and affinity; it is killed when this
 * process ends. Its pid or a negative errno. */
pid_t run_command_start(char **command, const sigset_t *mask, const struct run_nice *nice);
