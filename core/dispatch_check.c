/* The dispatcher's invariants, for tests: what every sum and link has to agree on between steps. */
#include "core/dispatch_state.h"

#include <math.h>

/* Rounding of sums that were added to and taken from many times. */
static bool differs(double a, double b)
{
        return fabs(a - b) > 1e-6 * (1 + fabs(a) + fabs(b));
}

/* Whether the item is to be in pool.lengths, for itself or for its serial unit. */
static bool is_part(const struct dispatch *d, uint32_t item)
{
        const struct item *it = &d->items[item];
        const struct unit *u = &d->pool.units[it->unit];

        if (!u->serial || d->pool.ordered)
                return it->state == ITEM_POOL && it->kind == DISPATCH_NONE;
        return it->position == u->first && u->n_pool > 0 && u->owner == DISPATCH_NONE && u->n_held == 0;
}

static const char *check_items(const struct dispatch *d)
{
        uint32_t open = 0, pool = 0, queued = 0, parts = 0, early = 0, light = 0;
        double light_seconds = 0;

        for (uint32_t i = 0; i < d->n_items; i++) {
                const struct item *it = &d->items[i];
                bool held = it->state == ITEM_QUEUED || it->state == ITEM_RUNNING;

                open += held || it->state == ITEM_POOL;
                pool += it->state == ITEM_POOL;
                light += it->state == ITEM_POOL && demand_counts(d, it);
                light_seconds += it->state == ITEM_POOL && demand_counts(d, it) ? it->seconds : 0;
                if (d->extra_workers > 0 &&
                    (rank_set_has(&d->pool.lights, it->length) != (is_part(d, i) && demand_counts(d, it)) ||
                     rank_set_has(&d->pool.heavies, it->length) != (is_part(d, i) && !demand_counts(d, it))))
                        return "light and other items are mixed up";
                queued += it->state == ITEM_QUEUED;
                parts += is_part(d, i);
                early += is_part(d, i) && it->early;
                if (rank_set_has(&d->pool.positions, it->position) !=
                            (it->state == ITEM_POOL && it->kind == DISPATCH_NONE) ||
                    rank_set_has(&d->pool.lengths, it->length) != is_part(d, i))
                        return "the pool's orders and the items' states differ";
                if (held != (it->worker != DISPATCH_NONE))
                        return "an item has a worker and is not held, or the other way round";
        }
        if (light != d->demand.n_light || differs(light_seconds, d->demand.light.seconds))
                return "the sums of light items are wrong";
        if (open != d->n_open)
                return "the count of open items is wrong";
        if (pool != d->pool.n || parts != d->pool.n_parts || early != d->pool.n_early)
                return "the count of items in the pool is wrong";
        return queued == d->n_queued ? NULL : "the count of queued items is wrong";
}

static const char *check_worker(const struct dispatch *d, uint32_t number, double *busy)
{
        const struct worker *w = &d->workers[number];
        double queued = 0;

        if (w->state == WORKER_GONE)
                return w->n_held == 0 && !w->recalling ? NULL : "a worker that is gone holds items";
        if (w->n_held > DISPATCH_QUEUE_MAX || w->n_running > w->n_held || w->n_held > w->n_taken ||
            (d->max_items > 0 && w->n_taken > d->max_items))
                return "a worker holds more than its queue does";
        for (uint32_t i = 0; i < w->n_held; i++) {
                const struct item *it = &d->items[w->held[i]];

                if (it->worker != number || it->state != (i < w->n_running ? ITEM_RUNNING : ITEM_QUEUED))
                        return "a worker's queue and its items differ";
                *busy += it->charge.seconds;
                queued += i < w->n_running ? 0 : it->charge.seconds;
        }
        return differs(queued, w->queued.seconds) ? "a queue's seconds are wrong" : NULL;
}

static const char *check_workers(const struct dispatch *d)
{
        uint32_t alive = 0, of_use = 0, recalling = 0, held = 0, extra = 0, extra_of_use = 0;
        double busy = 0;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                const char *broken = check_worker(d, i, &busy);

                if (broken)
                        return broken;
                alive += w->state != WORKER_GONE;
                of_use += w->state == WORKER_STARTING || w->state == WORKER_ACTIVE;
                recalling += w->recalling;
                held += w->n_held;
                extra += w->state != WORKER_GONE && w->extra;
                extra_of_use += (w->state == WORKER_STARTING || w->state == WORKER_ACTIVE) && w->extra;
                if (w->state != WORKER_GONE && w->extra && (w->pu != DISPATCH_FLOATING || w->surplus))
                        return "an extra worker does not float";
        }
        if (extra != d->n_extra || extra_of_use != d->n_extra_of_use || extra > d->extra_workers)
                return "the count of extra workers is wrong";
        if (alive != d->n_alive || of_use != d->n_of_use || recalling != d->n_recalling)
                return "a count of workers is wrong";
        if (of_use > d->limit)
                return "more workers go on than may be alive";
        if (held + d->pool.n != d->n_open)
                return "an open item is neither in the pool nor held";
        return differs(busy, d->busy) ? "the busy seconds are wrong" : NULL;
}

/* Each worker has one place, or shares a PU until it ends. */
static const char *check_places(const struct dispatch *d)
{
        uint32_t housed = 0, surplus = 0;

        for (size_t i = 0; i < d->n_places; i++) {
                const struct place *place = &d->places[i];

                if ((place->os == DISPATCH_FLOATING) != (i >= d->n_pus))
                        return "a place that floats is among the PUs, or the other way round";
                if (place->worker == DISPATCH_NONE)
                        continue;
                housed++;
                if (d->workers[place->worker].extra)
                        return "an extra worker has a place";
                if (d->workers[place->worker].state == WORKER_GONE || d->workers[place->worker].surplus ||
                    d->workers[place->worker].pu != place->os)
                        return "a place and its worker disagree";
        }
        for (uint32_t i = 0; i < d->max_workers; i++)
                surplus += d->workers[i].state != WORKER_GONE && d->workers[i].surplus;
        return housed + surplus + d->n_extra == d->n_alive ? NULL : "a worker has no place, or more than one";
}

static const char *check_unit(const struct dispatch *d, const struct unit *u, uint32_t number)
{
        uint32_t n = 0, kinds = 0, workers = 0;
        double known = 0;

        for (uint32_t p = u->first; p < u->end; p++) {
                const struct item *it = &d->items[d->pool.by_position[p]];

                n += it->state == ITEM_POOL;
                kinds += it->state == ITEM_POOL && it->kind != DISPATCH_NONE;
                known += it->state == ITEM_POOL && it->seconds >= 0 ? it->seconds : 0;
        }
        for (uint32_t i = 0; i < d->max_workers; i++)
                workers += d->workers[i].state != WORKER_GONE && d->workers[i].unit == number;
        if (n != u->n_pool || kinds != u->n_pool_kinds || differs(known, u->pool_known.seconds))
                return "a unit's sums are wrong";
        if (workers != u->n_workers)
                return "a unit's count of workers is wrong";
        if ((u->heap != DISPATCH_NONE) !=
            (n > kinds && (u->serial ? u->owner == DISPATCH_NONE && u->n_held == 0 : workers == 0)))
                return "the heap has a unit that it should not have, or lacks one";
        return u->heap == DISPATCH_NONE || d->pool.heap[u->heap] == number ? NULL : "the heap's index is wrong";
}

/* A serial unit's items are held by one worker, and are taken in their order: what is held comes before what is in the
 * pool. */
static const char *check_serial(const struct dispatch *d, const struct unit *u)
{
        uint32_t n_held = 0, holder = DISPATCH_NONE;
        bool pool = false;

        for (uint32_t p = u->first; p < u->end; p++) {
                const struct item *it = &d->items[d->pool.by_position[p]];

                pool |= it->state == ITEM_POOL;
                if (it->worker == DISPATCH_NONE)
                        continue;
                if (pool)
                        return "an item of a serial unit was dealt before an earlier one";
                if (n_held++ > 0 && it->worker != holder)
                        return "two workers hold items of one serial unit";
                holder = it->worker;
        }
        if (n_held != u->n_held)
                return "a serial unit's count of held items is wrong";
        if (n_held > 0 && u->owner != holder &&
            (u->owner != DISPATCH_NONE || d->workers[holder].state != WORKER_RETIRING))
                return "a serial unit's owner does not hold its items";
        if (u->owner == DISPATCH_NONE && u->begun)
                return "a serial unit that nobody owns is begun";
        if (u->owner != DISPATCH_NONE && (d->workers[u->owner].state != WORKER_ACTIVE || (n_held == 0 && !u->begun)))
                return "a serial unit has an owner that it should not have";
        if (pool && u->owner != DISPATCH_NONE && !d->pool.ordered &&
            d->pool.units[d->workers[u->owner].unit].first != u->first)
                return "a worker has left a serial unit behind";
        return NULL;
}

/* What a worker's items need of a resource, one after the other. */
static uint32_t needed(const struct dispatch *d, const struct worker *w, uint32_t resource)
{
        uint32_t most = 0;

        for (uint32_t i = 0; i < w->n_held; i++) {
                const struct item *it = &d->items[w->held[i]];

                for (uint32_t k = it->first_need; k < it->first_need + it->n_needs; k++)
                        if (d->needs.list[k].resource == resource && d->needs.list[k].amount > most)
                                most = d->needs.list[k].amount;
        }
        return most;
}

static const char *check_resources(const struct dispatch *d)
{
        const struct needs *needs = &d->needs;

        for (uint32_t r = 0; r < needs->n_resources; r++) {
                uint32_t used = 0;

                for (uint32_t i = 0; i < d->max_workers; i++) {
                        if (needed(d, &d->workers[i], r) != needs->held[(size_t)i * needs->n_resources + r])
                                return "what a worker holds of a resource is wrong";
                        used += needs->held[(size_t)i * needs->n_resources + r];
                }
                if (used != needs->used[r])
                        return "what is used of a resource is wrong";
                if (used > needs->capacities[r])
                        return "more of a resource is used than there is";
        }
        return NULL;
}

static const char *check_kinds(const struct dispatch *d)
{
        const struct needs *needs = &d->needs;
        uint32_t n = 0;

        for (uint32_t k = 0; k < needs->n_kinds; k++) {
                uint32_t pool = 0;

                for (uint32_t rank = needs->kinds[k].first; rank < needs->kinds[k].end; rank++) {
                        const struct item *it = &d->items[needs->by_length[rank]];

                        if (it->kind != k || it->kind_length != rank ||
                            rank_set_has(&needs->lengths, rank) != (it->state == ITEM_POOL) ||
                            rank_set_has(&needs->positions, it->kind_position) != (it->state == ITEM_POOL))
                                return "a kind's orders and its items differ";
                        pool += it->state == ITEM_POOL;
                }
                if (pool != needs->kinds[k].n_pool)
                        return "a kind's count is wrong";
                n += pool;
        }
        return n == needs->n_pool ? NULL : "the count of items that need something is wrong";
}

/* What holds while something needs several PUs: the workers of those it has taken have nothing to do. */
static const char *check_wide(const struct dispatch *d)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                uint32_t constrained = 0;

                for (uint32_t k = 0; k < w->n_held; k++)
                        constrained += d->items[w->held[k]].constrained;
                if (constrained != w->n_constrained || w->widened)
                        return "what a worker holds with needs is wrong";
                if (w->wide == DISPATCH_NONE)
                        continue;
                n++;
                if (w->state == WORKER_GONE || d->items[w->wide].worker != i || d->items[w->wide].cpus <= 1)
                        return "a worker has no such item that runs on several PUs";
        }
        for (size_t i = 0; i < d->n_pus; i++) {
                const struct place *place = &d->places[i];

                if (place->taken_by == DISPATCH_NONE)
                        continue;
                if (d->workers[place->taken_by].wide == DISPATCH_NONE || place->taken_by == place->worker)
                        return "a PU is taken for nothing";
                if (place->worker != DISPATCH_NONE && d->workers[place->worker].state != WORKER_GONE &&
                    !needs_has_nothing_else(&d->workers[place->worker]))
                        return "a worker has something to do whose PU is taken";
        }
        return n == d->n_wide ? NULL : "the count of items that run on several PUs is wrong";
}

static const char *check_heap(const struct dispatch *d)
{
        double setups = 0;

        for (uint32_t i = 0; i < d->pool.n_heap; i++)
                setups += d->pool.units[d->pool.heap[i]].setup;
        return differs(setups, d->pool.heap_setups) ? "the heap's set-ups are wrong" : NULL;
}

const char *dispatch_check(const struct dispatch *d)
{
        const char *broken = check_items(d);

        if (!broken)
                broken = check_workers(d);
        if (!broken)
                broken = check_places(d);
        if (!broken)
                broken = check_heap(d);
        if (!broken && d->needs.n > 0)
                broken = check_resources(d);
        if (!broken && d->needs.n > 0)
                broken = check_kinds(d);
        if (!broken && d->needs.n > 0)
                broken = check_wide(d);
        for (uint32_t u = 0; u < d->pool.n_units && !broken; u++)
                broken = check_unit(d, &d->pool.units[u], u);
        for (uint32_t u = 0; u < d->pool.n_units && !broken && d->pool.serial; u++)
                broken = d->pool.units[u].serial ? check_serial(d, &d->pool.units[u]) : NULL;
        return broken;
}
