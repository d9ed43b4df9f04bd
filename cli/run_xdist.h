/* A suite that pytest-xdist deals: its controller tells of the workers as they come, run and go; the engine says how
 * many there are to be, where each is, and which tests had better begin first. docs/run-protocol.md has the messages.
 *
 *     run_xdist.c         workers: how many, where, when one more or one less
 *     run_xdist_plan.c    the plan, what ran, and the work that is left
 *     run_xdist_message.c what the controller says, checked
 *
 * It is a suite as others are (run_suite.h), without a dispatcher and without deal queues.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/cpuset.h"

struct run_items;
struct run_suite;
struct run_suite_work;
struct run_xdist_ran;

enum {
        /* So many looks, a second apart, have to find too many or too few workers: a worker that is started begins with
         * collecting, and CPUs come and go. */
        RUN_XDIST_LOOKS = 2,
        /* So many more, and as much as starting the first workers took, is how long one that was asked for may take to
         * come. Who has not come by then does not, and its CPU is given back. */
        RUN_XDIST_PATIENCE_LOOKS = 10,
};

struct run_xdist {
        bool chosen;          /* the number of workers is the engine's to say */
        uint32_t told;        /* workers, as the controller heard first */
        uint32_t more;        /* that it was asked for since and that have not come */
        unsigned over, under; /* looks in a row that found too many workers, or too few */
        unsigned idle;        /* likewise CPUs for which there is no worker, nor will be */
        uint64_t asked_at;    /* µs: when it was asked for more */
        bool refused;         /* it does not start more */
        bool planned;
        uint32_t n_collected; /* items that the controller has told of */
        uint32_t *numbers;    /* per item that is this shard's, its number among those; NULL: all are */
};
void run_xdist_free(struct run_xdist *xdist);

/* `hello` asks for so many workers, 0: as many as are of use. From now on the suite holds PUs. */
int run_xdist_begin(struct run_suite *suite, uint32_t asked);
/* Its messages; -EPROTO where it cannot be, or is none of its own. */
int run_xdist_message(struct run_suite *suite, const char *event, json_t *message);
/* The suite's PUs have changed. */
void run_xdist_move(struct run_suite *suite);
/* Slots may be free. Negative: the suite cannot go on. */
int run_xdist_serve_waiting(struct run_suite *suite);
/* Once a second: whether there are too many workers, or too few. */
int run_xdist_look(struct run_suite *suite);
/* How many slots its workers need. */
uint32_t run_xdist_n_wanted(const struct run_suite *suite);
struct run_suite_work run_xdist_work(struct run_suite *suite);
/* Its workers stood still for so many seconds. */
void run_xdist_go_on(struct run_suite *suite, double seconds);
/* Items as the controller numbers them become the suite's; those of other shards are left out. */
void run_xdist_renumber(const struct run_suite *suite, struct run_items *items);

/* Among these files. */

/* The controller's `suite`. */
int run_xdist_plan(struct run_suite *suite, json_t *message);
int run_xdist_ran(struct run_suite *suite, const json_t *message);
/* Whether a worker that has yet to start would be of use. */
bool run_xdist_is_worth_one_more(struct run_suite *suite, uint32_t n_workers);
