/* One simulated run in which things go wrong and every rule of the dispatcher's contract is watched: nothing dealt
 * twice, everything accounted for once, serial groups, order, PUs, resources. A rule that does not hold ends the
 * program, with the trial's seed. */
#pragma once

#include "core/sim_hooks.h"
#include "tests/sim/dispatch-world.h"

/* What may go wrong: each a chance of 0 to 1. */
struct faults {
        double crash;    /* an item kills its worker */
        double kill;     /* a worker dies while it waits */
        double no_start; /* a worker cannot be started */
        double missing;  /* a worker lacks an item */
        double stop_at;  /* seconds; 0: never */
        uint64_t growth; /* KiB that each item adds to its worker at most */
};

enum where { UNSENT, SENT, RUNNING, DONE, LOST, LEFT };

struct watched_worker {
        bool alive, ending; /* the process; as far as the dispatcher knows */
        bool gone;          /* the process has ended, though the dispatcher may not know yet */
        unsigned life;      /* which process of this number */
        unsigned pu;
        uint32_t n_wide; /* PUs that it was widened to */
        unsigned wide[WORLD_PUS_MAX];
        uint32_t running; /* item, or DISPATCH_NONE */
        uint32_t n_sent;  /* items that it has, as the dispatcher knows it */
        uint32_t n_begun;
        bool wants;   /* said WANT, and has begun nothing since… */
        bool waiting; /* …and has nothing that it could begin */
        uint64_t rss;
        bool grown; /* the dispatcher knows that it is too large */
};

struct trial {
        const struct world *world;
        struct faults faults;
        uint64_t seed;
        bool trace; /* print every event and action */
        /* dispatch-laws.c's */
        struct sim_hooks hooks;
        uint64_t random, hash;
        struct watched_worker *workers;
        enum where *where;
        uint32_t *owner;
        bool *missed; /* items that some worker turned out not to have */
        struct serial_holder {
                uint32_t worker;
                unsigned life; /* 0: none yet */
        } * serial;
        uint32_t *epoch; /* per item: n_changes when it was sent */
        size_t n_pus;    /* held at the moment */
        uint32_t limit;  /* of workers */
        uint32_t n_recalling, n_steps, n_changes;
        bool stopped;
};

/* Runs it; sets `hash`, of all actions and their times. The result is the caller's to finish. */
void trial_run(struct trial *t, struct sim_result *ret_result);
