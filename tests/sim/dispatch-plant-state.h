/* The simulated run's state, shared by its files and by nobody else.
 *
 *     dispatch-plant.c      the engine, and what happens when
 *     dispatch-processes.c  the workers
 *     dispatch-laws.c       what has to hold
 */
#pragma once

#include "tests/sim/dispatch-plant.h"
#include "tests/unit/test.h"

enum { FIFO_MAX = 256, RECORDS_MAX = 64, NO_ITEM = -1, END = -2 };

enum where { UNSENT, IN_FIFO, TAKEN, FINISHED_UNTOLD, DONE, LOST, LEFT };

struct record {
        enum dispatch_event_type type;
        uint32_t arg;
        double wall;
};

struct process {
        bool alive, ready, waiting, ending;
        unsigned life; /* which process of this number */
        unsigned pu;
        int64_t fifo[FIFO_MAX]; /* item * 2 + report, or END */
        uint32_t n_fifo;
        int64_t current;    /* item that runs, or NO_ITEM */
        int64_t alive_item; /* whose fixtures are up */
        double ends, wall;  /* of current */
        unsigned move;      /* how often it was moved: what it scheduled before does not count */
        struct record records[RECORDS_MAX];
        uint32_t n_records;
};

enum happening {
        BECOMES_READY,
        ITEM_ENDS,
        RECORD_ARRIVES,
        EXIT_ARRIVES,
        START_FAILS,
        PUS_CHANGE,
        STOP_ARRIVES,
        DEADLINE
};

struct sim_event {
        double at;
        uint64_t sequence;
        enum happening what;
        uint32_t worker;
        unsigned life, move;
        struct record record;
        size_t change;
};

struct holder {
        bool any;
        uint32_t worker;
        unsigned life;
};

struct plant {
        const struct plant_params *p;
        struct dispatch *d;
        struct dispatch_actions actions;
        struct process *workers;
        enum where *where;
        uint32_t *owner;
        bool *missed; /* items that some worker turned out not to have */
        size_t n_pus; /* in use at the moment: from first_pu on */
        size_t first_pu;
        struct holder *serial;   /* by serial group: which process had it last */
        struct sim_event *queue; /* binary heap by (at, sequence) */
        size_t n_queue, allocated;
        uint64_t sequence, random;
        double now, first_start, last_end;
        bool finished, stopped;
        uint32_t *pending, n_pending; /* workers to answer RECALLED for, with what came back */
        uint32_t (*recalled)[FIFO_MAX];
        uint32_t *n_recalled;
        struct plant_result result;
};

bool plant_chance(struct plant *s, double p);
void plant_schedule(struct plant *s, struct sim_event e);

/* What happens to workers. */
void process_start(struct plant *s, uint32_t worker, unsigned pu);
void process_is_ready(struct plant *s, uint32_t worker);
void process_ends_item(struct plant *s, uint32_t worker);
/* What the engine does to them: a record into the queue, all records out of it, another PU. */
void process_put(struct plant *s, uint32_t worker, int64_t record);
uint32_t process_recall(struct plant *s, uint32_t worker, uint32_t *ret_items);
void process_pin(struct plant *s, uint32_t worker, unsigned pu);

/* The dispatcher sends an item; a worker begins one; all is over. They end the program where that must not be. */
void laws_sent(const struct plant *s, uint32_t worker, uint32_t item);
void laws_begun(struct plant *s, uint32_t worker, uint32_t item);
void laws_ended(const struct plant *s);
