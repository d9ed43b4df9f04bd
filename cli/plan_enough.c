/* How many of the PUs would do as well. */
#include <errno.h>
#include <stdlib.h>

#include "cli/plan_predict.h"
#include "core/placement.h"
#include "lib/util.h"

/* Where so much of the PUs' time is used, fewer cannot do. */
#define FULL (1 - PLAN_WORTH)

/* The PUs as a run that has fewer would get them: in the order of lending, where the machine is known. */
static void order_pus(const struct plan_input *in, unsigned *order)
{
        struct placement_choice choices[CPUSET_MAX];
        struct cpuset own = {0};
        unsigned n;

        for (size_t i = 0; i < in->n_pus; i++) {
                cpuset_add(&own, in->pus[i].os);
                order[i] = in->pus[i].os;
        }
        if (!in->machine || !in->machine->known)
                return;
        n = placement_order(&in->machine->machine, NULL, &own, choices);
        for (unsigned i = 0; n == in->n_pus && i < n; i++)
                order[i] = choices[i].pu;
}

/* Whether the first n end as soon, or nearly. */
static int try_fewer(const struct plan_input *in, const struct plan_result *plan, const unsigned *order, size_t n,
                     struct dispatch_pu *pus, bool *ret_enough)
{
        struct dispatch_params suite = *in->suite;
        struct sim_result result;
        int r;

        if (in->machine)
                run_machine_rate(in->machine, order, n, pus);
        else
                for (size_t i = 0; i < n; i++)
                        pus[i] = in->pus[i];
        if (suite.min_workers > n)
                suite.min_workers = (uint32_t)n;
        r = plan_simulate(&suite, pus, n, &result);
        if (r < 0)
                return r;
        *ret_enough = result.makespan <= plan->sim.makespan * (1 + PLAN_WORTH);
        sim_result_finish(&result);
        return 0;
}

/* By halving, as more PUs hardly ever make a run longer. */
int plan_find_enough(const struct plan_input *in, struct plan_result *plan)
{
        CLEANUP_FREE unsigned *order = calloc(in->n_pus + 1, sizeof(*order));
        CLEANUP_FREE struct dispatch_pu *pus = calloc(in->n_pus + 1, sizeof(*pus));
        size_t low = 1, high = in->n_pus;
        int r = 0;

        if (!order || !pus)
                return -ENOMEM;
        order_pus(in, order);
        while (r == 0 && low < high && plan->utilisation < FULL && plan->n_ran > 0) {
                size_t middle = low + (high - low) / 2;
                bool enough = false;

                r = try_fewer(in, plan, order, middle, pus, &enough);
                if (enough)
                        high = middle;
                else
                        low = middle + 1;
        }
        plan->enough = high;
        return r;
}
