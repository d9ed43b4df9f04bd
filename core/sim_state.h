/* The simulated run's state, shared by its files and by nobody else.
 *
 *     sim.c          creation, the loop over time, the result
 *     sim_engine.c   what the engine does: events to the dispatcher, its actions
 *     sim_worker.c   worker processes: queues, fixtures, records, deaths
 *     sim_machine.c  how fast what runs advances
 */
#pragma once

#include "core/sim.h"
#include "core/sim_hooks.h"

enum {
        SIM_QUEUE_MAX = DISPATCH_QUEUE_MAX + 1, /* all that a worker may have been sent, and the end */
        SIM_RECORDS_MAX = 64,                   /* of one worker's, before it has to write them out */
        SIM_STEPS_BASE = 100000,                /* more steps than this, … */
        SIM_STEPS_PER_ITEM = 100,               /* … and so many an item: it goes round in circles */
};

enum sim_where {
        SIM_UNSENT,
        SIM_QUEUED,
        SIM_TAKEN,
        SIM_UNTOLD, /* over; the engine does not know it yet */
        SIM_DONE,
        SIM_LOST,
        SIM_LEFT,
};

enum sim_phase {
        SIM_GONE,     /* the engine knows */
        SIM_FAILING,  /* will turn out not to have been started */
        SIM_STARTING, /* due: when it is ready */
        SIM_WAITING,
        SIM_SETTING_UP, /* due: when the running item's groups are set up */
        SIM_RUNNING,    /* due: the item's end */
        SIM_DEAD,       /* due: when the engine hears of it */
};

/* What a worker wants of its PUs. */
struct sim_load {
        bool busy;
        double waits;  /* share of its time that passes without a PU */
        uint32_t cpus; /* more than 1: it spreads over all PUs that it has been widened to */
};

struct sim_record {
        enum dispatch_event_type type;
        uint32_t worker, arg;
        double wall, cpu, at;
        uint64_t rss;
};

struct sim_worker {
        enum sim_phase phase;
        bool ending; /* its queue ends */
        unsigned pu;
        uint32_t queue[SIM_QUEUE_MAX]; /* items; those not yet taken, oldest first */
        bool report[SIM_QUEUE_MAX];
        uint32_t n_queue;
        uint32_t current; /* runs, or is being torn down; or DISPATCH_NONE */
        uint32_t alive;   /* the last one begun: its fixtures are up; or DISPATCH_NONE */
        uint32_t untold[DISPATCH_QUEUE_MAX];
        uint32_t n_untold;
        struct sim_record records[SIM_RECORDS_MAX];
        uint32_t n_records;
        double setup;     /* seconds of set-ups before the running item, on a fast core */
        double wall, cpu; /* what the item before took */
        uint64_t rss;
        /* How it gets on; sim_machine.c's. */
        struct sim_load load;
        double left;           /* of what it does now, seconds on a fast core */
        double rate;           /* by how much `left` shrinks in a second */
        double use;            /* PUs that it has */
        double part;           /* of each of them */
        double since;          /* when all of this was right */
        double used, computed; /* PU seconds and, of one PU, seconds since it began what it does now */
        double demand;         /* seconds in which it used a PU or was ready to since it was last sampled */
        double sampled;        /* when that was, or when it began its item if that was later */
};

struct sim_pu {
        unsigned os;
        double speed, alone;
        unsigned core;
        bool held;            /* the suite's at the moment */
        uint32_t widened_for; /* a worker, or DISPATCH_NONE */
        /* Made anew whenever loads change. */
        uint32_t first, n; /* claims on it: index of the first, number */
        double floating;   /* what workers that float take of it */
        double used;       /* all that is taken of it */
        double now_speed;  /* as its siblings let it */
};

/* One worker's wish for one PU that it is bound to. */
struct sim_claim {
        uint32_t worker, next; /* index of the PU's next one */
        double wanted;         /* of the PU, 0..1 */
};

/* What one worker gets. */
struct sim_share {
        bool floats; /* bound to none */
        uint32_t n;  /* PUs that it spreads over */
        double use;  /* PUs */
        double work; /* seconds on a fast core in a second */
};

struct sim_machine {
        struct sim_pu *pus; /* all that the suite ever has, in the order in which they are first named */
        size_t n_pus;
        struct sim_claim *claims;
        uint32_t n_claims;
        struct sim_share *shares; /* per worker */
        size_t n_held;
        bool stale;        /* loads or places have changed since rates were found */
        double used;       /* PUs, all workers */
        double since;      /* when that was right */
        double busy, idle; /* PU seconds so far; idle: since the last samples */
        double sampled;    /* when these were taken */
};

struct sim {
        const struct sim_params *p;
        const struct dispatch_params *suite;
        const struct sim_hooks *hooks; /* never NULL */
        struct dispatch *d;
        struct dispatch_actions actions;
        double now;
        struct sim_worker *workers;
        double *due; /* per worker: when something happens to it; HUGE_VAL */
        uint32_t n_workers;
        enum sim_where *where;
        struct sim_machine machine;
        struct sim_record *records; /* on their way to the engine, oldest first: a ring */
        size_t first_record, n_records, records_allocated;
        uint32_t *recalled; /* workers whose recall is to be answered, in order */
        uint32_t n_recalled;
        uint32_t (*taken_back)[SIM_QUEUE_MAX]; /* per worker, what that brought */
        uint32_t *n_taken_back;
        size_t next_change;
        double first_begin, last_end; /* first_begin < 0: none yet */
        uint32_t n_alive;
        bool stopped, finished;
        int error;
        struct sim_result result;
};

/* The run cannot go on: -ENOMEM, or -EPROTO with what is wrong. The first one counts. */
void sim_fail(struct sim *s, int error, const char *what);
/* What things really take. */
double sim_item_seconds(const struct sim *s, uint32_t item);
double sim_item_waits(const struct sim *s, uint32_t item);
double sim_group_setup(const struct sim *s, uint32_t group);
double sim_session_setup(const struct sim *s);

/* sim_engine.c */
void sim_engine_tell(struct sim *s, struct dispatch_event event);
/* A worker has written a record, or has been reaped: the engine learns of it now, or of the oldest record. */
void sim_engine_will_read(struct sim *s, const struct sim_record *record);
void sim_engine_reads(struct sim *s);
void sim_engine_hears_of_end(struct sim *s, uint32_t worker);
void sim_engine_hold(struct sim *s, const struct dispatch_pu *pus, size_t n);
void sim_engine_sample(struct sim *s);

/* sim_worker.c: what the engine does to workers… */
void sim_worker_start(struct sim *s, uint32_t worker, unsigned pu);
void sim_worker_put(struct sim *s, uint32_t worker, uint32_t item, bool report);
void sim_worker_put_end(struct sim *s, uint32_t worker);
/* All that it has not taken yet; returns how many. */
uint32_t sim_worker_take_back(struct sim *s, uint32_t worker, uint32_t *ret_items);
/* …and that it has got to its time in `due`. */
void sim_worker_is_due(struct sim *s, uint32_t worker);
/* Set-ups that `item` needs on a worker whose last one was `alive` (or DISPATCH_NONE), on a fast core. */
double sim_worker_setup_seconds(const struct sim *s, uint32_t alive, uint32_t item);
bool sim_worker_is_alive(const struct sim_worker *w);

/* sim_machine.c */
int sim_machine_init(struct sim *s);
void sim_machine_finish(struct sim_machine *m);
/* Only these of its PUs are the suite's from now on. */
void sim_machine_hold(struct sim *s, const struct dispatch_pu *pus, size_t n);
void sim_machine_return(struct sim *s, unsigned os);
bool sim_machine_holds(const struct sim *s, unsigned os);
void sim_machine_place(struct sim *s, uint32_t worker, unsigned pu);
void sim_machine_widen(struct sim *s, uint32_t worker, unsigned pu);
/* Begins something that takes `seconds` on a fast core. */
void sim_machine_begin(struct sim *s, uint32_t worker, struct sim_load load, double seconds);
/* It waits for something to do. */
void sim_machine_rest(struct sim *s, uint32_t worker);
/* Finds rates where something has changed, and when each worker will be done. */
void sim_machine_settle(struct sim *s);
/* Counts what one worker got, and what all used, up to now. */
void sim_machine_advance(struct sim *s, uint32_t worker);
void sim_machine_count_use(struct sim *s);
