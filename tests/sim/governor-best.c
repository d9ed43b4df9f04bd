#include "tests/sim/governor-best.h"
#include "tests/unit/test.h"

#include <math.h>

enum {
        LARGE_PUS = 40,
        LARGE_STEP = 4,
};

static void try_goal(const struct trial *base, struct placement_goal goal, struct best *best)
{
        unsigned n_pus = base->machine->n_pus, step = n_pus > LARGE_PUS ? LARGE_STEP : 1;

        for (unsigned budget = n_pus; budget >= 1 && budget <= n_pus; budget -= step) {
                struct best_constant *c = &best->constants[best->n++];
                struct trial t = *base;

                CHECK(best->n <= BEST_CONSTANTS_MAX);
                *c = (struct best_constant){.budget = t.constant = budget, .goal = t.goal = goal};
                trial_run(&t, &c->result);
        }
}

void best_search(const struct plant_model *model, const struct machine *machine, bool neighbour, struct best *ret_best)
{
        const struct trial base = {.model = model, .machine = machine, .neighbour = neighbour};

        ret_best->n = 0;
        try_goal(&base, (struct placement_goal){.aim = PLACEMENT_WORK}, ret_best);
        try_goal(&base, (struct placement_goal){.aim = PLACEMENT_EFFICIENT}, ret_best);
        if (model->n_packages > 1)
                try_goal(&base, (struct placement_goal){.aim = PLACEMENT_COOL, .hot_package = 1}, ret_best);
}

static bool keeps_trips(const struct best_constant *c)
{
        return c->result.chassis_steady == 0 && c->result.critical_steady == 0;
}

static const struct best_constant *choose(const struct best *best, bool careful, double die)
{
        const struct best_constant *chosen = NULL;

        for (unsigned i = 0; i < best->n; i++) {
                const struct best_constant *c = &best->constants[i];

                if (careful && !keeps_trips(c))
                        continue;
                if (c->result.die <= die && (!chosen || c->result.rate > chosen->result.rate))
                        chosen = c;
        }
        return chosen;
}

const struct best_constant *best_of_all(const struct best *best)
{
        return choose(best, false, HUGE_VAL);
}

const struct best_constant *best_that_keeps_trips(const struct best *best)
{
        return choose(best, true, HUGE_VAL);
}

const struct best_constant *best_as_cool(const struct best *best, double die)
{
        return choose(best, true, die);
}

const struct best_constant *best_when_steady(const struct best *best)
{
        const struct best_constant *chosen = NULL;

        for (unsigned i = 0; i < best->n; i++) {
                const struct best_constant *c = &best->constants[i];

                if (keeps_trips(c) && (!chosen || c->result.steady_rate > chosen->result.steady_rate))
                        chosen = c;
        }
        return chosen;
}

double best_thrift(const struct trial_result *r, const struct plant_model *model)
{
        return 1000 * r->rate / (r->watts + model->other_power);
}

const struct best_constant *best_per_joule(const struct best *best, const struct plant_model *model)
{
        const struct best_constant *chosen = NULL;

        for (unsigned i = 0; i < best->n; i++) {
                const struct best_constant *c = &best->constants[i];

                if (!chosen || best_thrift(&c->result, model) > best_thrift(&chosen->result, model))
                        chosen = c;
        }
        return chosen;
}
