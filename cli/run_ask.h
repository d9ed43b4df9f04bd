/* What processes below a run ask it, over the control socket that $SCHEDCTL_RUN names. */
#pragma once

#include "core/cpuset.h"

enum {
        RUN_ASK_PATIENCE_MS = 2000, /* a run that is paused does not answer */
};

/* Connects and sends a message: the connection, or -ENOENT where there is no run (any more). */
int run_ask_send(const char *path, const char *event);

/* How many workers this process may use of what its run holds at the moment, and the CPUs: in a worker its own. -ENOENT
 * where there is no run, -ETIMEDOUT where it does not answer, -EPROTO where it says something else. */
int run_ask_held(const char *path, unsigned *ret_workers, struct cpuset *ret_pus);
