/* The dispatcher over simulated suites and machines: thousands of random histories in which everything that may go
 * wrong does, and a table of makespans against their bounds, with limits. All of it is deterministic. */
#include "tests/sim/dispatch-plant.h"
#include "tests/unit/test.h"

#include <math.h>

enum { ITEMS_MAX = 10000, GROUPS_MAX = 200 };

/* A suite and a machine, made up from a seed or by a recipe. */
struct world {
        struct dispatch_item items[ITEMS_MAX];
        double estimates[ITEMS_MAX];
        struct dispatch_group groups[GROUPS_MAX];
        struct dispatch_pu pus[PLANT_PUS_MAX];
        struct plant_params params;
};

static uint32_t below(uint64_t *random, uint32_t n)
{
        return (uint32_t)(plant_random(random) % n);
}

/* Machines */

static void add_pus(struct world *w, size_t n, double speed)
{
        for (size_t i = 0; i < n; i++, w->params.n_pus++)
                w->pus[w->params.n_pus] = (struct dispatch_pu){.os = (unsigned)w->params.n_pus, .speed = speed};
        w->params.changes[0] = (struct plant_change){.n = w->params.n_pus};
        w->params.n_changes = 1;
        w->params.max_workers = (uint32_t)w->params.n_pus;
}

static void world_init(struct world *w, uint64_t seed)
{
        w->params = (struct plant_params){
                .items = w->items,
                .groups = w->groups,
                .pus = w->pus,
                .start_seconds = 0.01,
                .latency = 50e-6,
                .overhead = 20e-6,
                .seed = seed,
                .stop_at = -1,
        };
}

static void add_item(struct world *w, double seconds, uint32_t group)
{
        CHECK(w->params.n_items < ITEMS_MAX);
        w->items[w->params.n_items++] = (struct dispatch_item){.seconds = seconds, .group = group};
}

static uint32_t add_group(struct world *w, uint32_t parent, double setup)
{
        CHECK(w->params.n_groups < GROUPS_MAX);
        w->groups[w->params.n_groups] = (struct dispatch_group){.parent = parent, .setup = setup};
        return w->params.n_groups++;
}

/* Random histories */

/* From empty tests to a few seconds, most of them short: 10^-4 to 10^0.5, squared towards the short end. */
static double random_seconds(uint64_t *random)
{
        double u = plant_uniform(random);

        return pow(10, -4 + 4.5 * u * u);
}

static void random_suite(struct world *w, uint64_t *random)
{
        uint32_t n = below(random, 8) == 0 ? below(random, 4) : 1 + below(random, 120);
        uint32_t group = DISPATCH_NONE, module = DISPATCH_NONE;

        while (w->params.n_items < n) {
                if (below(random, 10) == 0 && w->params.n_groups < GROUPS_MAX)
                        group = module = add_group(w, DISPATCH_NONE, below(random, 2) ? plant_uniform(random) : 0);
                else if (below(random, 8) == 0 && module != DISPATCH_NONE && w->params.n_groups < GROUPS_MAX)
                        group = add_group(w, module, below(random, 2) ? plant_uniform(random) / 4 : 0);
                else if (below(random, 40) == 0)
                        group = module = DISPATCH_NONE;
                add_item(w, random_seconds(random), group);
        }
}

/* Serial groups, their items scattered over the suite or not, items that are to run alone, and order. */
static void random_constraints(struct world *w, uint64_t *random)
{
        uint32_t n = w->params.n_items, groups = n ? 1 + below(random, n < 6 ? n : 6) : 0;
        double share = below(random, 3) == 0 ? plant_uniform(random) : 0, alone = below(random, 6) == 0 ? 0.2 : 0;
        bool runs = below(random, 2);

        for (uint32_t i = 0; i < n; i++) {
                if (plant_uniform(random) < share)
                        w->items[i].serial = 1 + (runs ? i * groups / n : below(random, groups));
                w->items[i].alone = plant_uniform(random) < alone;
        }
        w->params.ordered = below(random, 6) == 0;
}

/* What history says: nothing of some, and of the others something within a factor of two, or far off. */
static void random_estimates(struct world *w, uint64_t *random)
{
        double known = plant_uniform(random), wild = below(random, 3) == 0 ? 0.1 : 0;

        for (uint32_t i = 0; i < w->params.n_items; i++) {
                double noise = pow(2, 2 * plant_uniform(random) - 1);

                if (plant_uniform(random) < wild)
                        noise *= below(random, 2) ? 100 : 0.01;
                w->estimates[i] = plant_uniform(random) < known ? w->items[i].seconds * noise : -1;
        }
        w->params.estimates = w->estimates;
}

static void random_machine(struct world *w, uint64_t *random)
{
        static const double speeds[] = {1.0, 0.6, 0.45, 0.3};
        size_t kinds = 1 + below(random, 3);

        for (size_t k = 0; k < kinds; k++)
                add_pus(w, 1 + below(random, 5), speeds[k]);
        w->params.max_workers = 1 + below(random, (uint32_t)w->params.n_pus + 2);
        if (below(random, 3) == 0)
                w->params.min_workers = w->params.max_workers = 1 + below(random, 2 * (uint32_t)w->params.n_pus + 2);
        for (size_t c = below(random, PLANT_CHANGES_MAX); c > 0; c--) {
                size_t first = below(random, (uint32_t)w->params.n_pus);

                w->params.changes[w->params.n_changes++] = (struct plant_change){
                        .at = 3 * plant_uniform(random) * plant_uniform(random),
                        .first = first,
                        .n = 1 + below(random, (uint32_t)(w->params.n_pus - first)),
                };
        }
}

static void random_faults(struct world *w, uint64_t *random)
{
        struct plant_params *p = &w->params;

        p->crash = below(random, 3) == 0 ? 0.3 * plant_uniform(random) : 0;
        p->kill = below(random, 3) == 0 ? 0.3 * plant_uniform(random) : 0;
        p->no_start = below(random, 4) == 0 ? plant_uniform(random) : 0;
        p->missing = below(random, 6) == 0 ? 0.3 * plant_uniform(random) : 0;
        p->stop_at = below(random, 8) == 0 ? plant_uniform(random) : -1;
        p->latency = below(random, 2) ? 50e-6 : 0.02 * plant_uniform(random);
        p->overhead = below(random, 2) ? 20e-6 : 0;
}

/* `only`: this seed alone, with a trace; 0: all. */
static void test_histories(uint32_t n, uint64_t only)
{
        static struct world w;
        uint64_t lost = 0, left = 0, done = 0, recalls = 0;

        for (uint64_t seed = 1; seed <= n; seed++) {
                uint64_t random = seed * 1000003;
                struct plant_result first, second;

                if (only && seed != only)
                        continue;
                world_init(&w, seed);
                w.params.trace = only;
                random_suite(&w, &random);
                random_constraints(&w, &random);
                random_estimates(&w, &random);
                random_machine(&w, &random);
                random_faults(&w, &random);
                first = plant_run(&w.params);
                done += first.done;
                lost += first.lost;
                left += first.left;
                recalls += first.recalls;
                if (seed % 16 == 0) {
                        second = plant_run(&w.params);
                        CHECK(first.hash == second.hash);
                }
        }
        printf("%u histories: %llu items done, %llu lost, %llu left, %llu recalls\n", n, (unsigned long long)done,
               (unsigned long long)lost, (unsigned long long)left, (unsigned long long)recalls);
        CHECK(lost > 0 && left > 0 && recalls > 0);
}

/* Against list scheduling and the bound, with exact estimates */

static int descending(const void *pa, const void *pb)
{
        double a = *(const double *)pa, b = *(const double *)pb;

        return (a < b) - (a > b);
}

/* Longest first, each to where it ends earliest; no set-ups. */
static double list_schedule(const struct world *w)
{
        static double seconds[ITEMS_MAX];
        double free_at[PLANT_PUS_MAX] = {0}, end = 0;

        for (uint32_t i = 0; i < w->params.n_items; i++)
                seconds[i] = w->items[i].seconds;
        qsort(seconds, w->params.n_items, sizeof(seconds[0]), descending);
        for (uint32_t i = 0; i < w->params.n_items; i++) {
                size_t best = 0;

                for (size_t k = 1; k < w->params.n_pus; k++)
                        if (free_at[k] + seconds[i] / w->pus[k].speed < free_at[best] + seconds[i] / w->pus[best].speed)
                                best = k;
                free_at[best] += seconds[i] / w->pus[best].speed;
                end = free_at[best] > end ? free_at[best] : end;
        }
        return end;
}

static double bound(const struct world *w)
{
        double seconds = 0;

        const struct dispatch_params params = {.items = w->items,
                                               .n_items = w->params.n_items,
                                               .groups = w->groups,
                                               .n_groups = w->params.n_groups,
                                               .min_workers = w->params.min_workers};

        CHECK_INT(dispatch_bound(&params, w->pus, w->params.n_pus, &seconds), 0);
        return seconds;
}

static void test_against_list_scheduling(uint32_t n)
{
        static struct world w;
        double worst = 0, worst_bound = 0;

        for (uint64_t seed = 1; seed <= n; seed++) {
                uint64_t random = seed * 7919;
                bool identical = seed % 2;
                double makespan, list;
                uint32_t items = 1 + below(&random, 200);

                world_init(&w, seed);
                add_pus(&w, 1 + below(&random, 8), 1.0);
                if (!identical)
                        add_pus(&w, 1 + below(&random, 8), 0.45);
                while (w.params.n_items < items)
                        add_item(&w, 0.002 + random_seconds(&random), DISPATCH_NONE);
                makespan = plant_run(&w.params).makespan;
                list = list_schedule(&w);
                worst = fmax(worst, makespan / list);
                CHECK(makespan <= 1.05 * list + 0.01);
                if (identical) {
                        worst_bound = fmax(worst_bound, makespan / bound(&w));
                        CHECK(makespan <= 2 * bound(&w) + 0.01);
                }
        }
        printf("%u exact suites: at worst %.3f of list scheduling, %.3f of the bound on identical PUs\n", n, worst,
               worst_bound);
}

/* The table */

static void long_one_last_3(struct world *w)
{
        add_item(w, 0.8, DISPATCH_NONE);
        add_item(w, 0.8, DISPATCH_NONE);
        add_item(w, 2.0, DISPATCH_NONE);
}

static void long_one_last_9(struct world *w)
{
        for (unsigned i = 0; i < 8; i++)
                add_item(w, 0.2, DISPATCH_NONE);
        add_item(w, 2.0, DISPATCH_NONE);
}

/* Pareto with shape 1.1 from 5 ms, cut at 2 s: mean and maximum are far apart. In modules, as they are written. */
static void heavy_tailed_400(struct world *w)
{
        uint64_t random = 42;
        uint32_t group = DISPATCH_NONE;

        for (unsigned i = 0; i < 400; i++) {
                if (i % 20 == 0)
                        group = add_group(w, DISPATCH_NONE, 0);
                add_item(w, fmin(0.005 * pow(1 - plant_uniform(&random), -1 / 1.1), 2.0), group);
        }
}

static void modules_60(struct world *w)
{
        for (unsigned m = 0; m < 60; m++) {
                uint32_t group = add_group(w, DISPATCH_NONE, 0.5);

                for (unsigned i = 0; i < 20; i++)
                        add_item(w, 0.005, group);
        }
}

static void tiny_10000(struct world *w)
{
        uint32_t group = DISPATCH_NONE;

        for (unsigned i = 0; i < 10000; i++) {
                if (i % 100 == 0)
                        group = add_group(w, DISPATCH_NONE, 0);
                add_item(w, 0.0002, group);
        }
}

/* Forty serial groups of 1 to 40 items or so, scattered over the suite. */
static void serial_40(struct world *w)
{
        uint64_t random = 7;

        for (uint32_t i = 0; i < 820; i++) {
                add_item(w, 0.01 + 0.02 * plant_uniform(&random), DISPATCH_NONE);
                w->items[i].serial = 1 + (uint32_t)(40 * sqrt(plant_uniform(&random)));
        }
}

static void pus_2(struct world *w)
{
        add_pus(w, 2, 1.0);
}

static void pus_8(struct world *w)
{
        add_pus(w, 8, 1.0);
}

static void pus_16(struct world *w)
{
        add_pus(w, 16, 1.0);
}

static void pus_8p_8e(struct world *w)
{
        add_pus(w, 8, 1.0);
        add_pus(w, 8, 0.55);
}

struct column {
        const char *name;
        void (*make)(struct world *w);
};

static const struct column machines[] = {{"2", pus_2}, {"8", pus_8}, {"16", pus_16}, {"8P+8E", pus_8p_8e}};

struct row {
        const char *name;
        void (*make)(struct world *w);
        double limits[4]; /* makespan over bound, per machine */
};

static const struct row rows[] = {
        {"long one last, 3", long_one_last_3, {1.02, 1.02, 1.02, 1.02}},
        {"long one last, 9", long_one_last_9, {1.02, 1.02, 1.02, 1.02}},
        {"heavy-tailed 400", heavy_tailed_400, {1.02, 1.02, 1.02, 1.02}},
        {"60 modules x 20, 0.5 s", modules_60, {1.02, 1.08, 1.08, 1.14}},
        {"40 serial groups", serial_40, {1.02, 1.05, 1.1, 1.1}},
        {"10,000 tiny", tiny_10000, {1.05, 1.05, 1.1, 1.1}},
};

static double ratio(const struct row *row, const struct column *machine, bool history)
{
        static struct world w;

        world_init(&w, 1);
        row->make(&w);
        machine->make(&w);
        for (uint32_t i = 0; i < w.params.n_items; i++)
                w.estimates[i] = -1;
        if (!history)
                w.params.estimates = w.estimates;
        return plant_run(&w.params).makespan / bound(&w);
}

static void test_table(void)
{
        enum { MACHINES = sizeof(machines) / sizeof(machines[0]) };
        bool fits = true;

        printf("%-28s", "makespan / bound");
        for (size_t m = 0; m < MACHINES; m++)
                printf("%16s", machines[m].name);
        printf("\n");
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
                printf("%-28s", rows[r].name);
                for (size_t m = 0; m < MACHINES; m++) {
                        double known = ratio(&rows[r], &machines[m], true);

                        fits &= known <= rows[r].limits[m];
                        printf("%7.3f (%6.3f)", known, ratio(&rows[r], &machines[m], false));
                }
                printf("\n");
        }
        printf("in brackets: the first run, without history\n");
        CHECK(fits);
}

int main(int argc, char **argv)
{
        uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 4000;

        if (argc > 2)
                test_histories(n, strtoul(argv[2], NULL, 10));
        test_histories(n, 0);
        test_against_list_scheduling(n / 8);
        test_table();
        return 0;
}
