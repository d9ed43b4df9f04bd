#include "tests/sim/dispatch-schedule.h"
#include "tests/unit/test.h"

#include <math.h>

static bool are_siblings(const struct dispatch_pu *a, const struct dispatch_pu *b)
{
        return a->core == b->core && a->alone > a->speed && b->alone > b->speed;
}

void schedule_init(struct schedule *s, const struct world *w)
{
        s->w = w;
        s->n_pus = (uint32_t)w->params.n_pus;
        s->n_cores = 0;
        for (uint32_t p = 0; p < s->n_pus; p++)
                s->core_of[p] = NONE;
        for (uint32_t p = 0, n = 0; p < s->n_pus; p++) {
                struct core *core = &s->cores[s->n_cores];

                if (s->core_of[p] != NONE)
                        continue;
                *core = (struct core){.first = n};
                for (uint32_t q = p; q < s->n_pus; q++)
                        if (q == p || are_siblings(&w->pus[p], &w->pus[q])) {
                                s->core_of[q] = s->n_cores;
                                s->pus[n++] = q;
                                core->n++;
                        }
                s->n_cores++;
        }
        memset(s->work, 0, sizeof(s->work));
        memset(s->users, 0, sizeof(s->users));
        for (uint32_t i = 0; i < w->suite.n_items; i++)
                s->where[i] = NONE;
}

/* Of one PU while `busy` of its core are. */
static double speed_of(const struct schedule *s, const struct core *core, uint32_t busy)
{
        const struct dispatch_pu *pu = &s->w->pus[s->pus[core->first]];

        return core->n > 1 ? pu->alone - (pu->alone - pu->speed) * (busy - 1) / (core->n - 1) : pu->speed;
}

static int ascending(const void *pa, const void *pb)
{
        double a = *(const double *)pa, b = *(const double *)pb;

        return (a > b) - (a < b);
}

double schedule_core_end(const struct schedule *s, uint32_t core, uint32_t pu, double more)
{
        const struct core *c = &s->cores[core];
        double work[WORLD_PUS_MAX], done = 0, end = 0;

        for (uint32_t i = 0; i < c->n; i++)
                work[i] = s->work[s->pus[c->first + i]] + (s->pus[c->first + i] == pu ? more : 0);
        if (c->n > 1)
                qsort(work, c->n, sizeof(work[0]), ascending);
        for (uint32_t i = 0; i < c->n; i++) {
                end += (work[i] - done) / speed_of(s, c, c->n - i);
                done = work[i];
        }
        return end;
}

double schedule_cost(const struct schedule *s, uint32_t item, uint32_t pu, uint32_t users)
{
        double sum = s->w->seconds[item];

        for (uint32_t g = s->w->items[item].group; g != DISPATCH_NONE; g = s->w->groups[g].parent)
                sum += s->users[pu][g] == users ? s->w->setups[g] : 0;
        return sum;
}

static void count_users(struct schedule *s, uint32_t item, uint32_t pu, int by)
{
        for (uint32_t g = s->w->items[item].group; g != DISPATCH_NONE; g = s->w->groups[g].parent)
                s->users[pu][g] = (uint16_t)(s->users[pu][g] + by);
}

static void set_work(struct schedule *s, uint32_t pu, double work)
{
        s->work[pu] = fmax(work, 0);
        s->cores[s->core_of[pu]].end = schedule_core_end(s, s->core_of[pu], NONE, 0);
}

void schedule_put(struct schedule *s, uint32_t item, uint32_t pu)
{
        set_work(s, pu, s->work[pu] + schedule_cost(s, item, pu, 0));
        count_users(s, item, pu, 1);
        s->where[item] = pu;
}

void schedule_take(struct schedule *s, uint32_t item)
{
        uint32_t pu = s->where[item];

        set_work(s, pu, s->work[pu] - schedule_cost(s, item, pu, 1));
        count_users(s, item, pu, -1);
        s->where[item] = NONE;
}

uint32_t schedule_last_core(const struct schedule *s)
{
        uint32_t last = 0;

        for (uint32_t c = 1; c < s->n_cores; c++)
                if (s->cores[c].end > s->cores[last].end)
                        last = c;
        return last;
}

double schedule_makespan(const struct schedule *s)
{
        return s->cores[schedule_last_core(s)].end;
}

/* Lists */

static int longest_first(const void *pa, const void *pb)
{
        const struct job *a = pa, *b = pb;
        double x = a->seconds + a->setups, y = b->seconds + b->setups;

        return x < y ? 1 : x > y ? -1 : (a->first > b->first) - (a->first < b->first);
}

uint32_t jobs_outermost(const struct world *w, uint32_t item)
{
        uint32_t g = w->items[item].group;

        while (g != DISPATCH_NONE && w->groups[g].parent != DISPATCH_NONE)
                g = w->groups[g].parent;
        return g;
}

static void add_job(struct jobs *jobs, uint32_t n, double seconds, double setups)
{
        uint32_t first = jobs->n > 0 ? jobs->jobs[jobs->n - 1].first + jobs->jobs[jobs->n - 1].n : 0;

        jobs->jobs[jobs->n++] = (struct job){.first = first, .n = n, .seconds = seconds, .setups = setups};
}

void jobs_of_items(struct jobs *jobs, const struct world *w)
{
        jobs->n = 0;
        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                add_job(jobs, 1, w->seconds[i], 0);
                jobs->items[i] = i;
        }
}

void jobs_of_groups(struct jobs *jobs, const struct world *w)
{
        static bool seen[WORLD_ITEMS_MAX], used[WORLD_GROUPS_MAX];
        uint32_t n = 0;

        jobs->n = 0;
        memset(seen, 0, sizeof(seen));
        memset(used, 0, sizeof(used));
        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                uint32_t group = jobs_outermost(w, i), first = n;
                double seconds = 0, setups = 0;

                for (uint32_t k = i; k < w->suite.n_items && !seen[i]; k++) {
                        if (k != i && (group == DISPATCH_NONE || jobs_outermost(w, k) != group))
                                continue;
                        seen[k] = k > i;
                        seconds += w->seconds[k];
                        jobs->items[n++] = k;
                        for (uint32_t g = w->items[k].group; g != DISPATCH_NONE && !used[g]; g = w->groups[g].parent) {
                                used[g] = true;
                                setups += w->setups[g];
                        }
                }
                if (n > first)
                        add_job(jobs, n - first, seconds, setups);
        }
}

void jobs_sort(struct jobs *jobs)
{
        qsort(jobs->jobs, jobs->n, sizeof(jobs->jobs[0]), longest_first);
}

static double job_cost(const struct schedule *s, const struct jobs *jobs, const struct job *job, uint32_t pu)
{
        return job->n == 1 ? schedule_cost(s, jobs->items[job->first], pu, 0) : job->seconds + job->setups;
}

static uint32_t earliest(const struct schedule *s, const struct jobs *jobs, const struct job *job)
{
        double best_end = HUGE_VAL;
        uint32_t best = 0;

        for (uint32_t p = 0; p < s->n_pus; p++) {
                double end = schedule_core_end(s, s->core_of[p], p, job_cost(s, jobs, job, p));

                if (end < best_end) {
                        best_end = end;
                        best = p;
                }
        }
        return best;
}

static void place(struct schedule *s, const struct jobs *jobs, const struct job *job, uint32_t pu)
{
        for (uint32_t i = 0; i < job->n; i++)
                schedule_put(s, jobs->items[job->first + i], pu);
}

double jobs_list(const struct jobs *jobs, struct schedule *s, const struct world *w)
{
        schedule_init(s, w);
        for (uint32_t i = 0; i < jobs->n; i++)
                place(s, jobs, &jobs->jobs[i], earliest(s, jobs, &jobs->jobs[i]));
        return schedule_makespan(s);
}
