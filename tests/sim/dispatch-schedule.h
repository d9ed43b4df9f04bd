/* A schedule in the making, and lists of what is to be put into it. dispatch-offline.h's files share this. */
#pragma once

#include "tests/sim/dispatch-world.h"

struct core {
        uint32_t first, n; /* in pus */
        double end;
};

struct schedule {
        const struct world *w;
        uint32_t n_pus, n_cores;
        uint32_t pus[WORLD_PUS_MAX]; /* the world's, those of a core beside each other */
        uint32_t core_of[WORLD_PUS_MAX];
        struct core cores[WORLD_PUS_MAX];
        double work[WORLD_PUS_MAX];                      /* seconds on a fast core, set-ups included */
        uint16_t users[WORLD_PUS_MAX][WORLD_GROUPS_MAX]; /* items there that need the group */
        uint32_t where[WORLD_ITEMS_MAX];                 /* PU, or NONE */
};

enum { NONE = WORLD_PUS_MAX };

void schedule_init(struct schedule *s, const struct world *w);
/* When the core ends with so much more on one of its PUs (or NONE): seconds. */
double schedule_core_end(const struct schedule *s, uint32_t core, uint32_t pu, double more);
/* What the PU takes longer with the item, of whose groups those count that `users` items there need: 0 to put it there,
 * 1 to take it away. Seconds on a fast core. */
double schedule_cost(const struct schedule *s, uint32_t item, uint32_t pu, uint32_t users);
void schedule_put(struct schedule *s, uint32_t item, uint32_t pu);
void schedule_take(struct schedule *s, uint32_t item);
uint32_t schedule_last_core(const struct schedule *s);
double schedule_makespan(const struct schedule *s);

/* Items that go together: one by itself, or those of an outermost group. */
struct job {
        uint32_t first; /* in the order of jobs.items */
        uint32_t n;
        double seconds, setups; /* setups: of groups within */
        uint32_t group;         /* outermost, or NONE */
};

struct jobs {
        struct job jobs[WORLD_ITEMS_MAX];
        uint32_t n;
        uint32_t items[WORLD_ITEMS_MAX];
};

void jobs_of_items(struct jobs *jobs, const struct world *w);
/* In the order of their first items. */
void jobs_of_groups(struct jobs *jobs, const struct world *w);
/* Longest first. */
void jobs_sort(struct jobs *jobs);
/* The item's outermost group, or DISPATCH_NONE. */
uint32_t jobs_outermost(const struct world *w, uint32_t item);
/* One after the other, each to where it ends earliest. Returns the makespan. */
double jobs_list(const struct jobs *jobs, struct schedule *s, const struct world *w);
