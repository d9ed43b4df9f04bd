/* The dispatcher's step: events become facts, facts become actions. The policy is dispatch_pick.c's. */
#include "core/dispatch_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LATE_MIN_US = 5000 }; /* nobody is late by less than this */

const char *dispatch_reason_text(enum dispatch_reason reason)
{
        static const char *const texts[DISPATCH_REASONS] = {
                [DISPATCH_R_NONE] = "",
                [DISPATCH_R_LONGEST] = "the longest left",
                [DISPATCH_R_NEXT] = "the next one collected",
                [DISPATCH_R_GROUP] = "its fixtures are up",
                [DISPATCH_R_OPEN] = "opens a group",
                [DISPATCH_R_SPLIT] = "shares a group",
                [DISPATCH_R_STOLEN] = "waited elsewhere",
                [DISPATCH_R_DRY] = "nothing left to deal",
                [DISPATCH_R_STOPPED] = "stopped",
                [DISPATCH_R_PUS] = "the CPUs changed",
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

static bool params_fit(const struct dispatch_params *p)
{
        if (p->max_workers < 1 || p->max_workers > DISPATCH_WORKERS_MAX || !(p->default_seconds > 0) ||
            !(p->overhead >= 0) || !(p->start_cost >= 0) || p->n_items == DISPATCH_NONE)
                return false;
        for (uint32_t i = 0; i < p->n_items; i++)
                if (p->items[i].group != DISPATCH_NONE && p->items[i].group >= p->n_groups)
                        return false;
        for (uint32_t g = 0; g < p->n_groups; g++)
                if (p->groups[g].parent != DISPATCH_NONE && p->groups[g].parent >= g)
                        return false;
        return true;
}

static void copy_params(struct dispatch *d, const struct dispatch_params *p)
{
        for (uint32_t i = 0; i < p->n_items; i++)
                d->items[i] = (struct item){.seconds = p->items[i].seconds,
                                            .group = p->items[i].group,
                                            .worker = DISPATCH_NONE,
                                            .missed_by = DISPATCH_NONE};
        for (uint32_t g = 0; g < p->n_groups; g++)
                d->groups[g] = (struct group){.parent = p->groups[g].parent,
                                              .setup = p->groups[g].setup > 0 ? p->groups[g].setup : 0,
                                              .n_setups = p->groups[g].setup >= 0};
        d->default_seconds = p->default_seconds;
        d->overhead = p->overhead;
        d->start_cost = p->start_cost;
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

        d->n_items = d->n_open = params->n_items;
        d->n_groups = params->n_groups;
        /* More workers than items can never be of use. */
        d->max_workers = params->max_workers;
        if (d->max_workers > d->n_items && d->n_items > 0)
                d->max_workers = d->n_items;
        d->items = calloc(d->n_items + (size_t)1, sizeof(*d->items));
        d->groups = calloc(d->n_groups + (size_t)1, sizeof(*d->groups));
        d->workers = calloc(d->max_workers, sizeof(*d->workers));
        if (!d->items || !d->groups || !d->workers)
                goto fail;

        copy_params(d, params);
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
        pool_finish(&d->pool);
        free(d->items);
        free(d->groups);
        free(d->workers);
        free(d->pus);
        free(d);
}

/* What a worker holds */

static struct worker *holder(struct dispatch *d, uint32_t worker, uint32_t item)
{
        const struct item *it = &d->items[item];

        return it->worker == worker && (it->state == ITEM_QUEUED || it->state == ITEM_RUNNING) ? &d->workers[worker]
                                                                                               : NULL;
}

static uint32_t held_index(const struct worker *w, uint32_t item)
{
        uint32_t i = 0;

        while (w->held[i] != item)
                i++;
        return i;
}

static void held_insert(struct worker *w, uint32_t at, uint32_t item)
{
        memmove(&w->held[at + 1], &w->held[at], (w->n_held - at) * sizeof(w->held[0]));
        w->held[at] = item;
        w->n_held++;
}

static void held_remove(struct worker *w, uint32_t at)
{
        w->n_held--;
        memmove(&w->held[at], &w->held[at + 1], (w->n_held - at) * sizeof(w->held[0]));
}

/* The item leaves its worker's hands; its state is the caller's to set. */
static void release(struct dispatch *d, struct worker *w, uint32_t item)
{
        struct item *it = &d->items[item];

        if (it->state == ITEM_RUNNING) {
                if (w->held[w->n_running - 1] == item)
                        w->running = 0;
                w->n_running--;
        } else {
                d->n_queued--;
                w->queued -= it->charge;
        }
        held_remove(w, held_index(w, item));
        d->busy -= it->charge;
        if (w->n_held == w->n_running)
                w->queued = 0;
        if (d->n_queued == 0 && d->busy < 0)
                d->busy = 0;
        it->worker = DISPATCH_NONE;
}

static void close_item(struct dispatch *d, uint32_t item, enum item_state state)
{
        d->items[item].state = state;
        d->n_open--;
}

static void leave_item(struct dispatch *d, uint32_t item, struct dispatch_actions *out)
{
        close_item(d, item, ITEM_LEFT);
        dispatch_emit(out, DISPATCH_DO_LEFT, DISPATCH_R_NONE)->item = item;
}

/* Fixtures of the last item that the worker keeps are the ones alive on it. */
static void reset_tail(struct dispatch *d, struct worker *w)
{
        w->tail = w->n_held > 0 ? w->held[w->n_held - 1] : w->last_done;
        if (w->state != WORKER_RETIRING)
                pool_enter(d, w, w->tail == DISPATCH_NONE ? DISPATCH_NONE : d->items[w->tail].unit);
}

/* Dealing */

static bool is_tiny(const struct dispatch *d, uint32_t item, double horizon)
{
        return pool_item_is_estimated(d, item) && pool_item_seconds(d, item) < horizon;
}

/* Whether the engine has to hear when this item is taken: always, but within a batch only half-way. */
static bool needs_report(const struct dispatch *d, const struct worker *w, uint32_t item, double horizon)
{
        return !is_tiny(d, item, horizon) || d->pool.n == 0 || 2 * w->unreported >= horizon ||
               w->n_unreported >= DISPATCH_QUEUE_MAX / 2;
}

static void send(struct dispatch *d, uint32_t worker, struct choice choice, double horizon,
                 struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        struct item *it = &d->items[choice.item];
        struct dispatch_action *action = dispatch_emit(out, DISPATCH_DO_SEND, choice.reason);

        it->charge = pool_item_seconds(d, choice.item) + pool_setup_seconds(d, w->tail, choice.item);
        pool_take(d, choice.item);
        it->state = ITEM_QUEUED;
        it->worker = worker;
        held_insert(w, w->n_held, choice.item);
        w->queued += it->charge;
        w->unreported += it->charge;
        w->n_unreported++;
        w->dry = w->waiting = false;
        w->tail = choice.item;
        pool_enter(d, w, it->unit);
        d->n_queued++;
        d->busy += it->charge;

        action->worker = worker;
        action->item = choice.item;
        action->report = needs_report(d, w, choice.item, horizon);
        if (action->report) {
                w->unreported = 0;
                w->n_unreported = 0;
        }
}

static uint32_t n_waiting(const struct worker *w)
{
        return w->n_held - w->n_running;
}

static void recall(struct dispatch *d, uint32_t worker, uint32_t thief, enum dispatch_reason reason,
                   struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];

        if (w->recalling || n_waiting(w) == 0)
                return;
        w->recalling = true;
        w->thief = thief;
        d->n_recalling++;
        dispatch_emit(out, DISPATCH_DO_RECALL, reason)->worker = worker;
}

/* Fills a worker's queue: one item ahead, and of tiny ones as many as keep it busy for the horizon. */
static void fill(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        struct choice choice;
        uint32_t victim;

        if (w->state != WORKER_ACTIVE || w->recalling || d->stopped)
                return;
        while (w->n_held < DISPATCH_QUEUE_MAX) {
                double horizon = pick_horizon(d);

                if (n_waiting(w) > 0 && w->queued >= horizon)
                        return;
                if (!pick_item(d, worker, &choice))
                        break;
                if (n_waiting(w) > 0 && !is_tiny(d, choice.item, horizon))
                        return;
                send(d, worker, choice, horizon, out);
        }
        if (n_waiting(w) > 0)
                return;

        w->dry = true;
        victim = pick_victim(d, worker);
        if (victim != DISPATCH_NONE)
                recall(d, victim, worker, DISPATCH_R_STOLEN, out);
}

/* Those that have nothing come first. */
static void fill_all(struct dispatch *d, struct dispatch_actions *out)
{
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].dry)
                        fill(d, i, out);
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (!d->workers[i].dry)
                        fill(d, i, out);
}

/* Gives the thief what it would finish before the victim could, from the back of the victim's queue. */
static bool hand_over(struct dispatch *d, uint32_t victim, const uint32_t *list, size_t n, struct dispatch_actions *out)
{
        struct worker *v = &d->workers[victim], *t = &d->workers[v->thief];
        double theirs = pick_release(d, v), ours = pick_release(d, t), horizon = pick_horizon(d);
        bool any = false;

        for (size_t i = 0; i < n; i++)
                theirs += pool_item_seconds(d, list[i]) / v->speed;
        for (size_t i = n; i-- > 0 && t->n_held < DISPATCH_QUEUE_MAX;) {
                double seconds = pool_item_seconds(d, list[i]);

                if (d->items[list[i]].state != ITEM_POOL || d->items[list[i]].missed_by == v->thief)
                        continue;
                ours += (pool_setup_seconds(d, t->tail, list[i]) + seconds) / t->speed;
                if (ours >= theirs)
                        break;
                theirs -= seconds / v->speed;
                /* Not to be taken from it in turn before it has begun: thieves would go round in circles. */
                t->recalled = true;
                send(d, v->thief, (struct choice){list[i], DISPATCH_R_STOLEN}, horizon, out);
                any = true;
        }
        return any;
}

/* Events */

static void on_pus(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        workers_set_pus(d, e->pus, e->n_pus, out);
        for (uint32_t i = 0; i < d->max_workers; i++) {
                struct worker *w = &d->workers[i];

                if (!w->surplus || (w->state != WORKER_ACTIVE && w->state != WORKER_STARTING))
                        continue;
                recall(d, i, DISPATCH_NONE, DISPATCH_R_PUS, out);
                workers_retire(d, i, DISPATCH_R_PUS, out);
        }
        workers_start(d, DISPATCH_R_PUS, out);
}

static void on_ready(struct dispatch *d, const struct dispatch_event *e)
{
        struct worker *w = &d->workers[e->worker];

        if (w->state != WORKER_STARTING)
                return;
        w->state = WORKER_ACTIVE;
        d->start_cost = (double)(d->now - w->begun) / 1e6;
        w->begun = d->now;
        if (d->began == 0)
                d->began = d->now;
}

static void on_started(struct dispatch *d, const struct dispatch_event *e)
{
        struct worker *w = holder(d, e->worker, e->item);
        struct item *it = &d->items[e->item];

        if (!w || it->state != ITEM_QUEUED)
                return;
        held_remove(w, held_index(w, e->item));
        held_insert(w, w->n_running++, e->item);
        it->state = ITEM_RUNNING;
        /* The one before is over but for its teardown, though its DONE may come late. */
        w->running = it->charge;
        w->queued = n_waiting(w) > 0 ? w->queued - it->charge : 0;
        w->begun = d->now;
        w->recalled = w->waiting = false;
        d->n_queued--;
}

static void on_done(struct dispatch *d, const struct dispatch_event *e)
{
        struct worker *w = holder(d, e->worker, e->item);

        if (!w)
                return;
        if (d->items[e->item].state == ITEM_QUEUED)
                w->begun = d->now;
        release(d, w, e->item);
        close_item(d, e->item, ITEM_DONE);
        if (d->items[e->item].seconds < 0)
                pool_learn(d, e->item, e->wall * w->speed);
        w->last_done = e->item;
        w->n_done++;
        d->n_failures = 0;
}

/* A running mean in which the estimate that history gave counts as one sample. */
static void on_setup(struct dispatch *d, const struct dispatch_event *e)
{
        struct group *g = &d->groups[e->group];
        double seconds = e->wall * d->workers[e->worker].speed;

        g->setup += (seconds - g->setup) / ++g->n_setups;
}

static void on_recalled(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[e->worker];
        bool moved = false;

        if (!w->recalling)
                return;
        w->recalling = false;
        d->n_recalling--;
        for (size_t i = 0; i < e->n_list; i++) {
                if (!holder(d, e->worker, e->list[i]) || d->items[e->list[i]].state != ITEM_QUEUED)
                        continue;
                release(d, w, e->list[i]);
                pool_put(d, e->list[i]);
        }
        w->unreported = 0;
        w->n_unreported = 0;
        reset_tail(d, w);

        if (w->thief != DISPATCH_NONE && d->workers[w->thief].state == WORKER_ACTIVE && !d->stopped)
                moved = hand_over(d, e->worker, e->list, e->n_list, out);
        w->thief = DISPATCH_NONE;
        w->recalled = !moved;
}

static void on_unavailable(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[e->worker];

        for (size_t i = 0; i < e->n_list; i++) {
                struct item *it = &d->items[e->list[i]];

                if (!holder(d, e->worker, e->list[i]))
                        continue;
                release(d, w, e->list[i]);
                w->n_missed++;
                d->missed = true;
                if (it->missed_by == DISPATCH_NONE && d->n_of_use > 1) {
                        it->missed_by = e->worker;
                        pool_put(d, e->list[i]);
                } else {
                        leave_item(d, e->list[i], out);
                }
        }
        reset_tail(d, w);
}

static void forget(struct dispatch *d, uint32_t worker, bool useful)
{
        struct worker *w = &d->workers[worker];

        while (w->n_held > 0) {
                uint32_t item = w->held[w->n_held - 1];

                release(d, w, item);
                pool_put(d, item);
        }
        d->n_failures = useful ? 0 : d->n_failures + 1;
        workers_forget(d, worker);
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].thief == worker)
                        d->workers[i].thief = DISPATCH_NONE;
        /* The number may come back as another process. */
        if (w->n_missed > 0)
                for (uint32_t i = 0; i < d->n_items; i++)
                        if (d->items[i].missed_by == worker)
                                d->items[i].missed_by = DISPATCH_NONE;
}

static void on_exited(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[e->worker];
        bool retired = w->state == WORKER_RETIRING, lost = false;

        for (size_t i = 0; i < e->n_list; i++)
                if (holder(d, e->worker, e->list[i])) {
                        release(d, w, e->list[i]);
                        close_item(d, e->list[i], ITEM_DONE);
                        w->n_done++;
                }
        if (e->item != DISPATCH_NONE && holder(d, e->worker, e->item)) {
                release(d, w, e->item);
                close_item(d, e->item, ITEM_LOST);
                lost = true;
        }
        forget(d, e->worker, retired || lost || w->n_done > 0);
        workers_start(d, DISPATCH_R_AGAIN, out);
}

static void on_stop(struct dispatch *d, struct dispatch_actions *out)
{
        d->stopped = true;
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state == WORKER_ACTIVE || d->workers[i].state == WORKER_STARTING) {
                        recall(d, i, DISPATCH_NONE, DISPATCH_R_STOPPED, out);
                        workers_retire(d, i, DISPATCH_R_STOPPED, out);
                }
}

/* It may have been sent something since it said so. The item that it is tearing down it has taken, though nobody asked
 * it to report that. */
static void on_want(struct dispatch *d, const struct dispatch_event *e)
{
        struct worker *w = &d->workers[e->worker];

        if (e->item != DISPATCH_NONE)
                on_started(d, e);
        w->waiting = n_waiting(w) == 0;
}

/* Somebody is late: what could not be taken from him for nothing may be worth another look. */
static void on_time(struct dispatch *d)
{
        for (uint32_t i = 0; i < d->max_workers; i++)
                d->workers[i].recalled = false;
}

static void apply(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        switch (e->type) {
        case DISPATCH_PUS:
                on_pus(d, e, out);
                break;
        case DISPATCH_READY:
                on_ready(d, e);
                break;
        case DISPATCH_STARTED:
                on_started(d, e);
                break;
        case DISPATCH_DONE:
                on_done(d, e);
                break;
        case DISPATCH_SETUP:
                on_setup(d, e);
                break;
        case DISPATCH_RECALLED:
                on_recalled(d, e, out);
                break;
        case DISPATCH_UNAVAILABLE:
                on_unavailable(d, e, out);
                break;
        case DISPATCH_EXITED:
                on_exited(d, e, out);
                break;
        case DISPATCH_NO_WORKER:
                forget(d, e->worker, false);
                workers_start(d, DISPATCH_R_AGAIN, out);
                break;
        case DISPATCH_STOP:
                on_stop(d, out);
                break;
        case DISPATCH_WANT:
                on_want(d, e);
                break;
        case DISPATCH_TIME:
                on_time(d);
                break;
        }
}

/* Whether items may have come back to the pool, or workers' places changed, so that everybody is looked at. */
static bool concerns_all(enum dispatch_event_type type)
{
        return type == DISPATCH_PUS || type == DISPATCH_RECALLED || type == DISPATCH_UNAVAILABLE ||
               type == DISPATCH_EXITED || type == DISPATCH_NO_WORKER || type == DISPATCH_TIME;
}

static bool nothing_to_deal(const struct dispatch *d)
{
        return d->pool.n == 0 && d->n_queued == 0 && d->n_recalling == 0;
}

static void leave_pool(struct dispatch *d, struct dispatch_actions *out)
{
        for (uint32_t p; (p = rank_set_next(&d->pool.positions, 0)) != RANK_NONE;) {
                uint32_t item = d->pool.by_position[p];

                pool_take(d, item);
                leave_item(d, item, out);
        }
}

/* Whether nothing moves any more although there is something in the pool. */
static bool is_stuck(const struct dispatch *d)
{
        if (d->pool.n == 0 || d->stopped || d->n_recalling > 0 || d->n_queued > 0)
                return false;
        if (d->n_alive == 0)
                return d->n_failures >= DISPATCH_FAILURES_MAX;
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state != WORKER_GONE && !d->workers[i].waiting)
                        return false;
        return true;
}

/* Everybody waits for somebody else who would do it better, but there is nobody: whoever can takes something, and
 * what nobody can run is the reporter's. */
static void get_unstuck(struct dispatch *d, struct dispatch_actions *out)
{
        bool any = false;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                uint32_t item = d->workers[i].state == WORKER_ACTIVE ? pick_any(d, i) : DISPATCH_NONE;

                if (item == DISPATCH_NONE)
                        continue;
                send(d, i, (struct choice){item, DISPATCH_R_NEXT}, 0, out);
                any = true;
        }
        if (!any)
                leave_pool(d, out);
}

static void conclude(struct dispatch *d, struct dispatch_actions *out)
{
        if (is_stuck(d))
                get_unstuck(d, out);
        if (nothing_to_deal(d) && d->n_of_use > 0)
                for (uint32_t i = 0; i < d->max_workers; i++)
                        if (d->workers[i].state == WORKER_ACTIVE || d->workers[i].state == WORKER_STARTING)
                                workers_retire(d, i, DISPATCH_R_DRY, out);
        if (d->n_pus > 0 && (d->stopped || nothing_to_deal(d) || d->n_open <= d->n_of_use))
                workers_return_pus(d, out);
        if (d->n_alive == 0 && (d->n_open == 0 || d->stopped) && !d->finished) {
                d->finished = true;
                dispatch_emit(out, DISPATCH_DO_FINISHED, d->stopped ? DISPATCH_R_STOPPED : DISPATCH_R_DRY);
        }
}

/* Checking and reserving */

static bool is_of_worker(enum dispatch_event_type type)
{
        return type != DISPATCH_PUS && type != DISPATCH_STOP && type != DISPATCH_TIME;
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
        if (e->type == DISPATCH_SETUP && e->group >= d->n_groups)
                return false;
        if ((e->type == DISPATCH_DONE || e->type == DISPATCH_SETUP) && !(e->wall >= 0))
                return false;
        if (e->type == DISPATCH_PUS && e->n_pus == 0)
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

/* The most actions that one step can emit: each open item sent or left, and start, pin, recall and retire of each
 * worker, each PU returned, finished. */
static int reserve(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        size_t sends = (size_t)d->max_workers * DISPATCH_QUEUE_MAX;
        bool left = e->type == DISPATCH_EXITED || e->type == DISPATCH_NO_WORKER || e->type == DISPATCH_UNAVAILABLE;
        size_t pus = e->type == DISPATCH_PUS && e->n_pus > d->n_pus ? e->n_pus : d->n_pus, need, grown;
        struct dispatch_action *items;

        if (sends > d->n_open)
                sends = d->n_open;
        need = out->n + sends + (left || d->missed ? d->n_open : 0) + (size_t)d->max_workers * 4 + pus + 1;
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
                r = workers_reserve_pus(d, event->n_pus);
                if (r < 0)
                        return r;
        }

        if (event->now > d->now)
                d->now = event->now;
        if (is_of_worker(event->type) && d->workers[event->worker].state == WORKER_GONE)
                return 0;
        apply(d, event, actions);
        d->outlook = pick_outlook(d);
        if (concerns_all(event->type))
                fill_all(d, actions);
        else if (is_of_worker(event->type))
                fill(d, event->worker, actions);
        conclude(d, actions);
        return 0;
}

/* Queries */

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
                double elapsed = (double)(d->now - w->begun) / 1e6, expected = w->running / w->speed;
                uint64_t late;

                if (w->state == WORKER_GONE || w->n_running == 0 || w->waiting)
                        continue;
                late = w->begun + (uint64_t)(LATE * 1e6 * (elapsed > expected ? elapsed : expected)) + LATE_MIN_US;
                deadline = late < deadline ? late : deadline;
        }
        return deadline;
}

double dispatch_work_left(const struct dispatch *d)
{
        return pool_seconds(d) + (d->busy > 0 ? d->busy : 0);
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
