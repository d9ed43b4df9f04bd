/* Which item a worker gets next. Reads the state, and changes nothing but the plan.
 *
 * With `ordered` there is nothing to choose: the first of the pool. A worker that has begun a serial unit goes on with
 * it, and as long as nobody has, it counts as one long item. For everything else:
 *
 * The problem is Q | group set-ups | Cmax with uncertain times, met by list scheduling. In the order of the rules:
 *
 *   LONGEST  the first of the long items, longest first, that goes to this worker when each is placed where it ends
 *            earliest (Graham 1969; on PUs of different speed: Gonzalez, Ibarra, Sahni 1977; Cho, Sahni 1980). Long
 *            is what matters to the end: the order of the others moves the makespan by less than one of them
 *   GROUP    the worker's own unit in collection order: its set-up is paid
 *   OPEN     the untouched unit with the most set-up and work (longest first over batches: Maecker et al. 2015 keep
 *            classes whole while they are small against the makespan)
 *   SPLIT    a unit that others have open, where dividing what is left of it saves more than the second set-up
 *
 * and, when the pool has nothing, items that wait behind others (STOLEN). A slow PU is left idle where a faster one
 * gets to the item and ends it sooner.
 */
#include "core/dispatch_state.h"

#include <math.h>

/* An item is long that takes more than this part of the whole run, and a difference worth that little is not worth
 * an item's habitual place. */
static const double WORTH = 0.02;
/* An item is taken out of its group only if it is this many times as long as the suite's mean, for among equals the
 * order does not matter… */
static const double LONGER = 1.2;
/* …and this many times as long as its group's set-up. */
static const double LOOSE = 8;
/* Up to so many workers the long items' whole schedule is tried at each choice (some 20 µs). */
enum { LONG_WORKERS_MAX = 64 };
/* How much a split has to shorten what is left of a unit: below this it only breaks items' habitual order. */
static const double SPLIT_GAIN = 0.03;
/* What taking an item over has to gain, of its own time: workers that are as busy do not take from each other. */
static const double THEFT = 0.02;
/* A queue of tiny items holds this many times the cost of a send: some 10 ms, so that a worker does not run dry while
 * the engine waits for a CPU on a busy machine. Too much does no harm, for what is not begun can be recalled. */
static const double HORIZON_SENDS = 250;

/* What the worker is bound to do of the serial unit that it is at, though it was not sent yet. */
static struct work owned_work(const struct dispatch *d, const struct worker *w)
{
        return pool_is_bound(d, (uint32_t)(w - d->workers)) ? pool_unit_work(d, w->unit) : (struct work){0};
}

struct outlook pick_outlook(const struct dispatch *d)
{
        double speed = 0, based = 0, fastest = 0, computes, work = pool_work(d).seconds + d->pool.heap_setups,
               longest = 0, rest;
        uint32_t rank = pool_longest(d, &d->pool.lengths, HUGE_VAL);

        computes = work - pool_work(d).waits;
        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                double release;

                if (w->state == WORKER_GONE)
                        continue;
                release = pick_release(d, w);
                longest = release > longest ? release : longest;
                work += release * w->speed - owned_work(d, w).seconds; /* which the pool's has */
                if (w->state == WORKER_RETIRING)
                        continue;
                computes += demand_is_blocked(d, w) ? 0 : release * w->speed;
                speed += w->speed;
                based += w->extra ? 0 : w->speed;
                fastest = w->speed > fastest ? w->speed : fastest;
        }
        if (rank != RANK_NONE && fastest > 0 && d->pool.lengths_of[rank] / fastest > longest)
                longest = d->pool.lengths_of[rank] / fastest;
        rest = fmax(longest, speed > 0 ? work / speed : 0);
        if (d->n_extra > 0 && based > 0)
                rest = fmax(rest, computes / based);
        return (struct outlook){
                .rest = rest,
                .calm = fmax(longest, based > 0 ? work / based : 0),
                .crowded = fmax(longest, based > 0 ? computes / based : 0),
                .worth = WORTH * (rest + (d->began ? (double)(d->now - d->began) / 1e6 : 0)),
        };
}

static bool can_run(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        return item != DISPATCH_NONE && d->items[item].missed_by != worker && pool_may_have(d, worker, item) &&
               needs_fit(d, worker, item);
}

static bool may_run(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        return can_run(d, worker, item) && (d->n_extra == 0 || demand_suits(d, worker, item));
}

bool pick_is_long(const struct dispatch *d, uint32_t item)
{
        const struct item *it = &d->items[item];
        double seconds = it->seconds + it->spread; /* it may well be that long */

        if (d->pool.units[it->unit].serial)
                return d->pool.history && pool_unit_work(d, it->unit).seconds > d->outlook.worth;
        if (it->seconds < 0 || seconds <= d->outlook.worth)
                return false;
        return it->group == DISPATCH_NONE || (seconds > LONGER * d->pool.mean && seconds >= LOOSE * it->setups);
}

/* Whether LONGEST is to place it. Whoever is the only one runs all of them, in the order that sets least up. */
static bool is_for_itself(const struct dispatch *d, uint32_t item)
{
        return d->n_of_use > 1 && pick_is_long(d, item);
}

/* The first item of a unit that this worker can run and that is not for LONGEST to place; where light ones are to be
 * spared for extra workers none of these. */
static uint32_t unit_item(const struct dispatch *d, uint32_t worker, uint32_t unit, uint32_t from_position, bool spare)
{
        uint32_t item = pool_unit_next(d, unit, from_position);

        while (item != DISPATCH_NONE &&
               (!may_run(d, worker, item) || is_for_itself(d, item) || (spare && demand_is_light(d, item)))) {
                if (d->pool.units[unit].serial)
                        return DISPATCH_NONE;
                item = pool_unit_next(d, unit, d->items[item].position + 1);
        }
        return item;
}

/* Who ends the item first, given when each is free. */
static uint32_t earliest(const struct dispatch *d, uint32_t item, const double *release)
{
        struct work work = pool_part_work(d, item);
        bool light = demand_leads(d) && demand_is_light(d, item),
             spare = demand_counts(d, &d->items[item]) && demand_spares_others(d);
        uint32_t best = DISPATCH_NONE;
        double best_end = HUGE_VAL;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                /* Those on PUs have better to do than to wait. */
                double end = release[i] + work_at(work, w->speed) + (light && !w->extra ? d->outlook.worth : 0);

                if (plan_counts_on(d, w) && deal_has_room(d, w) && (w->extra || !spare) && may_run(d, i, item) &&
                    end < best_end) {
                        best_end = end;
                        best = i;
                }
        }
        return best;
}

/* On machines too large for that: the longest item that the worker ends within the rest of the run. */
static uint32_t longest_that_fits(const struct dispatch *d, uint32_t worker)
{
        enum { TRIES = 16 };
        const struct worker *w = &d->workers[worker];
        const struct rank_set *ranks = demand_ranks(d, worker);
        double room = (d->outlook.rest * (1 + WORTH) - pick_release(d, w)) * w->speed;
        uint32_t rank = pool_longest(d, ranks, room);

        for (unsigned i = 0; i < TRIES && rank != RANK_NONE; i++) {
                uint32_t item = pool_at(d, rank);

                if (d->pool.lengths_of[rank] <= d->outlook.worth)
                        break;
                if (pick_is_long(d, item) && may_run(d, worker, item))
                        return item;
                rank = rank_set_next(ranks, rank + 1);
        }
        return DISPATCH_NONE;
}

/* The longest of the items that list scheduling by earliest completion, longest first, gives to this worker: none
 * where the others, busy as they may be, end all of them sooner. It looks as far ahead as it takes until the slowest
 * PU has got something. */
static uint32_t long_item(const struct dispatch *d, uint32_t worker)
{
        enum { AHEAD = 4, AHEAD_MIN = 16 };
        double release[LONG_WORKERS_MAX];
        const struct rank_set *ranks = demand_ranks(d, worker);
        uint32_t rank = pool_longest(d, ranks, HUGE_VAL), n = d->max_workers;

        if (n > LONG_WORKERS_MAX)
                return longest_that_fits(d, worker);
        for (uint32_t i = 0; i < n; i++)
                release[i] = pick_release(d, &d->workers[i]);
        for (uint32_t tries = 0; tries < AHEAD * n + AHEAD_MIN && rank != RANK_NONE; tries++) {
                uint32_t item = pool_at(d, rank), best;

                if (d->pool.lengths_of[rank] <= d->outlook.worth)
                        break;
                best = pick_is_long(d, item) ? earliest(d, item, release) : DISPATCH_NONE;
                if (best == worker)
                        return item;
                if (best != DISPATCH_NONE)
                        release[best] += work_at(pool_part_work(d, item), d->workers[best].speed);
                rank = rank_set_next(ranks, rank + 1);
        }
        return DISPATCH_NONE;
}

/* The worker's unit from its last item on, then what of it was left before that. */
static uint32_t own_item(const struct dispatch *d, uint32_t worker, bool spare)
{
        const struct worker *w = &d->workers[worker];
        uint32_t item;

        if (w->unit == DISPATCH_NONE)
                return DISPATCH_NONE;
        item = unit_item(d, worker, w->unit, w->tail == DISPATCH_NONE ? 0 : d->items[w->tail].position, spare);
        return item != DISPATCH_NONE ? item : unit_item(d, worker, w->unit, 0, spare);
}

static uint32_t fresh_item(const struct dispatch *d, uint32_t worker, bool spare)
{
        uint32_t item = DISPATCH_NONE;

        /* The head unit, unless all of it is what this worker does not have. */
        for (uint32_t i = 0; i < d->pool.n_heap && item == DISPATCH_NONE; i++)
                item = unit_item(d, worker, d->pool.heap[i], 0, spare);
        return item;
}

/* What joining the unit would take off its end, in seconds; <= 0 where it is not worth it. */
static double split_gain(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        const struct item *it = &d->items[item];
        uint32_t n = d->pool.units[it->unit].n_workers;
        double left = pool_unit_work(d, it->unit).seconds;
        double setup = pool_setup_seconds(d, d->workers[worker].tail, item);
        double alone = left / (n ? n : 1), joined = (left + setup) / (n + 1);

        return alone - joined - (setup > 0 ? SPLIT_GAIN * alone : 0);
}

/* The open unit that gains most from one more worker: there are no more of them than workers. It is joined in its
 * middle, so that both halves stay in collection order. */
static uint32_t split_item(const struct dispatch *d, uint32_t worker, bool spare)
{
        uint32_t best = DISPATCH_NONE;
        double best_gain = 0;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                uint32_t unit = d->workers[i].unit, item;
                double gain;

                if (i == worker || d->workers[i].state == WORKER_GONE || unit == DISPATCH_NONE ||
                    !d->pool.units[unit].n_pool || d->pool.units[unit].serial)
                        continue;
                item = unit_item(d, worker, unit, (d->pool.units[unit].first + d->pool.units[unit].end) / 2, spare);
                if (item == DISPATCH_NONE)
                        item = unit_item(d, worker, unit, 0, spare);
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

/* The longest of those that failed last time. */
static uint32_t early_item(const struct dispatch *d, uint32_t worker)
{
        uint32_t rank = rank_set_next(&d->pool.earlies, 0);

        while (rank != RANK_NONE && !may_run(d, worker, pool_at(d, rank)))
                rank = rank_set_next(&d->pool.earlies, rank + 1);
        return rank == RANK_NONE ? DISPATCH_NONE : pool_at(d, rank);
}

/* What is left of the serial unit that the worker is at. */
static uint32_t serial_item(const struct dispatch *d, uint32_t worker)
{
        uint32_t item = pool_unit_next(d, d->workers[worker].unit, 0);

        return needs_fit(d, worker, item) ? item : DISPATCH_NONE;
}

/* The first of what is left: where that cannot begin yet nothing does. */
static uint32_t ordered_item(const struct dispatch *d, uint32_t worker)
{
        uint32_t rank = rank_set_next(&d->pool.lengths, 0);

        while (rank != RANK_NONE && !may_run(d, worker, pool_at(d, rank))) {
                if (!needs_fit(d, worker, pool_at(d, rank)))
                        return DISPATCH_NONE;
                rank = rank_set_next(&d->pool.lengths, rank + 1);
        }
        return rank == RANK_NONE ? DISPATCH_NONE : pool_at(d, rank);
}

/* Until the next wide item can begin: only what ends before that. */
static bool pick_backfill(const struct dispatch *d, uint32_t worker, double room, struct choice *ret_choice)
{
        enum { TRIES = 16 };
        const struct worker *w = &d->workers[worker];
        uint32_t item = own_item(d, worker, false),
                 rank = pool_longest(d, &d->pool.lengths, room / work_at((struct work){.seconds = 1}, w->speed));

        if (chosen(ret_choice, needs_pick(d, worker, NEEDS_ANY, room), DISPATCH_R_LONGEST))
                return true;
        if (item != DISPATCH_NONE && work_at(pool_item_work(d, item), w->speed) <= room)
                return chosen(ret_choice, item, DISPATCH_R_GROUP);
        for (unsigned i = 0; i < TRIES && rank != RANK_NONE; i++, rank = rank_set_next(&d->pool.lengths, rank + 1)) {
                item = pool_at(d, rank);
                if (may_run(d, worker, item) && work_at(pool_part_work(d, item), w->speed) <= room)
                        return chosen(ret_choice, item, DISPATCH_R_LONGEST);
        }
        return false;
}

static bool chosen_needy(const struct dispatch *d, struct choice *ret_choice, uint32_t item,
                         enum dispatch_reason reason)
{
        return chosen(ret_choice, item, item != DISPATCH_NONE && d->items[item].early ? DISPATCH_R_EARLY : reason);
}

/* Whether it is settled by what items need, and with what: false in *ret_any where with nothing. */
static bool pick_needy(const struct dispatch *d, uint32_t worker, struct choice *ret_choice, bool *ret_any)
{
        bool extra = d->workers[worker].extra;
        uint32_t wide = extra ? DISPATCH_NONE : needs_next_wide(d, worker);
        double room;

        *ret_any = wide != DISPATCH_NONE && wide_fits(d, worker, wide) && chosen(ret_choice, wide, DISPATCH_R_WIDE);
        if (*ret_any)
                return true;
        room = extra ? HUGE_VAL : wide_room(d, worker);
        if (room < HUGE_VAL) {
                *ret_any = pick_backfill(d, worker, room, ret_choice);
                return true;
        }
        *ret_any = chosen_needy(d, ret_choice, needs_pick(d, worker, NEEDS_URGENT, HUGE_VAL), DISPATCH_R_LONGEST) ||
                   chosen(ret_choice, needs_pick(d, worker, NEEDS_OWN, HUGE_VAL), DISPATCH_R_GROUP);
        return *ret_any;
}

/* By the rules. */
static bool pick_by_rules(const struct dispatch *d, uint32_t worker, bool spare, struct choice *ret_choice)
{
        uint32_t fresh;

        if (chosen(ret_choice, own_item(d, worker, spare), DISPATCH_R_GROUP))
                return true;
        fresh = fresh_item(d, worker, spare);
        return chosen(ret_choice, fresh, open_reason(d, fresh)) ||
               chosen(ret_choice, split_item(d, worker, spare), DISPATCH_R_SPLIT);
}

static bool pick(struct dispatch *d, uint32_t worker, struct choice *ret_choice)
{
        bool beside = demand_leads(d) || d->workers[worker].extra, any;
        enum plan_answer answer = PLAN_NO_PLAN;

        if (d->pool.n == 0 || !demand_may_have_any(d, worker))
                return false;
        if (d->pool.ordered)
                return chosen(ret_choice, ordered_item(d, worker), DISPATCH_R_NEXT);
        if (pool_is_bound(d, worker))
                return chosen(ret_choice, serial_item(d, worker), DISPATCH_R_SERIAL);
        if (d->pool.n_early > 0 && chosen(ret_choice, early_item(d, worker), DISPATCH_R_EARLY))
                return true;
        if (d->pool.n_early > 0 && demand_is_choosy(d, worker))
                return false;
        if (d->needs.n_pool > 0 && pick_needy(d, worker, ret_choice, &any))
                return any;
        if (!beside)
                answer = plan_pick(d, worker, ret_choice);
        if (answer == PLAN_ITEM && needs_fit(d, worker, ret_choice->item))
                return true;
        if (d->needs.n_pool > 0 && chosen(ret_choice, needs_pick(d, worker, NEEDS_ANY, HUGE_VAL), DISPATCH_R_LONGEST))
                return true;
        if (answer == PLAN_IDLE)
                return false;
        if (d->n_of_use > 1 && chosen(ret_choice, long_item(d, worker), DISPATCH_R_LONGEST))
                return true;
        if (beside && !d->workers[worker].extra && pick_by_rules(d, worker, true, ret_choice))
                return true;
        return pick_by_rules(d, worker, false, ret_choice);
}

bool pick_item(struct dispatch *d, uint32_t worker, struct choice *ret_choice)
{
        if (!pick(d, worker, ret_choice))
                return false;
        if (d->workers[worker].extra && demand_is_light(d, ret_choice->item))
                ret_choice->reason = DISPATCH_R_WAITS;
        return true;
}

uint32_t pick_any(const struct dispatch *d, uint32_t worker)
{
        uint32_t rank = rank_set_next(&d->pool.lengths, 0);

        if (d->pool.ordered) /* of a serial group too only the first */
                return ordered_item(d, worker);
        if (pool_is_bound(d, worker))
                return serial_item(d, worker);
        while (rank != RANK_NONE && !can_run(d, worker, pool_at(d, rank)))
                rank = rank_set_next(&d->pool.lengths, rank + 1);
        return rank == RANK_NONE ? needs_pick(d, worker, NEEDS_ANY, HUGE_VAL) : pool_at(d, rank);
}

double pick_horizon(const struct dispatch *d)
{
        enum { SHARES = 4 };
        double horizon = HORIZON_SENDS * d->overhead;
        double share = pool_work(d).seconds / (SHARES * (double)(d->n_places ? d->n_places : 1));

        if (d->pool.ordered)
                return 0;
        return horizon < share ? horizon : share;
}

/* An item that takes longer than expected is expected to take half as long again as it is late: of a heavy-tailed
 * time, the longer it lasted, the longer the rest. */
static double running_seconds(const struct dispatch *d, const struct worker *w)
{
        double elapsed = d->now > w->begun ? (double)(d->now - w->begun) / 1e6 : 0;
        double left = work_at(w->running, w->speed) - elapsed;

        if (w->n_running == 0 || w->waiting)
                return 0;
        return left > 0 ? left : -left / 2;
}

double pick_release(const struct dispatch *d, const struct worker *w)
{
        struct work work = owned_work(d, w);

        work_add(&work, w->queued, 1);
        return running_seconds(d, w) + work_at(work, w->speed);
}

/* What the thief of a worker's last item takes over: of a serial unit all that the worker holds, and what is left. */
static struct work theft_work(const struct dispatch *d, const struct worker *v, uint32_t last)
{
        uint32_t unit = d->items[last].unit;
        struct work work;

        if (!d->pool.units[unit].serial)
                return pool_item_work(d, last);
        work = pool_unit_work(d, unit);
        for (uint32_t i = v->n_running; i < v->n_held; i++)
                if (d->items[v->held[i]].unit == unit)
                        work_add(&work, pool_item_work(d, v->held[i]), 1);
        return work;
}

static bool may_steal(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        return d->items[item].missed_by != worker && demand_suits(d, worker, item) &&
               !d->pool.units[d->items[item].unit].begun && !d->items[item].constrained;
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
                if (!may_steal(d, worker, last))
                        continue;
                theirs = pick_release(d, v);
                ours = pick_release(d, w) + pool_setup_seconds(d, w->tail, last) / w->speed +
                       (1 + THEFT) * work_at(theft_work(d, v, last), w->speed);
                if (ours < theirs && theirs > best_release) {
                        best_release = theirs;
                        best = i;
                }
        }
        return best;
}
