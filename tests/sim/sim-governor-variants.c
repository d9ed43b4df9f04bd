/* The governor on machines that nobody tuned it to: the known ones with their heat, cooling, leakage, limits and room
 * changed at random.
 *
 * Held to less than the table's machines, since the opponents are few: all PUs, and one PU in the order of least power.
 *   - performance and balanced do at least WORK_LEAST of all PUs' work, where all PUs keep the trips;
 *   - quiet and battery keep the chassis's trip near equilibrium, where one PU leaves REACHABLE below it;
 *   - at most CHANGES_MOST changes a minute near equilibrium.
 *
 * sim-governor-variants [SEED [COUNT]]; COUNT 1 prints every second.
 */
#include "tests/sim/governor-trial.h"
#include "tests/sim/plant-noise.h"
#include "tests/unit/test.h"

#include <stdarg.h>

#define WORK_LEAST   0.95
#define CHANGES_MOST 2.0
#define REACHABLE    2.0 /* K */

enum {
        SEED = 1,
        COUNT = 120,
};

static unsigned failures;

__attribute__((format(printf, 3, 4))) static void fail(uint64_t seed, const struct trial *t, const char *format, ...)
{
        va_list arguments;

        fprintf(stderr, "variant %llu, %s %s%s: ", (unsigned long long)seed, t->model->name,
                governor_policy_text(t->policy), t->neighbour ? " with a neighbour" : "");
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        failures++;
}

/* `value` by a factor of 1/spread to spread. */
static void vary(uint64_t *random, double *value, double spread)
{
        double u = 2 * random_uniform(random) - 1;

        *value *= u >= 0 ? 1 + u * (spread - 1) : 1 / (1 - u * (spread - 1));
}

static void vary_model(uint64_t *random, struct plant_model *model, struct plant_kind *kinds)
{
        for (unsigned k = 0; k < model->n_kinds; k++) {
                kinds[k] = model->kinds[k];
                vary(random, &kinds[k].leakage, 1.5);
        }
        model->kinds = kinds;
        vary(random, &model->die_capacity, 2);
        vary(random, &model->die_resistance, 1.3);
        vary(random, &model->chassis_capacity, 1.5);
        vary(random, &model->blown, 1.3);
        vary(random, &model->idle_power, 1.3);
        vary(random, &model->window, 2);
        vary(random, &model->pl1, 1.3);
        vary(random, &model->pl2, 1.2);
        model->still = model->still < model->blown ? model->still : model->blown;
        model->pl2 = model->pl2 > model->pl1 ? model->pl2 : model->pl1;
        model->ambient += 10 * random_uniform(random) - 5;
}

static void check_variant(uint64_t seed, FILE *trace)
{
        uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
        struct plant_model model = plant_models[random_below(&random, n_plant_models)];
        struct plant_kind kinds[PLANT_KINDS];
        struct trial_result result, all, one;
        struct machine machine;
        struct trial t = {.model = &model, .trace = trace}, constant;
        bool careful;

        vary_model(&random, &model, kinds);
        CHECK_INT(plant_machine(&model, &machine), 0);
        t.machine = &machine;
        t.policy = (enum governor_policy)random_below(&random, GOVERNOR_POLICIES);
        t.seed = random_next(&random);
        t.neighbour = random_below(&random, 3) == 0;
        trial_run(&t, &result);

        constant = (struct trial){.model = &model, .machine = &machine, .neighbour = t.neighbour};
        constant.constant = machine.n_pus;
        trial_run(&constant, &all);
        constant.constant = 1;
        constant.goal.aim = PLACEMENT_EFFICIENT;
        trial_run(&constant, &one);

        careful = t.policy == GOVERNOR_QUIET || t.policy == GOVERNOR_BATTERY;
        if (!careful && all.chassis_steady == 0 && all.critical_steady == 0 && result.rate < WORK_LEAST * all.rate)
                fail(seed, &t, "%.2f of work, all PUs do %.2f", result.rate, all.rate);
        if (careful && one.hottest_chassis < model.chassis_trip - REACHABLE && result.chassis_steady > 0)
                fail(seed, &t, "%u s above the chassis's trip, up to %.1f °C", result.chassis_steady,
                     result.hottest_chassis);
        if (!t.neighbour && result.changes > CHANGES_MOST)
                fail(seed, &t, "%.1f changes a minute around %.1f PUs", result.changes, result.budget);
        machine_finish(&machine);
}

int main(int argc, char **argv)
{
        uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : SEED;
        uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : COUNT;

        for (uint64_t i = 0; i < count; i++)
                check_variant(seed + i, count == 1 ? stdout : NULL);
        return failures > 0;
}
