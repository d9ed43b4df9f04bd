/* The governor on simulated machines.
 *
 * sim-governor --table                            the table of docs/headroom-simulated.md; status 1 if a limit is
 * missed sim-governor --trace MACHINE POLICY [NEIGHBOUR] every second of one run sim-governor --constants MACHINE
 * [NEIGHBOUR]    what each constant budget comes to
 */
#include "tests/sim/governor-best.h"
#include "tests/sim/governor-table.h"
#include "tests/unit/test.h"

static const struct plant_model *find_model(const char *name)
{
        const struct plant_model *model = name ? plant_find(name) : NULL;

        if (model)
                return model;
        fprintf(stderr, "machines:");
        for (unsigned i = 0; i < n_plant_models; i++)
                fprintf(stderr, " %s", plant_models[i].name);
        fputc('\n', stderr);
        exit(2);
}

static void print_result(const struct trial_result *r)
{
        printf("work %.3f/s, %.1f W, %.1f PUs, die %.1f °C (%.1f), chassis at most %.1f °C, fan %.0f %%, above chassis "
               "%u (%u) s, above critical %u (%u) s, %.2f changes a minute, settled after %u s\n",
               r->rate, r->watts, r->budget, r->die, r->hottest_die, r->hottest_chassis, 100 * r->fan, r->above_chassis,
               r->chassis_steady, r->above_critical, r->critical_steady, r->changes, r->settling);
}

static int show_trace(const char *name, const char *policy, bool neighbour)
{
        struct trial t = {.model = find_model(name), .seed = 1, .neighbour = neighbour, .trace = stdout};
        struct trial_result result;
        struct machine machine;

        if (!policy || !governor_policy_parse(policy, &t.policy))
                return 2;
        CHECK_INT(plant_machine(t.model, &machine), 0);
        t.machine = &machine;
        trial_run(&t, &result);
        print_result(&result);
        machine_finish(&machine);
        return 0;
}

static int show_constants(const char *name, bool neighbour)
{
        static struct best best;
        struct machine machine;

        CHECK_INT(plant_machine(find_model(name), &machine), 0);
        best_search(find_model(name), &machine, neighbour, &best);
        for (unsigned i = 0; i < best.n; i++) {
                printf("%3u PUs, aim %d: ", best.constants[i].budget, (int)best.constants[i].goal.aim);
                print_result(&best.constants[i].result);
        }
        machine_finish(&machine);
        return 0;
}

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "--table", *name = argc > 2 ? argv[2] : NULL;

        if (strcmp(what, "--table") == 0)
                return governor_table() ? 0 : 1;
        if (strcmp(what, "--trace") == 0)
                return show_trace(name, argc > 3 ? argv[3] : NULL, argc > 4);
        if (strcmp(what, "--constants") == 0)
                return show_constants(name, argc > 3);
        fprintf(stderr, "usage: sim-governor [--table | --trace MACHINE POLICY [NEIGHBOUR] | --constants MACHINE "
                        "[NEIGHBOUR]]\n");
        return 2;
}
