/* Making the pool: which items are kept together, and the orders by position and by length. */
#include "core/dispatch_state.h"

#include <errno.h>
#include <stdlib.h>

struct order_key {
        double seconds;
        uint32_t first, item;
};

static int by_length(const void *pa, const void *pb)
{
        const struct order_key *a = pa, *b = pb;

        if (a->seconds > b->seconds || a->seconds < b->seconds)
                return a->seconds > b->seconds ? -1 : 1;
        return a->item < b->item ? -1 : 1;
}

static int by_unit(const void *pa, const void *pb)
{
        const struct order_key *a = pa, *b = pb;

        if (a->first != b->first)
                return a->first < b->first ? -1 : 1;
        return a->item < b->item ? -1 : 1;
}

/* Of the groups around an item, whose innermost is `group`, the outermost that is not loose; DISPATCH_NONE. */
static uint32_t outermost(const struct dispatch *d, uint32_t group)
{
        uint32_t found = DISPATCH_NONE;

        for (uint32_t g = group; g != DISPATCH_NONE && !d->groups[g].loose; g = d->groups[g].parent)
                found = g;
        return found;
}

/* The first item of each item's unit: what it is called by until the units have numbers. first_of has room for groups
 * and serial groups. */
static void name_units(const struct dispatch *d, const struct dispatch_item *items, struct order_key *keys,
                       uint32_t *first_of)
{
        for (uint32_t i = 0; i < d->n_groups + d->n_items + 1; i++)
                first_of[i] = DISPATCH_NONE;
        for (uint32_t i = 0; i < d->n_items; i++) {
                uint32_t root = outermost(d, d->items[i].group);
                uint32_t *first = items[i].serial         ? &first_of[d->n_groups + items[i].serial]
                                  : root != DISPATCH_NONE ? &first_of[root]
                                                          : NULL;

                if (first && *first == DISPATCH_NONE)
                        *first = i;
                keys[i] = (struct order_key){.item = i, .first = first ? *first : i};
        }
}

/* Position order: units in the order of their first items, and within one the collection order. */
static void order_positions(struct dispatch *d, const struct dispatch_item *items, struct order_key *keys)
{
        struct pool *pool = &d->pool;

        qsort(keys, d->n_items, sizeof(*keys), by_unit);

        for (uint32_t p = 0; p < d->n_items; p++) {
                struct item *it = &d->items[keys[p].item];

                pool->by_position[p] = keys[p].item;
                it->position = p;
                if (p == 0 || keys[p].first != keys[p - 1].first) {
                        bool serial = items[keys[p].item].serial > 0;
                        uint32_t root = serial ? DISPATCH_NONE : outermost(d, it->group);

                        if (root != DISPATCH_NONE)
                                d->groups[root].unit = pool->n_units;
                        pool->serial |= serial;
                        pool->units[pool->n_units++] = (struct unit){
                                .first = p,
                                .heap = DISPATCH_NONE,
                                .serial = serial,
                                .owner = DISPATCH_NONE,
                                .setup = root == DISPATCH_NONE ? 0 : d->groups[root].setup,
                        };
                }
                it->unit = pool->n_units - 1;
                pool->units[it->unit].end = p + 1;
                if (items[keys[p].item].serial > 0)
                        d->items[keys[p].first].early |= it->early;
        }
}

/* What may take long begins early: that costs nothing if it turns out not to. */
static double length_of(const struct dispatch *d, uint32_t item)
{
        double known = d->items[item].seconds;

        return known >= 0 ? known + d->items[item].spread : d->default_seconds;
}

static void order_lengths(struct dispatch *d, struct order_key *keys)
{
        for (uint32_t i = 0; i < d->n_items; i++) {
                keys[i] = (struct order_key){.item = i, .seconds = d->pool.ordered ? 0 : length_of(d, i)};
                d->pool.history |= d->items[i].seconds >= 0;
        }
        for (uint32_t u = 0; u < d->pool.n_units && d->pool.serial && !d->pool.ordered; u++) {
                const struct unit *unit = &d->pool.units[u];
                double *whole = &keys[d->pool.by_position[unit->first]].seconds;

                for (uint32_t p = unit->first + 1; p < unit->end && unit->serial; p++)
                        *whole += length_of(d, d->pool.by_position[p]);
        }
        qsort(keys, d->n_items, sizeof(*keys), by_length);
        for (uint32_t rank = 0; rank < d->n_items; rank++) {
                d->pool.by_length[rank] = keys[rank].item;
                d->pool.lengths_of[rank] = keys[rank].seconds;
                d->items[keys[rank].item].length = rank;
        }
}

/* Empty. */
static int allocate(struct dispatch *d)
{
        struct pool *pool = &d->pool;
        size_t n = d->n_items ? d->n_items : 1;
        struct rank_set *sets[] = {&pool->positions, &pool->lengths, &pool->earlies, &pool->lights, &pool->heavies};
        size_t n_sets = sizeof(sets) / sizeof(sets[0]) - (d->extra_workers > 0 ? 0 : 2);

        pool->by_position = calloc(n, sizeof(*pool->by_position));
        pool->by_length = calloc(n, sizeof(*pool->by_length));
        pool->lengths_of = calloc(n, sizeof(*pool->lengths_of));
        pool->units = calloc(n, sizeof(*pool->units));
        pool->heap = calloc(n, sizeof(*pool->heap));
        if (!pool->by_position || !pool->by_length || !pool->lengths_of || !pool->units || !pool->heap)
                return -ENOMEM;
        for (size_t i = 0; i < n_sets; i++) {
                int r = rank_set_init(sets[i], d->n_items);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Units and orders. */
static int sort_items(struct dispatch *d, const struct dispatch_item *items)
{
        size_t n = d->n_items ? d->n_items : 1;
        struct order_key *keys = calloc(n, sizeof(*keys));
        uint32_t *first_of = calloc(d->n_groups + n + 1, sizeof(*first_of));
        bool fits = keys && first_of;

        if (fits) {
                name_units(d, items, keys, first_of);
                order_positions(d, items, keys);
                order_lengths(d, keys);
        }
        free(keys);
        free(first_of);
        return fits ? 0 : -ENOMEM;
}

int pool_init(struct dispatch *d, const struct dispatch_params *params)
{
        struct pool *pool = &d->pool;
        int r;

        pool->ordered = params->ordered;
        r = allocate(d);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < d->n_items; i++)
                d->items[i].setups = pool_group_setups(d, DISPATCH_NONE, i);
        r = sort_items(d, params->items);
        if (r < 0)
                return r;
        r = needs_init(d, params);
        if (r < 0)
                return r;
        demand_init(d);
        for (uint32_t i = 0; i < d->n_items; i++)
                if (d->items[i].state == ITEM_POOL)
                        pool_put(d, i);
        if (pool->n > pool->n_unknown)
                pool->mean = pool->known.seconds / (pool->n - pool->n_unknown);
        return 0;
}

void pool_finish(struct pool *pool)
{
        rank_set_finish(&pool->positions);
        rank_set_finish(&pool->lengths);
        rank_set_finish(&pool->earlies);
        rank_set_finish(&pool->lights);
        rank_set_finish(&pool->heavies);
        free(pool->by_position);
        free(pool->by_length);
        free(pool->lengths_of);
        free(pool->units);
        free(pool->heap);
}
