/* Which item a worker gets next. Pure: reads the state, changes nothing.
 *
 * The problem is Q | group set-ups | Cmax with uncertain times, met by list scheduling. In the order of the rules:
 *
 *   LONGEST  an item that would end after everything else if it began any later (Graham 1969's longest processing
 *            time first, applied only to the items that bound the makespan)
 *   GROUP    the worker's own unit in collection order: its set-up is paid
 *   OPEN     the untouched unit with the most set-up and work (longest first over batches: Mäcker et al. 2015 split
 *            classes the same way, keep them whole while they are small against the makespan)
 *   SPLIT    a unit that others have open, where dividing what is left of it saves more than the second set-up
 *
 * and, when the pool has nothing, items that wait behind others (STOLEN).
 */
#include "core/dispatch_state.h"

/* How much a split has to shorten what is left of a unit: below this it only breaks items' habitual order. */
static const double SPLIT_GAIN = 0.03;
/* Of the expected rest of the run; an item that comes this near to bounding it is begun now. */
static const double LONGEST_SLACK = 0.05;
/* A queue holds this many times the cost of a send, so that sends cost about a hundredth of the work. */
static const double HORIZON_SENDS = 100;

static double total_speed(const struct dispatch *d)
{
        double sum = 0;

        for (size_t i = 0; i < d->n_pus; i++)
                sum += d->pus[i].speed;
        return sum > 0 ? sum : 1;
}

/* Seconds until everything is done if work were a liquid. */
static double rest_seconds(const struct dispatch *d)
{
        return (pool_seconds(d) + d->pool.heap_setups + d->busy) / total_speed(d);
}

static bool may_run(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        return item != DISPATCH_NONE && d->items[item].missed_by != worker;
}

/* The first item of a unit that this worker can run. */
static uint32_t unit_item(const struct dispatch *d, uint32_t worker, uint32_t unit, uint32_t from_position)
{
        uint32_t item = pool_unit_next(d, unit, from_position);

        while (item != DISPATCH_NONE && !may_run(d, worker, item))
                item = pool_unit_next(d, unit, d->items[item].position + 1);
        return item;
}

static uint32_t longest_item(const struct dispatch *d, uint32_t worker)
{
        uint32_t rank = rank_set_next(&d->pool.lengths, 0);

        while (rank != RANK_NONE && !may_run(d, worker, d->pool.by_length[rank]))
                rank = rank_set_next(&d->pool.lengths, rank + 1);
        return rank == RANK_NONE ? DISPATCH_NONE : d->pool.by_length[rank];
}

/* The worker's unit from its last item on, then what of it was left before that. */
static uint32_t own_item(const struct dispatch *d, uint32_t worker)
{
        const struct worker *w = &d->workers[worker];
        uint32_t item;

        if (w->unit == DISPATCH_NONE)
                return DISPATCH_NONE;
        item = unit_item(d, worker, w->unit, w->tail == DISPATCH_NONE ? 0 : d->items[w->tail].position);
        return item != DISPATCH_NONE ? item : unit_item(d, worker, w->unit, 0);
}

static uint32_t fresh_item(const struct dispatch *d, uint32_t worker)
{
        uint32_t item = DISPATCH_NONE;

        /* The head unit, unless all of it is what this worker does not have. */
        for (uint32_t i = 0; i < d->pool.n_heap && item == DISPATCH_NONE; i++)
                item = unit_item(d, worker, d->pool.heap[i], 0);
        return item;
}

/* What joining the unit would take off its end, in seconds; <= 0 where it is not worth it. */
static double split_gain(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        const struct item *it = &d->items[item];
        uint32_t n = d->pool.units[it->unit].n_workers;
        double left = pool_unit_seconds(d, it->unit);
        double setup = pool_setup_seconds(d, d->workers[worker].tail, item);
        double alone = left / (n ? n : 1), joined = (left + setup) / (n + 1);

        return alone - joined - (setup > 0 ? SPLIT_GAIN * alone : 0);
}

/* The open unit that gains most from one more worker: there are no more of them than workers. It is joined in its
 * middle, so that both halves stay in collection order. */
static uint32_t split_item(const struct dispatch *d, uint32_t worker)
{
        uint32_t best = DISPATCH_NONE;
        double best_gain = 0;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                uint32_t unit = d->workers[i].unit, item;
                double gain;

                if (i == worker || d->workers[i].state == WORKER_GONE || unit == DISPATCH_NONE ||
                    d->pool.units[unit].n_pool == 0)
                        continue;
                item = unit_item(d, worker, unit, (d->pool.units[unit].first + d->pool.units[unit].end) / 2);
                if (item == DISPATCH_NONE)
                        item = unit_item(d, worker, unit, 0);
                if (item == DISPATCH_NONE)
                        continue;
                gain = split_gain(d, worker, item);
                if (gain > best_gain) {
                        best_gain = gain;
                        best = item;
                }
        }
        return best;
}

/* Whether `item` has to begin now: if the worker did `other` first, it would end after all the rest. Where its unit
 * is open elsewhere it is also to end sooner here, set-up and all, than its unit would there. */
static bool bounds_makespan(const struct dispatch *d, const struct worker *w, uint32_t item, uint32_t other)
{
        const struct unit *u = &d->pool.units[d->items[item].unit];
        double after = other == DISPATCH_NONE ? 0 : pool_item_seconds(d, other);
        double seconds = pool_item_seconds(d, item);

        if (u->n_workers > 0 &&
            pool_setup_seconds(d, w->tail, item) + seconds > pool_unit_seconds(d, d->items[item].unit) / u->n_workers)
                return false;
        return (after + seconds) / w->speed > (1 - LONGEST_SLACK) * rest_seconds(d);
}

static bool chosen(struct choice *ret_choice, uint32_t item, enum dispatch_reason reason)
{
        if (item == DISPATCH_NONE)
                return false;
        *ret_choice = (struct choice){.item = item, .reason = reason};
        return true;
}

static enum dispatch_reason open_reason(const struct dispatch *d, uint32_t item)
{
        if (item != DISPATCH_NONE && d->items[item].group == DISPATCH_NONE)
                return d->pool.history ? DISPATCH_R_LONGEST : DISPATCH_R_NEXT;
        return DISPATCH_R_OPEN;
}

bool pick_item(const struct dispatch *d, uint32_t worker, struct choice *ret_choice)
{
        const struct worker *w = &d->workers[worker];
        uint32_t longest, own, fresh;

        if (d->pool.n == 0)
                return false;

        own = own_item(d, worker);
        longest = longest_item(d, worker);
        /* Estimates order items; where there are none the longest is nothing but the first. */
        if (d->pool.history && longest != DISPATCH_NONE && longest != own && d->items[longest].seconds >= 0 &&
            bounds_makespan(d, w, longest, own))
                return chosen(ret_choice, longest, DISPATCH_R_LONGEST);

        if (chosen(ret_choice, own, DISPATCH_R_GROUP))
                return true;
        fresh = fresh_item(d, worker);
        return chosen(ret_choice, fresh, open_reason(d, fresh)) ||
               chosen(ret_choice, split_item(d, worker), DISPATCH_R_SPLIT);
}

double pick_horizon(const struct dispatch *d)
{
        enum { SHARES = 4 };
        double horizon = HORIZON_SENDS * d->overhead;
        double share = pool_seconds(d) / (SHARES * (double)(d->n_pus ? d->n_pus : 1));

        return horizon < share ? horizon : share;
}

double pick_release(const struct dispatch *d, const struct worker *w, uint32_t skip)
{
        double elapsed = d->now > w->begun ? (double)(d->now - w->begun) / 1e6 : 0;
        double seconds = 0;

        for (uint32_t i = 0; i < w->n_running; i++)
                seconds += pool_item_seconds(d, w->held[i]) / w->speed;
        seconds = seconds > elapsed ? seconds - elapsed : 0;
        for (uint32_t i = w->n_running; i + skip < w->n_held; i++)
                seconds += pool_item_seconds(d, w->held[i]) / w->speed;
        return seconds;
}

uint32_t pick_victim(const struct dispatch *d, uint32_t worker)
{
        const struct worker *w = &d->workers[worker];
        uint32_t best = DISPATCH_NONE;
        double best_release = 0;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *v = &d->workers[i];
                double theirs, ours;
                uint32_t last;

                if (i == worker || v->n_held == v->n_running || v->recalling || v->recalled ||
                    (v->state != WORKER_ACTIVE && v->state != WORKER_STARTING))
                        continue;
                last = v->held[v->n_held - 1];
                if (!may_run(d, worker, last))
                        continue;
                theirs = pick_release(d, v, 0);
                ours = pick_release(d, w, 0) +
                       (pool_setup_seconds(d, w->tail, last) + pool_item_seconds(d, last)) / w->speed;
                if (ours < theirs && theirs > best_release) {
                        best_release = theirs;
                        best = i;
                }
        }
        return best;
}
