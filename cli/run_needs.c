#include "cli/run_needs.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/run_message.h"
#include "cli/run_options.h"
#include "lib/client.h"
#include "lib/util.h"

/* A number from `least` to `most`. */
static int read_amount(const json_t *value, uint32_t least, uint32_t most, uint32_t *ret_amount)
{
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < (json_int_t)least || number > (json_int_t)most)
                return -EPROTO;
        *ret_amount = (uint32_t)number;
        return 0;
}

/* The most resources and needs that there can be; a limit that the message's own size sets. */
static int reserve(const json_t *list, const json_t *resources, uint32_t n_items, struct run_needs *n)
{
        size_t most = 0, i;
        const json_t *entry;

        json_array_foreach (list, i, entry) {
                most += json_object_size(json_object_get(entry, "resources")) + 1;
        }
        if (most + json_object_size(resources) >= RUN_NO_INDEX)
                return -EPROTO;
        n->items = calloc(n_items + (size_t)1, sizeof(*n->items));
        n->needs = calloc(most + 1, sizeof(*n->needs));
        n->names = calloc(most + json_object_size(resources) + 1, sizeof(*n->names));
        n->capacities = calloc(most + json_object_size(resources) + 1, sizeof(*n->capacities));
        return n->items && n->needs && n->names && n->capacities ? 0 : -ENOMEM;
}

/* The index of a resource, which gets one here if it has none yet: `numbers` has them by name. */
static int number_resource(json_t *numbers, const char *name, uint32_t capacity, struct run_needs *n, uint32_t *ret)
{
        const json_t *known = json_object_get(numbers, name);

        if (known) {
                *ret = (uint32_t)json_integer_value(known);
                return 0;
        }
        if (json_object_set_new(numbers, name, json_integer(n->n_resources)) < 0)
                return -ENOMEM;
        n->names[n->n_resources] = name;
        n->capacities[n->n_resources] = capacity;
        *ret = n->n_resources++;
        return 0;
}

static int read_capacities(json_t *resources, json_t *numbers, struct run_needs *n)
{
        const char *name;
        json_t *value;
        int r = 0;

        json_object_foreach (resources, name, value) {
                uint32_t capacity, unused;

                if (read_amount(value, 1, RUN_AMOUNT_MAX, &capacity) < 0)
                        return -EPROTO;
                r = number_resource(numbers, name, capacity, n, &unused);
                if (r < 0)
                        return r;
        }
        return 0;
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static int read_resources(json_t *resources, json_t *numbers, struct run_needs *n)
{
        const char *name;
        json_t *value;

        json_object_foreach (resources, name, value) {
                uint32_t amount, resource;
                int r = read_amount(value, 1, RUN_AMOUNT_MAX, &amount);

                if (r == 0)
                        r = number_resource(numbers, name, 1, n, &resource);
                if (r < 0)
                        return r;
                n->needs[n->n_needs++] = (struct dispatch_need){.resource = resource,
                                                                .amount = least_of(amount, n->capacities[resource])};
        }
        return 0;
}

/* One item's. Its memory's resource gets its number when all others have theirs. */
static int read_item(const json_t *entry, uint32_t n_items, json_t *numbers, struct run_needs *n)
{
        json_t *cpus = json_object_get(entry, "cpus"), *memory = json_object_get(entry, "memory");
        json_t *resources = json_object_get(entry, "resources");
        struct run_needs_item *item;
        uint32_t index;
        int r = 0;

        if (run_message_item(entry, n_items, &index) < 0 || (resources && !json_is_object(resources)))
                return -EPROTO;
        item = &n->items[index];
        if (item->cpus || item->n) /* told twice */
                return -EPROTO;
        item->first = n->n_needs;
        if (cpus && read_amount(cpus, 2, RUN_COUNT_MAX, &item->cpus) < 0)
                return -EPROTO;
        if (resources)
                r = read_resources(resources, numbers, n);
        if (r == 0 && memory) {
                struct dispatch_need *need = &n->needs[n->n_needs++];

                need->resource = RUN_NO_INDEX;
                r = read_amount(memory, 1, RUN_AMOUNT_MAX, &need->amount);
        }
        item->n = n->n_needs - item->first;
        return r;
}

static void number_memory(struct run_needs *n)
{
        n->memory = n->n_resources;
        for (uint32_t i = 0; i < n->n_needs; i++) {
                if (n->needs[i].resource != RUN_NO_INDEX)
                        continue;
                n->needs[i].resource = n->memory;
                n->capacities[n->memory] = RUN_AMOUNT_MAX;
                n->n_resources = n->memory + 1;
        }
}

static int read_all(const json_t *list, json_t *resources, uint32_t n_items, struct run_needs *n)
{
        CLEANUP_JSON json_t *numbers = json_object();
        const json_t *entry;
        size_t i;
        int r = numbers ? reserve(list, resources, n_items, n) : -ENOMEM;

        if (r == 0)
                r = read_capacities(resources, numbers, n);
        json_array_foreach (list, i, entry) {
                if (r == 0)
                        r = read_item(entry, n_items, numbers, n);
        }
        if (r == 0)
                number_memory(n);
        return r;
}

int run_needs_read(const json_t *message, uint32_t n_items, struct run_needs *ret_needs)
{
        json_t *list = json_object_get(message, "needs"), *resources = json_object_get(message, "resources");
        struct run_needs n = {0};
        int r;

        if ((resources && !json_is_object(resources)) ||
            (list && (!json_is_array(list) || json_array_size(list) > n_items)))
                return -EPROTO;
        r = read_all(list, resources, n_items, &n);
        if (r < 0 || json_array_size(list) == 0)
                run_needs_finish(&n);
        if (r < 0)
                return r;
        *ret_needs = n;
        return 0;
}

void run_needs_finish(struct run_needs *n)
{
        free(n->items);
        free(n->needs);
        free(n->names);
        free(n->capacities);
        *n = (struct run_needs){0};
}

void run_needs_limit_memory(struct run_needs *n, uint64_t bytes)
{
        uint64_t mib = bytes >> 20;

        if (n->memory >= n->n_resources || mib >= RUN_AMOUNT_MAX)
                return;
        n->capacities[n->memory] = mib > 0 ? (uint32_t)mib : 1;
        for (uint32_t i = 0; i < n->n_needs; i++)
                if (n->needs[i].resource == n->memory)
                        n->needs[i].amount = least_of(n->needs[i].amount, n->capacities[n->memory]);
}

void run_needs_tell(const struct run_needs *n, struct dispatch_item *items, uint32_t n_items)
{
        for (uint32_t i = 0; n->items && i < n_items; i++) {
                items[i].cpus = n->items[i].cpus;
                items[i].first_need = n->items[i].first;
                items[i].n_needs = n->items[i].n;
        }
}
