/* What a suite's workers use while they run, looked at whenever the dispatcher asks: whether there is room for more of
 * them, in CPUs and in memory.
 *
 * On a 2-core virtual machine a look costs 33 µs a worker, 10 µs at /proc/stat and 125 µs at the memory; looks are so
 * far apart that they take at most one part in RUN_SAMPLE_SHARE of the time.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/run_sample.h"
#include "cli/run_suite.h"
#include "hw/memory.h"
#include "lib/util.h"

/* Memory */

static uint64_t larger(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* The mean of what workers said that they needed at most, bytes; 0 where none has said it yet. */
static uint64_t mean_peak(const struct run_suite *s)
{
        uint64_t sum = 0, n = 0;

        for (uint32_t i = 0; i < s->n_workers; i++) {
                sum += s->workers[i].rss;
                n += s->workers[i].rss > 0;
        }
        return n > 0 ? sum / n * 1024 : 0;
}

/* What one more worker is expected to take. A worker that was forked shares most of what the reporter has: what it
 * touches it copies, reference counts included, and a quarter is what is assumed of it until workers say more. */
static uint64_t memory_of_worker(const struct run_suite *s)
{
        uint64_t reporter = run_sample_resident("", s->reporter), peak = mean_peak(s);

        if (s->worker_memory > 0)
                return s->worker_memory;
        if (strcmp(s->listing.start, "fork") != 0)
                return larger(larger(reporter, peak), 1);
        return larger(larger(reporter / RUN_ROOM_FORK_PART, peak > reporter ? peak - reporter : 0), 1);
}

uint32_t run_suite_room(const struct run_suite *s)
{
        uint64_t room =
                s->memory == UINT64_MAX ? DISPATCH_WORKERS_MAX : s->memory / RUN_ROOM_PART / memory_of_worker(s);

        return room < DISPATCH_WORKERS_MAX ? (uint32_t)room : DISPATCH_WORKERS_MAX;
}

/* Memory is asked for once a while; workers that have started since are taken off. */
static uint32_t room_now(struct run_suite *s, uint64_t now)
{
        uint32_t room;

        if (now >= s->memory_at + RUN_ROOM_EVERY_US) {
                (void)hw_memory_available("", s->reporter, &s->memory); /* else it is as it was */
                s->memory_at = now;
                s->n_started_since = 0;
        }
        room = run_suite_room(s);
        return room > s->n_started_since ? room - s->n_started_since : 0;
}

/* The CPUs */

/* Since when a worker runs what it runs, µs of the run's clock: 0 where it runs nothing, or does not tell. */
static bool is_running(const struct run_suite *s, uint32_t number, uint64_t *ret_since)
{
        uint32_t item;
        double began;

        *ret_since = 0;
        if (run_deal_read_state(&s->deal, number, &item, &began) < 0)
                return true; /* whoever asks says that it runs something */
        if (item == RUN_NO_INDEX || !(began > 0))
                return false;
        *ret_since = run_clock(s->run, (uint64_t)(began * 1e6));
        return true;
}

/* What runs on CPUs that are ours at a lower priority than our workers does not make them busy. */
static int read_idle(const struct run_suite *s, const struct cpuset *pus, double *ret_seconds)
{
        return run_sample_idle("", pus, s->run->nice->own <= 0, ret_seconds);
}

void run_suite_sample_from_now(struct run_suite *s, struct run_worker *w)
{
        struct cpuset pus = run_suite_pus(s);

        w->sampled_at = 0;
        run_suite_wait_from_now(s, w, run_now(s->run));
        if (s->n_extra == 0)
                return;
        if (w->pid > 0 && run_sample_used("", w->pid, &w->used) == 0)
                w->sampled_at = run_now(s->run);
        if (s->idle_at == 0 && read_idle(s, &pus, &s->idle) == 0) {
                s->idle_at = run_now(s->run);
                s->idle_pus = pus;
        }
}

/* What a worker used since the last look, which takes place now. False where there was none. */
static bool look_at(struct run_suite *s, struct run_worker *w, struct dispatch_event *e, uint64_t *ret_from)
{
        double used;

        if (run_sample_used("", w->pid, &used) < 0)
                return false;
        *ret_from = w->sampled_at;
        e->cpu = used > w->used ? used - w->used : 0;
        w->used = used;
        w->sampled_at = run_now(s->run);
        e->wall = (double)(w->sampled_at - *ret_from) / 1e6;
        return *ret_from > 0 && w->sampled_at > *ret_from;
}

/* Leaves of it what belongs to the item that began then. What came before a worker's first item is little, and counts
 * as that item's, so that nobody is taken to wait who does not; of two items it cannot be told who used what. */
static bool cut_to_item(const struct run_worker *w, uint64_t from, uint64_t began, struct dispatch_event *e)
{
        double wall = w->sampled_at > began ? (double)(w->sampled_at - began) / 1e6 : 0;

        if (began <= from)
                return true;
        if (w->has_run || wall < e->wall / 2)
                return false;
        e->wall = wall;
        e->cpu = e->cpu < wall ? e->cpu : wall;
        return true;
}

/* Negative: the suite cannot go on. */
static int sample_worker(struct run_suite *s, uint32_t number, double *busy)
{
        struct dispatch_event event = {.type = DISPATCH_SAMPLE, .worker = number};
        struct run_worker *w = run_suite_worker(s, number);
        uint64_t from, began;

        if (!w || w->state != RUN_WORKER_READY || w->pid <= 0 || !is_running(s, number, &began) ||
            !look_at(s, w, &event, &from))
                return 0;
        *busy += event.cpu / event.wall;
        if (!cut_to_item(w, from, began, &event))
                return 0;
        run_suite_learn_share(w, event.cpu, event.wall);
        return run_suite_step(s, &event);
}

/* PUs that had nothing to do since the last look; where the system does not say, those that the workers left. */
static double idle_now(struct run_suite *s, double busy)
{
        struct cpuset pus = run_suite_pus(s);
        uint64_t before = s->idle_at, now = run_now(s->run);
        double n = (double)s->n_pus, seconds, idle = n - busy;

        if (read_idle(s, &pus, &seconds) == 0) {
                if (before && now > before && cpuset_equal(&pus, &s->idle_pus))
                        idle = (seconds - s->idle) / ((double)(now - before) / 1e6);
                s->idle = seconds;
                s->idle_pus = pus;
                s->idle_at = now;
        }
        return idle < 0 ? 0 : idle < n ? idle : n;
}

int run_suite_sample(struct run_suite *s)
{
        struct dispatch_event event = {.type = DISPATCH_SAMPLED};
        uint64_t begin = run_now(s->run);
        double busy = 0;
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < s->n_workers; i++)
                r = sample_worker(s, i, &busy);
        if (r < 0)
                return r;
        event.idle = idle_now(s, busy);
        event.room = room_now(s, begin);
        s->n_samples++;
        s->sample_not_before = run_now(s->run) + (run_now(s->run) - begin) * RUN_SAMPLE_SHARE;
        return run_suite_step(s, &event);
}
