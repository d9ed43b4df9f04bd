#include "tests/sim/governor-table.h"
#include "tests/sim/governor-best.h"
#include "tests/unit/test.h"

#include <math.h>
#include <stdarg.h>

enum {
        SEEDS = 2,
        COLUMNS = 18,
};
#define WORK_LEAST     97.0 /* % of the best constant's, in performance and balanced */
#define STEADY_LEAST   96.0 /* the same near equilibrium, where trials of other budgets go on and cost something */
#define CHANGES_MOST   2.0  /* of the budget a minute, when steady */
#define AS_COOL_WITHIN 0.5  /* K */

struct row {
        const struct plant_model *model;
        unsigned all; /* PUs */
        enum governor_policy policy;
        bool neighbour;
        struct trial_result r; /* over the seeds: means of amounts, worst of times and counts */
        const struct best_constant *any, *kept, *steady, *cool, *thrifty;
};

static bool missed_any;

__attribute__((format(printf, 2, 3))) static void miss(const struct row *row, const char *format, ...)
{
        va_list arguments;

        missed_any = true;
        fprintf(stderr, "%s %s%s: ", row->model->name, governor_policy_text(row->policy),
                row->neighbour ? " with a neighbour" : "");
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
}

static void add_result(struct trial_result *sum, const struct trial_result *r)
{
        sum->rate += r->rate / SEEDS;
        sum->steady_rate += r->steady_rate / SEEDS;
        sum->watts += r->watts / SEEDS;
        sum->budget += r->budget / SEEDS;
        sum->die += r->die / SEEDS;
        sum->fan += r->fan / SEEDS;
        sum->cut += r->cut;
        sum->hottest_chassis = fmax(sum->hottest_chassis, r->hottest_chassis);
        sum->hottest_die = fmax(sum->hottest_die, r->hottest_die);
        sum->changes = fmax(sum->changes, r->changes);
#define WORST(field) sum->field = r->field > sum->field ? r->field : sum->field
        WORST(above_chassis);
        WORST(above_critical);
        WORST(chassis_steady);
        WORST(critical_steady);
        WORST(settling);
#undef WORST
}

static void try_row(struct row *row, const struct machine *machine, const struct best *best)
{
        for (unsigned seed = 1; seed <= SEEDS; seed++) {
                const struct trial t = {.model = row->model,
                                        .machine = machine,
                                        .policy = row->policy,
                                        .seed = seed * 1000,
                                        .neighbour = row->neighbour};
                struct trial_result r;

                trial_run(&t, &r);
                add_result(&row->r, &r);
        }
        row->any = best_of_all(best);
        row->kept = best_that_keeps_trips(best);
        row->steady = best_when_steady(best);
        row->cool = best_as_cool(best, row->r.die + AS_COOL_WITHIN);
        row->thrifty = best_per_joule(best, row->model);
}

static double percent_of(const struct row *row, const struct best_constant *c)
{
        return 100 * row->r.rate / c->result.rate;
}

static double steady_percent(const struct row *row)
{
        return 100 * row->r.steady_rate / row->steady->result.steady_rate;
}

/* The policies that promise never to pass a trip. */
static bool keeps_trips(enum governor_policy policy)
{
        return policy == GOVERNOR_QUIET || policy == GOVERNOR_BATTERY;
}

static void check_row(const struct row *row)
{
        const struct trial_result *r = &row->r;

        if (!keeps_trips(row->policy) && row->kept && percent_of(row, row->kept) < WORK_LEAST)
                miss(row, "%.1f %% of the best constant budget's work, not %.0f %%", percent_of(row, row->kept),
                     WORK_LEAST);
        if (!keeps_trips(row->policy) && row->kept && steady_percent(row) < STEADY_LEAST)
                miss(row, "near equilibrium %.1f %% of the best constant budget\'s work, not %.0f %%",
                     steady_percent(row), STEADY_LEAST);
        if (keeps_trips(row->policy) && row->kept && r->chassis_steady > 0)
                miss(row, "%u s above the chassis's trip near equilibrium (%.1f °C)", r->chassis_steady,
                     r->hottest_chassis);
        if (r->critical_steady > 0)
                miss(row, "%u s above the die's limit near equilibrium (%.1f °C)", r->critical_steady, r->hottest_die);
        if (!row->neighbour && r->changes > CHANGES_MOST)
                miss(row, "%.1f changes of the budget a minute near equilibrium", r->changes);
        if (row->model->by_design && !keeps_trips(row->policy) && r->cut > 0)
                miss(row, "cut for %u s", r->cut);
}

static void print_constant(double percent, const struct best_constant *c, const struct row *row)
{
        static const char *const orders[] = {
                [PLACEMENT_WORK] = "", [PLACEMENT_EFFICIENT] = " efficient", [PLACEMENT_COOL] = " cool"};

        printf(" %.0f %% of %u%s |", percent, c->budget, c->budget == row->all ? "" : orders[c->goal.aim]);
}

static void print_work(const struct best_constant *c, const struct row *row)
{
        if (c)
                print_constant(percent_of(row, c), c, row);
        else
                printf(" none |");
}

static void print_temperatures(const struct row *row)
{
        const struct trial_result *r = &row->r;

        printf(" %.0f | %.0f |", r->die, 100 * r->fan);
        if (isfinite(row->model->chassis_trip))
                printf(" %.1f of %.0f | %u, %u |", r->hottest_chassis, row->model->chassis_trip, r->above_chassis,
                       r->chassis_steady);
        else
                printf(" | |");
        printf(" %u, %u |", r->above_critical, r->critical_steady);
}

static void print_row(const struct row *row)
{
        const struct trial_result *r = &row->r;
        double thrift = best_thrift(r, row->model);

        printf("| %s | %s | %.1f | %.1f |", row->model->name, governor_policy_text(row->policy), r->budget, r->rate);
        print_work(row->kept, row);
        if (row->steady)
                print_constant(steady_percent(row), row->steady, row);
        else
                printf(" none |");
        print_work(row->any, row);
        print_work(row->cool, row);
        printf(" %.0f | %.0f |", r->watts, thrift);
        print_constant(100 * thrift / best_thrift(&row->thrifty->result, row->model), row->thrifty, row);
        print_temperatures(row);
        printf(" %.1f | %u |\n", r->changes, r->settling);
}

static void print_heading(bool neighbour)
{
        printf("\n%s\n\n", neighbour ? "With a neighbour whose load comes and goes:" : "Alone on the machine:");
        printf("| machine | policy | PUs | work/s | of the best that keeps trips | the same near equilibrium | of the "
               "best of all | of the best as "
               "cool "
               "| W | work/kJ | of the best per kJ | die °C | fan %% | chassis °C | s above its trip | s above die "
               "limit "
               "| changes/min | settled s |\n|");
        for (unsigned i = 0; i < COLUMNS; i++)
                printf(i < 2 ? " --- |" : " ---: |");
        putchar('\n');
}

static void try_model(const struct plant_model *model, bool neighbour)
{
        static struct best best;
        struct machine machine;

        CHECK_INT(plant_machine(model, &machine), 0);
        best_search(model, &machine, neighbour, &best);
        for (unsigned policy = 0; policy < GOVERNOR_POLICIES; policy++) {
                struct row row = {.model = model,
                                  .all = machine.n_pus,
                                  .policy = (enum governor_policy)policy,
                                  .neighbour = neighbour};

                try_row(&row, &machine, &best);
                check_row(&row);
                print_row(&row);
        }
        machine_finish(&machine);
}

static void print_machines(void)
{
        printf("| machine | |\n| --- | --- |\n");
        for (unsigned i = 0; i < n_plant_models; i++)
                printf("| %s | %s |\n", plant_models[i].name, plant_models[i].title);
}

bool governor_table(void)
{
        print_machines();
        for (unsigned neighbour = 0; neighbour < 2; neighbour++) {
                print_heading(neighbour);
                for (unsigned i = 0; i < n_plant_models; i++)
                        try_model(&plant_models[i], neighbour);
        }
        return !missed_any;
}
