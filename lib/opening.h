/* Finding the service and connecting to it, without waiting for anything: the addresses in their order, and where
 * nobody answers the start of a service. Step it until it says what came of it; between steps wait for its descriptor,
 * if it has one, or until retry_at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/poller.h"
#include "lib/start.h"

enum {
        OPENING_MS = 10000,  /* after which a service that takes no connection is given up */
        OPENING_PAUSE_MS = 5 /* where the backlog is full, or another process starts the service: nothing tells when */
};

struct opening {
        struct address list[ADDRESSES_MAX];
        size_t n;
        size_t at; /* of them, where it connected */
        struct starting starting;
        bool no_start;
        bool started;
        int64_t deadline;
        int64_t retry_at; /* poller_now() */
};

#define OPENING_INIT                                                                                                   \
        {                                                                                                              \
                .starting = START_INIT, .retry_at = POLLER_NEVER                                                       \
        }

/* Takes one address, or where that is NULL reads the list; errors as of address_list(). No service is started at the
 * system's address. */
int opening_begin(struct opening *o, bool no_start, const struct address *only);
/* 1 and a non-blocking connection; 0: not yet. -ENOENT no service; -EPERM; -ETIMEDOUT; what starting one can fail with.
 */
int opening_step(struct opening *o, int *ret_fd);
/* Readable when a step has something to do; -1: only the time has. */
int opening_fd(const struct opening *o);
/* Gives up what it is at; may be begun again. */
void opening_finish(struct opening *o);
