/* Whether workers are worth what they cost, by what is known of a suite's times; and how many. Pure. */
#pragma once

#include "core/dispatch.h"

/* Costs in seconds; measured on a 2-core virtual machine, where a serial pytest takes 0.15 s to run nothing.
 *
 * Fork: from the suite's message to the first READY, median of 15 runs of five tests: 14.8 ms (least 9.5).
 * Relay: CPU of 10,000 empty tests in one worker less that in the reporter: 65 to 79 µs a test, of which the engine
 * has 4. Send: a byte to a process on another CPU and back: 29 µs. */
#define RUN_FORK_SECONDS    0.015 /* from the plan to a forked worker's READY */
#define RUN_RELAY_SECONDS   70e-6 /* what an item costs the reporter and the engine beyond running it */
#define RUN_SEND_SECONDS    30e-6 /* what a deal record costs until the worker has it */
#define RUN_DEFAULT_SECONDS 0.01  /* an item nobody knows anything about */

/* Workers beyond one a PU, while items wait: a worker that waits costs memory and a process, so there may be many: 16 a
 * PU, which is 20 sleeping tests at once on two PUs with room to spare, but not more than 64 in all, as each may hold a
 * server, a database and ports of its own; one more a PU where there are more than 32 PUs. */
enum {
        RUN_WORKERS_PER_PU = 16,
        RUN_WORKERS_DEFAULT_MAX = 64,
};

/* A suite whose times are known. */
struct run_worth {
        const struct dispatch_item *items;
        uint32_t n_items;
        double total;      /* seconds, each set-up once */
        uint32_t n_pus;    /* it has, at least 1 */
        uint32_t n_extra;  /* workers that it may have beyond one a PU */
        double start_cost; /* seconds until a worker is ready */
};

/* The most workers while items wait, where nobody said how many. */
uint32_t run_worth_most_workers(uint32_t n_pus);
/* Whether workers that wait beside each other save more than they cost. */
bool run_worth_waiting(const struct run_worth *w);
/* Whether pytest itself would end sooner. */
bool run_worth_nothing(const struct run_worth *w);
