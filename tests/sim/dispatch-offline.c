#include "tests/sim/dispatch-offline.h"
#include "tests/unit/test.h"

#include <math.h>

/* A schedule in the making */

struct core {
        uint32_t first, n; /* in pus */
        double end;
};

struct schedule {
        const struct world *w;
        uint32_t n_pus, n_cores;
        uint32_t pus[WORLD_PUS_MAX]; /* the world's, those of a core beside each other */
        uint32_t core_of[WORLD_PUS_MAX];
        struct core cores[WORLD_PUS_MAX];
        double work[WORLD_PUS_MAX];                      /* seconds on a fast core, set-ups included */
        uint16_t users[WORLD_PUS_MAX][WORLD_GROUPS_MAX]; /* items there that need the group */
        uint32_t where[WORLD_ITEMS_MAX];                 /* PU, or NONE */
};

enum { NONE = WORLD_PUS_MAX };

static bool are_siblings(const struct dispatch_pu *a, const struct dispatch_pu *b)
{
        return a->core == b->core && a->alone > a->speed && b->alone > b->speed;
}

static void schedule_init(struct schedule *s, const struct world *w)
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

/* With so much more on one of its PUs. */
static double core_end_with(const struct schedule *s, uint32_t core, uint32_t pu, double more)
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

/* What the PU takes longer with the item, its set-ups included; or without it. */
static double cost(const struct schedule *s, uint32_t item, uint32_t pu, uint32_t users)
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
        s->cores[s->core_of[pu]].end = core_end_with(s, s->core_of[pu], NONE, 0);
}

static void put(struct schedule *s, uint32_t item, uint32_t pu)
{
        set_work(s, pu, s->work[pu] + cost(s, item, pu, 0));
        count_users(s, item, pu, 1);
        s->where[item] = pu;
}

static void take(struct schedule *s, uint32_t item)
{
        uint32_t pu = s->where[item];

        set_work(s, pu, s->work[pu] - cost(s, item, pu, 1));
        count_users(s, item, pu, -1);
        s->where[item] = NONE;
}

static uint32_t last_core(const struct schedule *s)
{
        uint32_t last = 0;

        for (uint32_t c = 1; c < s->n_cores; c++)
                if (s->cores[c].end > s->cores[last].end)
                        last = c;
        return last;
}

static double makespan(const struct schedule *s)
{
        return s->cores[last_core(s)].end;
}

/* List schedules */

/* Items that go together: one by itself, or those of an outermost group. */
struct job {
        uint32_t first; /* in the order of jobs.items */
        uint32_t n;
        double seconds, setups; /* setups: of groups within */
        uint32_t group;         /* outermost, or NONE */
};

struct jobs {
        struct job jobs[WORLD_ITEMS_MAX];
        uint32_t n;
        uint32_t items[WORLD_ITEMS_MAX];
};

static int longest_first(const void *pa, const void *pb)
{
        const struct job *a = pa, *b = pb;
        double x = a->seconds + a->setups, y = b->seconds + b->setups;

        return x < y ? 1 : x > y ? -1 : (a->first > b->first) - (a->first < b->first);
}

static uint32_t outermost(const struct world *w, uint32_t item)
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

static void jobs_of_items(struct jobs *jobs, const struct world *w)
{
        jobs->n = 0;
        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                add_job(jobs, 1, w->seconds[i], 0);
                jobs->items[i] = i;
        }
}

/* In the order of their first items. */
static void jobs_of_groups(struct jobs *jobs, const struct world *w)
{
        static bool seen[WORLD_ITEMS_MAX], used[WORLD_GROUPS_MAX];
        uint32_t n = 0;

        jobs->n = 0;
        memset(seen, 0, sizeof(seen));
        memset(used, 0, sizeof(used));
        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                uint32_t group = outermost(w, i), first = n;
                double seconds = 0, setups = 0;

                for (uint32_t k = i; k < w->suite.n_items && !seen[i]; k++) {
                        if (k != i && (group == DISPATCH_NONE || outermost(w, k) != group))
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

static double job_cost(const struct schedule *s, const struct jobs *jobs, const struct job *job, uint32_t pu)
{
        return job->n == 1 ? cost(s, jobs->items[job->first], pu, 0) : job->seconds + job->setups;
}

static uint32_t earliest(const struct schedule *s, const struct jobs *jobs, const struct job *job)
{
        double best_end = HUGE_VAL;
        uint32_t best = 0;

        for (uint32_t p = 0; p < s->n_pus; p++) {
                double end = core_end_with(s, s->core_of[p], p, job_cost(s, jobs, job, p));

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
                put(s, jobs->items[job->first + i], pu);
}

static double list_schedule(struct schedule *s, const struct world *w, struct jobs *jobs)
{
        schedule_init(s, w);
        for (uint32_t i = 0; i < jobs->n; i++)
                place(s, jobs, &jobs->jobs[i], earliest(s, jobs, &jobs->jobs[i]));
        return makespan(s);
}

static void sort_jobs(struct jobs *jobs)
{
        qsort(jobs->jobs, jobs->n, sizeof(jobs->jobs[0]), longest_first);
}

static struct schedule scratch;
static struct jobs scratch_jobs;

double offline_list(const struct world *w)
{
        jobs_of_items(&scratch_jobs, w);
        sort_jobs(&scratch_jobs);
        return list_schedule(&scratch, w, &scratch_jobs);
}

double offline_list_of_groups(const struct world *w)
{
        jobs_of_groups(&scratch_jobs, w);
        sort_jobs(&scratch_jobs);
        return list_schedule(&scratch, w, &scratch_jobs);
}

/* The optimum */

/* Whether a PU before this one is as good: the same speeds, and nothing on the whole core yet. */
static bool is_like_one_before(const struct schedule *s, uint32_t pu)
{
        const struct core *core = &s->cores[s->core_of[pu]];

        for (uint32_t p = 0; p < pu; p++) {
                const struct core *other = &s->cores[s->core_of[p]];
                const struct dispatch_pu *a = &s->w->pus[p], *b = &s->w->pus[pu];
                bool same = a->speed >= b->speed && a->speed <= b->speed && a->alone >= b->alone &&
                            a->alone <= b->alone && other->n == core->n;

                if (same && core->end <= 0 && other->end <= 0)
                        return true;
                if (core == other && s->work[p] <= 0 && s->work[pu] <= 0)
                        return true;
        }
        return false;
}

static void branch(struct schedule *s, const struct jobs *jobs, uint32_t n, double *best)
{
        if (makespan(s) >= *best)
                return;
        if (n == jobs->n) {
                *best = makespan(s);
                return;
        }
        for (uint32_t p = 0; p < s->n_pus; p++) {
                double work = s->work[p], end = s->cores[s->core_of[p]].end;
                uint32_t item = jobs->items[jobs->jobs[n].first];

                if (is_like_one_before(s, p))
                        continue;
                put(s, item, p);
                branch(s, jobs, n + 1, best);
                take(s, item);
                /* Exactly as before: sums of floats would drift. */
                s->work[p] = work;
                s->cores[s->core_of[p]].end = end;
        }
}

double offline_optimum(const struct world *w)
{
        double best = fmin(offline_list(w), offline_list_of_groups(w));

        jobs_of_items(&scratch_jobs, w);
        sort_jobs(&scratch_jobs);
        schedule_init(&scratch, w);
        branch(&scratch, &scratch_jobs, 0, &best);
        return best;
}

/* The best that is found */

/* Group after group, in this order, cut where a PU is full: at most one more set-up of each kind a PU. False where not
 * all of it ends by `limit`. */
static bool wrap(struct schedule *s, const struct world *w, const struct jobs *jobs, double limit)
{
        uint32_t pu = 0;

        schedule_init(s, w);
        for (uint32_t i = 0; i < jobs->n; i++)
                for (uint32_t k = 0; k < jobs->jobs[i].n; k++) {
                        uint32_t item = jobs->items[jobs->jobs[i].first + k];

                        while (pu < s->n_pus && core_end_with(s, s->core_of[s->pus[pu]], s->pus[pu],
                                                              cost(s, item, s->pus[pu], 0)) > limit)
                                pu++;
                        if (pu == s->n_pus)
                                return false;
                        put(s, item, s->pus[pu]);
                }
        return true;
}

static double best_wrap(struct schedule *s, const struct world *w, const struct jobs *jobs, double high)
{
        enum { HALVINGS = 20 };
        double low = 0;

        for (unsigned i = 0; i < HALVINGS; i++) {
                double limit = (low + high) / 2;

                if (wrap(s, w, jobs, limit))
                        high = limit;
                else
                        low = limit;
        }
        return wrap(s, w, jobs, high) ? makespan(s) : HUGE_VAL;
}

/* Moves an item of the core that ends last to where the later of both ends is the earliest; false if nothing helps. */
static bool move_one(struct schedule *s, uint32_t core)
{
        double least = s->cores[core].end * (1 - 1e-9);
        uint32_t best_item = DISPATCH_NONE, best_pu = NONE;

        for (uint32_t i = 0; i < s->w->suite.n_items; i++) {
                uint32_t from = s->where[i];

                if (s->core_of[from] != core)
                        continue;
                for (uint32_t p = 0; p < s->n_pus; p++) {
                        double there;

                        if (s->core_of[p] == core)
                                continue;
                        there = core_end_with(s, s->core_of[p], p, cost(s, i, p, 0));
                        there = fmax(there, core_end_with(s, core, from, -cost(s, i, from, 1)));
                        if (there < least) {
                                least = there;
                                best_item = i;
                                best_pu = p;
                        }
                }
        }
        if (best_item == DISPATCH_NONE)
                return false;
        take(s, best_item);
        put(s, best_item, best_pu);
        return true;
}

/* Swaps two items so that both cores end before the last one does now. */
static bool swap_two(struct schedule *s, uint32_t core)
{
        double least = s->cores[core].end * (1 - 1e-9);

        for (uint32_t i = 0; i < s->w->suite.n_items; i++) {
                uint32_t from = s->where[i];

                for (uint32_t k = 0; k < s->w->suite.n_items && s->core_of[from] == core; k++) {
                        uint32_t to = s->where[k];

                        if (s->core_of[to] == core || s->w->seconds[k] >= s->w->seconds[i])
                                continue;
                        take(s, i);
                        take(s, k);
                        put(s, i, to);
                        put(s, k, from);
                        if (fmax(s->cores[core].end, s->cores[s->core_of[to]].end) < least)
                                return true;
                        take(s, i);
                        take(s, k);
                        put(s, i, from);
                        put(s, k, to);
                }
        }
        return false;
}

/* Swaps are tried where there are few enough pairs. */
static double improve(struct schedule *s, double bound)
{
        enum { STEPS = 400, SWAPS_ITEMS_MAX = 400 };
        bool swaps = s->w->suite.n_items <= SWAPS_ITEMS_MAX;

        for (unsigned i = 0; i < STEPS && makespan(s) > bound * (1 + 1e-6); i++)
                if (!move_one(s, last_core(s)) && !(swaps && swap_two(s, last_core(s))))
                        break;
        return makespan(s);
}

/* Longest first, more or less. */
static void shuffle_jobs(struct jobs *jobs, uint64_t *random)
{
        for (uint32_t i = 0; i < jobs->n; i++)
                jobs->jobs[i].seconds *= 0.75 + 0.5 * random_uniform(random);
        sort_jobs(jobs);
}

static double try_jobs(const struct world *w, struct jobs *jobs, double best, double bound)
{
        double end;

        best = fmin(best, list_schedule(&scratch, w, jobs));
        best = fmin(best, improve(&scratch, bound));
        end = best_wrap(&scratch, w, jobs, 2 * best);
        return end < HUGE_VAL ? fmin(best, improve(&scratch, bound)) : best;
}

double offline_best(const struct world *w, uint32_t tries)
{
        double best = HUGE_VAL, bound = world_bound(w);
        uint64_t random = 1;

        for (uint32_t i = 0; i < tries && best > bound * (1 + 1e-6); i++)
                for (unsigned of_groups = 0; of_groups < 2; of_groups++) {
                        if (of_groups)
                                jobs_of_groups(&scratch_jobs, w);
                        else
                                jobs_of_items(&scratch_jobs, w);
                        sort_jobs(&scratch_jobs);
                        if (i > 0)
                                shuffle_jobs(&scratch_jobs, &random);
                        best = try_jobs(w, &scratch_jobs, best, bound);
                }
        return best;
}
