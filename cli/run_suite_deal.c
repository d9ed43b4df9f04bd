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

static struct run_worker *worker_at(struct run_suite *s, uint32_t number)
{
        return number < s->n_workers ? &s->workers[number] : NULL;
}

static bool is_alive(const struct run_worker *w)
{
        return w && w->state != RUN_WORKER_NONE;
}

struct run_worker *run_suite_worker(struct run_suite *s, uint32_t number)
{
        struct run_worker *w = worker_at(s, number);

        return is_alive(w) && w->state != RUN_WORKER_WAITING ? w : NULL;
}

bool run_suite_has_worker(const struct run_suite *s, pid_t pid)
{
        for (uint32_t i = 0; i < s->n_workers && s->state == RUN_SUITE_RUNNING; i++)
                if (is_alive(&s->workers[i]) && s->workers[i].pid == pid)
                        return true;
        return false;
}

/* Actions */

int run_suite_reserve_workers(struct run_suite *s, uint32_t n)
{
        struct run_worker *workers;
        uint32_t *recalls;

        if (n <= s->n_workers)
                return 0;
        workers = realloc(s->workers, n * sizeof(*workers));
        if (!workers)
                return -ENOMEM;
        s->workers = workers;
        recalls = realloc(s->recalls, n * sizeof(*recalls));
        if (!recalls)
                return -ENOMEM;
        s->recalls = recalls;
        memset(workers + s->n_workers, 0, (n - s->n_workers) * sizeof(*workers));
        s->n_workers = n;
        return 0;
}

/* Of a PU; where a worker floats, the mean of them all. */
static double speed_of(const struct run_suite *s, unsigned pu)
{
        double sum = 0;

        for (size_t i = 0; i < s->n_pus; i++) {
                if (s->pus[i].os == pu)
                        return s->pus[i].speed;
                sum += s->pus[i].speed;
        }
        return pu == DISPATCH_FLOATING && sum > 0 ? sum / (double)s->n_pus : 1.0;
}

/* Where a worker may be. A suite that is over has PUs no more: what it runs once more runs wherever the run may. */
static struct cpuset pus_of(const struct run_suite *s, unsigned pu)
{
        struct cpuset pus = {0};

        if (pu != DISPATCH_FLOATING)
                cpuset_add(&pus, pu);
        else if (s->state != RUN_SUITE_RUNNING)
                pus = s->run->lease.kept;
        else
                for (size_t i = 0; i < s->n_pus; i++)
                        cpuset_add(&pus, s->pus[i].os);
        return pus;
}

static json_t *start_message(const struct run_suite *s, uint32_t number, const struct run_worker *w)
{
        struct cpuset set = pus_of(s, w->pu);
        char pus[CPUSET_TEXT_MAX];

        if (cpuset_format(&set, pus, sizeof(pus)) < 0)
                return NULL;
        return json_pack("{s:s, s:i, s:i, s:s?}", "event", "start", "worker", (int)number, "slot", (int)w->slot, "pus",
                         s->run->options->no_pin ? NULL : pus);
}

/* There may be fewer slots than workers alive: those that leave a PU end their item while others start on it, and the
 * service may have no more. */
static int start_if_slot(struct run_suite *s, uint32_t number)
{
        struct run_worker *w = &s->workers[number];

        w->slot = run_take_slot(s->run);
        if (w->slot == RUN_NO_SLOT)
                return 0;
        w->state = RUN_WORKER_STARTING;
        w->started_on = w->pu;
        return run_peer_send(s->peer, start_message(s, number, w));
}

int run_suite_start_worker(struct run_suite *s, uint32_t number, unsigned pu)
{
        struct run_worker *w = &s->workers[number];

        *w = (struct run_worker){
                .state = RUN_WORKER_WAITING, .pu = pu, .speed = speed_of(s, pu), .slot = RUN_NO_SLOT, .busy = w->busy};
        return start_if_slot(s, number);
}

static int start_worker(struct run_suite *s, const struct dispatch_action *a)
{
        int r = run_suite_reserve_workers(s, a->worker + 1);

        if (r == 0)
                r = run_deal_add_worker(&s->deal, a->worker);
        return r < 0 ? r : run_suite_start_worker(s, a->worker, a->pu);
}

static void pin_now(struct run_suite *s, const struct run_worker *w)
{
        struct cpuset pus = pus_of(s, w->pu);

        if (s->run->options->no_pin || w->pid <= 0)
                return;
        if (run_tree_pin(w->pid, &pus) == -EINVAL && w->pu != DISPATCH_FLOATING)
                run_refuse(s->run, w->pu);
}

static void pin_worker(struct run_suite *s, const struct dispatch_action *a)
{
        struct run_worker *w = worker_at(s, a->worker);

        if (!is_alive(w))
                return;
        w->pu = a->pu;
        w->speed = speed_of(s, a->pu);
        pin_now(s, w);
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
                return start_worker(s, &action);
        case DISPATCH_DO_PIN:
                pin_worker(s, &action);
                return 0;
        case DISPATCH_DO_WIDEN:
                return 0;
        case DISPATCH_DO_SEND:
                return send_items(s, at, ret_n);
        case DISPATCH_DO_RECALL:
                s->recalls[s->n_recalls++] = action.worker;
                return 0;
        case DISPATCH_DO_RETIRE:
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

static void on_time(uv_timer_t *timer)
{
        struct dispatch_event event = {.type = DISPATCH_TIME};
        struct run_suite *s = timer->data;

        if (run_suite_step(s, &event) < 0)
                run_peer_close(s->peer);
}

static void set_timer(struct run_suite *s)
{
        uint64_t deadline = dispatch_next_deadline(s->dispatch), now = run_now(s->run);

        if (deadline == DISPATCH_NEVER)
                uv_timer_stop(&s->timer);
        else
                uv_timer_start(&s->timer, on_time, deadline > now ? (deadline - now + 999) / 1000 : 0, 0);
}

int run_suite_step(struct run_suite *s, struct dispatch_event *event)
{
        int r = apply(s, event);

        if (r >= 0)
                r = answer_recalls(s);
        if (r >= 0)
                set_timer(s);
        return r;
}

/* Workers' lives */

void run_suite_end_worker(struct run_suite *s, uint32_t number)
{
        struct run_worker *w = &s->workers[number];

        run_give_slot(s->run, w->slot);
        w->state = RUN_WORKER_NONE;
        run_deal_drop_worker(&s->deal, number);
}

static int drop_worker(struct run_suite *s, uint32_t number, struct dispatch_event *event)
{
        run_suite_end_worker(s, number);
        return run_suite_step(s, event);
}

int run_suite_started(struct run_suite *s, uint32_t number, pid_t pid)
{
        struct run_worker *w = run_suite_worker(s, number);

        if (!w || pid <= 1)
                return -EPROTO;
        w->pid = pid;
        if (w->doomed)
                kill(pid, SIGKILL);
        else if (w->pu != w->started_on || w->pu == DISPATCH_FLOATING) /* the lease may have changed meanwhile */
                pin_now(s, w);
        return 0;
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
        return s->workers[number].retired ? drop_worker(s, number, &event) : start_if_slot(s, number);
}

void run_suite_serve_waiting(struct run_suite *s)
{
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

int run_suite_deal(struct run_suite *s, const struct dispatch_params *params)
{
        struct dispatch_event event = {.type = DISPATCH_PUS, .pus = s->pus, .n_pus = s->n_pus};
        int r;

        s->crashed = json_array();
        s->left = json_array();
        if (!s->crashed || !s->left)
                return -ENOMEM;
        r = leave_alone(s);
        if (r == 0)
                r = dispatch_create(params, &s->dispatch);
        if (r == 0)
                r = run_measure_pus(&s->measure, run_now(s->run), s->pus, s->n_pus);
        return r < 0 ? r : run_suite_step(s, &event);
}
