/* What items need besides a worker: CPUs, memory, limited resources. Read from a suite's message, for the dispatcher.
 *
 * Memory is one more resource, in MiB, and the last one. Whoever wants more of a resource than there is gets all of it.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/dispatch.h"

/* All zero: no item needs anything. Names point into the message. */
struct run_needs {
        struct run_needs_item {
                uint32_t cpus;     /* 0: its worker's */
                uint32_t first, n; /* in the needs */
        } * items;                 /* per item; NULL: none needs anything */
        struct dispatch_need *needs;
        uint32_t n_needs;
        const char **names; /* of the resources; the memory's is NULL */
        uint32_t *capacities;
        uint32_t n_resources;
        uint32_t memory; /* its index, or n_resources where nobody needs any */
};

/* Reads `needs` and `resources` of a suite of so many items: 0, -EPROTO or -ENOMEM. */
int run_needs_read(const json_t *message, uint32_t n_items, struct run_needs *ret_needs);
void run_needs_finish(struct run_needs *needs);

/* There are so many bytes of memory; before that there is no end of it. */
void run_needs_limit_memory(struct run_needs *needs, uint64_t bytes);

/* Writes down what each item needs. */
void run_needs_tell(const struct run_needs *needs, struct dispatch_item *items, uint32_t n_items);
