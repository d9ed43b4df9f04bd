/* Waiting for a lease's first PU: what the user sees of it meanwhile, and how he gives up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/schedctl.h"

struct client_grant;

enum {
        RUN_WAIT_TEXT_MAX = 256,    /* bytes, the NUL included; of a longer reason the end is left out */
        RUN_WAIT_EVERY_MS = 1000,   /* on a terminal, while an estimate counts down */
        RUN_WAIT_SERVICE_MS = 5000, /* for the next service: as long as that keeps the place in the queue */
};

/* "waiting for CPUs: REASON (place 2 in the queue; about 40 s)", so many milliseconds after the grant came. */
void run_wait_text(const struct client_grant *grant, uint64_t waited_ms, char ret_text[static RUN_WAIT_TEXT_MAX]);

/* Returns when the lease holds something: 0, or a negative errno of schedctl_lease_wait(); -ESTALE where the next
 * service knows nothing of it, -ENOTCONN where there is none. On a terminal the text is kept up to date in place, else
 * there is a line whenever the reason or the place changes, said by this verb; `quiet`: nothing is said. SIGINT,
 * SIGTERM and SIGHUP end the process as they always do, behind a line that says so; the lease ends with it. */
int run_wait_first(struct schedctl_lease *lease, const char *verb, bool quiet);
