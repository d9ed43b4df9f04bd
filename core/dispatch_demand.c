/* Blocked is not busy: more workers than PUs, while what runs wants less CPU than there is.
 *
 * An item is light that waits for at least half of its time, as history says or as its unit has shown. While there are
 * such items extra workers run them, floating over the PUs, and those on PUs take what computes first. What is not
 * known shows in samples: where PUs are idle although workers run something, as many more are started as are blocked,
 * and they may take anything, until the PUs are wanted. If extra workers turn out to compute, and all of them together
 * want more than there is, they end, and history is not believed about what is light for the rest of the run.
 */
#include "core/dispatch_state.h"

enum {
        SOON_US = 25000,  /* until the next samples while something changes… */
        LATE_US = 250000, /* …and while nothing does: in between the time doubles */
        SURE = 3,         /* so many samples in a row are no accident */
};

static const double LIGHT = 0.5;
/* Samples count by their length against this, in seconds (an exponentially weighted mean). */
static const double MEMORY = 0.15;
/* So much of a PU that is idle could serve another worker. */
static const double IDLE = 0.5;
/* Of the PUs: what light items alone may want, and all together where others compute. */
static const double FILL = 0.9;
static const double CROWD = 1.25;
/* PUs by which the demand has to be above that before workers end for it. */
static const double SLACK = 0.25;

static bool waits_mostly(struct work work)
{
        return work.waits >= LIGHT * work.seconds && work.seconds > 0;
}

bool demand_counts(const struct item *it)
{
        return it->seconds > 0 && it->waits >= LIGHT;
}

bool demand_is_light(const struct dispatch *d, uint32_t item)
{
        if (d->items[item].seconds >= 0 && d->demand.doubtful)
                return false;
        return pool_item_is_estimated(d, item) && waits_mostly(pool_part_work(d, item));
}

/* Light items, as far as history is believed. */
static uint32_t light_left(const struct dispatch *d)
{
        return d->demand.doubtful ? 0 : d->demand.n_light;
}

bool demand_leads(const struct dispatch *d)
{
        return d->n_extra_of_use > 0 && (light_left(d) > 0 || d->demand.idle);
}

bool demand_is_choosy(const struct dispatch *d, uint32_t worker)
{
        return d->workers[worker].extra && !pool_is_bound(d, worker) && base_workers(d) > 0;
}

bool demand_suits(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        if (!demand_is_choosy(d, worker))
                return true;
        if (d->items[item].cpus > 1)
                return false;
        if (d->n_wide > 0) /* it wants its PUs for itself */
                return demand_counts(&d->items[item]) && !d->demand.doubtful;
        return d->demand.idle || demand_is_light(d, item);
}

bool demand_may_have_any(const struct dispatch *d, uint32_t worker)
{
        return !demand_is_choosy(d, worker) || d->demand.idle || light_left(d) > 0 || d->pool.n_unknown > 0;
}

/* What runs */

static bool is_running(const struct worker *w)
{
        return w->state != WORKER_GONE && w->n_running > 0 && !w->waiting;
}

/* PUs that the worker wants: as the samples of what it runs say, or before there are any, as is expected of that. */
static double demand_of(const struct worker *w)
{
        if (!is_running(w))
                return 0;
        if (w->n_samples > 0)
                return w->demand;
        return w->running.seconds > 0 ? 1 - w->running.waits / w->running.seconds : 1;
}

bool demand_is_blocked(const struct worker *w)
{
        return demand_of(w) < LIGHT;
}

static double demand_of_all(const struct dispatch *d)
{
        double sum = 0;

        for (uint32_t i = 0; i < d->max_workers; i++)
                sum += demand_of(&d->workers[i]);
        return sum;
}

/* A sample that is longer than its item lasts yet tells little of it. */
void demand_sample(struct dispatch *d, const struct dispatch_event *e)
{
        struct worker *w = &d->workers[e->worker];
        double share = e->wall > 0 ? e->cpu / e->wall : 0,
               since = d->now > w->begun ? (double)(d->now - w->begun) / 1e6 : 0;

        if (!is_running(w) || !(e->wall > 0))
                return;
        if (w->n_samples > 0)
                w->demand += (share - w->demand) * e->wall / (e->wall + MEMORY);
        else if (since >= e->wall / 2)
                w->demand = share;
        else
                return;
        w->n_samples++;
}

/* How many there may be */

/* Workers that have nothing to do yet. */
static uint32_t count_unemployed(const struct dispatch *d, bool extra)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];

                n += (w->state == WORKER_STARTING || (w->state == WORKER_ACTIVE && needs_has_nothing_else(w))) &&
                     w->extra == extra;
        }
        return n;
}

static bool may_start(const struct dispatch *d)
{
        return !d->stopped && d->n_failures < DISPATCH_FAILURES_MAX && d->n_extra < d->extra_workers &&
               d->n_alive < d->max_workers && d->demand.room > 0;
}

/* Whether one more of n that run light items would save more than its start costs. */
static bool is_worth_it(const struct dispatch *d, uint32_t n)
{
        double left = d->demand.light.seconds, cost = (d->start_cost + d->session_setup) / (double)d->n_pus;

        return left > d->outlook.worth && (n == 0 ? left : left / n - left / (n + 1)) > cost;
}

/* Workers for the light items that nobody is there to take, as long as the PUs have room for them. */
static void start_by_history(struct dispatch *d, struct dispatch_actions *out)
{
        bool others = d->pool.n > d->demand.n_light; /* than light ones */
        uint32_t waiting = count_unemployed(d, true), based = count_unemployed(d, false);
        uint32_t taken = waiting + (others ? 0 : based), runners = d->n_extra_of_use + (others ? 0 : base_workers(d));
        double each = 1 - d->demand.light.waits / d->demand.light.seconds;
        double wanted = demand_of_all(d) + each * waiting + (others ? 1 : each) * based;
        double most = (others ? CROWD : FILL) * (double)d->n_pus;

        while (may_start(d) && taken < d->demand.n_light && wanted + each <= most && is_worth_it(d, runners) &&
               workers_start_extra(d, DISPATCH_R_WAITS, out)) {
                taken++;
                runners++;
                wanted += each;
                d->demand.room--;
        }
}

/* As many more as are blocked, once those that were started before have something to do. */
static bool start_by_samples(struct dispatch *d, uint32_t n_blocked, struct dispatch_actions *out)
{
        uint32_t choices = pool_choices(d), n = 0;

        if (!d->demand.idle || count_unemployed(d, true) > 0 || d->outlook.rest <= d->start_cost)
                return false;
        while (n < n_blocked && n < choices && may_start(d) && workers_start_extra(d, DISPATCH_R_WAITS, out)) {
                n++;
                d->demand.room--;
        }
        return n > 0;
}

/* Ends extra workers that compute, the busiest first, until the others have room. */
static bool retreat(struct dispatch *d, double wanted, struct dispatch_actions *out)
{
        bool any = false;

        while (wanted > (double)d->n_pus) {
                uint32_t busiest = DISPATCH_NONE;

                for (uint32_t i = 0; i < d->max_workers; i++) {
                        const struct worker *w = &d->workers[i];

                        if (w->extra && w->state == WORKER_ACTIVE && w->n_samples > 0 && !demand_is_blocked(w) &&
                            (busiest == DISPATCH_NONE || w->demand > d->workers[busiest].demand))
                                busiest = i;
                }
                if (busiest == DISPATCH_NONE)
                        return any;
                wanted -= d->workers[busiest].demand;
                deal_recall(d, busiest, DISPATCH_NONE, DISPATCH_R_BUSY, out);
                workers_retire(d, busiest, DISPATCH_R_BUSY, out);
                any = true;
        }
        return any;
}

void demand_sampled(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        struct demand *demand = &d->demand;
        double wanted = demand_of_all(d);
        bool was_idle = demand->idle, changed = false;
        uint32_t n_blocked = 0;

        for (uint32_t i = 0; i < d->max_workers; i++)
                n_blocked +=
                        is_running(&d->workers[i]) && d->workers[i].n_samples > 0 && demand_is_blocked(&d->workers[i]);
        demand->room = e->room;
        if (n_blocked > 0 && e->idle >= IDLE && wanted <= (double)d->n_pus - IDLE)
                demand->idle = true;
        else if (e->idle < IDLE / 2 || wanted > (double)d->n_pus)
                demand->idle = false;
        demand->n_not_idle = demand->idle ? 0 : demand->n_not_idle + 1;
        demand->n_crowded = wanted > CROWD * (double)d->n_pus + SLACK ? demand->n_crowded + 1 : 0;

        if (demand->n_crowded >= SURE) {
                changed = retreat(d, wanted, out);
                demand->doubtful |= changed;
                demand->n_crowded = 0;
        }
        changed |= start_by_samples(d, n_blocked, out) || demand->idle != was_idle;
        d->freed |= demand->idle && !was_idle;
        demand->pause = changed || demand->n_crowded > 0 ? SOON_US : 2 * demand->pause;
        if (demand->pause > LATE_US)
                demand->pause = LATE_US;
        demand->next = d->now + demand->pause;
}

void demand_ready(struct dispatch *d, const struct worker *w)
{
        bool curious = w->extra || d->demand.n_light > 0 || d->pool.n_unknown > 0;

        if (d->extra_workers == 0 || (!w->extra && d->demand.next > 0))
                return;
        d->demand.pause = curious ? SOON_US : LATE_US;
        d->demand.next = d->now + d->demand.pause;
}

/* An extra worker that finds nothing for it has no use any more; but PUs that are wanted for a moment only are soon
 * idle again. */
static bool is_useless(const struct dispatch *d, const struct worker *w)
{
        return w->extra && w->state == WORKER_ACTIVE && w->dry && needs_has_nothing_else(w) && !w->recalling &&
               !d->demand.idle && light_left(d) == 0 && d->demand.n_not_idle >= SURE;
}

void demand_adjust(struct dispatch *d, struct dispatch_actions *out)
{
        if (d->stopped || d->n_pus == 0)
                return;
        for (uint32_t i = 0; i < d->max_workers && d->n_extra_of_use > 0; i++)
                if (is_useless(d, &d->workers[i]) && d->n_extra_of_use < d->n_of_use)
                        workers_retire(d, i, d->pool.n > 0 ? DISPATCH_R_BUSY : DISPATCH_R_DRY, out);
        if (light_left(d) > 0)
                start_by_history(d, out);
}

uint64_t dispatch_next_sample(const struct dispatch *d)
{
        if (d->extra_workers == 0 || d->stopped || d->demand.next == 0 || d->pool.n + d->n_queued == 0 ||
            d->n_of_use == 0 || (d->n_extra_of_use == 0 && d->n_alive >= d->max_workers))
                return DISPATCH_NEVER;
        return d->demand.next;
}
