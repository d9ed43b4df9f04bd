/* The dispatcher's invariants, for tests: what every sum and link has to agree on between steps. */
#include "core/dispatch_state.h"

#include <math.h>

/* Rounding of sums that were added to and taken from many times. */
static bool differs(double a, double b)
{
        return fabs(a - b) > 1e-6 * (1 + fabs(a) + fabs(b));
}

static const char *check_items(const struct dispatch *d)
{
        uint32_t open = 0, pool = 0, queued = 0;

        for (uint32_t i = 0; i < d->n_items; i++) {
                const struct item *it = &d->items[i];
                bool held = it->state == ITEM_QUEUED || it->state == ITEM_RUNNING;

                open += held || it->state == ITEM_POOL;
                pool += it->state == ITEM_POOL;
                queued += it->state == ITEM_QUEUED;
                if (rank_set_has(&d->pool.positions, it->position) != (it->state == ITEM_POOL) ||
                    rank_set_has(&d->pool.lengths, it->length) != (it->state == ITEM_POOL))
                        return "the pool's orders and the items' states differ";
                if (held != (it->worker != DISPATCH_NONE))
                        return "an item has a worker and is not held, or the other way round";
        }
        if (open != d->n_open)
                return "the count of open items is wrong";
        if (pool != d->pool.n)
                return "the count of items in the pool is wrong";
        return queued == d->n_queued ? NULL : "the count of queued items is wrong";
}

static const char *check_worker(const struct dispatch *d, uint32_t number, double *busy)
{
        const struct worker *w = &d->workers[number];
        double queued = 0;

        if (w->state == WORKER_GONE)
                return w->n_held == 0 && !w->recalling ? NULL : "a worker that is gone holds items";
        if (w->n_held > DISPATCH_QUEUE_MAX || w->n_running > w->n_held)
                return "a worker holds more than its queue does";
        for (uint32_t i = 0; i < w->n_held; i++) {
                const struct item *it = &d->items[w->held[i]];

                if (it->worker != number || it->state != (i < w->n_running ? ITEM_RUNNING : ITEM_QUEUED))
                        return "a worker's queue and its items differ";
                *busy += it->charge;
                queued += i < w->n_running ? 0 : it->charge;
        }
        return differs(queued, w->queued) ? "a queue's seconds are wrong" : NULL;
}

static const char *check_workers(const struct dispatch *d)
{
        uint32_t alive = 0, of_use = 0, recalling = 0, held = 0;
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
        }
        if (alive != d->n_alive || of_use != d->n_of_use || recalling != d->n_recalling)
                return "a count of workers is wrong";
        if (held + d->pool.n != d->n_open)
                return "an open item is neither in the pool nor held";
        return differs(busy, d->busy) ? "the busy seconds are wrong" : NULL;
}

static const char *check_pus(const struct dispatch *d)
{
        for (size_t i = 0; i < d->n_pus; i++) {
                uint32_t worker = d->pus[i].worker;

                if (worker == DISPATCH_NONE)
                        continue;
                if (d->workers[worker].state == WORKER_GONE || d->workers[worker].pu != d->pus[i].os)
                        return "a PU and its worker disagree";
        }
        return NULL;
}

static const char *check_unit(const struct dispatch *d, const struct unit *u, uint32_t number)
{
        uint32_t n = 0, workers = 0;
        double known = 0;

        for (uint32_t p = u->first; p < u->end; p++) {
                const struct item *it = &d->items[d->pool.by_position[p]];

                n += it->state == ITEM_POOL;
                known += it->state == ITEM_POOL && it->seconds >= 0 ? it->seconds : 0;
        }
        for (uint32_t i = 0; i < d->max_workers; i++)
                workers += d->workers[i].state != WORKER_GONE && d->workers[i].unit == number;
        if (n != u->n_pool || differs(known, u->pool_known))
                return "a unit's sums are wrong";
        if (workers != u->n_workers)
                return "a unit's count of workers is wrong";
        if ((u->heap != DISPATCH_NONE) != (n > 0 && workers == 0))
                return "the heap has a unit that it should not have, or lacks one";
        return u->heap == DISPATCH_NONE || d->pool.heap[u->heap] == number ? NULL : "the heap's index is wrong";
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
                broken = check_pus(d);
        if (!broken)
                broken = check_heap(d);
        for (uint32_t u = 0; u < d->pool.n_units && !broken; u++)
                broken = check_unit(d, &d->pool.units[u], u);
        return broken;
}
