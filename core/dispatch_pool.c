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

/* Of which nothing is known computes. */
static struct work suite_mean(const struct dispatch *d)
{
        const struct pool *pool = &d->pool;

        return (struct work){
                .seconds = shrunk_mean(pool->sum_samples.seconds, pool->n_samples, d->default_seconds),
                .waits = shrunk_mean(pool->sum_samples.waits, pool->n_samples, 0),
        };
}

static struct work unit_mean(const struct dispatch *d, const struct unit *u)
{
        struct work suite = suite_mean(d);

        return (struct work){
                .seconds = shrunk_mean(u->sum_samples.seconds, u->n_samples, suite.seconds),
                .waits = shrunk_mean(u->sum_samples.waits, u->n_samples, suite.waits),
        };
}

static struct work known_work(const struct item *it)
{
        return (struct work){.seconds = it->seconds, .waits = it->seconds * it->waits};
}

struct work pool_item_work(const struct dispatch *d, uint32_t item)
{
        const struct item *it = &d->items[item];

        return it->seconds >= 0 ? known_work(it) : unit_mean(d, &d->pool.units[it->unit]);
}

bool pool_item_is_estimated(const struct dispatch *d, uint32_t item)
{
        enum { ENOUGH_OF_UNIT = 2, ENOUGH_OF_SUITE = 8 };
        const struct item *it = &d->items[item];

        return it->seconds >= 0 || d->pool.units[it->unit].n_samples >= ENOUGH_OF_UNIT ||
               d->pool.n_samples >= ENOUGH_OF_SUITE;
}

/* `known`, and so many of which only their mean is. */
static struct work with_unknown(struct work known, uint32_t n, struct work mean)
{
        return (struct work){.seconds = known.seconds + n * mean.seconds, .waits = known.waits + n * mean.waits};
}

struct work pool_unit_work(const struct dispatch *d, uint32_t unit)
{
        const struct unit *u = &d->pool.units[unit];

        return with_unknown(u->pool_known, u->n_pool_unknown, unit_mean(d, u));
}

struct work pool_work(const struct dispatch *d)
{
        return with_unknown(d->pool.known, d->pool.n_unknown, suite_mean(d));
}

/* Whether a comes before b among the units that nobody has open. Without any history collection order is kept: it
 * is the only order that the suite is known to pass in. */
static bool unit_before(const struct dispatch *d, uint32_t a, uint32_t b)
{
        double work_a, work_b;

        if (!d->pool.history)
                return a < b;
        work_a = d->pool.units[a].setup + pool_unit_work(d, a).seconds;
        work_b = d->pool.units[b].setup + pool_unit_work(d, b).seconds;
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

static void show(struct rank_set *set, bool shown, uint32_t rank)
{
        if (shown)
                rank_set_add(set, rank);
        else
                rank_set_remove(set, rank);
}

static void show_rank(struct dispatch *d, uint32_t rank, bool shown)
{
        struct pool *pool = &d->pool;
        const struct item *it = &d->items[pool->by_length[rank]];

        if (rank_set_has(&pool->lengths, rank) == shown)
                return;
        show(&pool->lengths, shown, rank);
        pool->n_parts += shown ? 1 : UINT32_MAX;
        if (it->early) {
                show(&pool->earlies, shown, rank);
                pool->n_early += shown ? 1 : UINT32_MAX;
        }
        if (d->extra_workers > 0)
                show(demand_counts(d, it) ? &pool->lights : &pool->heavies, shown, rank);
}

/* Whether an item is in pool.lengths for itself. */
static bool stands_alone(const struct pool *pool, const struct item *it)
{
        return it->kind == DISPATCH_NONE && (pool->ordered || !pool->units[it->unit].serial);
}

void pool_update_offer(struct dispatch *d, uint32_t unit)
{
        struct unit *u = &d->pool.units[unit];
        const struct item *first = &d->items[d->pool.by_position[u->first]];

        if (u->serial && !stands_alone(&d->pool, first))
                show_rank(d, first->length, pool_is_on_offer(u));
        if (pool_is_on_offer(u)) {
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
        if (demand_counts(d, it)) {
                d->demand.n_light += (uint32_t)sign;
                work_add(&d->demand.light, known_work(it), sign);
                d->demand.setups += sign * it->setups;
        }
        if (d->demand.n_light == 0) {
                d->demand.light = (struct work){0};
                d->demand.setups = 0;
        }
        u->n_pool_kinds += it->kind != DISPATCH_NONE ? (uint32_t)sign : 0;
        if (it->seconds < 0) {
                pool->n_unknown += (uint32_t)sign;
                u->n_pool_unknown += (uint32_t)sign;
        } else {
                work_add(&pool->known, known_work(it), sign);
                work_add(&u->pool_known, known_work(it), sign);
        }
        if (pool->n == pool->n_unknown || pool->known.seconds < 0)
                pool->known = (struct work){0};
        if (u->n_pool == u->n_pool_unknown || u->pool_known.seconds < 0)
                u->pool_known = (struct work){0};
}

void pool_put(struct dispatch *d, uint32_t item)
{
        struct item *it = &d->items[item];

        plan_forget(d);
        it->state = ITEM_POOL;
        it->worker = DISPATCH_NONE;
        if (it->constrained)
                needs_count(d, item, 1);
        if (it->kind == DISPATCH_NONE)
                rank_set_add(&d->pool.positions, it->position);
        if (stands_alone(&d->pool, it))
                show_rank(d, it->length, true);
        count_item(d, it, 1);
        pool_update_offer(d, it->unit);
}

void pool_take(struct dispatch *d, uint32_t item)
{
        struct item *it = &d->items[item];

        if (it->constrained)
                needs_count(d, item, -1);
        if (it->kind == DISPATCH_NONE)
                rank_set_remove(&d->pool.positions, it->position);
        if (stands_alone(&d->pool, it))
                show_rank(d, it->length, false);
        count_item(d, it, -1);
        pool_update_offer(d, it->unit);
}

void pool_enter(struct dispatch *d, struct worker *w, uint32_t unit)
{
        uint32_t old = w->unit;

        if (old == unit)
                return;
        w->unit = unit;
        if (old != DISPATCH_NONE) {
                d->pool.units[old].n_workers--;
                pool_update_offer(d, old);
        }
        if (unit != DISPATCH_NONE) {
                d->pool.units[unit].n_workers++;
                pool_update_offer(d, unit);
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

void pool_learn(struct dispatch *d, uint32_t item, struct work work)
{
        struct item *it = &d->items[item];
        struct unit *u = &d->pool.units[it->unit];

        work_add(&u->sum_samples, work, 1);
        u->n_samples++;
        work_add(&d->pool.sum_samples, work, 1);
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

uint32_t pool_longest(const struct dispatch *d, const struct rank_set *set, double seconds)
{
        uint32_t low = 0, high = d->n_items;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (d->pool.lengths_of[middle] > seconds)
                        low = middle + 1;
                else
                        high = middle;
        }
        return rank_set_next(set, low);
}

/* Whether group g is `of` or one of its ancestors. A parent's index is below its children's. */
static bool group_encloses(const struct dispatch *d, uint32_t g, uint32_t of)
{
        while (of != DISPATCH_NONE && of > g)
                of = d->groups[of].parent;
        return of == g;
}

static double group_setups(const struct dispatch *d, uint32_t tail, uint32_t item)
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

double pool_setup_seconds(const struct dispatch *d, uint32_t tail, uint32_t item)
{
        return group_setups(d, tail, item) + (tail == DISPATCH_NONE ? d->session_setup : 0);
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

int pool_init(struct dispatch *d, const struct dispatch_params *params)
{
        struct pool *pool = &d->pool;
        size_t n = d->n_items ? d->n_items : 1;
        struct order_key *keys = calloc(n, sizeof(*keys));
        uint32_t *first_of = calloc(d->n_groups + n + 1, sizeof(*first_of));
        int r = -ENOMEM;

        pool->ordered = params->ordered;
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
        r = rank_set_init(&pool->earlies, d->n_items);
        if (r < 0)
                goto out;
        if (d->extra_workers > 0) {
                r = rank_set_init(&pool->lights, d->n_items);
                if (r < 0)
                        goto out;
                r = rank_set_init(&pool->heavies, d->n_items);
                if (r < 0)
                        goto out;
        }

        for (uint32_t i = 0; i < d->n_items; i++)
                d->items[i].setups = group_setups(d, DISPATCH_NONE, i);
        name_units(d, params->items, keys, first_of);
        order_positions(d, params->items, keys);
        order_lengths(d, keys);
        demand_init(d);
        r = needs_init(d, params);
        if (r < 0)
                goto out;
        for (uint32_t i = 0; i < d->n_items; i++)
                if (d->items[i].state == ITEM_POOL)
                        pool_put(d, i);
        if (pool->n > pool->n_unknown)
                pool->mean = pool->known.seconds / (pool->n - pool->n_unknown);
out:
        free(keys);
        free(first_of);
        return r;
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
