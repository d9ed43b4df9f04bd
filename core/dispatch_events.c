/* What each event changes: facts first; whom to deal to is dispatch_step()'s to see to afterwards. */
#include "core/dispatch_state.h"
#include "core/estimate.h"

static void on_pus(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        workers_set_pus(d, e->pus, e->n_pus, out);
        for (uint32_t i = 0; i < d->max_workers; i++) {
                struct worker *w = &d->workers[i];

                if (!w->surplus || (w->state != WORKER_ACTIVE && w->state != WORKER_STARTING))
                        continue;
                deal_recall(d, i, DISPATCH_NONE, DISPATCH_R_PUS, out);
                workers_retire(d, i, DISPATCH_R_PUS, out);
        }
        workers_start(d, DISPATCH_R_PUS, out);
}

/* Several that start at once wait for each other's CPUs: the least is what one takes. */
static void note_start(struct dispatch *d, double seconds)
{
        if (d->began == 0 || seconds < d->start_cost || d->extra_workers == 0)
                d->start_cost = seconds;
}

static void on_ready(struct dispatch *d, const struct dispatch_event *e)
{
        struct worker *w = &d->workers[e->worker];

        if (w->state != WORKER_STARTING)
                return;
        w->state = WORKER_ACTIVE;
        note_start(d, (double)(d->now - w->begun) / 1e6);
        demand_ready(d, w);
        w->begun = d->now;
        if (d->began == 0)
                d->began = d->now;
}

static void on_started(struct dispatch *d, const struct dispatch_event *e)
{
        struct worker *w = deal_holder(d, e->worker, e->item);

        if (!w || d->items[e->item].state != ITEM_QUEUED)
                return;
        deal_begin(d, w, e->item);
        w->begun = d->now;
        w->recalled = w->waiting = w->wants = false;
}

/* What a measurement shows of an item on a fast core. */
static struct work measured(const struct dispatch_event *e, double speed)
{
        return (struct work){.seconds = estimate_on_fast_core(e->wall, e->cpu, speed),
                             .waits = e->cpu < e->wall ? e->wall - e->cpu : 0};
}

static void on_done(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        struct worker *w = deal_holder(d, e->worker, e->item);

        if (!w)
                return;
        if (d->items[e->item].state == ITEM_QUEUED)
                w->begun = d->now;
        deal_release(d, w, e->item);
        deal_close(d, e->item, ITEM_DONE);
        if (d->items[e->item].seconds < 0)
                pool_learn(d, e->item, measured(e, w->core));
        w->last_done = e->item;
        w->n_done++;
        d->n_failures = 0;
        if (d->max_rss > 0 && e->rss > d->max_rss && w->state == WORKER_ACTIVE) {
                deal_recall(d, e->worker, DISPATCH_NONE, DISPATCH_R_RECYCLED, out);
                workers_retire(d, e->worker, DISPATCH_R_RECYCLED, out);
        }
}

/* A running mean in which the estimate that history gave counts as one sample. */
static void on_setup(struct dispatch *d, const struct dispatch_event *e)
{
        bool session = e->group == DISPATCH_NONE;
        double *mean = session ? &d->session_setup : &d->groups[e->group].setup;
        uint32_t *n = session ? &d->n_session_setups : &d->groups[e->group].n_setups;

        *mean += (e->wall * d->workers[e->worker].core - *mean) / ++*n;
        if (!session)
                pool_set_setup(d, e->group);
}

static bool may_be_dealt(const struct dispatch *d, const struct worker *w)
{
        return w->state == WORKER_ACTIVE && !w->recalling && !d->stopped;
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
                if (!deal_holder(d, e->worker, e->list[i]) || d->items[e->list[i]].state != ITEM_QUEUED)
                        continue;
                deal_release(d, w, e->list[i]);
                pool_put(d, e->list[i]);
                w->n_taken--;
        }
        w->unreported = 0;
        w->n_unreported = 0;
        w->waiting = w->wants && deal_waiting(w) == 0; /* it does not say so again */
        deal_reset_tail(d, w);

        /* Where there is a plan it says who gets what. */
        if ((!d->plan.leads || demand_leads(d)) && w->thief != DISPATCH_NONE && may_be_dealt(d, &d->workers[w->thief]))
                moved = deal_hand_over(d, e->worker, e->list, e->n_list, out);
        w->thief = DISPATCH_NONE;
        w->recalled = !moved;
}

static void on_unavailable(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[e->worker];

        for (size_t i = 0; i < e->n_list; i++) {
                struct item *it = &d->items[e->list[i]];

                if (!deal_holder(d, e->worker, e->list[i]))
                        continue;
                deal_release(d, w, e->list[i]);
                w->n_missed++;
                w->n_taken--;
                d->missed = true;
                if (it->missed_by == DISPATCH_NONE && d->n_of_use > 1 && !d->pool.units[it->unit].serial) {
                        it->missed_by = e->worker;
                        pool_put(d, e->list[i]);
                } else {
                        deal_leave(d, e->list[i], out);
                }
        }
        deal_reset_tail(d, w);
}

static void forget(struct dispatch *d, uint32_t worker, bool useful)
{
        struct worker *w = &d->workers[worker];

        while (w->n_held > 0) {
                uint32_t item = w->held[w->n_held - 1];

                deal_release(d, w, item);
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
        enum dispatch_reason again =
                retired && w->retired == DISPATCH_R_RECYCLED ? DISPATCH_R_RECYCLED : DISPATCH_R_AGAIN;

        for (size_t i = 0; i < e->n_list; i++)
                if (deal_holder(d, e->worker, e->list[i])) {
                        deal_release(d, w, e->list[i]);
                        deal_close(d, e->list[i], ITEM_DONE);
                        w->n_done++;
                }
        if (e->item != DISPATCH_NONE && deal_holder(d, e->worker, e->item)) {
                deal_release(d, w, e->item);
                deal_close(d, e->item, ITEM_LOST);
                lost = true;
        }
        forget(d, e->worker, retired || lost || w->n_done > 0);
        if (e->room > 0)
                workers_limit(d, e->room, out);
        workers_start(d, again, out);
}

static void on_stop(struct dispatch *d, struct dispatch_actions *out)
{
        d->stopped = true;
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state == WORKER_ACTIVE || d->workers[i].state == WORKER_STARTING) {
                        deal_recall(d, i, DISPATCH_NONE, DISPATCH_R_STOPPED, out);
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
        w->wants = true;
        w->waiting = deal_waiting(w) == 0;
        if (w->waiting)
                wide_end(d, e->worker);
        d->freed |= w->waiting && w->extra && d->needs.n_pool > 0; /* another may have waited for its PU */
}

/* Somebody is late: what could not be taken from him for nothing may be worth another look. */
static void on_time(struct dispatch *d)
{
        for (uint32_t i = 0; i < d->max_workers; i++)
                d->workers[i].recalled = false;
}

void events_apply(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out)
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
                on_done(d, e, out);
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
        case DISPATCH_LIMIT:
                workers_limit(d, e->room, out);
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
        case DISPATCH_SAMPLE:
                demand_sample(d, e);
                break;
        case DISPATCH_SAMPLED:
                demand_sampled(d, e, out);
                break;
        }
}
