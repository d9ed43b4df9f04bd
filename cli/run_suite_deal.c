/* The dispatcher's glue: its actions become records, messages and affinities; what the reporter says of workers becomes
 * events. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_suite.h"
#include "cli/run_tree.h"
#include "lib/util.h"

/* Actions */

static int start_worker(struct run_suite *s, const struct dispatch_action *a)
{
        int r = run_suite_reserve_workers(s, a->worker + 1);

        if (r == 0)
                r = run_deal_add_worker(&s->deal, a->worker);
        return r < 0 ? r : run_suite_start_worker(s, a->worker, a->pu);
}

/* Sends what neighbouring actions send to one worker by one write; returns how many actions that was. */
static int send_items(struct run_suite *s, size_t first, size_t *ret_n)
{
        struct run_deal_record records[DISPATCH_QUEUE_MAX];
        uint32_t worker = s->actions.items[first].worker;
        size_t n = 0;

        while (first + n < s->actions.n && n < ELEMENTSOF(records)) {
                const struct dispatch_action *a = &s->actions.items[first + n];

                if (a->type != DISPATCH_DO_SEND || a->worker != worker)
                        break;
                records[n++] =
                        (struct run_deal_record){.op = a->report ? RUN_DEAL_RUN_REPORT : RUN_DEAL_RUN, .item = a->item};
        }
        *ret_n = n;
        return run_deal_send(&s->deal, worker, records, n);
}

static int retire_worker(struct run_suite *s, uint32_t worker)
{
        const struct run_deal_record end = {.op = RUN_DEAL_END};
        struct run_worker *w = &s->workers[worker];

        w->retired = true;
        if (w->state == RUN_WORKER_WAITING)
                run_serve_slots_later(s->run);
        return run_deal_send(&s->deal, worker, &end, 1);
}

static int note_item(json_t *list, uint32_t item)
{
        return json_array_append_new(list, json_integer(item)) < 0 ? -ENOMEM : 0;
}

static int finish(struct run_suite *s)
{
        int r = 0;

        s->state = RUN_SUITE_FINISHED;
        if (json_array_size(s->left) > 0)
                r = run_peer_send(s->peer, json_pack("{s:s, s:O}", "event", "left", "items", s->left));
        if (r == 0)
                r = run_peer_send(s->peer, json_pack("{s:s, s:O}", "event", "finished", "crashed", s->crashed));
        run_share_later(s->run);
        return r;
}

/* Carries one action, or a run of sends, out; *ret_n says how many. */
static int act(struct run_suite *s, size_t at, size_t *ret_n)
{
        const struct dispatch_action action = s->actions.items[at];

        *ret_n = 1;
        switch (action.type) {
        case DISPATCH_DO_START:
                s->measure.n_extra += action.reason == DISPATCH_R_WAITS;
                return start_worker(s, &action);
        case DISPATCH_DO_PIN:
                run_suite_move_worker(s, action.worker, action.pu);
                return 0;
        case DISPATCH_DO_WIDEN:
                run_suite_widen_worker(s, action.worker, action.pu);
                return 0;
        case DISPATCH_DO_SEND:
                return send_items(s, at, ret_n);
        case DISPATCH_DO_RECALL:
                s->recalls[s->n_recalls++] = action.worker;
                return 0;
        case DISPATCH_DO_RETIRE:
                s->measure.n_recycled += action.reason == DISPATCH_R_RECYCLED;
                return retire_worker(s, action.worker);
        case DISPATCH_DO_RETURN:
                run_measure_spare(&s->measure, action.pu);
                run_spare(s->run, s, action.pu);
                return 0;
        case DISPATCH_DO_LEFT:
                s->measure.n_left++;
                return note_item(s->left, action.item);
        case DISPATCH_DO_FINISHED:
                return finish(s);
        }
        return -EINVAL;
}

static int act_all(struct run_suite *s)
{
        size_t n = 1;
        int r = 0;

        s->n_recalls = 0;
        for (size_t i = 0; r >= 0 && i < s->actions.n; i += n)
                r = act(s, i, &n);
        s->actions.n = 0;
        if (s->short_of_slots) {
                s->short_of_slots = false;
                run_want_slots(s->run);
                run_serve_slots_later(s->run); /* without a service they are there at once */
        }
        return r;
}

/* Takes back what one worker has not read. An END among it is put back: the worker retires all the same. */
static int recall(struct run_suite *s, uint32_t worker, uint32_t items[static DISPATCH_QUEUE_MAX], size_t *ret_n)
{
        bool end;

        *ret_n = run_deal_recall(&s->deal, worker, items, DISPATCH_QUEUE_MAX, &end);
        s->measure.n_recalls += *ret_n > 0;
        return end ? retire_worker(s, worker) : 0;
}

static int apply(struct run_suite *s, struct dispatch_event *event)
{
        int r;

        event->now = run_now(s->run);
        r = dispatch_step(s->dispatch, event, &s->actions);
        return r < 0 ? r : act_all(s);
}

static int answer_recalls(struct run_suite *s)
{
        CLEANUP_FREE uint32_t *workers = NULL;
        uint32_t items[DISPATCH_QUEUE_MAX];
        size_t n = s->n_recalls;
        int r = 0;

        if (n == 0)
                return 0;
        workers = malloc(n * sizeof(*workers));
        if (!workers)
                return -ENOMEM;
        memcpy(workers, s->recalls, n * sizeof(*workers));
        for (size_t i = 0; r >= 0 && i < n; i++) {
                struct dispatch_event event = {.type = DISPATCH_RECALLED, .worker = workers[i], .list = items};

                r = recall(s, workers[i], items, &event.n_list);
                if (r >= 0)
                        r = apply(s, &event);
                if (r >= 0)
                        r = answer_recalls(s);
        }
        return r;
}

/* When workers are to be looked at, µs or NEVER: not all the time, however often the dispatcher would like it. */
static uint64_t sample_due(const struct run_suite *s)
{
        uint64_t due = dispatch_next_sample(s->dispatch);

        return due == DISPATCH_NEVER || due > s->sample_not_before ? due : s->sample_not_before;
}

static int act_on_time(struct run_suite *s)
{
        struct dispatch_event event = {.type = DISPATCH_TIME};
        uint64_t now = run_now(s->run);
        int r = 0;

        if (sample_due(s) <= now)
                r = run_suite_sample(s);
        if (r >= 0 && dispatch_next_deadline(s->dispatch) <= now)
                r = run_suite_step(s, &event);
        run_suite_set_timer(s);
        return r;
}

static void on_time(uv_timer_t *timer)
{
        struct run_suite *s = timer->data;

        s->timer_at = DISPATCH_NEVER;
        if (act_on_time(s) < 0)
                run_peer_close(s->peer);
}

/* Most steps change nothing of it. */
void run_suite_set_timer(struct run_suite *s)
{
        uint64_t deadline = dispatch_next_deadline(s->dispatch), sample = sample_due(s), now;

        deadline = sample < deadline ? sample : deadline;
        if (deadline == s->timer_at)
                return;
        s->timer_at = deadline;
        if (deadline == DISPATCH_NEVER) {
                uv_timer_stop(&s->timer);
                return;
        }
        now = run_now(s->run);
        uv_timer_start(&s->timer, on_time, deadline > now ? (deadline - now + 999) / 1000 : 0, 0);
}

int run_suite_step(struct run_suite *s, struct dispatch_event *event)
{
        int r = apply(s, event);

        if (r >= 0)
                r = answer_recalls(s);
        if (r >= 0)
                run_suite_set_timer(s);
        return r;
}

/* Workers' lives */

static int drop_worker(struct run_suite *s, uint32_t number, struct dispatch_event *event)
{
        run_suite_end_worker(s, number);
        return run_suite_step(s, event);
}

/* What the worker wrote comes before its end: the pipe still has it. */
int run_suite_exited(struct run_suite *s, const struct run_exited *exited)
{
        struct dispatch_event event = {.type = DISPATCH_EXITED,
                                       .worker = exited->worker,
                                       .item = exited->running,
                                       .list = exited->finished.items,
                                       .n_list = exited->finished.n};

        run_suite_read_records(s);
        if (!run_suite_worker(s, exited->worker))
                return -EPROTO;
        if (s->confirmed != RUN_NO_INDEX)
                return run_suite_confirmed(s, exited->running == s->confirmed);
        if (exited->running != RUN_NO_INDEX && note_item(s->crashed, exited->running) < 0)
                return -ENOMEM;
        run_measure_exited(&s->measure, exited);
        if (exited->for_memory)
                event.room = run_suite_memory_killed(s, exited->worker);
        return drop_worker(s, exited->worker, &event);
}

int run_suite_failed(struct run_suite *s, uint32_t number)
{
        struct dispatch_event event = {.type = DISPATCH_NO_WORKER, .worker = number};
        const struct run_worker *w = run_suite_worker(s, number);

        if (!w)
                return -EPROTO;
        if (s->confirmed != RUN_NO_INDEX)
                return run_suite_confirmed(s, false);
        /* The PU may be why: then the next try is to be elsewhere. */
        if (!s->run->options->no_pin && w->started_on != DISPATCH_FLOATING && !run_tree_may_use(w->started_on)) {
                run_refuse(s->run, w->started_on);
                run_share(s->run);
        }
        return drop_worker(s, number, &event);
}

/* One that was retired before a slot came never was. */
static int serve_waiting(struct run_suite *s, uint32_t number)
{
        struct dispatch_event event = {.type = DISPATCH_EXITED, .worker = number, .item = DISPATCH_NONE};

        if (s->workers[number].state != RUN_WORKER_WAITING)
                return 0;
        return s->workers[number].retired ? drop_worker(s, number, &event) : run_suite_start_if_slot(s, number);
}

void run_suite_serve_waiting(struct run_suite *s)
{
        if (s->xdist && run_xdist_serve_waiting(s) < 0)
                run_peer_close(s->peer);
        if (s->xdist)
                return;
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (serve_waiting(s, i) < 0) {
                        run_peer_close(s->peer);
                        return;
                }
}

/* Beginning */

static int leave_alone(struct run_suite *s)
{
        const struct run_items *alone = &s->listing.alone;
        int r = 0;

        for (size_t i = 0; r == 0 && i < alone->n; i++)
                r = note_item(s->left, alone->items[i]);
        s->measure.n_left = (uint32_t)alone->n;
        return r;
}

int run_suite_deal(struct run_suite *s, const struct dispatch_params *params, uint64_t worker_memory)
{
        struct dispatch_event event = {.type = DISPATCH_PUS, .pus = s->pus, .n_pus = s->n_pus};
        int r;

        s->timer_at = DISPATCH_NEVER;
        s->crashed = json_array();
        s->left = json_array();
        if (!s->crashed || !s->left)
                return -ENOMEM;
        r = leave_alone(s);
        if (r == 0)
                r = dispatch_create(params, &s->dispatch);
        if (r == 0)
                r = run_suite_memory_begin(s, worker_memory);
        if (r == 0)
                r = run_measure_pus(&s->measure, run_now(s->run), s->pus, s->n_pus);
        return r < 0 ? r : run_suite_step(s, &event);
}
