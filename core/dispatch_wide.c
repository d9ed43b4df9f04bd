/* Items that need several PUs for themselves.
 *
 * One begins when so many PUs are free: the workers of those that it takes get nothing meanwhile, and its own worker's
 * mask is widened to them. Until the widest one can begin, a worker gets only what is expected to end before it could,
 * or what leaves it PUs enough then (EASY backfilling: D. A. Lifka, The ANL/IBM SP scheduling system, JSSPP 1995).
 */
#include "core/dispatch_state.h"

#include <math.h>
#include <stdlib.h>

static uint32_t width_of(const struct dispatch *d, uint32_t item)
{
        uint32_t cpus = d->items[item].cpus > 1 ? d->items[item].cpus : 1;

        return cpus < d->n_pus ? cpus : (uint32_t)d->n_pus;
}

static bool has_light_ones_only(const struct dispatch *d, const struct worker *w)
{
        for (uint32_t i = 0; i < w->n_held; i++)
                if (!demand_counts(d, &d->items[w->held[i]]))
                        return false;
        return true;
}

/* PUs that a worker is using: what it tears down counts for nothing. */
static uint32_t width_in_use(const struct dispatch *d, const struct worker *w)
{
        if (w->state == WORKER_GONE || needs_has_nothing_else(w) || (w->extra && has_light_ones_only(d, w)))
                return 0;
        return w->wide != DISPATCH_NONE ? width_of(d, w->wide) : 1;
}

static uint32_t others_use(const struct dispatch *d, uint32_t worker)
{
        uint32_t sum = 0;

        for (uint32_t i = 0; i < d->max_workers; i++)
                sum += i == worker ? 0 : width_in_use(d, &d->workers[i]);
        return sum;
}

/* Whether an item of another worker has taken this one's PU. */
static bool is_displaced(const struct dispatch *d, uint32_t worker)
{
        for (size_t i = 0; i < d->n_pus; i++)
                if (d->places[i].worker == worker)
                        return d->places[i].taken_by != DISPATCH_NONE;
        return false;
}

bool wide_fits(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        return others_use(d, worker) + width_of(d, item) <= d->n_pus && !is_displaced(d, worker);
}

bool wide_leaves_room(const struct dispatch *d, uint32_t worker)
{
        if (d->n_wide == 0 || d->workers[worker].extra || !needs_has_nothing_else(&d->workers[worker]))
                return true;
        return others_use(d, worker) + 1 <= d->n_pus && !is_displaced(d, worker);
}

static bool can_be_taken(const struct dispatch *d, const struct place *place)
{
        return place->taken_by == DISPATCH_NONE &&
               (place->worker == DISPATCH_NONE || needs_has_nothing_else(&d->workers[place->worker]));
}

/* As many PUs as the worker's item wants, if they are free, are given to it besides its own. One that floats has them
 * all, and the others only keep off. */
static void widen(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        const struct worker *w = &d->workers[worker];
        bool floats = w->pu == DISPATCH_FLOATING;
        uint32_t more = width_of(d, w->wide) - (floats ? 0 : 1);

        for (size_t i = 0; i < d->n_pus && more > 0; i++) {
                struct place *place = &d->places[i];
                struct dispatch_action *action;

                if (place->os == w->pu || !can_be_taken(d, place))
                        continue;
                place->taken_by = worker;
                more--;
                if (floats)
                        continue;
                action = dispatch_emit(out, DISPATCH_DO_WIDEN, DISPATCH_R_WIDE);
                action->worker = worker;
                action->pu = place->os;
        }
}

void wide_begin(struct dispatch *d, uint32_t worker, uint32_t item, struct dispatch_actions *out)
{
        d->workers[worker].wide = item;
        d->n_wide++;
        widen(d, worker, out);
}

void wide_end(struct dispatch *d, uint32_t worker)
{
        struct worker *w = &d->workers[worker];

        if (w->wide == DISPATCH_NONE)
                return;
        w->wide = DISPATCH_NONE;
        w->widened = w->pu != DISPATCH_FLOATING;
        d->n_wide--;
        d->freed = true;
        for (size_t i = 0; i < d->n_pus; i++)
                if (d->places[i].taken_by == worker)
                        d->places[i].taken_by = DISPATCH_NONE;
}

void wide_narrow(struct dispatch *d, struct dispatch_actions *out)
{
        for (uint32_t i = 0; i < d->max_workers; i++) {
                struct worker *w = &d->workers[i];

                if (w->widened && w->state != WORKER_GONE)
                        workers_pin(d, i, DISPATCH_R_WIDE, out);
                w->widened = false;
        }
}

void wide_move(struct dispatch *d, struct dispatch_actions *out)
{
        for (uint32_t i = 0; i < d->max_workers && d->n_wide > 0; i++) {
                if (d->workers[i].wide == DISPATCH_NONE)
                        continue;
                workers_pin(d, i, DISPATCH_R_PUS, out);
                widen(d, i, out);
        }
}

/* When PUs come free */

struct release {
        double at;
        uint32_t width;
};

static int by_time(const void *pa, const void *pb)
{
        const struct release *a = pa, *b = pb;

        return (a->at > b->at) - (a->at < b->at);
}

/* How many. */
static uint32_t list_releases(const struct dispatch *d, struct release *list)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                uint32_t width = width_in_use(d, &d->workers[i]);

                if (width > 0)
                        list[n++] = (struct release){.at = pick_release(d, &d->workers[i]), .width = width};
        }
        qsort(list, n, sizeof(*list), by_time);
        return n;
}

double wide_room(const struct dispatch *d, uint32_t worker)
{
        struct release list[DISPATCH_WORKERS_MAX];
        uint32_t item = needs_next_wide(d, worker), wanted, n, i = 0;
        double own = pick_release(d, &d->workers[worker]), begins = 0;
        int64_t available = (int64_t)d->n_pus;

        if (item == DISPATCH_NONE)
                return HUGE_VAL;
        wanted = width_of(d, item);
        n = list_releases(d, list);
        for (uint32_t k = 0; k < n; k++)
                available -= list[k].width;
        for (; i < n && available < wanted; i++) {
                available += list[i].width;
                begins = list[i].at;
        }
        for (; i < n && list[i].at <= begins; i++)
                available += list[i].width;
        return own > begins || available > wanted ? HUGE_VAL : begins - own;
}
