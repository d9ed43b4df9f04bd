/* A run that is there for a process which somebody else has started, in place of a COMMAND: it says on standard output
 * where it is and what it has, and ends when its standard input does, or the process that started it.
 *
 * That process, and what it starts, is nobody's child here. It gets signals by itself, what it leaves behind is not
 * ended, and it has its own cgroup. Paused is what is below its pytests, not they: their shell would take the terminal
 * back from one that stops. Niceness and CPUs are set of workers, as they come.
 */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct run;

struct run_attached {
        uv_poll_t input, process;
        int process_fd;  /* -1: the kernel has no such thing */
        int input_flags; /* of standard input's file, which libuv changes */
        bool input_watched;
};

/* Says it, and watches: the run's loop is ended when it is over. Negative: that cannot be said or watched. */
int run_attached_begin(struct run *run, const char *socket);
void run_attached_close(struct run *run);
