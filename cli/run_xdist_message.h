/* What pytest-xdist's controller says, as typed and checked structs, as run_message.h has those of other reporters. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/run_message.h"

/* Of a `hello`: workers asked for, 0: the engine is to say. RUN_NO_INDEX: pytest-xdist deals nothing. */
int run_xdist_message_asked(const json_t *message, uint32_t *ret_asked);

struct run_xdist_node {
        uint32_t worker;
        pid_t pid;
};
int run_xdist_message_node(const json_t *message, struct run_xdist_node *ret_node);

struct run_xdist_gone {
        uint32_t worker;
        bool finished; /* as it should, and nobody takes its place */
};
int run_xdist_message_gone(const json_t *message, struct run_xdist_gone *ret_gone);

/* Items, what they belong to as their ids say it, and scopes as serial groups. */
int run_xdist_message_suite(const json_t *message, struct run_listing *ret_listing);
/* Leaves of such a listing what is to be kept. ret_numbers: of each item that is left, which one it was. -ENOMEM: it is
 * as it was, or of no use any more. */
int run_xdist_message_narrow(struct run_listing *listing, const bool *keep, uint32_t *ret_numbers);

/* One element of a `ran`'s items: seconds of wall and CPU time, < 0: not measured. */
struct run_xdist_item {
        uint32_t item, worker;
        double wall, cpu;
};
int run_xdist_message_item(const json_t *element, uint32_t n_items, struct run_xdist_item *ret_item);

/* One of its setups: a group of the listing, or RUN_NO_INDEX for the session. -ENOENT: a group that has no items. */
struct run_xdist_setup {
        uint32_t group, worker;
        double wall;
};
int run_xdist_message_setup(const json_t *element, const struct run_listing *listing,
                            struct run_xdist_setup *ret_setup);
