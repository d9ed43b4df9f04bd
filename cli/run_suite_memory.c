/* A suite's memory: what its workers need, and that there are no more of them than it is there for.
 *
 * What a worker needs is the most that one was seen to have for itself, with all that it has started: of what it shares
 * with the reporter nothing is needed for one more. The kernel has to walk a process's pages to tell, so one worker is
 * looked at in a second. What earlier runs saw counts until this one sees more.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_sample.h"
#include "cli/run_suite.h"
#include "hw/memory.h"
#include "hw/pressure.h"
#include "lib/util.h"

enum { OOM_SCORE_MAX = 1000 };

static const double MUCH_MORE = 1.1; /* than the service was told */

static void tell_service(struct run_suite *s)
{
        if ((double)s->worker_memory <= MUCH_MORE * (double)s->told_memory)
                return;
        if (run_lease_set_memory(&s->run->lease, s->worker_memory) == 0)
                s->told_memory = s->worker_memory;
}

static uint64_t private_of_all(pid_t pid)
{
        CLEANUP(run_pids_finish) struct run_pids below = {0};
        const struct run_pids none = {0};
        uint64_t sum = run_sample_private("", pid);

        (void)run_tree_look_below(pid, &none, &below);
        for (size_t i = 0; i < below.n; i++)
                sum += run_sample_private("", below.items[i]);
        return sum;
}

static void look_at_worker(struct run_suite *s, const struct run_worker *w)
{
        uint64_t now = w->state == RUN_WORKER_READY && w->pid > 0 ? private_of_all(w->pid) : 0;

        s->seen_memory = now > s->seen_memory ? now : s->seen_memory;
        s->worker_memory = now > s->worker_memory ? now : s->worker_memory;
}

/* One after the other. */
static void look_at_next(struct run_suite *s)
{
        for (uint32_t i = 0; i < s->n_workers; i++) {
                const struct run_worker *w = &s->workers[s->next_looked_at++ % s->n_workers];

                if (w->state != RUN_WORKER_READY)
                        continue;
                look_at_worker(s, w);
                return;
        }
}

/* Of the system, or of the suite's own cgroup. */
static double pressure_of(const struct run_suite *s)
{
        struct readings_pressure system = {0}, own = {0};
        CLEANUP_FREE char *text = NULL;
        char path[HW_PATH_MAX + 32];

        (void)hw_pressure_read("", HW_PRESSURE_MEMORY, &system);
        snprintf(path, sizeof(path), "%s/memory.pressure", s->memory_group.directory);
        if (*s->memory_group.directory && s->memory_group.v2 && hw_root_read("", path, &text, NULL) == 0)
                (void)hw_pressure_parse(text, &own);
        return own.some10 > system.some10 ? own.some10 : system.some10;
}

static struct run_memory_look look(struct run_suite *s)
{
        struct run_memory_look look = {.available = UINT64_MAX, .need = s->worker_memory};

        (void)hw_memory_available("", s->reporter, &look.available);
        look.pressure = pressure_of(s);
        look.n_alive = run_suite_n_alive(s);
        return look;
}

static void note_limit(struct run_suite *s, uint32_t limit)
{
        s->told_limit = limit;
        if (limit < s->least_limit && limit < run_suite_n_wanted(s))
                s->least_limit = limit;
}

static int set_limit(struct run_suite *s, uint32_t limit)
{
        struct dispatch_event event = {.type = DISPATCH_LIMIT, .room = limit};

        if (limit == s->told_limit)
                return 0;
        note_limit(s, limit);
        return run_suite_step(s, &event);
}

int run_suite_memory_begin(struct run_suite *s, uint64_t need)
{
        struct run_memory_look now;
        int r = hw_cgroup_find("", "self", "memory", &s->memory_group);

        s->worker_memory = need;
        s->told_limit = s->least_limit = UINT32_MAX;
        run_memory_init(&s->limits);
        tell_service(s);
        now = look(s);
        return r < 0 ? r : set_limit(s, run_memory_begin(&s->limits, &now));
}

int run_suite_memory_look(struct run_suite *s)
{
        struct run_memory_look now;

        if (s->n_workers > 0)
                look_at_next(s);
        tell_service(s);
        now = look(s);
        return set_limit(s, run_memory_step(&s->limits, &now));
}

void run_suite_memory_offer(const struct run_worker *w)
{
        char path[64], text[16];
        CLEANUP_CLOSE int fd = -1;
        int64_t score = 0;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)w->pid);
        fd = open(path, O_RDWR | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return;
        text[n] = '\0';
        score = strtol(text, NULL, 10) + RUN_OOM_SCORE;
        n = snprintf(text, sizeof(text), "%d", (int)(score < OOM_SCORE_MAX ? score : OOM_SCORE_MAX));
        (void)!pwrite(fd, text, (size_t)n, 0);
}

/* gw3 was killed by the kernel for want of memory: now 3 workers */
static void note_killed(struct run_suite *s, uint32_t worker, uint32_t limit)
{
        char text[128];

        snprintf(text, sizeof(text), "gw%u was killed by the kernel for want of memory: now %u worker%s", worker, limit,
                 limit == 1 ? "" : "s");
        if (!s->killed)
                s->killed = json_array();
        json_array_append_new(s->killed, json_string(text));
}

uint32_t run_suite_memory_killed(struct run_suite *s, uint32_t worker)
{
        uint32_t limit = run_memory_killed(&s->limits, run_suite_n_alive(s));

        note_killed(s, worker, limit);
        note_limit(s, limit);
        return limit;
}
