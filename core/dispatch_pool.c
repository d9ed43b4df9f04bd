/* The pool: items not dealt, in collection order within units and by length, and what the run has taught about
 * items that came without an estimate. */
#include "core/dispatch_state.h"

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

double pool_group_setups(const struct dispatch *d, uint32_t tail, uint32_t item)
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
        return pool_group_setups(d, tail, item) + (tail == DISPATCH_NONE ? d->session_setup : 0);
}
