/* What workers write, checked, measured, and handed to the dispatcher as events. */
#include <math.h>
#include <signal.h>
#include <stdio.h>

#include "cli/run_suite.h"
#include "core/estimate.h"

/* Records of items that the reporter runs itself carry this worker number. */
enum { REPORTER = UINT16_MAX };

static bool is_seconds(double value)
{
        return isfinite(value) && value >= 0;
}

/* Whether a record can be believed: its numbers are in range. */
static bool is_sound(const struct run_suite *s, const struct run_done_record *record)
{
        switch ((enum run_done_op)record->op) {
        case RUN_DONE_READY:
        case RUN_DONE_WANT:
                return record->worker != REPORTER;
        case RUN_DONE_STARTED:
        case RUN_DONE_MISSING:
                return record->arg < s->listing.n_items;
        case RUN_DONE_DONE:
                return record->arg < s->listing.n_items && is_seconds(record->wall) && is_seconds(record->cpu);
        case RUN_DONE_SETUP:
                return (record->arg < s->listing.n_groups || record->arg == DISPATCH_NONE) && is_seconds(record->wall);
        }
        return false;
}

/* A worker that writes what it cannot mean ends, and its items are dealt anew. */
static void doom(struct run_suite *s, const struct run_done_record *record)
{
        struct run_worker *w = run_suite_worker(s, record->worker);

        fprintf(stderr, "schedctl run: worker gw%u sent a record that cannot be (op %u, %u); it is ended\n",
                record->worker, record->op, record->arg);
        if (!w)
                return;
        w->doomed = true;
        if (w->pid > 0)
                (void)run_tree_signal(w->pid, SIGKILL);
}

/* Whether the worker was moved while it ran an item of this length, or may have been: an item had begun before the
 * records were read that came before its own, at the earliest so long before. */
static bool was_moved(const struct run_worker *w, double wall)
{
        double last = (double)w->read_before / 1e6 - wall;

        return w->moved_at > 0 && (double)w->moved_at / 1e6 >= last;
}

static void learn(struct run_suite *s, const struct run_done_record *record, struct run_worker *w)
{
        struct run_measure_item *item = &s->measure.items[record->arg];

        item->class = was_moved(w, record->wall) ? 0 : run_machine_class(&s->run->machine, w->pu, s->pus, s->n_pus);
        w->rss = record->rss;
        w->has_run = true;
}

static void measure(struct run_suite *s, uint64_t now, const struct run_done_record *record, bool stopped)
{
        struct run_worker *w = run_suite_worker(s, record->worker);

        if (record->op == RUN_DONE_READY)
                run_measure_ready(&s->measure, now, record->worker);
        if (record->op != RUN_DONE_DONE && record->op != RUN_DONE_SETUP)
                return;
        run_measure_record(&s->measure, now, record, w ? w->speed : 1.0);
        if (record->op == RUN_DONE_DONE && w)
                learn(s, record, w);
        if (record->op == RUN_DONE_DONE)
                s->measure.items[record->arg].stopped = stopped;
}

static int step_record(struct run_suite *s, const struct run_done_record *record)
{
        static const enum dispatch_event_type types[] = {
                [RUN_DONE_READY] = DISPATCH_READY, [RUN_DONE_STARTED] = DISPATCH_STARTED,
                [RUN_DONE_DONE] = DISPATCH_DONE,   [RUN_DONE_WANT] = DISPATCH_WANT,
                [RUN_DONE_SETUP] = DISPATCH_SETUP, [RUN_DONE_MISSING] = DISPATCH_UNAVAILABLE,
        };
        struct dispatch_event event = {
                .type = types[record->op],
                .worker = record->worker,
                .item = record->arg,
                .group = record->arg,
                .wall = record->wall,
                .cpu = record->cpu,
                .rss = record->rss,
                .list = &record->arg,
                .n_list = 1,
        };

        if (record->op == RUN_DONE_READY) {
                s->workers[record->worker].state = RUN_WORKER_READY;
                run_suite_sample_from_now(s, &s->workers[record->worker]);
        }
        return run_suite_step(s, &event);
}

static void note_reading(struct run_worker *w, uint64_t now)
{
        if (w->read_at == now)
                return;
        w->read_before = w->read_at;
        w->read_at = now;
}

/* Records of the dead are late, and those of doomed workers are no loss. */
static int take_record(struct run_suite *s, uint64_t now, const struct run_done_record *record)
{
        struct run_worker *w = run_suite_worker(s, record->worker);
        struct run_done_record alone = *record;
        bool stopped;

        if (s->xdist || (record->worker != REPORTER && (!w || w->doomed)))
                return 0;
        if (!is_sound(s, record)) {
                doom(s, record);
                return 0;
        }
        if (w && s->confirmed != RUN_NO_INDEX)
                return 0; /* what runs once more teaches nothing */
        if (w)
                note_reading(w, now);
        stopped = run_suite_take_off_pause(s, w, &alone);
        if (w && (alone.op == RUN_DONE_DONE || alone.op == RUN_DONE_SETUP))
                w->busy += alone.wall;
        if (w && alone.op == RUN_DONE_DONE)
                alone.wall = run_suite_alone(s, w, now, &alone);
        measure(s, now, &alone, stopped);
        return s->dispatch && record->worker != REPORTER ? step_record(s, &alone) : 0;
}

void run_suite_read_records(struct run_suite *s)
{
        struct run_done_record records[RUN_DONE_BATCH];
        size_t n;

        while ((n = run_deal_read(&s->deal, records)) > 0) {
                uint64_t now = run_now(s->run);

                for (size_t i = 0; i < n; i++)
                        if (take_record(s, now, &records[i]) < 0) {
                                run_peer_close(s->peer);
                                return;
                        }
        }
}

static void on_records(uv_poll_t *poll, int status, int events)
{
        run_suite_read_records(poll->data);
}

int run_suite_watch_records(struct run_suite *s)
{
        return uv_poll_start(&s->done_poll, UV_READABLE, on_records);
}

int run_suite_open_deal(struct run_suite *s, const char *dir)
{
        int r = run_deal_open(&s->deal, dir);

        if (r == 0)
                r = uv_poll_init(&s->run->loop, &s->done_poll, s->deal.done);
        if (r < 0)
                return r;
        uv_timer_init(&s->run->loop, &s->timer);
        s->done_poll.data = s->timer.data = s;
        s->n_handles = 2;
        return run_suite_watch_records(s);
}
