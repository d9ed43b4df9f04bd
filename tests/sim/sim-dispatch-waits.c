/* What workers beyond one a PU are worth: random suites of items that wait and compute, with them and without.
 *
 * Usage: sim-dispatch-waits [SUITES]. */
#include "tests/sim/dispatch-world.h"
#include "tests/unit/test.h"

#include <math.h>

enum { EXTRA = 62 };

static struct world w;

/* A third computes, a third waits for most of its time, and the others do both. */
static double random_waits(uint64_t *random)
{
        double kind = random_uniform(random), share = random_uniform(random);

        return kind < 0.3 ? 0 : kind < 0.6 ? 0.5 + 0.5 * share : share;
}

static void make_suite(uint64_t seed)
{
        uint64_t random = seed * 7919;
        uint32_t n = 5 + random_below(&random, 195), per_group = 1 + random_below(&random, 30);
        bool grouped = random_below(&random, 2);
        double setup = random_below(&random, 2) ? 0.2 * random_uniform(&random) : 0;
        uint32_t group = DISPATCH_NONE;

        world_init(&w);
        world_add_pus(&w, 1 + random_below(&random, 8), 1);
        for (uint32_t i = 0; i < n; i++) {
                if (grouped && i % per_group == 0)
                        group = world_add_group(&w, DISPATCH_NONE, setup);
                world_add_waiting_item(&w, random_heavy_tailed(&random, 0.01, 2), random_waits(&random), group);
        }
}

/* A server has become slow: history has 10 ms of what waits for 3 s now. */
static void test_slower_than_history(void)
{
        enum { ITEMS = 12 };
        double makespan;

        world_init(&w);
        world_add_pus(&w, 2, 1);
        world_allow_extra_workers(&w, EXTRA);
        for (unsigned i = 0; i < ITEMS; i++) {
                world_add_waiting_item(&w, 3, 0.999, DISPATCH_NONE);
                w.items[i].seconds = 0.01;
                w.items[i].waits = 0.9;
        }
        makespan = world_makespan(&w);
        printf("%d items of 3 s for which history has 10 ms end after %.2f s\n", (int)ITEMS, makespan);
        CHECK(makespan < 1.2 * 3);
}

int main(int argc, char **argv)
{
        uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 300, slower = 0;
        double sum = 0, worst = 0;

        for (uint64_t seed = 1; seed <= n; seed++) {
                double without, ratio;

                make_suite(seed);
                without = world_makespan(&w);
                world_allow_extra_workers(&w, EXTRA);
                ratio = world_makespan(&w) / without;
                sum += ratio;
                worst = fmax(worst, ratio);
                slower += ratio > 1.03;
        }
        printf("with workers beyond one a PU: mean %.3f, at worst %.3f of the makespan without; %u of %u above 1.03\n",
               sum / n, worst, slower, n);
        CHECK(sum / n <= 0.9);
        CHECK(slower * 20 <= n);
        test_slower_than_history();
        return 0;
}
