/* How much memory a run's scope may take, and its weight. Pure.
 *
 * What is available when the run begins is its own but for a reserve for everybody else; from MemoryHigh on the kernel
 * slows down who allocates and writes back what it can, and the run's memory controller (run_memory.h) sees it and ends
 * workers; at MemoryMax, a quarter of the reserve above, the kernel ends the worker that is largest, as workers offer
 * themselves (RUN_OOM_SCORE). It is no more than a quarter as the kernel makes everybody in the scope wait longer and
 * longer on the way there, all in all by the third power of the way. Of the swap that is free the run gets half.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The reserve: this part of the memory within these, and no more than half of what is available at first. */
#define RUN_SCOPE_RESERVE_PART  20
#define RUN_SCOPE_RESERVE_LEAST (UINT64_C(128) << 20)
#define RUN_SCOPE_RESERVE_MOST  (UINT64_C(1) << 30)

enum {
        RUN_SCOPE_OVER_PART = 4,   /* the part of the reserve that lies between the two limits */
        RUN_SCOPE_CHANGE_PART = 2, /* what is less than this part of it is no news to the manager */
        RUN_SCOPE_SLICE_WEIGHT =
                30, /* the most that all runs together weigh, as background.slice does; anything else 100 */
};

/* Bytes; UINT64_MAX not known. */
struct run_scope_memory {
        uint64_t used;      /* by the scope, without what the kernel drops before anything fails */
        uint64_t available; /* to it: what is free and what can be dropped */
        uint64_t total;     /* of the machine */
        uint64_t swap_free;
};

struct run_scope_bounds {
        uint64_t high, max, swap_max; /* UINT64_MAX none */
        uint64_t reserve;             /* 0 none yet */
};
#define RUN_SCOPE_NO_BOUNDS ((struct run_scope_bounds){UINT64_MAX, UINT64_MAX, UINT64_MAX, 0})

/* `before`: those that hold, RUN_SCOPE_NO_BOUNDS at first. Who takes of the reserve gains nothing by it: while less
 * than that is available, limits do not grow, and they are lowered to what is used at most. */
struct run_scope_bounds run_scope_bounds(const struct run_scope_memory *memory, const struct run_scope_bounds *before);
/* Whether the manager is to hear of it. */
bool run_scope_bounds_differ(const struct run_scope_bounds *told, const struct run_scope_bounds *now);

/* The weight of a group of tasks that are so nice, as the kernel has it: 100 at 0, a quarter less with every step, at
 * least 1. */
unsigned run_scope_weight(int nice);
