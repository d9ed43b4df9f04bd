#include "cli/plan_predict.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/util.h"

/* A thousand workers that never start cost the simulator as much time as those that do. Beside those that run there may
 * be as many that end, one a PU. */
static uint32_t count_numbers(const struct dispatch_params *suite, size_t n_pus)
{
        size_t most = 2 * n_pus + suite->extra_workers + suite->min_workers;

        return most < suite->max_workers ? (uint32_t)most : suite->max_workers;
}

int plan_simulate(const struct dispatch_params *suite, const struct dispatch_pu *pus, size_t n_pus,
                  struct sim_result *ret_result)
{
        struct dispatch_params bounded = *suite;
        const struct sim_params params = {
                .suite = &bounded,
                .pus = pus,
                .n_pus = n_pus,
                .start_seconds = suite->start_cost,
                .latency = suite->overhead,
        };

        bounded.max_workers = count_numbers(suite, n_pus);
        return sim_run(&params, ret_result);
}

static double seconds_of(const struct dispatch_params *suite, uint32_t item)
{
        double seconds = suite->items[item].seconds;

        return seconds < 0 ? suite->default_seconds : seconds;
}

static bool has_run(const struct sim_item *item)
{
        return item->end > 0;
}

struct place {
        uint32_t item, worker;
        double begin;
};

static int by_worker_and_begin(const void *pa, const void *pb)
{
        const struct place *a = pa, *b = pb;

        if (a->worker != b->worker)
                return a->worker < b->worker ? -1 : 1;
        if (a->begin < b->begin || a->begin > b->begin)
                return a->begin < b->begin ? -1 : 1;
        return (a->item > b->item) - (a->item < b->item);
}

static int put_in_order(struct plan_result *plan)
{
        CLEANUP_FREE struct place *places = calloc(plan->sim.n_items + (size_t)1, sizeof(*places));

        plan->order = calloc(plan->sim.n_items + (size_t)1, sizeof(*plan->order));
        if (!places || !plan->order)
                return -ENOMEM;
        for (uint32_t i = 0; i < plan->sim.n_items; i++)
                if (has_run(&plan->sim.items[i]))
                        places[plan->n_ran++] = (struct place){
                                .item = i, .worker = plan->sim.items[i].worker, .begin = plan->sim.items[i].begin};
        qsort(places, plan->n_ran, sizeof(*places), by_worker_and_begin);
        for (uint32_t k = 0; k < plan->n_ran; k++)
                plan->order[k] = places[k].item;
        return 0;
}

/* Each set-up of a group that has an item counts once. */
static int sum_serially(const struct dispatch_params *suite, double *ret_seconds)
{
        CLEANUP_FREE bool *counted = calloc(suite->n_groups + (size_t)1, sizeof(*counted));
        double sum = suite->session_setup > 0 ? suite->session_setup : 0;

        if (!counted)
                return -ENOMEM;
        for (uint32_t i = 0; i < suite->n_items; i++) {
                sum += seconds_of(suite, i);
                for (uint32_t g = suite->items[i].group; g != DISPATCH_NONE && !counted[g];
                     g = suite->groups[g].parent) {
                        counted[g] = true;
                        sum += suite->groups[g].setup > 0 ? suite->groups[g].setup : 0;
                }
        }
        *ret_seconds = sum;
        return 0;
}

static void sum_alone(const struct dispatch_params *suite, struct plan_result *plan)
{
        for (uint32_t i = 0; i < suite->n_items; i++)
                if (suite->items[i].alone)
                        plan->alone += seconds_of(suite, i);
}

/* The items of one worker, from the k-th in order on. */
static uint32_t count_lane(const struct plan_result *plan, uint32_t k)
{
        const struct sim_item *items = plan->sim.items;
        uint32_t n = 1;

        while (k + n < plan->n_ran && items[plan->order[k + n]].worker == items[plan->order[k]].worker)
                n++;
        return n;
}

static double find_end(const struct plan_result *plan)
{
        double end = 0;

        for (uint32_t k = 0; k < plan->n_ran; k++)
                if (plan->sim.items[plan->order[k]].end > end)
                        end = plan->sim.items[plan->order[k]].end;
        return end;
}

/* What takes longest on the workers that end last, or so little sooner that it makes no difference. */
static void find_critical(struct plan_result *plan)
{
        const struct sim_item *items = plan->sim.items;
        double late = find_end(plan) - PLAN_WORTH * plan->sim.makespan, longest = 0;

        plan->critical = DISPATCH_NONE;
        for (uint32_t k = 0, n; k < plan->n_ran; k += n) {
                n = count_lane(plan, k);
                for (uint32_t i = k; i < k + n && items[plan->order[k + n - 1]].end >= late; i++) {
                        const struct sim_item *item = &items[plan->order[i]];

                        if (plan->critical != DISPATCH_NONE && item->end - item->begin <= longest)
                                continue;
                        longest = item->end - item->begin;
                        plan->critical = plan->order[i];
                        plan->n_last = n;
                }
        }
        plan->share = plan->sim.makespan > 0 ? longest / plan->sim.makespan : 0;
}

/* Of what is dealt: the makespan has no others either. */
static int find_bound(const struct plan_input *in, double *ret_seconds)
{
        CLEANUP_FREE struct dispatch_item *dealt = calloc(in->suite->n_items + (size_t)1, sizeof(*dealt));
        struct dispatch_params suite = *in->suite;

        if (!dealt)
                return -ENOMEM;
        for (uint32_t i = 0; i < suite.n_items; i++)
                dealt[i] = suite.items[i].alone ? (struct dispatch_item){.group = DISPATCH_NONE} : suite.items[i];
        suite.items = dealt;
        return dispatch_bound(&suite, in->pus, in->n_pus, ret_seconds);
}

static int predict(const struct plan_input *in, struct plan_result *plan)
{
        int r = plan_simulate(in->suite, in->pus, in->n_pus, &plan->sim);

        if (r == 0)
                r = find_bound(in, &plan->bound);
        if (r == 0)
                r = put_in_order(plan);
        if (r == 0)
                r = sum_serially(in->suite, &plan->serial);
        if (r < 0)
                return r;
        sum_alone(in->suite, plan);
        find_critical(plan);
        plan->total = in->beside < 0 ? -1 : in->beside + plan->sim.makespan + plan->alone;
        if (plan->sim.makespan > 0)
                plan->utilisation = plan->sim.busy / (plan->sim.makespan * (double)in->n_pus);
        return 0;
}

int plan_predict(const struct plan_input *in, struct plan_result *ret_plan)
{
        struct plan_result plan = {0};
        int r = predict(in, &plan);

        if (r == 0)
                r = plan_advise(in, &plan);
        if (r == 0)
                r = plan_find_enough(in, &plan);
        if (r < 0) {
                plan_result_finish(&plan);
                return r;
        }
        *ret_plan = plan;
        return 0;
}

void plan_result_finish(struct plan_result *plan)
{
        sim_result_finish(&plan->sim);
        free(plan->order);
        *plan = (struct plan_result){0};
}
