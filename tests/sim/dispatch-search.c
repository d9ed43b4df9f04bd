/* The best schedule that a search finds. */
#include "tests/sim/dispatch-offline.h"
#include "tests/sim/dispatch-schedule.h"

#include <math.h>

/* Starting points */

/* Group after group, in this order, cut where a PU is full: at most one more set-up of each kind a PU. False where not
 * all of it ends by `limit`. */
static bool wrap(struct schedule *s, const struct world *w, const struct jobs *jobs, double limit)
{
        uint32_t pu = 0;

        schedule_init(s, w);
        for (uint32_t i = 0; i < jobs->n; i++)
                for (uint32_t k = 0; k < jobs->jobs[i].n; k++) {
                        uint32_t item = jobs->items[jobs->jobs[i].first + k];

                        while (pu < s->n_pus && schedule_core_end(s, s->core_of[s->pus[pu]], s->pus[pu],
                                                                  schedule_cost(s, item, s->pus[pu], 0)) > limit)
                                pu++;
                        if (pu == s->n_pus)
                                return false;
                        schedule_put(s, item, s->pus[pu]);
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
        return wrap(s, w, jobs, high) ? schedule_makespan(s) : HUGE_VAL;
}

/* Local search: items, and runs of items of one group, move from one PU to another or change places. Better is what
 * makes a high power of the cores' ends smaller in sum, so that it counts what the cores that do not end last do as
 * well; what is a little worse is accepted for now and then, less and less (Kirkpatrick, Gelatt, Vecchi, "Optimization
 * by simulated annealing", 1983). */

enum { ITEM, RUN, GROUP, SWAP, STEP_KINDS };

struct step {
        unsigned kind;
        uint32_t item, other; /* other: what it changes places with */
        uint32_t from, to;
};

static struct step random_step(const struct schedule *s, uint64_t *random)
{
        struct step step = {
                .kind = random_below(random, STEP_KINDS),
                .item = random_below(random, s->w->suite.n_items),
                .other = random_below(random, s->w->suite.n_items),
                .to = random_below(random, s->n_pus),
        };

        step.from = s->where[step.item];
        if (step.kind == SWAP)
                step.to = s->where[step.other];
        return step;
}

static void move(struct schedule *s, uint32_t item, uint32_t to)
{
        schedule_take(s, item);
        schedule_put(s, item, to);
}

/* The first of the neighbours that are in the item's outermost group. */
static uint32_t first_of_group(const struct world *w, uint32_t item)
{
        uint32_t group = jobs_outermost(w, item);

        while (item > 0 && group != DISPATCH_NONE && jobs_outermost(w, item - 1) == group)
                item--;
        return item;
}

/* What is at .from of the item's group, from the item on or all; what moved is in `moved`. Returns how many. */
static uint32_t move_run(struct schedule *s, const struct step *step, uint32_t *moved)
{
        const struct world *w = s->w;
        uint32_t n = 0, group = jobs_outermost(w, step->item);

        for (uint32_t i = step->kind == GROUP ? first_of_group(w, step->item) : step->item;
             i < w->suite.n_items && (i == step->item || (group != DISPATCH_NONE && jobs_outermost(w, i) == group));
             i++)
                if (s->where[i] == step->from) {
                        move(s, i, step->to);
                        moved[n++] = i;
                }
        return n;
}

static uint32_t do_step(struct schedule *s, const struct step *step, uint32_t *moved)
{
        if (step->kind == RUN || step->kind == GROUP)
                return move_run(s, step, moved);
        move(s, step->item, step->to);
        if (step->kind == SWAP)
                move(s, step->other, step->from);
        moved[0] = step->item;
        return 1;
}

static void undo_step(struct schedule *s, const struct step *step, const uint32_t *moved, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                move(s, moved[i], step->from);
        if (step->kind == SWAP)
                move(s, step->other, step->to);
}

/* Of the two cores concerned. */
static double energy(const struct schedule *s, const struct step *step, double scale)
{
        enum { POWER = 20 };
        uint32_t a = s->core_of[step->from], b = s->core_of[step->to];

        return pow(s->cores[a].end / scale, POWER) + (a != b ? pow(s->cores[b].end / scale, POWER) : 0);
}

static double anneal(struct schedule *s, double bound, uint64_t *random)
{
        enum { STEPS = 60000 };
        static const double HOT = 0.02;
        static uint32_t moved[WORLD_ITEMS_MAX];
        double best = schedule_makespan(s), scale = best;

        for (uint32_t i = 0; i < STEPS && best > bound * (1 + 1e-6); i++) {
                struct step step = random_step(s, random);
                double before = energy(s, &step, scale), temperature = HOT * (1 - (double)i / STEPS);
                uint32_t n;

                if (step.from == step.to)
                        continue;
                n = do_step(s, &step, moved);
                if (energy(s, &step, scale) - before > -temperature * log(1 - random_uniform(random)))
                        undo_step(s, &step, moved, n);
                else
                        best = fmin(best, schedule_makespan(s));
        }
        return best;
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
                        there = schedule_core_end(s, s->core_of[p], p, schedule_cost(s, i, p, 0));
                        there = fmax(there, schedule_core_end(s, core, from, -schedule_cost(s, i, from, 1)));
                        if (there < least) {
                                least = there;
                                best_item = i;
                                best_pu = p;
                        }
                }
        }
        if (best_item == DISPATCH_NONE)
                return false;
        schedule_take(s, best_item);
        schedule_put(s, best_item, best_pu);
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
                        schedule_take(s, i);
                        schedule_take(s, k);
                        schedule_put(s, i, to);
                        schedule_put(s, k, from);
                        if (fmax(s->cores[core].end, s->cores[s->core_of[to]].end) < least)
                                return true;
                        schedule_take(s, i);
                        schedule_take(s, k);
                        schedule_put(s, i, from);
                        schedule_put(s, k, to);
                }
        }
        return false;
}

/* Swaps are tried where there are few enough pairs. */
static double descend(struct schedule *s, double bound)
{
        enum { STEPS = 400, SWAPS_ITEMS_MAX = 400 };
        bool swaps = s->w->suite.n_items <= SWAPS_ITEMS_MAX;

        for (unsigned i = 0; i < STEPS && schedule_makespan(s) > bound * (1 + 1e-6); i++)
                if (!move_one(s, schedule_last_core(s)) && !(swaps && swap_two(s, schedule_last_core(s))))
                        break;
        return schedule_makespan(s);
}

static double improve(struct schedule *s, double bound, uint64_t *random)
{
        double best = descend(s, bound);

        best = fmin(best, anneal(s, bound, random));
        return fmin(best, descend(s, bound));
}

/* All of it */

static struct schedule scratch;
static struct jobs scratch_jobs;

/* Longest first, more or less. */
static void shuffle_jobs(struct jobs *jobs, uint64_t *random)
{
        for (uint32_t i = 0; i < jobs->n; i++)
                jobs->jobs[i].seconds *= 0.75 + 0.5 * random_uniform(random);
        jobs_sort(jobs);
}

static double try_jobs(const struct world *w, struct jobs *jobs, double best, double bound, uint64_t *random)
{
        double end;

        best = fmin(best, jobs_list(jobs, &scratch, w));
        best = fmin(best, improve(&scratch, bound, random));
        end = best_wrap(&scratch, w, jobs, 2 * best);
        return end < HUGE_VAL ? fmin(best, improve(&scratch, bound, random)) : best;
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
                        jobs_sort(&scratch_jobs);
                        if (i > 0)
                                shuffle_jobs(&scratch_jobs, &random);
                        best = try_jobs(w, &scratch_jobs, best, bound, &random);
                }
        return best;
}
