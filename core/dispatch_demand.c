/* Blocked is not busy: more workers than PUs, while what runs wants less CPU than there is.
 *
 * An item is light that waits for at least half of its time, as history says or as its unit has shown. While there are
 * such items extra workers run them, floating over the PUs, and those on PUs take what computes first. What is not
 * known shows in samples: where PUs are idle although workers run something, more are started, as many as would use
 * what is idle and at most twice as many each time, and they may take anything until the PUs are wanted. If extra
 * workers turn out to compute, and all together want more than there is, they end behind their items; if most of them
 * did, history is not believed any more about what is light.
 */
#include "core/dispatch_state.h"

enum {
        SOON_US = 25000,   /* until the next samples while something changes… */
        LATE_US = 250000,  /* …and while nothing does: in between the time doubles */
        SURE = 3,          /* so many samples in a row are no accident */
        REGROWTH = 4,      /* one worker more for so many, once there were too many */
        KEEP_US = 1000000, /* PUs that are wanted for less than this may soon be idle again */
};

static const double LIGHT = 0.5;
/* What wants more of a PU than this is taken to compute. */
static const double HEAVY = 0.75;
/* Samples count by their length against this, in seconds (an exponentially weighted mean). */
static const double MEMORY = 0.15;
/* So much of a PU that is idle could serve another worker. */
static const double IDLE = 0.5;
/* An item is far over its time that has taken so many times as much, and so many seconds besides. */
static const double LATE = 2;
static const double LATE_MIN = 0.1;
/* What waits in a unit, over its set-ups: for less it is kept together. */
static const double PART = 4;
/* What waits in a unit, over the set-ups of all who would share it. */
static const double JOIN = 2;
/* By so much the rest has to become shorter at best for workers beyond one a PU: they stand in each other's way too. */
static const double GAIN = 0.15;
/* And the run by so many times what makes a difference. */
static const double MUCH = 3;
/* Of the PUs: what all together may want. Above 1, for workers do not wait in turns. */
static const double CROWD = 1.25;
/* PUs by which the demand has to be above that before workers end for it. */
static const double SLACK = 0.25;

static bool waits_mostly(struct work work)
{
        return work.waits >= LIGHT * work.seconds && work.seconds > 0;
}

bool demand_counts(const struct dispatch *d, const struct item *it)
{
        return it->light && d->extra_workers > 0;
}

static bool may_be_light(const struct dispatch *d, const struct item *it)
{
        return it->seconds > 0 && it->waits >= LIGHT && !d->pool.units[it->unit].serial;
}

/* To part what waits in a unit from what computes sets its fixtures up twice at least. */
void demand_init(struct dispatch *d)
{
        for (uint32_t u = 0; u < d->pool.n_units && d->extra_workers > 0; u++) {
                const struct unit *unit = &d->pool.units[u];
                double waits = 0;

                for (uint32_t at = unit->first; at < unit->end; at++) {
                        const struct item *it = &d->items[d->pool.by_position[at]];

                        waits += may_be_light(d, it) ? it->seconds * it->waits : 0;
                }
                for (uint32_t at = unit->first; at < unit->end; at++) {
                        struct item *it = &d->items[d->pool.by_position[at]];

                        it->light = may_be_light(d, it) && waits >= PART * it->setups;
                }
        }
}

bool demand_is_light(const struct dispatch *d, uint32_t item)
{
        if (d->items[item].seconds >= 0 && !d->pool.units[d->items[item].unit].serial)
                return d->items[item].light && !d->demand.doubtful;
        return pool_item_is_estimated(d, item) && waits_mostly(pool_part_work(d, item));
}

/* Light items, as far as history is believed. */
static uint32_t light_left(const struct dispatch *d)
{
        return d->demand.doubtful ? 0 : d->demand.n_light;
}

/* Extra workers to whom something can be left. */
static uint32_t count_extra(const struct dispatch *d)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->max_workers && d->n_extra_of_use > 0; i++)
                n += d->workers[i].extra && plan_counts_on(d, &d->workers[i]);
        return n;
}

bool demand_spares_others(const struct dispatch *d)
{
        uint32_t extra = count_extra(d);

        return extra > 0 && light_left(d) > 0 && d->demand.light.seconds <= d->outlook.rest * extra;
}

bool demand_leads(const struct dispatch *d)
{
        return (light_left(d) > 0 || d->demand.idle) && count_extra(d) > 0;
}

bool demand_is_choosy(const struct dispatch *d, uint32_t worker)
{
        return d->workers[worker].extra && !pool_is_bound(d, worker) && base_workers(d) > 0;
}

/* Whether a unit has enough left that waits for one more worker to set its fixtures up, for which it computes. */
static bool is_worth_joining(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        const struct item *it = &d->items[item];
        double setup = it->setups > 0 ? pool_setup_seconds(d, d->workers[worker].tail, item) : 0;

        return setup <= 0 || pool_part_work(d, item).waits >= JOIN * setup ||
               pool_unit_work(d, it->unit).waits >= JOIN * setup * (d->pool.units[it->unit].n_workers + 1);
}

bool demand_suits(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        if (!demand_is_choosy(d, worker))
                return true;
        if (d->items[item].cpus > 1 || (!d->demand.idle && !is_worth_joining(d, worker, item)))
                return false;
        if (d->needs.any_wide) /* which want their PUs for themselves */
                return demand_counts(d, &d->items[item]) && !d->demand.doubtful;
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

static double share_of(struct work work)
{
        return work.seconds > 0 ? 1 - work.waits / work.seconds : 1;
}

/* Of its time, when the worker used a PU or was ready to: as the samples of what it runs say, or before there are any
 * as is expected of that, or of what it runs next. */
static double demand_of(const struct dispatch *d, const struct worker *w)
{
        if (w->state == WORKER_GONE || w->waiting || w->n_held == 0)
                return 0;
        if (w->n_running == 0)
                return share_of(d->items[w->held[0]].charge);
        return w->n_samples > 0 ? w->demand : share_of(w->running);
}

static double demand_of_all(const struct dispatch *d)
{
        double sum = 0;

        for (uint32_t i = 0; i < d->max_workers; i++)
                sum += demand_of(d, &d->workers[i]);
        return sum;
}

/* The same if it had a PU to itself. Where all together want more than there is, each gets only so much of the time in
 * which it is ready; what is expected leaves that out already. */
static double alone(const struct dispatch *d, const struct worker *w, double all)
{
        double demand = demand_of(d, w), used = demand;

        if (w->n_samples == 0 || w->n_running == 0 || demand >= 1)
                return demand;
        if (all > (double)d->n_pus)
                used = demand * (double)d->n_pus / all;
        return used / (used + 1 - demand);
}

bool demand_is_blocked(const struct dispatch *d, const struct worker *w)
{
        return demand_of(d, w) < LIGHT;
}

/* What workers that run something leave idle and what they want, in PUs. */
struct usage {
        uint32_t n;    /* of them */
        double ready;  /* sum of their demands */
        double wanted; /* the same if none had to wait for a PU */
        double left;   /* by those that have PUs, not used by the others */
};

static struct usage measure(const struct dispatch *d)
{
        struct usage usage = {.ready = demand_of_all(d)};

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                double wanted = alone(d, w, usage.ready);

                usage.wanted += wanted;
                usage.n += is_running(w);
                if (is_running(w) && !w->extra)
                        usage.left += wanted < 1 ? 1 - wanted : 0;
                else
                        usage.left -= wanted;
        }
        return usage;
}

const struct rank_set *demand_ranks(const struct dispatch *d, uint32_t worker)
{
        if (d->n_extra == 0)
                return &d->pool.lengths;
        if (demand_is_choosy(d, worker))
                return d->demand.idle ? &d->pool.lengths : &d->pool.lights;
        return !d->workers[worker].extra && demand_spares_others(d) ? &d->pool.heavies : &d->pool.lengths;
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
               d->n_alive < d->max_workers && d->n_alive < d->limit && d->demand.room > 0;
}

/* Whether the run could end so much sooner with more workers than PUs that they are worth it. */
static bool is_worthwhile(const struct dispatch *d)
{
        double gain = d->outlook.calm - d->outlook.crowded;

        return gain >= GAIN * d->outlook.calm && gain >= MUCH * d->outlook.worth;
}

/* Whether one more of n that run light items would save more than its start and its fixtures cost. */
static bool is_worth_it(const struct dispatch *d, uint32_t n)
{
        double left = d->demand.light.seconds;
        double cost = d->start_cost + d->session_setup + d->demand.setups / d->demand.n_light;

        return is_worthwhile(d) && left > d->outlook.worth &&
               (n == 0 ? left : left / n - left / (n + 1)) > cost / (double)d->n_pus;
}

/* Workers for the light items that nobody is there to take, as long as the PUs have room for them. */
static void start_by_history(struct dispatch *d, struct dispatch_actions *out)
{
        bool others = d->pool.n > d->demand.n_light; /* than light ones */
        uint32_t waiting = count_unemployed(d, true), based = count_unemployed(d, false);
        uint32_t taken = waiting + (others ? 0 : based), runners = d->n_extra_of_use + (others ? 0 : base_workers(d));
        double each = 1 - d->demand.light.waits / d->demand.light.seconds;
        double wanted = measure(d).wanted + each * waiting + (others ? 1 : each) * based;

        while (may_start(d) && taken < d->demand.n_light && wanted + each <= CROWD * (double)d->n_pus &&
               is_worth_it(d, runners) && workers_start_extra(d, DISPATCH_R_WAITS, out)) {
                taken++;
                runners++;
                wanted += each;
                d->demand.room--;
        }
}

/* Whether history can be believed of what runs: what takes far longer than it says may do so with the rest too. */
static bool history_holds(const struct dispatch *d)
{
        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                double since = d->now > w->begun ? (double)(d->now - w->begun) / 1e6 : 0;

                if (is_running(w) && since > LATE * work_at(w->running, w->speed) + LATE_MIN)
                        return false;
        }
        return d->pool.n_unknown == 0;
}

/* As many more as would use what is idle, but no more than there are, once those that were started before have
 * something to do; where history holds only if it promises a gain. */
static bool start_by_samples(struct dispatch *d, const struct usage *usage, struct dispatch_actions *out)
{
        double most = usage->left * usage->n / usage->wanted;
        uint32_t choices = pool_choices(d), n = 0;

        most = most < usage->n ? most : usage->n;
        if (d->demand.retreated)
                most = 1 + (double)d->n_extra_of_use / REGROWTH;
        if (!d->demand.idle || count_unemployed(d, true) > 0 ||
            (history_holds(d) && (d->outlook.rest <= d->start_cost || !is_worthwhile(d))))
                return false;
        while (n + 1 <= most && n < choices && may_start(d) && workers_start_extra(d, DISPATCH_R_WAITS, out)) {
                n++;
                d->demand.room--;
        }
        return n > 0;
}

/* Whether it computes though nobody expected that: it is long past its fixtures, even if they had to wait for PUs. */
static bool is_heavy(const struct dispatch *d, const struct worker *w, const struct usage *usage)
{
        double crowd = usage->ready > (double)d->n_pus ? usage->ready / (double)d->n_pus : 1;
        double since = d->now > w->begun ? (double)(d->now - w->begun) / 1e6 : 0;

        return w->extra && w->state == WORKER_ACTIVE && is_running(w) && w->n_samples > 0 &&
               alone(d, w, usage->ready) > HEAVY && since > 2 * crowd * w->fixtures;
}

/* Ends extra workers that compute, the busiest first, until the others have room. */
static void retreat(struct dispatch *d, const struct usage *usage, struct dispatch_actions *out)
{
        double wanted = usage->wanted;
        uint32_t extra = d->n_extra_of_use, n = 0;

        while (wanted > CROWD * (double)d->n_pus) {
                uint32_t busiest = DISPATCH_NONE;

                for (uint32_t i = 0; i < d->max_workers; i++) {
                        const struct worker *w = &d->workers[i];

                        if (is_heavy(d, w, usage) &&
                            (busiest == DISPATCH_NONE || w->demand > d->workers[busiest].demand))
                                busiest = i;
                }
                if (busiest == DISPATCH_NONE)
                        break;
                wanted -= d->workers[busiest].demand;
                deal_recall(d, busiest, DISPATCH_NONE, DISPATCH_R_BUSY, out);
                workers_retire(d, busiest, DISPATCH_R_BUSY, out);
                n++;
        }
        d->demand.retreated |= n > 0;
        d->demand.doubtful |= 2 * n > extra;
}

static void note_idleness(struct dispatch *d, const struct usage *usage, double idle)
{
        struct demand *demand = &d->demand;

        if (idle >= IDLE && usage->left >= IDLE)
                demand->idle = true;
        else if (idle < IDLE / 2 || usage->left < 0)
                demand->idle = false;
        if (demand->idle)
                demand->last_idle = d->now;
        demand->n_crowded = usage->wanted > CROWD * (double)d->n_pus + SLACK ? demand->n_crowded + 1 : 0;
}

void demand_sampled(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        struct demand *demand = &d->demand;
        struct usage usage = measure(d);
        bool was_idle = demand->idle, changed;

        demand->room = e->room;
        note_idleness(d, &usage, e->idle);
        if (demand->n_crowded >= SURE) {
                retreat(d, &usage, out);
                demand->n_crowded = 0;
        }
        changed = start_by_samples(d, &usage, out) || demand->idle != was_idle;
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
               d->n_recalling == 0 && !d->demand.idle && light_left(d) == 0 &&
               (d->demand.last_idle == 0 || d->now > d->demand.last_idle + KEEP_US);
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
