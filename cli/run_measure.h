/* What one suite's run measured: items, group set-ups, PUs held. From it come the summary and the history.
 *
 * Work is seconds on a fast core: of an item's wall time the part that used the CPU scales with the PU's speed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/run_deal.h"
#include "cli/run_message.h"
#include "core/dispatch.h"
#include "core/estimate.h"

struct run_measure_item {
        double wall, cpu; /* seconds on a PU of its own, group set-ups not counted in; cpu < 0: not measured */
        uint64_t rss;     /* KiB */
        double speed;     /* of the PU */
        double expected;  /* seconds on a fast core, as history has it; < 0 not known */
        uint32_t class;   /* likewise, as core/speeds.h numbers them; 0 not known */
        bool done, lost;
        bool stopped;                  /* while its run was paused: its times are not to be learned from */
        enum estimate_outcome outcome; /* unknown before the result */
};

struct run_measure_group {
        double work; /* of all its set-ups */
        uint32_t n;  /* workers that set it up */
};

struct run_measure_pu {
        unsigned os, core;
        double speed, alone; /* as the dispatcher has it */
        uint64_t since;      /* µs; 0: not held now */
        uint64_t held;       /* µs, before that */
        bool spare;          /* given back because the suite had no more work for it */
};

struct run_measure {
        struct run_measure_item *items;
        struct run_measure_group *groups;
        struct run_measure_group session; /* fixtures of the session's scope */
        uint32_t n_items, n_groups;
        struct run_measure_pu *pus;
        size_t n_pus;
        uint64_t begun, ended; /* µs: the first worker was ready, the last item was done; 0 not yet */
        double work;           /* seconds of estimated work done: of what was not expected, what it took */
        uint32_t n_unexpected; /* items of which nothing was */
        uint32_t n_done, n_lost, n_crashes, n_left, n_recalls, n_workers;
        uint32_t n_extra, n_recycled; /* workers started beyond one a PU, as items wait; ended because they had run or
                                       * grown enough */
};

struct run_measure_figures {
        double makespan; /* seconds */
        double bound;    /* the least possible on the PUs held */
        double serial;   /* items and set-ups alone, on one fast core */
        double *in_use;  /* of each limited resource, the mean share; the caller's to free */
};

int run_measure_init(struct run_measure *m, const struct run_listing *listing);
void run_measure_finish(struct run_measure *m);

/* What history has of the items, before they run: seconds on a fast core, < 0 not known. */
void run_measure_expect(struct run_measure *m, const struct dispatch_item *items);
/* Whether it has that of all of them. */
bool run_measure_is_expected(const struct run_measure *m);
/* From `now` on these are held. -ENOMEM. */
int run_measure_pus(struct run_measure *m, uint64_t now, const struct dispatch_pu *pus, size_t n);
/* The suite ran dry on this one: it counts as held to the end, whoever has it then. */
void run_measure_spare(struct run_measure *m, unsigned os);
/* A worker is ready; numbers are used again. */
void run_measure_ready(struct run_measure *m, uint64_t now, uint32_t worker);
/* A checked DONE or SETUP record of a worker on a PU of that speed; wall seconds as on a PU of its own. */
void run_measure_record(struct run_measure *m, uint64_t now, const struct run_done_record *record, double speed);

/* A worker died: these it had finished, though their records may be lost with it, and one it was running. */
void run_measure_exited(struct run_measure *m, const struct run_exited *exited);

/* What became of the items, when all have run. */
void run_measure_outcomes(struct run_measure *m, const struct run_result *result);

/* -ENOMEM; figures are 0 where nothing ran in workers. Of `limits` the numbers of workers count. */
int run_measure_figures(struct run_measure *m, const struct run_listing *listing, const struct dispatch_params *limits,
                        struct run_measure_figures *ret_figures);
void run_measure_figures_finish(struct run_measure_figures *figures);
