/* A simulated run engine and its workers, for driving core/dispatch: FIFOs that both ends read, records that come
 * late and in batches, fixtures, deaths, PUs that come and go, more workers than PUs. Time is simulated; nothing
 * sleeps. Every rule of the contract (nothing dealt twice, everything accounted for once, invariants after every step)
 * is checked on the way and ends the program where it does not hold. */
#pragma once

#include "core/dispatch.h"

enum { PLANT_PUS_MAX = 64, PLANT_CHANGES_MAX = 8 };

struct plant_change {
        double at;    /* seconds */
        size_t first; /* the PUs of .pus in use from then on */
        size_t n;
};

struct plant_params {
        const struct dispatch_item *items; /* .seconds: what it really takes on a fast core */
        const double *estimates;           /* what the dispatcher is told; NULL: the truth */
        uint32_t n_items;
        const struct dispatch_group *groups;
        uint32_t n_groups;
        const struct dispatch_pu *pus;
        size_t n_pus;
        uint32_t max_workers, min_workers;
        bool ordered;
        double start_seconds; /* until a worker is ready */
        double latency;       /* seconds from a worker's write to the engine's step */
        double overhead;
        uint64_t seed;
        /* Faults, each a chance of 0 to 1. */
        double crash;    /* an item kills its worker */
        double kill;     /* a worker dies while it waits or between items */
        double no_start; /* a worker cannot be started */
        double missing;  /* a worker lacks an item */
        double stop_at;  /* seconds; < 0: never */
        struct plant_change changes[PLANT_CHANGES_MAX];
        size_t n_changes;
        bool trace; /* print every action and event */
};

struct plant_result {
        double makespan; /* seconds from the first item's start to the last one's end */
        uint64_t hash;   /* of all actions and their times */
        uint32_t done, lost, left, setups, recalls, steps, returned;
};

struct plant_result plant_run(const struct plant_params *params);

/* splitmix64: the same numbers everywhere. */
uint64_t plant_random(uint64_t *state);
/* [0, 1) */
double plant_uniform(uint64_t *state);
