/* A suite and a machine for the dispatcher's simulated tests, made up from a seed or by a recipe. */
#pragma once

#include "core/sim.h"
#include "tests/sim/random.h"

enum {
        WORLD_ITEMS_MAX = 10000,
        WORLD_GROUPS_MAX = 600,
        WORLD_NEEDS_MAX = 1000,
        WORLD_RESOURCES_MAX = 4,
        WORLD_PUS_MAX = 128,
        WORLD_CHANGES_MAX = 8,
};

struct world {
        struct dispatch_item items[WORLD_ITEMS_MAX]; /* what the dispatcher is told… */
        double seconds[WORLD_ITEMS_MAX];             /* …and what is so */
        double waits[WORLD_ITEMS_MAX];
        struct dispatch_group groups[WORLD_GROUPS_MAX];
        double setups[WORLD_GROUPS_MAX];
        double session_setup;
        uint32_t capacities[WORLD_RESOURCES_MAX];
        struct dispatch_need needs[WORLD_NEEDS_MAX];
        struct dispatch_pu pus[WORLD_PUS_MAX];
        struct sim_change changes[WORLD_CHANGES_MAX];
        struct dispatch_params suite;
        struct sim_params params;
};

/* Nothing in it; workers that start in 10 ms, and an engine that hears of them within 50 µs. */
void world_init(struct world *w);
/* As world_init(), but of an ideal machine: nothing takes any time but the items. */
void world_init_ideal(struct world *w);

/* These tell the dispatcher the truth. An item's group or DISPATCH_NONE. */
struct dispatch_item *world_add_item(struct world *w, double seconds, uint32_t group);
void world_add_waiting_item(struct world *w, double seconds, double waits, uint32_t group);
uint32_t world_add_group(struct world *w, uint32_t parent, double setup);
/* Nothing is known any more of how long items take, and how much of that they wait. */
void world_forget_history(struct world *w);

/* All of them held from the beginning; a worker for each. */
void world_add_pus(struct world *w, size_t n, double speed);
/* Cores of `siblings` PUs each; `alone` is what one does whose siblings are idle, `speed` what it does else. The first
 * PUs of all the cores come before the second ones. */
void world_add_cores(struct world *w, size_t n, unsigned siblings, double alone, double speed);

/* So many workers beyond one a PU, where items wait; after the PUs were added. */
void world_allow_extra_workers(struct world *w, uint32_t n);

/* dispatch_bound() of what is so. */
double world_bound(const struct world *w);
/* sim_run(), which must succeed. */
double world_makespan(const struct world *w);

/* [0, 1) */
double random_uniform(uint64_t *state);
/* 0..n - 1 */
uint32_t random_below(uint64_t *state, uint32_t n);
/* From empty tests to a few seconds, most of them short: 10^-4 to 10^0.5, squared towards the short end. */
double random_seconds(uint64_t *state);
/* Pareto with shape 1.1, at least `least`, cut at `most`: mean and maximum are far apart. */
double random_heavy_tailed(uint64_t *state, double least, double most);
