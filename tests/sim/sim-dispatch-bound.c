/* Simulated makespans against their bounds: the table that docs/dispatch.md shows, with limits. */
#include "tests/sim/dispatch-world.h"
#include "tests/unit/test.h"

#include <math.h>

/* Suites */

static void long_one_last_3(struct world *w)
{
        world_add_item(w, 0.8, DISPATCH_NONE);
        world_add_item(w, 0.8, DISPATCH_NONE);
        world_add_item(w, 2.0, DISPATCH_NONE);
}

static void long_one_last_9(struct world *w)
{
        for (unsigned i = 0; i < 8; i++)
                world_add_item(w, 0.2, DISPATCH_NONE);
        world_add_item(w, 2.0, DISPATCH_NONE);
}

/* In modules, as they are written. */
static void heavy_tailed_400(struct world *w)
{
        uint64_t random = 42;
        uint32_t group = DISPATCH_NONE;

        for (unsigned i = 0; i < 400; i++) {
                if (i % 20 == 0)
                        group = world_add_group(w, DISPATCH_NONE, 0);
                world_add_item(w, random_heavy_tailed(&random, 0.005, 2.0), group);
        }
}

static void modules_60(struct world *w)
{
        for (unsigned m = 0; m < 60; m++) {
                uint32_t group = world_add_group(w, DISPATCH_NONE, 0.5);

                for (unsigned i = 0; i < 20; i++)
                        world_add_item(w, 0.005, group);
        }
}

static void tiny_10000(struct world *w)
{
        uint32_t group = DISPATCH_NONE;

        for (unsigned i = 0; i < 10000; i++) {
                if (i % 100 == 0)
                        group = world_add_group(w, DISPATCH_NONE, 0);
                world_add_item(w, 0.0002, group);
        }
}

/* Forty serial groups of 1 to 40 items or so, scattered over the suite. */
static void serial_40(struct world *w)
{
        uint64_t random = 7;

        for (uint32_t i = 0; i < 820; i++) {
                struct dispatch_item *item = world_add_item(w, 0.01 + 0.02 * random_uniform(&random), DISPATCH_NONE);

                item->serial = 1 + (uint32_t)(40 * sqrt(random_uniform(&random)));
        }
}

static void sleepers_20(struct world *w)
{
        for (unsigned i = 0; i < 20; i++)
                world_add_waiting_item(w, 1, 0.999, DISPATCH_NONE);
}

/* Half of the items wait, half compute: as many seconds of one as of the other on two PUs. */
static void half_and_half(struct world *w)
{
        uint64_t random = 9;

        for (unsigned i = 0; i < 200; i++)
                world_add_waiting_item(w, 0.05 + 0.1 * random_uniform(&random), i % 2 ? 0.98 : 0, DISPATCH_NONE);
}

/* Each waits for half of its time. */
static void half_waiting(struct world *w)
{
        uint64_t random = 9;

        for (unsigned i = 0; i < 200; i++)
                world_add_waiting_item(w, 0.05 + 0.1 * random_uniform(&random), 0.5, DISPATCH_NONE);
}

/* Ten that need four PUs among two hundred. */
static void wide_10(struct world *w)
{
        uint64_t random = 13;

        for (unsigned i = 0; i < 210; i++) {
                bool wide = i % 21 == 20;
                double seconds = wide ? 0.5 : 0.05 + 0.1 * random_uniform(&random);

                world_add_item(w, seconds, DISPATCH_NONE)->cpus = wide ? 4 : 1;
        }
}

/* A quarter of the items want one of two licences. */
static void needy(struct world *w)
{
        uint64_t random = 17;

        w->suite.n_resources = 1;
        w->capacities[0] = 2;
        w->suite.n_needs = 1;
        w->needs[0] = (struct dispatch_need){.resource = 0, .amount = 1};
        for (unsigned i = 0; i < 200; i++)
                world_add_item(w, 0.05 + 0.1 * random_uniform(&random), DISPATCH_NONE)->n_needs = i % 4 == 3;
}

/* Machines */

static void pus_2(struct world *w)
{
        world_add_pus(w, 2, 1.0);
}

static void pus_8(struct world *w)
{
        world_add_pus(w, 8, 1.0);
}

static void pus_16(struct world *w)
{
        world_add_pus(w, 16, 1.0);
}

static void pus_8p_8e(struct world *w)
{
        world_add_pus(w, 8, 1.0);
        world_add_pus(w, 8, 0.55);
}

/* The table */

struct column {
        const char *name;
        void (*make)(struct world *w);
};

static const struct column columns[] = {{"2", pus_2}, {"8", pus_8}, {"16", pus_16}, {"8P+8E", pus_8p_8e}};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct row {
        const char *name;
        void (*make)(struct world *w);
        double limits[COLUMNS]; /* makespan over bound */
        uint32_t extra_workers;
};

static const struct row rows[] = {
        {"long one last, 3", long_one_last_3, {1.02, 1.02, 1.02, 1.02}, 0},
        {"long one last, 9", long_one_last_9, {1.02, 1.02, 1.02, 1.02}, 0},
        {"heavy-tailed 400", heavy_tailed_400, {1.02, 1.02, 1.02, 1.02}, 0},
        {"60 modules x 20, 0.5 s", modules_60, {1.02, 1.08, 1.08, 1.14}, 0},
        {"40 serial groups", serial_40, {1.02, 1.05, 1.1, 1.1}, 0},
        {"10,000 tiny", tiny_10000, {1.05, 1.05, 1.1, 1.1}, 0},
        {"10 of four CPUs among 200", wide_10, {1.1, 1.1, 1.1, 1.35}, 0},
        {"50 of 200 want a resource", needy, {1.1, 1.1, 1.1, 1.1}, 0},
        {"20 that wait", sleepers_20, {1.2, 1.2, 1.2, 1.2}, 64},
        {"half wait, half compute", half_and_half, {1.1, 1.1, 1.1, 1.1}, 64},
        {"all wait half of the time", half_waiting, {1.1, 1.1, 1.1, 1.1}, 64},
};

/* What only computes gets no more workers than PUs, whether that is known or not. */
static void test_no_extras(const struct row *row, const struct column *column, bool history)
{
        static struct world w;
        struct sim_result result;

        world_init(&w);
        row->make(&w);
        column->make(&w);
        world_allow_extra_workers(&w, 64);
        if (!history)
                world_forget_history(&w);
        CHECK_INT(sim_run(&w.params, &result), 0);
        CHECK(result.n_workers <= w.params.n_pus);
        sim_result_finish(&result);
}

static double ratio(const struct row *row, const struct column *column, bool history)
{
        static struct world w;

        world_init(&w);
        row->make(&w);
        column->make(&w);
        world_allow_extra_workers(&w, row->extra_workers);
        if (!history)
                world_forget_history(&w);
        return world_makespan(&w) / world_bound(&w);
}

int main(void)
{
        bool fits = true;

        printf("%-28s", "makespan / bound");
        for (size_t c = 0; c < COLUMNS; c++)
                printf("%16s", columns[c].name);
        printf("\n");
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
                printf("%-28s", rows[r].name);
                for (size_t c = 0; c < COLUMNS; c++) {
                        double known = ratio(&rows[r], &columns[c], true);

                        fits &= known <= rows[r].limits[c];
                        printf("%7.3f (%6.3f)", known, ratio(&rows[r], &columns[c], false));
                }
                printf("\n");
        }
        for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
                for (size_t c = 0; c < COLUMNS && rows[r].extra_workers == 0; c++)
                        for (unsigned history = 0; history < 2; history++)
                                test_no_extras(&rows[r], &columns[c], history);
        printf("in brackets: the first run, without history\n");
        CHECK(fits);
        return 0;
}
