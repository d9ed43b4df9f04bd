/* Workers: where they may be, and how they start, move and end. */
#include <errno.h>
#include <signal.h>
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

int run_suite_list_workers(const struct run_suite *s, struct run_pids *pids)
{
        int r = 0;

        for (uint32_t i = 0; i < s->n_workers && s->state == RUN_SUITE_RUNNING && r == 0; i++)
                if (is_alive(&s->workers[i]) && s->workers[i].pid > 0)
                        r = run_pids_add(pids, s->workers[i].pid);
        return r;
}

uint32_t run_suite_n_alive(const struct run_suite *s)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < s->n_workers; i++)
                n += is_alive(&s->workers[i]);
        return n;
}

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

struct cpuset run_suite_pus(const struct run_suite *s)
{
        struct cpuset pus = {0};

        for (size_t i = 0; i < s->n_pus; i++)
                cpuset_add(&pus, s->pus[i].os);
        return pus;
}

/* Where a worker may be. A suite that is over has PUs no more: what it runs once more runs wherever the run may. */
struct cpuset run_suite_worker_pus(const struct run_suite *s, const struct run_worker *w)
{
        struct cpuset pus = w->also;

        if (w->pu != DISPATCH_FLOATING)
                cpuset_add(&pus, w->pu);
        else
                pus = s->state == RUN_SUITE_RUNNING ? run_suite_pus(s) : s->run->lease.kept;
        return pus;
}

static json_t *start_message(const struct run_suite *s, uint32_t number, const struct run_worker *w)
{
        struct cpuset set = run_suite_worker_pus(s, w);
        char pus[CPUSET_TEXT_MAX];

        if (cpuset_format(&set, pus, sizeof(pus)) < 0)
                return NULL;
        return json_pack("{s:s, s:i, s:i, s:i, s:s?}", "event", "start", "worker", (int)number, "count",
                         (int)s->n_at_once, "slot", (int)w->slot, "pus", s->run->options->no_pin ? NULL : pus);
}

/* There may be fewer slots than workers alive: those that leave a PU end their item while others start on it, and the
 * service may have no more. */
int run_suite_start_if_slot(struct run_suite *s, uint32_t number)
{
        struct run_worker *w = &s->workers[number];

        w->slot = run_take_slot(s->run);
        if (w->slot == RUN_NO_SLOT)
                return 0;
        w->state = RUN_WORKER_STARTING;
        w->started_on = w->pu;
        s->n_started_since++;
        return run_peer_send(s->peer, start_message(s, number, w));
}

int run_suite_start_worker(struct run_suite *s, uint32_t number, unsigned pu)
{
        struct run_worker *w = &s->workers[number];
        uint32_t n;
        int r;

        *w = (struct run_worker){.state = RUN_WORKER_WAITING,
                                 .pu = pu,
                                 .speed = speed_of(s, pu),
                                 .slot = RUN_NO_SLOT,
                                 .busy = w->busy,
                                 .stopped_item = RUN_NO_INDEX,
                                 .share = 1};
        n = run_suite_n_alive(s);
        s->n_at_once = n > s->n_at_once ? n : s->n_at_once;
        r = run_suite_start_if_slot(s, number);
        s->short_of_slots |= w->slot == RUN_NO_SLOT;
        return r;
}

/* What the worker's items have started goes along. */
static void pin_now(struct run_suite *s, const struct run_worker *w)
{
        const struct run_pids none = {0};
        struct cpuset pus = run_suite_worker_pus(s, w);

        if (s->run->options->no_pin || w->pid <= 0)
                return;
        if (run_tree_pin(w->pid, &pus) == -EINVAL && w->pu != DISPATCH_FLOATING)
                run_refuse(s->run, w->pu);
        run_tree_pin_below(w->pid, &none, &pus, false);
}

void run_suite_move_worker(struct run_suite *s, uint32_t number, unsigned pu)
{
        struct run_worker *w = worker_at(s, number);

        if (!is_alive(w))
                return;
        w->pu = pu;
        w->also = (struct cpuset){0};
        w->speed = speed_of(s, pu);
        w->moved_at = run_now(s->run);
        pin_now(s, w);
}

void run_suite_widen_worker(struct run_suite *s, uint32_t number, unsigned pu)
{
        struct run_worker *w = worker_at(s, number);

        if (!is_alive(w))
                return;
        cpuset_add(&w->also, pu);
        w->moved_at = run_now(s->run);
        pin_now(s, w);
}

void run_suite_end_worker(struct run_suite *s, uint32_t number)
{
        struct run_worker *w = &s->workers[number];

        run_give_slot(s->run, w->slot);
        w->state = RUN_WORKER_NONE;
        run_usable_changed(s->run);
        run_deal_drop_worker(&s->deal, number);
}

int run_suite_started(struct run_suite *s, uint32_t number, pid_t pid)
{
        struct run_worker *w = run_suite_worker(s, number);

        if (!w || pid <= 1)
                return -EPROTO;
        w->pid = pid;
        run_suite_memory_offer(w);
        if (w->state == RUN_WORKER_READY) /* as it said itself, meanwhile */
                run_suite_sample_from_now(s, w);
        if (w->doomed)
                (void)run_tree_signal(pid, SIGKILL);
        else /* the lease may have changed meanwhile, and all that was not known as a worker been moved */
                pin_now(s, w);
        return 0;
}
