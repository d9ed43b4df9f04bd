/* The engine of a simulated run: tells the dispatcher what happens, a little late, and does what it says. */
#include "core/sim_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The dispatcher's actions */

static bool is_in_use(const struct sim *s, unsigned os)
{
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (sim_worker_is_alive(&s->workers[i]) && s->workers[i].pu == os)
                        return true;
        return false;
}

static void start(struct sim *s, const struct dispatch_action *a)
{
        if (s->workers[a->worker].phase != SIM_GONE)
                sim_fail(s, -EPROTO, "a worker was started twice");
        else
                sim_worker_start(s, a->worker, a->pu);
}

static void send(struct sim *s, const struct dispatch_action *a)
{
        if (s->where[a->item] != SIM_UNSENT || s->workers[a->worker].phase == SIM_GONE) {
                sim_fail(s, -EPROTO, "an item was sent that is not to be had, or to nobody");
                return;
        }
        s->where[a->item] = SIM_QUEUED;
        s->result.items[a->item].reason = a->reason;
        sim_worker_put(s, a->worker, a->item, a->report);
}

static void recall(struct sim *s, uint32_t worker)
{
        uint32_t *items = s->taken_back[worker], n = sim_worker_take_back(s, worker, items);

        if (s->workers[worker].ending) {
                sim_fail(s, -EPROTO, "a worker's end was recalled");
                return;
        }
        for (uint32_t i = 0; i < n; i++)
                s->where[items[i]] = SIM_UNSENT;
        s->n_taken_back[worker] = n;
        s->recalled[s->n_recalled++] = worker;
        s->result.recalls++;
}

static void give_back(struct sim *s, unsigned os)
{
        if (!sim_machine_holds(s, os) || is_in_use(s, os))
                sim_fail(s, -EPROTO, "a PU was given back that is in use, or not held");
        else
                sim_machine_return(s, os);
}

static void leave(struct sim *s, uint32_t item)
{
        if (s->where[item] != SIM_UNSENT)
                sim_fail(s, -EPROTO, "an item was left that is not to be had");
        s->where[item] = SIM_LEFT;
        s->result.left++;
}

static bool needs_pu(const struct dispatch_action *a)
{
        return a->type == DISPATCH_DO_START || a->type == DISPATCH_DO_PIN || a->type == DISPATCH_DO_WIDEN;
}

static void act(struct sim *s, const struct dispatch_action *a)
{
        if (s->hooks->action)
                s->hooks->action(s->hooks->data, s->now, a);
        if (s->finished || (needs_pu(a) && a->pu != DISPATCH_FLOATING && !sim_machine_holds(s, a->pu))) {
                sim_fail(s, -EPROTO, s->finished ? "it went on behind the end" : "a PU is not the suite's");
                return;
        }
        switch (a->type) {
        case DISPATCH_DO_START:
                start(s, a);
                break;
        case DISPATCH_DO_PIN:
                sim_machine_place(s, a->worker, a->pu);
                break;
        case DISPATCH_DO_WIDEN:
                sim_machine_widen(s, a->worker, a->pu);
                break;
        case DISPATCH_DO_SEND:
                send(s, a);
                break;
        case DISPATCH_DO_RECALL:
                recall(s, a->worker);
                break;
        case DISPATCH_DO_RETIRE:
                sim_worker_put_end(s, a->worker);
                break;
        case DISPATCH_DO_RETURN:
                give_back(s, a->pu);
                break;
        case DISPATCH_DO_LEFT:
                leave(s, a->item);
                break;
        case DISPATCH_DO_FINISHED:
                s->finished = true;
                break;
        }
}

/* Telling it */

static void step(struct sim *s, struct dispatch_event e)
{
        int r;

        e.now = (uint64_t)llround(s->now * 1e6);
        if (s->hooks->event)
                s->hooks->event(s->hooks->data, s->now, &e);
        r = dispatch_step(s->d, &e, &s->actions);
        if (r < 0)
                sim_fail(s, r == -EINVAL ? -EPROTO : r, "an event was refused");
        for (size_t i = 0; i < s->actions.n && !s->error; i++)
                act(s, &s->actions.items[i]);
        s->actions.n = 0;
        if (++s->result.steps > SIM_STEPS_BASE + (uint64_t)SIM_STEPS_PER_ITEM * s->suite->n_items)
                sim_fail(s, -EPROTO, "it goes round in circles");
        if (s->hooks->stepped && !s->error)
                s->hooks->stepped(s->hooks->data, s->now, s->d);
}

static void answer_recalls(struct sim *s)
{
        while (s->n_recalled > 0 && !s->error) {
                uint32_t worker = s->recalled[0], list[SIM_QUEUE_MAX], n = s->n_taken_back[worker];

                memcpy(list, s->taken_back[worker], n * sizeof(list[0]));
                memmove(s->recalled, s->recalled + 1, --s->n_recalled * sizeof(s->recalled[0]));
                step(s,
                     (struct dispatch_event){.type = DISPATCH_RECALLED, .worker = worker, .list = list, .n_list = n});
        }
}

void sim_engine_tell(struct sim *s, struct dispatch_event event)
{
        if (s->error)
                return;
        step(s, event);
        answer_recalls(s);
}

/* Records */

static int grow_records(struct sim *s)
{
        size_t n = 2 * s->records_allocated + SIM_RECORDS_MAX;
        struct sim_record *records = calloc(n, sizeof(*records));

        if (!records)
                return -ENOMEM;
        for (size_t i = 0; i < s->n_records; i++)
                records[i] = s->records[(s->first_record + i) % s->records_allocated];
        free(s->records);
        s->records = records;
        s->records_allocated = n;
        s->first_record = 0;
        return 0;
}

void sim_engine_will_read(struct sim *s, const struct sim_record *record)
{
        struct sim_record *r;

        if (s->n_records == s->records_allocated && grow_records(s) < 0) {
                sim_fail(s, -ENOMEM, NULL);
                return;
        }
        r = &s->records[(s->first_record + s->n_records++) % s->records_allocated];
        *r = *record;
        r->at = s->now + s->p->latency;
}

/* One that the worker had finished is known to be. */
static void is_told(struct sim *s, uint32_t worker, uint32_t item)
{
        struct sim_worker *w = &s->workers[worker];
        uint32_t i = 0;

        if (s->where[item] != SIM_UNTOLD)
                return;
        while (w->untold[i] != item)
                i++;
        memmove(&w->untold[i], &w->untold[i + 1], (--w->n_untold - i) * sizeof(w->untold[0]));
        s->where[item] = SIM_DONE;
        s->result.done++;
}

void sim_engine_reads(struct sim *s)
{
        struct sim_record r = s->records[s->first_record];
        struct dispatch_event e = {.type = r.type,
                                   .worker = r.worker,
                                   .item = r.arg,
                                   .group = r.arg,
                                   .wall = r.wall,
                                   .cpu = r.cpu,
                                   .rss = r.rss};

        s->first_record = (s->first_record + 1) % s->records_allocated;
        s->n_records--;
        if (r.type == DISPATCH_UNAVAILABLE) {
                e.list = &r.arg;
                e.n_list = 1;
        }
        if (r.type == DISPATCH_DONE)
                is_told(s, r.worker, r.arg);
        sim_engine_tell(s, e);
}

/* What the reporter knows of a dead worker: what ran, and what was finished though no record came. */
void sim_engine_hears_of_end(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];
        uint32_t finished[DISPATCH_QUEUE_MAX], n = w->n_untold;

        memcpy(finished, w->untold, n * sizeof(finished[0]));
        for (uint32_t i = 0; i < n; i++)
                s->where[finished[i]] = SIM_DONE;
        s->result.done += n;
        for (uint32_t i = 0; i < w->n_queue; i++)
                s->where[w->queue[i]] = SIM_UNSENT;
        if (w->current != DISPATCH_NONE) {
                s->where[w->current] = SIM_LOST;
                s->result.lost++;
        }
        w->phase = SIM_GONE;
        sim_engine_tell(
                s,
                (struct dispatch_event){
                        .type = DISPATCH_EXITED, .worker = worker, .item = w->current, .list = finished, .n_list = n});
}

void sim_engine_hold(struct sim *s, const struct dispatch_pu *pus, size_t n)
{
        sim_machine_hold(s, pus, n);
        sim_engine_tell(s, (struct dispatch_event){.type = DISPATCH_PUS, .pus = pus, .n_pus = n});
}

/* Exactly what each has used, and how much was idle. */
void sim_engine_sample(struct sim *s)
{
        struct sim_machine *m = &s->machine;
        double passed = s->now - m->sampled, idle;

        sim_machine_count_use(s);
        idle = passed > 0 ? m->idle / passed : 0;
        m->idle = 0;
        m->sampled = s->now;
        for (uint32_t i = 0; i < s->n_workers; i++) {
                struct sim_worker *w = &s->workers[i];
                struct dispatch_event e = {.type = DISPATCH_SAMPLE, .worker = i};

                sim_machine_advance(s, i);
                e.wall = s->now - w->sampled;
                e.cpu = w->demand;
                w->sampled = s->now;
                w->demand = 0;
                if (w->phase == SIM_RUNNING || w->phase == SIM_SETTING_UP)
                        sim_engine_tell(s, e);
        }
        sim_engine_tell(s, (struct dispatch_event){.type = DISPATCH_SAMPLED, .idle = idle, .room = UINT32_MAX});
}
