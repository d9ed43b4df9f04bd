/* The dispatcher's step: events become facts, facts become actions. The policy is dispatch_pick.c's. */
#include "core/dispatch_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { LATE_MIN_US = 5000 }; /* nobody is late by less than this */

const char *dispatch_reason_text(enum dispatch_reason reason)
{
        static const char *const texts[DISPATCH_REASONS] = {
                [DISPATCH_R_NONE] = "",
                [DISPATCH_R_LONGEST] = "the longest left",
                [DISPATCH_R_NEXT] = "the next one collected",
                [DISPATCH_R_GROUP] = "its fixtures are up",
                [DISPATCH_R_SERIAL] = "of its serial group",
                [DISPATCH_R_OPEN] = "opens a group",
                [DISPATCH_R_SPLIT] = "shares a group",
                [DISPATCH_R_STOLEN] = "waited elsewhere",
                [DISPATCH_R_EARLY] = "failed last time",
                [DISPATCH_R_WIDE] = "its CPUs are free",
                [DISPATCH_R_WAITS] = "waits more than it computes",
                [DISPATCH_R_BUSY] = "the CPUs are busy",
                [DISPATCH_R_RECYCLED] = "a fresh worker is due",
                [DISPATCH_R_DRY] = "nothing left to deal",
                [DISPATCH_R_STOPPED] = "stopped",
                [DISPATCH_R_PUS] = "the CPUs changed",
                [DISPATCH_R_MEMORY] = "no memory for so many",
                [DISPATCH_R_ROOM] = "memory for more",
                [DISPATCH_R_AGAIN] = "in place of one that died",
        };

        return (unsigned)reason < DISPATCH_REASONS ? texts[reason] : "?";
}

void dispatch_actions_finish(struct dispatch_actions *actions)
{
        free(actions->items);
        *actions = (struct dispatch_actions){0};
}

/* Creation */

static bool needs_are_valid(const struct dispatch_params *p)
{
        for (uint32_t r = 0; r < p->n_resources; r++)
                if (p->capacities[r] < 1)
                        return false;
        for (uint32_t i = 0; i < p->n_needs; i++)
                if (p->needs[i].resource >= p->n_resources || p->needs[i].amount < 1 ||
                    p->needs[i].amount > p->capacities[p->needs[i].resource])
                        return false;
        return true;
}

static bool item_is_valid(const struct dispatch_params *p, const struct dispatch_item *item)
{
        return (item->group == DISPATCH_NONE || item->group < p->n_groups) && item->serial <= p->n_items &&
               item->spread >= 0 && item->waits >= 0 && item->waits <= 1 && item->n_needs <= p->n_needs &&
               item->first_need <= p->n_needs - item->n_needs;
}

static bool group_is_valid(const struct dispatch_params *p, uint32_t g)
{
        uint32_t parent = p->groups[g].parent;

        return parent == DISPATCH_NONE || (parent < g && (p->groups[parent].loose || !p->groups[g].loose));
}

static bool params_fit(const struct dispatch_params *p)
{
        if (p->max_workers < 1 || p->max_workers > DISPATCH_WORKERS_MAX || p->min_workers > p->max_workers ||
            !(p->default_seconds > 0) || !(p->overhead >= 0) || !(p->start_cost >= 0) || isnan(p->session_setup) ||
            p->n_items == DISPATCH_NONE)
                return false;
        for (uint32_t i = 0; i < p->n_items; i++)
                if (!item_is_valid(p, &p->items[i]))
                        return false;
        for (uint32_t g = 0; g < p->n_groups; g++)
                if (!group_is_valid(p, g))
                        return false;
        return needs_are_valid(p);
}

static void copy_params(struct dispatch *d, const struct dispatch_params *p)
{
        for (uint32_t i = 0; i < p->n_items; i++) {
                d->items[i] = (struct item){.seconds = p->items[i].seconds,
                                            .spread = p->items[i].spread,
                                            .waits = p->items[i].waits,
                                            .constrained = p->items[i].cpus > 1 || p->items[i].n_needs > 0,
                                            .cpus = p->items[i].cpus,
                                            .first_need = p->items[i].first_need,
                                            .n_needs = p->items[i].n_needs,
                                            .kind = DISPATCH_NONE,
                                            .early = p->items[i].early && !p->ordered,
                                            .group = p->items[i].group,
                                            .worker = DISPATCH_NONE,
                                            .missed_by = DISPATCH_NONE,
                                            .state = p->items[i].alone ? ITEM_LEFT : ITEM_POOL};
                d->n_open += !p->items[i].alone;
        }
        for (uint32_t i = 0; i < d->max_workers; i++)
                d->workers[i].wide = DISPATCH_NONE;
        for (uint32_t g = 0; g < p->n_groups; g++)
                d->groups[g] = (struct group){.parent = p->groups[g].parent,
                                              .setup = p->groups[g].setup > 0 ? p->groups[g].setup : 0,
                                              .n_setups = p->groups[g].setup >= 0,
                                              .loose = p->groups[g].loose,
                                              .unit = DISPATCH_NONE};
        d->default_seconds = p->default_seconds;
        d->overhead = p->overhead;
        d->start_cost = p->start_cost;
        d->max_items = p->max_items;
        d->max_rss = p->max_rss;
        d->session_setup = p->session_setup > 0 ? p->session_setup : 0;
        d->n_session_setups = p->session_setup >= 0;
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

int dispatch_create(const struct dispatch_params *params, struct dispatch **ret_dispatch)
{
        struct dispatch *d;
        int r = -ENOMEM;

        if (!params_fit(params))
                return -EINVAL;
        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;

        d->n_items = params->n_items;
        d->n_groups = params->n_groups;
        /* More workers than items can never be of use. */
        d->max_workers = least_of(params->max_workers, d->n_items > 0 ? d->n_items : 1);
        d->min_workers = least_of(params->min_workers, d->max_workers);
        d->extra_workers = params->ordered ? 0 : params->extra_workers;
        d->demand.room = d->limit = UINT32_MAX;
        d->items = calloc(d->n_items + (size_t)1, sizeof(*d->items));
        d->groups = calloc(d->n_groups + (size_t)1, sizeof(*d->groups));
        d->workers = calloc(d->max_workers + (size_t)1, sizeof(*d->workers));
        if (!d->items || !d->groups || !d->workers)
                goto fail;

        copy_params(d, params);
        r = plan_init(d);
        if (r < 0)
                goto fail;
        r = pool_init(d, params);
        if (r < 0)
                goto fail;
        *ret_dispatch = d;
        return 0;
fail:
        dispatch_destroy(d);
        return r;
}

void dispatch_destroy(struct dispatch *d)
{
        if (!d)
                return;
        plan_finish(&d->plan);
        pool_finish(&d->pool);
        needs_finish(&d->needs);
        free(d->items);
        free(d->groups);
        free(d->workers);
        free(d->places);
        free(d);
}

/* Whether items may have come back to the pool, or workers' places changed, so that everybody is looked at. */
static bool concerns_all(enum dispatch_event_type type)
{
        return type == DISPATCH_PUS || type == DISPATCH_RECALLED || type == DISPATCH_UNAVAILABLE ||
               type == DISPATCH_EXITED || type == DISPATCH_NO_WORKER || type == DISPATCH_LIMIT || type == DISPATCH_TIME;
}

/* Whether nothing is left that could go to one worker or to another: all is begun, or belongs to serial units that
 * are. */
static bool nothing_to_choose(const struct dispatch *d)
{
        return d->n_recalling == 0 && pool_choices(d) == 0;
}

/* Whether a worker gets nothing more where there is nothing to choose. */
static bool is_dry(const struct dispatch *d, uint32_t worker)
{
        const struct worker *w = &d->workers[worker];

        return (w->state == WORKER_ACTIVE || w->state == WORKER_STARTING) && !pool_is_bound(d, worker);
}

static void leave_pool(struct dispatch *d, struct dispatch_actions *out)
{
        for (uint32_t i = 0; i < d->n_items && d->pool.n > 0; i++) {
                if (d->items[i].state != ITEM_POOL)
                        continue;
                pool_take(d, i);
                deal_leave(d, i, out);
        }
}

/* Whether nothing moves any more although there is something in the pool. */
static bool is_stuck(const struct dispatch *d)
{
        if (d->pool.n == 0 || d->stopped || d->n_recalling > 0 || d->n_queued > 0)
                return false;
        if (d->n_alive == 0)
                return d->n_failures >= DISPATCH_FAILURES_MAX;
        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];

                if (w->state != WORKER_GONE && (!w->waiting || w->state == WORKER_RETIRING))
                        return false;
        }
        return true;
}

/* Everybody waits for somebody else who would do it better, but there is nobody: whoever can takes something, and
 * what nobody can run is the reporter's. */
static void get_unstuck(struct dispatch *d, struct dispatch_actions *out)
{
        bool any = false;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                bool can = w->state == WORKER_ACTIVE && wide_leaves_room(d, i) && deal_has_room(d, w) &&
                           !(w->extra && d->n_wide > 0);
                uint32_t item = can ? pick_any(d, i) : DISPATCH_NONE;

                if (item == DISPATCH_NONE)
                        continue;
                deal_send(d, i, (struct choice){item, DISPATCH_R_NEXT}, 0, out);
                any = true;
        }
        if (!any)
                leave_pool(d, out);
}

/* A worker that waits has not given back what its last item needed: that is torn down when it knows the next one, or
 * that there is none. Where others wait for that, it ends; one at a time, for the next may then have what it needs. */
static void unblock(struct dispatch *d, struct dispatch_actions *out)
{
        uint32_t blocking = DISPATCH_NONE;

        for (uint32_t i = 0; i < d->max_workers && !d->stopped; i++) {
                const struct worker *w = &d->workers[i];

                if (w->state == WORKER_RETIRING && w->n_constrained > 0)
                        return;
                if (blocking == DISPATCH_NONE && w->state == WORKER_ACTIVE && w->waiting && w->dry &&
                    w->n_constrained > 0 && needs_are_blocked_by(d, i))
                        blocking = i;
        }
        if (blocking != DISPATCH_NONE)
                workers_retire(d, blocking, DISPATCH_R_RECYCLED, out);
}

static void conclude(struct dispatch *d, struct dispatch_actions *out)
{
        if (d->needs.n > 0)
                unblock(d, out);
        if (is_stuck(d))
                get_unstuck(d, out);
        if (d->n_of_use > 0 && nothing_to_choose(d))
                for (uint32_t i = 0; i < d->max_workers; i++)
                        if (is_dry(d, i))
                                workers_retire(d, i, DISPATCH_R_DRY, out);
        if (d->n_pus > 0 &&
            (d->stopped || nothing_to_choose(d) || (d->n_open <= base_workers(d) && d->needs.n_pool == 0)))
                workers_return_pus(d, out);
        if (d->n_alive == 0 && (d->n_open == 0 || d->stopped) && !d->finished) {
                d->finished = true;
                dispatch_emit(out, DISPATCH_DO_FINISHED, d->stopped ? DISPATCH_R_STOPPED : DISPATCH_R_DRY);
        }
}

/* Checking and reserving */

static bool is_of_worker(enum dispatch_event_type type)
{
        return type != DISPATCH_SAMPLED && type != DISPATCH_PUS && type != DISPATCH_LIMIT && type != DISPATCH_STOP &&
               type != DISPATCH_TIME;
}

static bool event_fits(const struct dispatch *d, const struct dispatch_event *e)
{
        if (is_of_worker(e->type) && e->worker >= d->max_workers)
                return false;
        if ((e->type == DISPATCH_STARTED || e->type == DISPATCH_DONE) && e->item >= d->n_items)
                return false;
        if ((e->type == DISPATCH_EXITED || e->type == DISPATCH_WANT) && e->item != DISPATCH_NONE &&
            e->item >= d->n_items)
                return false;
        if (e->type == DISPATCH_SETUP && e->group != DISPATCH_NONE && e->group >= d->n_groups)
                return false;
        if ((e->type == DISPATCH_DONE || e->type == DISPATCH_SETUP || e->type == DISPATCH_SAMPLE) &&
            !(e->wall >= 0 && e->cpu >= 0))
                return false;
        if (e->type == DISPATCH_SAMPLED && !(e->idle >= 0))
                return false;
        if ((e->type == DISPATCH_PUS && e->n_pus == 0) || (e->type == DISPATCH_LIMIT && e->room == 0))
                return false;
        if (e->type == DISPATCH_PUS)
                for (size_t i = 0; i < e->n_pus; i++)
                        if (!(e->pus[i].speed > 0))
                                return false;
        if (e->type == DISPATCH_RECALLED || e->type == DISPATCH_UNAVAILABLE || e->type == DISPATCH_EXITED)
                for (size_t i = 0; i < e->n_list; i++)
                        if (e->list[i] >= d->n_items)
                                return false;
        return true;
}

/* The most actions that one step can emit: each open item sent or left, and start, four pins, recall and retire of
 * each worker, each PU given to a wide item twice and returned, finished. */
static int reserve(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        size_t sends = (size_t)d->max_workers * DISPATCH_QUEUE_MAX;
        bool left = e->type == DISPATCH_EXITED || e->type == DISPATCH_NO_WORKER || e->type == DISPATCH_UNAVAILABLE;
        size_t pus = e->type == DISPATCH_PUS && e->n_pus > d->n_pus ? e->n_pus : d->n_pus, need, grown;
        struct dispatch_action *items;

        if (sends > d->n_open)
                sends = d->n_open;
        need = out->n + sends + (left || d->missed ? d->n_open : 0) + (size_t)d->max_workers * 7 + 3 * pus + 1;
        if (need <= out->allocated)
                return 0;
        grown = need > 2 * out->allocated ? need : 2 * out->allocated;
        items = realloc(out->items, grown * sizeof(*items));
        if (!items)
                return -ENOMEM;
        out->items = items;
        out->allocated = grown;
        return 0;
}

int dispatch_step(struct dispatch *d, const struct dispatch_event *event, struct dispatch_actions *actions)
{
        int r;

        if (!event_fits(d, event))
                return -EINVAL;
        r = reserve(d, event, actions);
        if (r < 0)
                return r;
        if (event->type == DISPATCH_PUS) {
                r = workers_reserve_places(d, event->n_pus);
                if (r < 0)
                        return r;
        }

        if (event->now > d->now)
                d->now = event->now;
        if (is_of_worker(event->type) && d->workers[event->worker].state == WORKER_GONE)
                return 0;
        d->freed = false;
        events_apply(d, event, actions);
        if (d->freed)
                wide_narrow(d, actions);
        d->outlook = pick_outlook(d);
        if (concerns_all(event->type) || d->freed)
                deal_fill_all(d, actions);
        else if (is_of_worker(event->type) && event->type != DISPATCH_SAMPLE)
                deal_fill(d, event->worker, actions);
        if (d->extra_workers > 0)
                demand_adjust(d, actions);
        /* The new plan may have something for those that the one before left idle. */
        if (d->plan.fresh)
                deal_fill_dry(d, actions);
        d->plan.fresh = false;
        conclude(d, actions);
        return 0;
}

/* Queries */

static uint64_t least_time(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* While somebody has nothing to do and something waits for somebody else, the others are watched for being late: a
 * quarter over the estimate, and then each time it has become a quarter more. */
uint64_t dispatch_next_deadline(const struct dispatch *d)
{
        static const double LATE = 1.25;
        uint64_t deadline = DISPATCH_NEVER;
        bool watch = false;

        if (d->stopped || d->pool.n + d->n_queued == 0)
                return DISPATCH_NEVER;
        for (uint32_t i = 0; i < d->max_workers; i++)
                watch |= d->workers[i].state == WORKER_ACTIVE && d->workers[i].dry;
        for (uint32_t i = 0; i < d->max_workers && watch; i++) {
                const struct worker *w = &d->workers[i];
                double elapsed = (double)(d->now - w->begun) / 1e6, expected = work_at(w->running, w->speed);
                uint64_t late;

                if (w->state == WORKER_STARTING && plan_patience(d, w) > d->now)
                        deadline = least_time(deadline, plan_patience(d, w));
                if (w->state == WORKER_GONE || w->n_running == 0 || w->waiting)
                        continue;
                late = w->begun + (uint64_t)(LATE * 1e6 * (elapsed > expected ? elapsed : expected)) + LATE_MIN_US;
                deadline = least_time(deadline, late);
        }
        return deadline;
}

double dispatch_work_left(const struct dispatch *d)
{
        return pool_work(d).seconds + (d->busy > 0 ? d->busy : 0);
}

uint32_t dispatch_items_left(const struct dispatch *d)
{
        return d->n_open;
}

bool dispatch_inline_is_faster(double total_seconds, uint32_t n_items, uint32_t n_pus, double start_cost,
                               double relay_cost)
{
        double workers = n_pus < n_items ? n_pus : n_items;

        if (workers < 2)
                return true;
        return total_seconds <= start_cost + relay_cost * n_items + total_seconds / workers;
}
