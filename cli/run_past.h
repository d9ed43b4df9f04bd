/* A suite's past and its use: estimates from the history before it runs, its measurements into the history after. */
#pragma once

#include "cli/run_suite.h"

/* What is known of the items before they run. */
struct run_past {
        struct dispatch_item *items;
        struct dispatch_group *groups;
        uint32_t n_known;       /* items whose time the history knows */
        double total;           /* seconds; of use where most are known */
        double session_setup;   /* seconds; < 0 unknown */
        uint64_t worker_memory; /* bytes that a worker needs; 0 unknown */
};

/* While the reporter collects there is time for it. What is wrong with the history is said on stderr once. -ENOMEM. */
int run_past_open(struct run_suite *suite);
void run_past_close(struct run_suite *suite);

/* Whether the total can be relied upon. */
bool run_past_is_known(const struct run_past *past, uint32_t n_items);

/* What the dispatcher is to know of the items, from the listing and the history. Those that the history does not know
 * get their neighbours' median where it knows most, or stay unknown (< 0) for the dispatcher to learn. -ENOMEM. */
int run_past_load(struct run_suite *suite, struct run_past *ret_past);
void run_past_finish(struct run_past *past);

/* What the history says of these items, and of their groups' set-ups: seconds, < 0 unknown. -ENOMEM. */
int run_past_times(struct run_suite *suite, const struct run_listing *listing, double *ret_seconds, double *ret_setups);

/* Once a suite; what cannot be stored is said on stderr. */
void run_past_store(struct run_suite *suite);
