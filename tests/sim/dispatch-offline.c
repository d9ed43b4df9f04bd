#include "tests/sim/dispatch-offline.h"
#include "tests/sim/dispatch-schedule.h"

#include <math.h>

static struct schedule scratch;
static struct jobs scratch_jobs;

/* List schedules */

double offline_list(const struct world *w)
{
        jobs_of_items(&scratch_jobs, w);
        jobs_sort(&scratch_jobs);
        return jobs_list(&scratch_jobs, &scratch, w);
}

double offline_list_of_groups(const struct world *w)
{
        jobs_of_groups(&scratch_jobs, w);
        jobs_sort(&scratch_jobs);
        return jobs_list(&scratch_jobs, &scratch, w);
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
        if (schedule_makespan(s) >= *best)
                return;
        if (n == jobs->n) {
                *best = schedule_makespan(s);
                return;
        }
        for (uint32_t p = 0; p < s->n_pus; p++) {
                double work = s->work[p], end = s->cores[s->core_of[p]].end;
                uint32_t item = jobs->items[jobs->jobs[n].first];

                if (is_like_one_before(s, p))
                        continue;
                schedule_put(s, item, p);
                branch(s, jobs, n + 1, best);
                schedule_take(s, item);
                /* Exactly as before: sums of floats would drift. */
                s->work[p] = work;
                s->cores[s->core_of[p]].end = end;
        }
}

double offline_optimum(const struct world *w)
{
        double best = fmin(offline_list(w), offline_list_of_groups(w));

        jobs_of_items(&scratch_jobs, w);
        jobs_sort(&scratch_jobs);
        schedule_init(&scratch, w);
        branch(&scratch, &scratch_jobs, 0, &best);
        return best;
}
