/* A whole schedule of what is left: which worker gets which part of it.
 *
 * Parts are what is kept together: a unit, of a large one a run of its items in collection order, one long item, and
 * where there are very many small units some of them. The schedule is found in three steps:
 *
 *   greedy   whole units, longest first, each to where it ends earliest (Graham 1969; Cho, Sahni 1980)
 *   moves    of whole units away from whoever ends last, and swaps with others, as long as the end comes sooner (the
 *            local search of Finn, Horowitz 1979)
 *   splits   moves of parts of units from there, and the same two steps with parts from the start; kept if the run
 *            becomes shorter by what makes a second set-up and another order of items worth it
 *
 * and is followed until another one ends sooner: each time it is made anew, the one before, carried on to the present,
 * is one of the candidates (rollout with a fortified base policy: Bertsekas, Tsitsiklis, Wu 1997). A worker that gets
 * nothing stays idle: on a slow PU, or beside the sibling that decides the end.
 *
 * Siblings: all that the workers of one core have to do passes at the rate of as many of them as are still busy, so the
 * last one's end follows from their sums alone.
 *
 *     dispatch_plan.c     who there is to do it; making the plan, and following it
 *     dispatch_parts.c    what there is to do
 *     dispatch_search.c   the search
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        PLAN_PARTS_MIN = 256,    /* so many parts at least… */
        PLAN_PARTS_A_WORKER = 3, /* …and so many per worker */
        PLAN_WORKERS_MAX = 128,
        PLAN_SIBLINGS_MAX = 8,
};

#define PLAN_NONE UINT32_MAX

struct plan_part {
        uint32_t from, end; /* positions in the pool's order: what of these is in the pool */
        uint32_t block;
        double cpu, waits; /* seconds on a fast core, with CPU (set-ups of inner groups included) and without */
        uint32_t worker;   /* index in .workers */
        double urgent;     /* seconds of the one item in it that matters to the end, 0: none does */
        uint32_t holder;   /* number of the worker in whose queue it is, or PLAN_NONE: it is in the pool */
};

enum plan_kind {
        PLAN_LUMP,   /* small units together: they move as one */
        PLAN_UNIT,   /* parts of one unit, which one set-up on a worker serves */
        PLAN_SINGLE, /* a long item, or what can be taken back from a queue */
};

/* Its parts are neighbours in .parts. */
struct plan_block {
        uint32_t first, n;
        enum plan_kind kind;
        uint32_t unit; /* of PLAN_UNIT */
        uint32_t home; /* index of the worker that it begins with in the search, or PLAN_NONE */
        uint32_t paid; /* index of a worker that has no set-up to pay, or PLAN_NONE */
        double setup;  /* seconds */
        double seconds;
        double spread; /* seconds that a single item may take more: it is the more urgent */
};

/* What is placed and moved as one: a block that is all on one worker, or one part. */
struct plan_piece {
        uint32_t first, n; /* parts */
        uint32_t worker;
        uint32_t from;  /* the first one's position… */
        double seconds; /* …and all of them with their set-up: what they are sorted by */
};

struct plan_worker {
        uint32_t number; /* the dispatcher's */
        uint32_t core;   /* index in .cores */
        uint32_t alive;  /* the block whose fixtures are up here, or PLAN_NONE */
        double held;     /* work on what it has already; seconds on a fast core */
        double work;     /* that, and on what it is to get */
};

/* Its workers are neighbours in .workers. */
struct plan_core {
        uint32_t first, n;
        double rate[PLAN_SIBLINGS_MAX + 1]; /* of each of so many busy workers; [1]: of one by itself */
        double end;                         /* seconds from now */
};

struct plan {
        bool valid;
        bool leads;           /* when last looked at a plan could be made */
        bool fresh;           /* those that had nothing to do have not been looked at since it was made */
        uint64_t made, again; /* µs: when, and when it may be made anew */
        struct plan_part *parts;
        uint32_t n_parts, max_parts;
        struct plan_block *blocks;
        uint32_t n_blocks;
        struct plan_worker *workers;
        uint32_t n_workers;
        struct plan_core *cores;
        uint32_t n_cores;
        uint32_t *numbers_of;     /* by item: the worker that it was planned for, PLAN_NONE */
        uint16_t *n_of;           /* how many parts of a block a worker has: block * n_workers + worker */
        struct plan_piece *order; /* scratch */
        uint32_t *kept;           /* scratch: the parts' workers of the best schedule so far */
        uint32_t *before;         /* scratch: likewise in the schedule followed so far */
        uint64_t steps;           /* of the search so far */
};

/* Assigns the parts to workers. before: the parts' workers in the schedule followed so far (indices; PLAN_NONE of those
 * that were in none). worth: seconds by which splitting units has to shorten the end. The search ends after so
 * many steps, of some 50 ns each. */
void plan_search(struct plan *p, const uint32_t *before, double worth, uint64_t max_steps);
