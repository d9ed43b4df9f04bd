/* What the allocator's simulator and its tests share: machines of several shapes, random numbers, allocations that
 * fail, and the allocator's state as text. */
#pragma once

#include "core/alloc.h"
#include "tests/sim/random.h"

struct rng {
        uint64_t state;
};
uint64_t rng_next(struct rng *r);
/* In [0, n); n > 0. */
unsigned rng_below(struct rng *r, unsigned n);

enum world_shape {
        WORLD_PLAIN,   /* cores without SMT */
        WORLD_SMT,     /* two PUs a core */
        WORLD_HYBRID,  /* half of the PUs on fast SMT cores, half on slower ones, of many some yet slower */
        WORLD_SOCKETS, /* SMT in two packages with a node and a cache each */
        WORLD_SHAPES,
};

/* n_pus PUs less those in `offline` (NULL none); PU i and its sibling are adjacent. Aborts without memory. */
struct machine world_machine(enum world_shape shape, unsigned n_pus, const struct cpuset *offline);

/* The n-th allocation from now on fails, once; 0 lets all succeed. Works in programs that are linked with
 * --wrap for malloc, calloc and realloc. */
void world_fail_allocation(unsigned n);
/* Whether the one that was to fail has been asked for. */
bool world_allocation_failed(void);

/* Everything that can be seen of the allocator, one line a lease. The caller frees it. */
char *world_dump(const struct alloc *a);
