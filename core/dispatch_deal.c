/* What workers hold, and giving them more: send, recall, fill, hand over. */
#include "core/dispatch_state.h"

#include <string.h>

uint32_t deal_waiting(const struct worker *w)
{
        return w->n_held - w->n_running;
}

bool deal_is_used_up(const struct dispatch *d, const struct worker *w)
{
        return d->max_items > 0 && w->n_taken >= d->max_items;
}

bool deal_has_room(const struct dispatch *d, const struct worker *w)
{
        return w->n_held < DISPATCH_QUEUE_MAX && !deal_is_used_up(d, w);
}

struct worker *deal_holder(struct dispatch *d, uint32_t worker, uint32_t item)
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

void deal_release(struct dispatch *d, struct worker *w, uint32_t item)
{
        struct item *it = &d->items[item];

        if (it->state == ITEM_RUNNING) {
                if (w->held[w->n_running - 1] == item)
                        w->running = (struct work){0};
                w->n_running--;
        } else {
                d->n_queued--;
                work_add(&w->queued, it->charge, -1);
        }
        held_remove(w, held_index(w, item));
        if (it->constrained) {
                w->n_constrained--;
                needs_update(d, it->worker, item);
        }
        if (w->wide == item)
                wide_end(d, it->worker);
        pool_let_go(d, it->unit);
        d->busy -= it->charge.seconds;
        if (w->n_held == w->n_running)
                w->queued = (struct work){0};
        if (d->n_queued == 0 && d->busy < 0)
                d->busy = 0;
        it->worker = DISPATCH_NONE;
}

void deal_begin(struct dispatch *d, struct worker *w, uint32_t item)
{
        struct item *it = &d->items[item];

        held_remove(w, held_index(w, item));
        held_insert(w, w->n_running++, item);
        it->state = ITEM_RUNNING;
        if (w->wide != item)
                wide_end(d, it->worker);
        pool_begin(d, it->unit);
        /* The one before is over but for its teardown, though its DONE may come late. */
        w->running = it->charge;
        w->fixtures = it->fixtures;
        w->n_samples = 0;
        work_add(&w->queued, it->charge, -1);
        if (deal_waiting(w) == 0)
                w->queued = (struct work){0};
        d->n_queued--;
}

void deal_close(struct dispatch *d, uint32_t item, enum item_state state)
{
        d->items[item].state = state;
        d->n_open--;
}

void deal_leave(struct dispatch *d, uint32_t item, struct dispatch_actions *out)
{
        deal_close(d, item, ITEM_LEFT);
        dispatch_emit(out, DISPATCH_DO_LEFT, DISPATCH_R_NONE)->item = item;
}

void deal_reset_tail(struct dispatch *d, struct worker *w)
{
        w->tail = w->n_held > 0 ? w->held[w->n_held - 1] : w->last_done;
        if (w->state != WORKER_RETIRING)
                pool_enter(d, w, w->tail == DISPATCH_NONE ? DISPATCH_NONE : d->items[w->tail].unit);
}

static bool is_tiny(const struct dispatch *d, uint32_t item, double horizon)
{
        return pool_item_is_estimated(d, item) && pool_item_work(d, item).seconds < horizon;
}

/* Whether the engine has to hear when this item is taken: always, but within a batch only half-way. */
static bool needs_report(const struct dispatch *d, const struct worker *w, uint32_t item, double horizon)
{
        return !is_tiny(d, item, horizon) || d->pool.n == 0 || w->n_constrained > 0 || deal_is_used_up(d, w) ||
               2 * w->unreported >= horizon || w->n_unreported >= DISPATCH_QUEUE_MAX / 2;
}

/* The item comes into the worker's hands. */
static void take(struct dispatch *d, uint32_t worker, uint32_t item, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        struct item *it = &d->items[item];

        it->charge = pool_item_work(d, item);
        it->fixtures = pool_setup_seconds(d, w->tail, item);
        it->charge.seconds += it->fixtures;
        pool_take(d, item);
        pool_hold(d, it->unit, worker);
        it->state = ITEM_QUEUED;
        it->worker = worker;
        held_insert(w, w->n_held, item);
        work_add(&w->queued, it->charge, 1);
        d->n_queued++;
        d->busy += it->charge.seconds;
        if (it->constrained) {
                w->n_constrained++;
                needs_update(d, worker, item);
        }
        if (it->cpus > 1)
                wide_begin(d, worker, item, out);
}

void deal_send(struct dispatch *d, uint32_t worker, struct choice choice, double horizon, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        struct dispatch_action *action;

        take(d, worker, choice.item, out);
        w->unreported += d->items[choice.item].charge.seconds;
        w->n_unreported++;
        w->n_taken++;
        w->dry = w->waiting = false;
        w->tail = choice.item;
        pool_enter(d, w, d->items[choice.item].unit);

        action = dispatch_emit(out, DISPATCH_DO_SEND, choice.reason);
        action->worker = worker;
        action->item = choice.item;
        action->report = needs_report(d, w, choice.item, horizon);
        if (action->report) {
                w->unreported = 0;
                w->n_unreported = 0;
        }
}

void deal_recall(struct dispatch *d, uint32_t worker, uint32_t thief, enum dispatch_reason reason,
                 struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];

        if (w->recalling || deal_waiting(w) == 0)
                return;
        w->recalling = true;
        w->thief = thief;
        d->n_recalling++;
        dispatch_emit(out, DISPATCH_DO_RECALL, reason)->worker = worker;
}

/* Whom to take waiting items back from. The plan knows nothing of extra workers and what they have. */
static uint32_t find_victim(struct dispatch *d, uint32_t worker)
{
        uint32_t victim;

        if (d->workers[worker].extra || demand_leads(d))
                return pick_victim(d, worker);
        victim = plan_victim(d, worker);
        if (victim == DISPATCH_NONE && d->n_extra > 0)
                victim = pick_victim(d, worker);
        return victim;
}

/* Until the worker has enough ahead: false where there is nothing for it. */
static bool fill(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        struct choice choice;

        while (deal_has_room(d, w)) {
                double horizon = pick_horizon(d);

                if (deal_waiting(w) > 0 && w->queued.seconds >= horizon)
                        return true;
                if (!pick_item(d, worker, &choice))
                        break;
                if (deal_waiting(w) > 0 && !is_tiny(d, choice.item, horizon))
                        return true;
                /* It gets it when it has nothing else; what is early would wait while others begin what is not. */
                if ((d->items[choice.item].constrained || d->items[choice.item].early) && !needs_has_nothing_else(w))
                        return true;
                deal_send(d, worker, choice, horizon, out);
        }
        return deal_waiting(w) > 0;
}

void deal_fill(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        uint32_t victim;

        if (w->state != WORKER_ACTIVE || w->recalling || d->stopped)
                return;
        if (deal_is_used_up(d, w) && deal_waiting(w) == 0) {
                workers_retire(d, worker, DISPATCH_R_RECYCLED, out);
                return;
        }
        if (d->pool.ordered && w->n_held > 0 && !w->waiting)
                return; /* what is sent ahead would wait while others go on with later ones */
        if (w->wide != DISPATCH_NONE && !w->waiting)
                return; /* what is sent ahead would begin on all of these PUs */
        if (!wide_leaves_room(d, worker)) {
                w->dry = true;
                return;
        }
        if (fill(d, worker, out))
                return;

        w->dry = true;
        victim = pool_is_bound(d, worker) ? DISPATCH_NONE : find_victim(d, worker);
        if (victim != DISPATCH_NONE)
                deal_recall(d, victim, worker, DISPATCH_R_STOLEN, out);
}

void deal_fill_dry(struct dispatch *d, struct dispatch_actions *out)
{
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].dry)
                        deal_fill(d, i, out);
}

void deal_fill_all(struct dispatch *d, struct dispatch_actions *out)
{
        deal_fill_dry(d, out);
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (!d->workers[i].dry)
                        deal_fill(d, i, out);
}

/* Whether an item that was recalled can be dealt to anybody: of a serial unit the first one, for all that is left. */
static bool is_on_offer(const struct dispatch *d, uint32_t item)
{
        uint32_t unit = d->items[item].unit;

        if (d->items[item].state != ITEM_POOL || d->items[item].constrained)
                return false;
        return !d->pool.units[unit].serial ||
               (pool_is_on_offer(&d->pool.units[unit]) && pool_unit_next(d, unit, 0) == item);
}

bool deal_hand_over(struct dispatch *d, uint32_t victim, const uint32_t *list, size_t n, struct dispatch_actions *out)
{
        struct worker *v = &d->workers[victim], *t = &d->workers[v->thief];
        double theirs = pick_release(d, v), ours = pick_release(d, t), horizon = pick_horizon(d);
        bool any = false;

        if (!wide_leaves_room(d, v->thief))
                return false;
        for (size_t i = 0; i < n; i++)
                theirs += is_on_offer(d, list[i]) ? work_at(pool_part_work(d, list[i]), v->speed) : 0;
        for (size_t i = n; i-- > 0 && deal_has_room(d, t) && !pool_is_bound(d, v->thief);) {
                struct work work = pool_part_work(d, list[i]);

                if (!is_on_offer(d, list[i]) || d->items[list[i]].missed_by == v->thief ||
                    !demand_suits(d, v->thief, list[i]))
                        continue;
                ours += pool_setup_seconds(d, t->tail, list[i]) / t->speed + work_at(work, t->speed);
                if (ours >= theirs)
                        break;
                theirs -= work_at(work, v->speed);
                /* Not to be taken from it in turn before it has begun: thieves would go round in circles. */
                t->recalled = true;
                deal_send(d, v->thief, (struct choice){list[i], DISPATCH_R_STOLEN}, horizon, out);
                any = true;
        }
        return any;
}
