/* What the run may use: a lease of the service's, or, where no service is to be had, its own affinity mask.
 *
 * The set changes while the run lives. Order is the service's: best first. Where the service goes away the run keeps
 * what it holds, and claims it from the next service that somebody starts; what it gives back meanwhile it says then.
 *
 * Nothing here waits for the service once it has lent: what it is told is on its way, and what it had not answered
 * before it went is said to the next one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/run_options.h"
#include "core/cpuset.h"
#include "include/schedctl.h"

enum { RUN_LEASE_TRIES = 3 }; /* at a place in the queue, where services come and go */

struct run_lease_word {
        struct cpuset returned; /* given back */
        struct cpuset refused;  /* likewise, as unusable */
        unsigned max;           /* the new max; 0: as it was */
};

struct run_lease {
        struct schedctl_lease *lease; /* NULL: without a service */
        struct cpuset pus;            /* held */
        struct cpuset kept;           /* held and not wanted back */
        struct cpuset wanted;         /* held and wanted back */
        uint64_t wanted_by;           /* µs on CLOCK_MONOTONIC; 0 where nothing is wanted */
        unsigned *order;              /* held, best first */
        size_t n_order;
        unsigned *slots;
        size_t n_slots;
        struct run_lease_word unsaid; /* what no service was there to be told */
        struct run_lease_word said;   /* what is not known to have been heard */
        unsigned slots_wanted;        /* the most that were asked for */
        bool silent;                  /* it had not answered all when the round began */
        bool paused;                  /* by its user: all is wanted back until it goes on */
        int nice;                     /* that the run's processes are to have at least */
};

/* Borrows. Without a service: a warning to stderr and the own mask, cut to --max. Negative errno where there is
 * nothing to run on or the request was refused; a message was printed. */
int run_lease_open(const struct run_options *options, struct run_lease *ret_lease);
/* In the process that goes on with the lease, behind a fork. */
void run_lease_adopt(struct run_lease *lease);
/* Ends the lease. */
void run_lease_close(struct run_lease *lease);

/* Whether a service answers for it at the moment. */
bool run_lease_is_connected(const struct run_lease *lease);

/* Readable when run_lease_read() has something to do, the same for the lease's life; -1 without a service. */
int run_lease_fd(const struct run_lease *lease);
/* Takes what arrived, or tries to claim: 1 the set may have changed, 0 not, -ENOTCONN no service is there; the run goes
 * on with what it has, and the descriptor says when to call again. */
int run_lease_read(struct run_lease *lease);

/* Why it is as it is, or what is wanted back; valid until the next call on the lease. "" without a service. */
const char *run_lease_reason(const struct run_lease *lease);

/* Gives PUs back, or says that they cannot be pinned to. They are held no more. */
int run_lease_return(struct run_lease *lease, const struct cpuset *pus);
int run_lease_refuse(struct run_lease *lease, const struct cpuset *pus);
/* The service is gone and nothing is held: what was given back is held again, until there is another service. */
void run_lease_take_back(struct run_lease *lease, const struct cpuset *pus);
/* Gives PUs back for good: the lease's max falls to what is left, so that they are not lent to it again. */
int run_lease_lower(struct run_lease *lease, const struct cpuset *pus);
/* The most that are to be lent to it from now on. */
int run_lease_set_max(struct run_lease *lease, unsigned max);
/* What the run says of itself, as lib/client.h has it. -ENOTCONN where no service is there to be told. The first three
 * are said in rounds; they fail likewise in one that begins while the service has yet to answer: it may be stopped, and
 * is not to hear of every second when it goes on. */
void run_lease_begin_round(struct run_lease *lease);
int run_lease_report(struct run_lease *lease, double work_rate, uint64_t ends_in_ms);
int run_lease_refresh(struct run_lease *lease);
int run_lease_set_memory(struct run_lease *lease, uint64_t bytes_per_worker);
int run_lease_set_priority(struct run_lease *lease, int priority);
int run_lease_set_unit(struct run_lease *lease, const char *unit);
/* Asks for so many slots in all, where there are fewer. The service lends them with a later grant, as many as it has;
 * without a service they are there at once. */
int run_lease_want_slots(struct run_lease *lease, unsigned n);
