/* A simulated run: the dispatcher, and workers that do nothing but pass simulated time. What `schedctl plan` shows, and
 * what the dispatcher's tests drive it with.
 *
 * The machine is modelled as run time: a worker's item advances at the speed of its PU; siblings of one core slow each
 * other down (dispatch_pu.alone and .speed); where more workers want to compute than there are PUs for, they share
 * them evenly; the part of an item that waits passes at the same speed everywhere and takes no CPU. Fixtures are set up
 * and torn down as pytest does. The engine's part is modelled too: queues that both ends read, records that come late
 * and in batches, samples.
 *
 * Pure and deterministic: the same parameters give the same result.
 */
#pragma once

#include "core/dispatch.h"

/* From `at` on the suite has these PUs, or, where there are none, may have so many workers. */
struct sim_change {
        double at; /* seconds */
        const struct dispatch_pu *pus;
        size_t n_pus;
        uint32_t limit;
};

struct sim_hooks; /* core/sim_hooks.h: faults, and laws to check; for tests */

struct sim_params {
        const struct dispatch_params *suite; /* what the dispatcher is told */
        const double *seconds;               /* what each item really takes on a fast core; NULL: what is told, of an
                                              * unknown one default_seconds */
        const double *waits;                 /* likewise the share that waits; NULL: what is told */
        const double *setups;                /* likewise each group's set-up; NULL: what is told, of an unknown one 0 */
        const double *session_setup;         /* likewise */
        const struct dispatch_pu *pus;       /* at the beginning; at least one */
        size_t n_pus;
        const struct sim_change *changes; /* in order of time */
        size_t n_changes;
        double start_seconds; /* until a worker is ready */
        double latency;       /* seconds from a worker's write to the engine's step; >= 0 */
        const struct sim_hooks *hooks;
};

/* What became of one item. Times are seconds from the run's beginning. */
struct sim_item {
        double begin, end; /* set-ups before it included; both 0 where it never ran */
        double setup;      /* of that, seconds of group set-ups */
        uint32_t worker;
        unsigned pu; /* where it began; DISPATCH_FLOATING */
        enum dispatch_reason reason;
};

struct sim_result {
        double makespan;        /* from the first item's start to the last one's end */
        double busy;            /* PU seconds in which something computed, of makespan x PUs */
        double setups;          /* seconds of group set-ups, all workers' */
        struct sim_item *items; /* n_items of the suite; the caller's to free by sim_result_finish() */
        uint32_t n_items;
        uint32_t n_workers; /* the most at any time */
        uint32_t done, lost, left, recalls, steps;
};

/* -ENOMEM, -EINVAL as dispatch_create(), or -EPROTO where the dispatcher broke its contract (which no run should
 * show; hooks->complain says how). */
int sim_run(const struct sim_params *params, struct sim_result *ret_result);
void sim_result_finish(struct sim_result *result);
