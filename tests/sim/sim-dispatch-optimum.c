/* The dispatcher against what can be proved, with exact times and nothing lost to starting workers or telling the
 * engine: list schedules, worst-case ratios, exact optima.
 *
 * Usage: sim-dispatch-optimum [SUITES [SEED]]: how many random suites of each sort; the schedules of that seed. */
#include "tests/sim/dispatch-offline.h"
#include "tests/unit/test.h"

#include <math.h>

static struct world w;
static uint64_t shown; /* a seed whose schedules are printed; 0: none */

/* The greatest and the mean of some ratios. */
struct ratios {
        double worst, sum;
        uint64_t worst_seed;
        uint32_t n, n_above; /* above: by more than 3 % */
};

static void add_ratio(struct ratios *r, double ratio, uint64_t seed)
{
        if (ratio > r->worst) {
                r->worst = ratio;
                r->worst_seed = seed;
        }
        r->sum += ratio;
        r->n++;
        r->n_above += ratio > 1.03;
}

static void print_ratios(const char *what, const struct ratios *r)
{
        printf("%-60s mean %.4f  worst %.6f (seed %llu)  %u of %u above 1.03\n", what, r->sum / r->n, r->worst,
               (unsigned long long)r->worst_seed, r->n_above, r->n);
}

/* What became of the suite in .w. */
static void show(void)
{
        struct sim_result r;

        CHECK_INT(sim_run(&w.params, &r), 0);
        for (size_t p = 0; p < w.params.n_pus; p++)
                printf("pu %u: speed %.3f, alone %.3f, core %u\n", w.pus[p].os, w.pus[p].speed, w.pus[p].alone,
                       w.pus[p].core);
        for (uint32_t g = 0; g < w.suite.n_groups; g++)
                printf("group %u: set-up %.3f\n", g, w.setups[g]);
        for (uint32_t i = 0; i < w.suite.n_items; i++)
                printf("item %u: %.3f, group %d: %.3f to %.3f on %d: %s\n", i, w.seconds[i], (int)w.items[i].group,
                       r.items[i].begin, r.items[i].end, (int)r.items[i].pu, dispatch_reason_text(r.items[i].reason));
        printf("makespan %.6f, bound %.6f, list schedules %.6f %.6f\n", r.makespan, world_bound(&w), offline_list(&w),
               offline_list_of_groups(&w));
        sim_result_finish(&r);
}

/* Random suites and machines */

static void random_pus(uint64_t *random, uint32_t most)
{
        static const double speeds[] = {1.0, 0.6, 0.45, 0.3};
        uint32_t kinds = 1 + random_below(random, 3);

        for (uint32_t k = 0; k < kinds && w.params.n_pus < most; k++)
                world_add_pus(&w, 1 + random_below(random, most - (uint32_t)w.params.n_pus), speeds[k]);
}

static void random_items(uint64_t *random, uint32_t n, bool grouped)
{
        uint32_t group = DISPATCH_NONE;

        while (w.suite.n_items < n) {
                if (grouped && random_below(random, 12) == 0)
                        group = world_add_group(&w, DISPATCH_NONE,
                                                random_below(random, 2) ? random_uniform(random) : 0);
                world_add_item(&w, 0.002 + random_seconds(random), group);
        }
}

/* Never worse than list scheduling */

static void test_against_list(uint32_t n, bool grouped)
{
        struct ratios ratios = {0};

        for (uint64_t seed = 1; seed <= n; seed++) {
                uint64_t random = seed * 7919 + grouped;
                double list;

                world_init_ideal(&w);
                random_pus(&random, 16);
                random_items(&random, 1 + random_below(&random, 200), grouped);
                list = fmin(offline_list(&w), offline_list_of_groups(&w));
                add_ratio(&ratios, world_makespan(&w) / list, seed);
                if (seed == shown)
                        show();
        }
        print_ratios(grouped ? "of the better list schedule, groups with set-ups" : "of the list schedule", &ratios);
        CHECK(ratios.worst <= (grouped ? 1.03 : 1 + 1e-6));
}

/* Worst-case ratios */

/* Items that fill all PUs for exactly a second. */
static void plant_optimum(uint64_t *random, bool identical)
{
        uint32_t n = 2 + random_below(random, 15);

        for (uint32_t p = 0; p < n; p++)
                world_add_pus(&w, 1, identical ? 1 : 0.25 + 0.75 * random_uniform(random));
        for (uint32_t p = 0; p < n; p++) {
                double left = w.pus[p].speed;

                for (uint32_t i = random_below(random, 8); i > 0; i--) {
                        double part = left * random_uniform(random);

                        world_add_item(&w, part, DISPATCH_NONE);
                        left -= part;
                }
                world_add_item(&w, left, DISPATCH_NONE);
        }
}

/* Graham 1969 for identical PUs; Gonzalez, Ibarra, Sahni 1977 for others; without estimates Graham 1966. */
static double guarantee(bool identical, bool history)
{
        double m = (double)w.params.n_pus;

        if (!history)
                return 2 - 1 / m;
        return identical ? 4.0 / 3 - 1 / (3 * m) : 2 * m / (m + 1);
}

static void test_planted(uint32_t n, bool identical, bool history)
{
        struct ratios ratios = {0};

        for (uint64_t seed = 1; seed <= n; seed++) {
                uint64_t random = seed * 104729 + identical;
                double makespan;

                world_init_ideal(&w);
                plant_optimum(&random, identical);
                if (!history)
                        world_forget_history(&w);
                makespan = world_makespan(&w);
                /* Without estimates an item may wait behind another until that one is seen to be late. */
                CHECK(makespan <= guarantee(identical, history) * (history ? 1 + 1e-6 : 1.02));
                add_ratio(&ratios, makespan, seed);
                if (seed == shown)
                        show();
        }
        print_ratios(!history    ? "of a planted optimum on identical PUs, without estimates"
                     : identical ? "of a planted optimum on identical PUs"
                                 : "of a planted optimum on PUs of any speed",
                     &ratios);
}

/* 2m + 1 items on which longest first takes 4m - 1 where 3m would do (Graham 1969). */
static double graham_longest_first(uint32_t m)
{
        world_init_ideal(&w);
        world_add_pus(&w, m, 1);
        for (uint32_t i = 2 * m - 1; i > m; i--)
                for (unsigned twice = 0; twice < 2; twice++)
                        world_add_item(&w, i, DISPATCH_NONE);
        for (unsigned thrice = 0; thrice < 3; thrice++)
                world_add_item(&w, m, DISPATCH_NONE);
        return world_makespan(&w) / (3 * m);
}

/* m (m - 1) short items before one as long as the rest together per PU: 2m - 1 where m would do (Graham 1966). */
static double graham_list(uint32_t m, bool history)
{
        world_init_ideal(&w);
        world_add_pus(&w, m, 1);
        for (uint32_t i = 0; i < m * (m - 1); i++)
                world_add_item(&w, 1, DISPATCH_NONE);
        world_add_item(&w, m, DISPATCH_NONE);
        if (!history)
                world_forget_history(&w);
        return world_makespan(&w) / m;
}

static void test_graham(void)
{
        printf("Graham's instances       longest first's          list's      without estimates\n");
        for (uint32_t m = 2; m <= 8; m++) {
                double longest = graham_longest_first(m), list = graham_list(m, true), cold = graham_list(m, false);

                printf("  %2u PUs            %7.4f of %6.4f %7.4f of %6.4f %7.4f of %6.4f\n", m, longest,
                       4.0 / 3 - 1.0 / (3 * m), list, 2 - 1.0 / m, cold, 2 - 1.0 / m);
                CHECK(longest <= 4.0 / 3 - 1.0 / (3 * m) + 1e-6);
                CHECK(list <= 1 + 1e-6 && cold <= 2 - 1.0 / m + 1e-6);
        }
}

/* Small suites */

enum sort { UNGROUPED, GROUPED, SIBLINGS, SORTS };

static const char *const sort_names[SORTS] = {
        [UNGROUPED] = "of the optimum, up to 10 items on 4 PUs",
        [GROUPED] = "of the optimum, groups with set-ups",
        [SIBLINGS] = "of the optimum, siblings",
};

static void small_machine(uint64_t *random, enum sort sort)
{
        static const double speeds[] = {1.0, 0.8, 0.55, 0.4};

        if (sort == SIBLINGS) {
                world_add_cores(&w, 1 + random_below(random, 2), 2, 1.0, 0.5 + 0.25 * random_uniform(random));
                if (w.params.n_pus == 2)
                        world_add_pus(&w, 1 + random_below(random, 2), 0.55);
                return;
        }
        for (uint32_t n = 2 + random_below(random, 3), slow = 0; n > 0; n--) {
                slow += random_below(random, 2);
                world_add_pus(&w, 1, speeds[slow < 4 ? slow : 3]);
        }
}

static void small_suite(uint64_t *random, enum sort sort)
{
        uint32_t n = 3 + random_below(random, 8), group = DISPATCH_NONE;

        while (w.suite.n_items < n) {
                if (sort == GROUPED && random_below(random, 3) == 0)
                        group = world_add_group(&w, DISPATCH_NONE, random_uniform(random) * random_below(random, 3));
                world_add_item(&w, 0.1 + random_heavy_tailed(random, 0.2, 4), group);
        }
}

static void test_small(uint32_t n, enum sort sort)
{
        struct ratios ratios = {0};

        for (uint64_t seed = 1; seed <= n; seed++) {
                uint64_t random = seed * 15485863 + sort;

                world_init_ideal(&w);
                small_machine(&random, sort);
                small_suite(&random, sort);
                add_ratio(&ratios, world_makespan(&w) / offline_optimum(&w), seed);
                if (seed == shown)
                        show();
        }
        print_ratios(sort_names[sort], &ratios);
        CHECK(ratios.sum / ratios.n <= 1.03 && ratios.worst <= 1.1);
}

int main(int argc, char **argv)
{
        uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 500;

        shown = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
        test_against_list(n, false);
        test_against_list(n, true);
        test_planted(n, true, true);
        test_planted(n, false, true);
        test_planted(n, true, false);
        test_graham();
        for (unsigned sort = 0; sort < SORTS; sort++)
                test_small(n, (enum sort)sort);
        return 0;
}
