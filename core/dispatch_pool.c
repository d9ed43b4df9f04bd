/* The pool: items not dealt, in collection order within units and by length, and what the run has taught about
 * items that came without an estimate. */
#include "core/dispatch_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An unknown item's expectation: the mean of what was seen, with one imagined sample of what was believed before,
 * so that a single odd item does not decide alone (a conjugate prior of weight one). */
static double shrunk_mean(double sum, uint32_t n, double prior)
{
        return (sum + prior) / ((double)n + 1);
}

static double suite_mean(const struct dispatch *d)
{
        return shrunk_mean(d->pool.sum_samples, d->pool.n_samples, d->default_seconds);
}

static double unit_mean(const struct dispatch *d, const struct unit *u)
{
        return shrunk_mean(u->sum_samples, u->n_samples, suite_mean(d));
}

double pool_item_seconds(const struct dispatch *d, uint32_t item)
{
        const struct item *it = &d->items[item];

        return it->seconds >= 0 ? it->seconds : unit_mean(d, &d->pool.units[it->unit]);
}

bool pool_item_is_estimated(const struct dispatch *d, uint32_t item)
{
        enum { ENOUGH_OF_UNIT = 2, ENOUGH_OF_SUITE = 8 };
        const struct item *it = &d->items[item];

        return it->seconds >= 0 || d->pool.units[it->unit].n_samples >= ENOUGH_OF_UNIT ||
               d->pool.n_samples >= ENOUGH_OF_SUITE;
}

double pool_unit_seconds(const struct dispatch *d, uint32_t unit)
{
        const struct unit *u = &d->pool.units[unit];

        return u->pool_known + u->n_pool_unknown * unit_mean(d, u);
}

double pool_seconds(const struct dispatch *d)
{
        return d->pool.known + d->pool.n_unknown * suite_mean(d);
}

/* Whether a comes before b among the units that nobody has open. Without any history collection order is kept: it
 * is the only order that the suite is known to pass in. */
static bool unit_before(const struct dispatch *d, uint32_t a, uint32_t b)
{
        double work_a, work_b;

        if (!d->pool.history)
                return a < b;
        work_a = d->pool.units[a].setup + pool_unit_seconds(d, a);
        work_b = d->pool.units[b].setup + pool_unit_seconds(d, b);
        return work_a > work_b || (work_a >= work_b && a < b);
}

static void heap_place(struct pool *pool, uint32_t index, uint32_t unit)
{
        pool->heap[index] = unit;
        pool->units[unit].heap = index;
}

static void heap_fix(struct dispatch *d, uint32_t index)
{
        struct pool *pool = &d->pool;
        uint32_t unit = pool->heap[index];

        while (index > 0 && unit_before(d, unit, pool->heap[(index - 1) / 2])) {
                heap_place(pool, index, pool->heap[(index - 1) / 2]);
                index = (index - 1) / 2;
        }
        for (uint32_t child; (child = 2 * index + 1) < pool->n_heap; index = child) {
                if (child + 1 < pool->n_heap && unit_before(d, pool->heap[child + 1], pool->heap[child]))
                        child++;
                if (!unit_before(d, pool->heap[child], unit))
                        break;
                heap_place(pool, index, pool->heap[child]);
        }
        heap_place(pool, index, unit);
}

static void heap_remove(struct dispatch *d, uint32_t unit)
{
        struct pool *pool = &d->pool;
        uint32_t index = pool->units[unit].heap, last = pool->heap[--pool->n_heap];

        pool->units[unit].heap = DISPATCH_NONE;
        pool->heap_setups = pool->n_heap > 0 ? pool->heap_setups - pool->units[unit].setup : 0;
        if (last == unit)
                return;
        heap_place(pool, index, last);
        heap_fix(d, index);
}

/* A unit is in the heap exactly while it has items in the pool and no worker. */
static void heap_update(struct dispatch *d, uint32_t unit)
{
        struct unit *u = &d->pool.units[unit];

        if (u->n_pool > 0 && u->n_workers == 0) {
                if (u->heap == DISPATCH_NONE) {
                        heap_place(&d->pool, d->pool.n_heap++, unit);
                        d->pool.heap_setups += u->setup;
                }
                heap_fix(d, u->heap);
        } else if (u->heap != DISPATCH_NONE) {
                heap_remove(d, unit);
        }
}

/* Adds (sign 1) an item to the sums or takes it out (-1). Sums are reset where a set is empty, so that rounding
 * does not pile up. */
static void count_item(struct dispatch *d, const struct item *it, int sign)
{
        struct pool *pool = &d->pool;
        struct unit *u = &pool->units[it->unit];

        pool->n += (uint32_t)sign;
        u->n_pool += (uint32_t)sign;
        if (it->seconds < 0) {
                pool->n_unknown += (uint32_t)sign;
                u->n_pool_unknown += (uint32_t)sign;
        } else {
                pool->known += sign * it->seconds;
                u->pool_known += sign * it->seconds;
        }
        if (pool->n == pool->n_unknown || pool->known < 0)
                pool->known = 0;
        if (u->n_pool == u->n_pool_unknown || u->pool_known < 0)
                u->pool_known = 0;
}

void pool_put(struct dispatch *d, uint32_t item)
{
        struct item *it = &d->items[item];

        it->state = ITEM_POOL;
        it->worker = DISPATCH_NONE;
        rank_set_add(&d->pool.positions, it->position);
        rank_set_add(&d->pool.lengths, it->length);
        count_item(d, it, 1);
        heap_update(d, it->unit);
}

void pool_take(struct dispatch *d, uint32_t item)
{
        struct item *it = &d->items[item];

        rank_set_remove(&d->pool.positions, it->position);
        rank_set_remove(&d->pool.lengths, it->length);
        count_item(d, it, -1);
        heap_update(d, it->unit);
}

void pool_enter(struct dispatch *d, struct worker *w, uint32_t unit)
{
        uint32_t old = w->unit;

        if (old == unit)
                return;
        w->unit = unit;
        if (old != DISPATCH_NONE) {
                d->pool.units[old].n_workers--;
                heap_update(d, old);
        }
        if (unit != DISPATCH_NONE) {
                d->pool.units[unit].n_workers++;
                heap_update(d, unit);
        }
}

void pool_set_setup(struct dispatch *d, uint32_t group)
{
        uint32_t unit = d->groups[group].unit;
        struct unit *u = unit == DISPATCH_NONE ? NULL : &d->pool.units[unit];

        /* Those in the heap are summed up and sorted by it; and they are not open, so it is another's old record. */
        if (u && u->heap == DISPATCH_NONE)
                u->setup = d->groups[group].setup;
}

void pool_learn(struct dispatch *d, uint32_t item, double seconds)
{
        struct item *it = &d->items[item];
        struct unit *u = &d->pool.units[it->unit];

        u->sum_samples += seconds;
        u->n_samples++;
        d->pool.sum_samples += seconds;
        d->pool.n_samples++;
        if (u->heap != DISPATCH_NONE)
                heap_fix(d, u->heap);
}

uint32_t pool_unit_next(const struct dispatch *d, uint32_t unit, uint32_t from_position)
{
        const struct unit *u = &d->pool.units[unit];
        uint32_t from = from_position > u->first ? from_position : u->first;
        uint32_t position = rank_set_next(&d->pool.positions, from);

        return position < u->end ? d->pool.by_position[position] : DISPATCH_NONE;
}

uint32_t pool_longest(const struct dispatch *d, double seconds)
{
        uint32_t low = 0, high = d->n_items;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (d->pool.lengths_of[middle] > seconds)
                        low = middle + 1;
                else
                        high = middle;
        }
        return rank_set_next(&d->pool.lengths, low);
}

/* Whether group g is `of` or one of its ancestors. A parent's index is below its children's. */
static bool group_encloses(const struct dispatch *d, uint32_t g, uint32_t of)
{
        while (of != DISPATCH_NONE && of > g)
                of = d->groups[of].parent;
        return of == g;
}

double pool_setup_seconds(const struct dispatch *d, uint32_t tail, uint32_t item)
{
        uint32_t alive = tail == DISPATCH_NONE ? DISPATCH_NONE : d->items[tail].group;
        double sum = 0;

        for (uint32_t g = d->items[item].group; g != DISPATCH_NONE; g = d->groups[g].parent) {
                if (group_encloses(d, g, alive))
                        break;
                sum += d->groups[g].setup;
        }
        return sum;
}

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

static uint32_t outermost(const struct dispatch *d, uint32_t group)
{
        while (group != DISPATCH_NONE && d->groups[group].parent != DISPATCH_NONE)
                group = d->groups[group].parent;
        return group;
}

/* Position order: units in the order of their first items, and within one the collection order. */
static void order_positions(struct dispatch *d, struct order_key *keys, uint32_t *first_of)
{
        struct pool *pool = &d->pool;

        for (uint32_t g = 0; g < d->n_groups; g++)
                first_of[g] = DISPATCH_NONE;
        for (uint32_t i = 0; i < d->n_items; i++) {
                uint32_t root = outermost(d, d->items[i].group);

                if (root != DISPATCH_NONE && first_of[root] == DISPATCH_NONE)
                        first_of[root] = i;
                keys[i] = (struct order_key){.item = i, .first = root == DISPATCH_NONE ? i : first_of[root]};
        }
        qsort(keys, d->n_items, sizeof(*keys), by_unit);

        for (uint32_t p = 0; p < d->n_items; p++) {
                struct item *it = &d->items[keys[p].item];

                pool->by_position[p] = keys[p].item;
                it->position = p;
                if (p == 0 || keys[p].first != keys[p - 1].first) {
                        uint32_t root = outermost(d, it->group);

                        if (root != DISPATCH_NONE)
                                d->groups[root].unit = pool->n_units;
                        pool->units[pool->n_units++] = (struct unit){
                                .first = p,
                                .heap = DISPATCH_NONE,
                                .setup = root == DISPATCH_NONE ? 0 : d->groups[root].setup,
                        };
                }
                it->unit = pool->n_units - 1;
                pool->units[it->unit].end = p + 1;
        }
}

static void order_lengths(struct dispatch *d, struct order_key *keys)
{
        for (uint32_t i = 0; i < d->n_items; i++) {
                double known = d->items[i].seconds;

                keys[i] = (struct order_key){.item = i, .seconds = known >= 0 ? known : d->default_seconds};
                d->pool.history |= known >= 0;
        }
        qsort(keys, d->n_items, sizeof(*keys), by_length);
        for (uint32_t rank = 0; rank < d->n_items; rank++) {
                d->pool.by_length[rank] = keys[rank].item;
                d->pool.lengths_of[rank] = keys[rank].seconds;
                d->items[keys[rank].item].length = rank;
        }
}

int pool_init(struct dispatch *d, const struct dispatch_params *params)
{
        struct pool *pool = &d->pool;
        size_t n = d->n_items ? d->n_items : 1;
        struct order_key *keys = calloc(n, sizeof(*keys));
        uint32_t *first_of = calloc(d->n_groups + 1, sizeof(*first_of));
        int r = -ENOMEM;

        pool->by_position = calloc(n, sizeof(*pool->by_position));
        pool->by_length = calloc(n, sizeof(*pool->by_length));
        pool->lengths_of = calloc(n, sizeof(*pool->lengths_of));
        pool->units = calloc(n, sizeof(*pool->units));
        pool->heap = calloc(n, sizeof(*pool->heap));
        if (!keys || !first_of || !pool->by_position || !pool->by_length || !pool->lengths_of || !pool->units ||
            !pool->heap)
                goto out;
        r = rank_set_init(&pool->positions, d->n_items);
        if (r < 0)
                goto out;
        r = rank_set_init(&pool->lengths, d->n_items);
        if (r < 0)
                goto out;

        for (uint32_t i = 0; i < d->n_items; i++)
                d->items[i].setups = pool_setup_seconds(d, DISPATCH_NONE, i);
        order_positions(d, keys, first_of);
        order_lengths(d, keys);
        for (uint32_t i = 0; i < d->n_items; i++)
                pool_put(d, i);
        if (pool->n > pool->n_unknown)
                pool->mean = pool->known / (pool->n - pool->n_unknown);
out:
        free(keys);
        free(first_of);
        return r;
}

void pool_finish(struct pool *pool)
{
        rank_set_finish(&pool->positions);
        rank_set_finish(&pool->lengths);
        free(pool->by_position);
        free(pool->by_length);
        free(pool->lengths_of);
        free(pool->units);
        free(pool->heap);
}
