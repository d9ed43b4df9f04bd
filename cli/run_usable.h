/* What of the PUs held suites may use: all of it, or, below somebody else's jobserver, one and one more for each token
 * held. There never are more workers than that either, unless their number was asked for.
 *
 * Tokens are taken while suites have a use for them, as many as there are and as they come free, and given back as soon
 * as the worker that had it is gone. Of a lease that is a suite's alone the service hears how many PUs are of use, so
 * that it lends the others to others.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/cpuset.h"

struct run;

enum {
        RUN_USABLE_IDLE_US = 2000000,   /* a token for which no PU comes goes back after that… */
        RUN_USABLE_RETRY_US = 10000000, /* …and for so long none is taken beyond the PUs that there are */
};

/* All zero but the timer and the poll. */
struct run_usable {
        struct cpuset pus;
        struct cpuset spared;          /* that a lone suite has said to have no use for */
        size_t n_suites;               /* active, when it was looked at last */
        unsigned told_max;             /* of the lease; 0: not told */
        unsigned most_held;            /* PUs at a time, so far */
        unsigned most_tokens;          /* likewise */
        uint64_t idle_since, retry_at; /* µs; 0: no */
        uv_poll_t poll;
        bool watched;
        bool waiting; /* for tokens */
};

/* Once the lease is there. Watches the jobserver, where there is one. */
int run_usable_watch(struct run *run);
void run_usable_close(struct run *run);
/* Takes and gives back tokens as suites are now: what they may use. */
void run_usable_fit(struct run *run);
/* When they have heard of it: what is of no use goes back to the service. */
void run_usable_settle(struct run *run);
/* What they may use now, also before any of them has begun. */
struct cpuset run_usable_pus(const struct run *run);
/* The only suite has no more use for one. */
void run_usable_spare(struct run *run, unsigned pu);
/* A worker more or less. */
void run_usable_changed(struct run *run);
/* Once a second. */
void run_usable_follow(struct run *run);
/* With --verbose, what came of the tokens. */
void run_usable_print(const struct run *run);
/* Whether there may be a second one at some time. */
bool run_usable_may_have_two(const struct run *run);
