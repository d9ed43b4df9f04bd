/* Serial units: to whom their items can be dealt. */
#include "core/dispatch_state.h"

static bool is_free(const struct unit *u)
{
        return u->owner == DISPATCH_NONE && u->n_held == 0;
}

bool pool_is_on_offer(const struct unit *u)
{
        return u->n_pool > u->n_pool_kinds && (u->serial ? is_free(u) : u->n_workers == 0);
}

bool pool_may_have(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        const struct unit *u = &d->pool.units[d->items[item].unit];

        return !u->serial || u->owner == worker || is_free(u);
}

bool pool_is_bound(const struct dispatch *d, uint32_t worker)
{
        uint32_t unit = d->workers[worker].unit;

        return unit != DISPATCH_NONE && d->pool.units[unit].owner == worker && d->pool.units[unit].n_pool > 0;
}

/* Items in a worker's queue that another one could have. */
static uint32_t count_loose(const struct dispatch *d, const struct worker *w)
{
        uint32_t n = 0;

        for (uint32_t i = w->n_running; i < w->n_held && w->state != WORKER_RETIRING; i++)
                n += !d->pool.units[d->items[w->held[i]].unit].begun;
        return n;
}

uint32_t pool_choices(const struct dispatch *d)
{
        uint32_t n = d->pool.n_parts + d->needs.n_pool;

        if (!d->pool.serial)
                return n + d->n_queued;
        for (uint32_t i = 0; i < d->max_workers; i++)
                n += count_loose(d, &d->workers[i]);
        return n;
}

uint32_t pool_count_bound(const struct dispatch *d)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->max_workers && d->pool.serial; i++)
                n += d->workers[i].state != WORKER_GONE && pool_is_bound(d, i);
        return n;
}

uint32_t pool_at(const struct dispatch *d, uint32_t rank)
{
        uint32_t item = d->pool.by_length[rank], unit = d->items[item].unit;

        return d->pool.units[unit].serial && !d->pool.ordered ? pool_unit_next(d, unit, 0) : item;
}

struct work pool_part_work(const struct dispatch *d, uint32_t item)
{
        uint32_t unit = d->items[item].unit;

        return d->pool.units[unit].serial ? pool_unit_work(d, unit) : pool_item_work(d, item);
}

void pool_hold(struct dispatch *d, uint32_t unit, uint32_t worker)
{
        struct unit *u = &d->pool.units[unit];

        if (!u->serial)
                return;
        u->owner = worker;
        u->n_held++;
        pool_update_offer(d, unit);
}

void pool_let_go(struct dispatch *d, uint32_t unit)
{
        struct unit *u = &d->pool.units[unit];

        if (!u->serial)
                return;
        u->n_held--;
        if (u->n_held == 0 && !u->begun)
                u->owner = DISPATCH_NONE;
        pool_update_offer(d, unit);
}

void pool_begin(struct dispatch *d, uint32_t unit)
{
        d->pool.units[unit].begun =
                d->pool.units[unit].owner != DISPATCH_NONE; /* a retiring one's is to go on elsewhere */
}

void pool_disown(struct dispatch *d, uint32_t worker)
{
        for (uint32_t i = 0; i < d->pool.n_units && d->pool.serial; i++) {
                struct unit *u = &d->pool.units[i];

                if (!u->serial || u->owner != worker)
                        continue;
                u->owner = DISPATCH_NONE;
                u->begun = false;
                pool_update_offer(d, i);
        }
}
