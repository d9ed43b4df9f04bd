/* Workers and the PUs they are on: starting, moving, retiring, giving back. */
#include "core/dispatch_state.h"

#include <errno.h>
#include <stdlib.h>

struct dispatch_action *dispatch_emit(struct dispatch_actions *out, enum dispatch_action_type type,
                                      enum dispatch_reason reason)
{
        struct dispatch_action *action = &out->items[out->n++];

        *action = (struct dispatch_action){
                .type = type, .reason = reason, .worker = DISPATCH_NONE, .item = DISPATCH_NONE};
        return action;
}

static struct pu *pu_find(struct dispatch *d, unsigned os)
{
        for (size_t i = 0; i < d->n_pus; i++)
                if (d->pus[i].os == os)
                        return &d->pus[i];
        return NULL;
}

static void pin(struct dispatch *d, uint32_t worker, const struct pu *pu, struct dispatch_actions *out)
{
        struct dispatch_action *action = dispatch_emit(out, DISPATCH_DO_PIN, DISPATCH_R_PUS);

        d->workers[worker].pu = pu->os;
        d->workers[worker].speed = pu->speed;
        action->worker = worker;
        action->pu = pu->os;
}

int workers_reserve_pus(struct dispatch *d, size_t n)
{
        struct pu *pus;

        if (n <= d->pus_allocated)
                return 0;
        pus = realloc(d->pus, n * sizeof(*pus));
        if (!pus)
                return -ENOMEM;
        d->pus = pus;
        d->pus_allocated = n;
        return 0;
}

/* A worker without a PU of its own moves to a free one, or else shares the last one until its item ends. */
static void rehouse(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];

        for (size_t i = 0; i < d->n_pus; i++)
                if (d->pus[i].worker == DISPATCH_NONE && w->state != WORKER_RETIRING) {
                        d->pus[i].worker = worker;
                        w->surplus = false;
                        pin(d, worker, &d->pus[i], out);
                        return;
                }
        w->surplus = true;
        pin(d, worker, &d->pus[d->n_pus - 1], out);
}

void workers_set_pus(struct dispatch *d, const struct dispatch_pu *pus, size_t n, struct dispatch_actions *out)
{
        for (size_t i = 0; i < n; i++)
                d->pus[i] = (struct pu){.os = pus[i].os, .speed = pus[i].speed, .worker = DISPATCH_NONE};
        d->n_pus = n;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                struct worker *w = &d->workers[i];
                struct pu *pu = w->state == WORKER_GONE || w->surplus ? NULL : pu_find(d, w->pu);

                if (pu) {
                        pu->worker = i;
                        w->speed = pu->speed;
                }
        }
        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];

                if (w->state == WORKER_GONE)
                        continue;
                if (w->surplus || !pu_find(d, w->pu))
                        rehouse(d, i, out);
        }
}

static uint32_t free_number(const struct dispatch *d)
{
        uint32_t i = 0;

        while (i < d->max_workers && d->workers[i].state != WORKER_GONE)
                i++;
        return i < d->max_workers ? i : DISPATCH_NONE;
}

/* One more worker helps if an item is there for it, and its share of the work is worth its start. */
static bool worth_starting(const struct dispatch *d)
{
        uint32_t n = d->n_of_use;
        double left = pool_seconds(d);

        if (d->stopped || d->n_failures >= DISPATCH_FAILURES_MAX || d->pool.n + d->n_queued <= n)
                return false;
        return n == 0 || !d->pool.history || left / n - left / (n + 1) > d->start_cost / (n + 1);
}

void workers_start(struct dispatch *d, enum dispatch_reason reason, struct dispatch_actions *out)
{
        for (size_t i = 0; i < d->n_pus && worth_starting(d); i++) {
                uint32_t number = d->pus[i].worker == DISPATCH_NONE ? free_number(d) : DISPATCH_NONE;
                struct dispatch_action *action;

                if (number == DISPATCH_NONE)
                        continue;
                d->workers[number] = (struct worker){
                        .state = WORKER_STARTING,
                        .pu = d->pus[i].os,
                        .speed = d->pus[i].speed,
                        .tail = DISPATCH_NONE,
                        .last_done = DISPATCH_NONE,
                        .unit = DISPATCH_NONE,
                        .thief = DISPATCH_NONE,
                        .begun = d->now,
                };
                d->pus[i].worker = number;
                d->n_alive++;
                d->n_of_use++;
                action = dispatch_emit(out, DISPATCH_DO_START, reason);
                action->worker = number;
                action->pu = d->pus[i].os;
        }
}

void workers_retire(struct dispatch *d, uint32_t worker, enum dispatch_reason reason, struct dispatch_actions *out)
{
        d->workers[worker].state = WORKER_RETIRING;
        d->workers[worker].dry = false;
        d->n_of_use--;
        pool_enter(d, &d->workers[worker], DISPATCH_NONE);
        dispatch_emit(out, DISPATCH_DO_RETIRE, reason)->worker = worker;
}

/* A surplus worker that is still at its last item may be there beside the PU's own. */
static bool pu_in_use(const struct dispatch *d, unsigned os)
{
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state != WORKER_GONE && d->workers[i].pu == os)
                        return true;
        return false;
}

/* The worker on the slowest PU that has something to do there still; DISPATCH_NONE. */
static uint32_t slowest_busy(const struct dispatch *d)
{
        uint32_t slowest = DISPATCH_NONE;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];

                if (w->state != WORKER_GONE && w->n_held > 0 && !w->waiting &&
                    (slowest == DISPATCH_NONE || w->speed < d->workers[slowest].speed))
                        slowest = i;
        }
        return slowest;
}

/* What runs on a slow PU ends sooner on a fast one; moving costs microseconds. */
static void promote(struct dispatch *d, struct dispatch_actions *out)
{
        static const double WORTH = 1.1;

        for (size_t i = 0; i < d->n_pus; i++) {
                uint32_t worker = d->pus[i].worker == DISPATCH_NONE ? slowest_busy(d) : DISPATCH_NONE;
                struct pu *from;

                if (worker == DISPATCH_NONE || d->pus[i].speed < WORTH * d->workers[worker].speed)
                        continue;
                from = pu_find(d, d->workers[worker].pu);
                if (from && from->worker == worker)
                        from->worker = DISPATCH_NONE;
                d->pus[i].worker = worker;
                d->workers[worker].surplus = false;
                pin(d, worker, &d->pus[i], out);
        }
}

void workers_return_pus(struct dispatch *d, struct dispatch_actions *out)
{
        size_t kept = 0;

        promote(d, out);
        for (size_t i = 0; i < d->n_pus; i++) {
                if (d->pus[i].worker != DISPATCH_NONE || pu_in_use(d, d->pus[i].os)) {
                        d->pus[kept++] = d->pus[i];
                        continue;
                }
                dispatch_emit(out, DISPATCH_DO_RETURN, DISPATCH_R_DRY)->pu = d->pus[i].os;
        }
        d->n_pus = kept;
}

void workers_forget(struct dispatch *d, uint32_t worker)
{
        struct pu *pu = pu_find(d, d->workers[worker].pu);

        if (pu && pu->worker == worker)
                pu->worker = DISPATCH_NONE;
        pool_enter(d, &d->workers[worker], DISPATCH_NONE);
        d->n_of_use -= d->workers[worker].state != WORKER_RETIRING;
        d->n_recalling -= d->workers[worker].recalling;
        d->n_alive--;
        d->workers[worker].state = WORKER_GONE;
        d->workers[worker].recalling = false;
}
