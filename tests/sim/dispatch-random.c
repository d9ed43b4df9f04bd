#include "tests/sim/dispatch-random.h"

#include <math.h>
#include <stdlib.h>

/* Suites */

static void random_suite(struct world *w, uint64_t *random)
{
        uint32_t n = random_below(random, 8) == 0 ? random_below(random, 4) : 1 + random_below(random, 120);
        uint32_t group = DISPATCH_NONE, module = DISPATCH_NONE;

        while (w->suite.n_items < n) {
                if (random_below(random, 10) == 0)
                        group = module =
                                world_add_group(w, DISPATCH_NONE, random_below(random, 2) ? random_uniform(random) : 0);
                else if (random_below(random, 8) == 0 && module != DISPATCH_NONE)
                        group = world_add_group(w, module, random_below(random, 2) ? random_uniform(random) / 4 : 0);
                else if (random_below(random, 40) == 0)
                        group = module = DISPATCH_NONE;
                world_add_item(w, random_seconds(random), group);
        }
}

/* Serial groups, their items scattered over the suite or not, items that are to run alone, and order. */
static void random_constraints(struct world *w, uint64_t *random)
{
        uint32_t n = w->suite.n_items, groups = n ? 1 + random_below(random, n < 6 ? n : 6) : 0;
        double share = random_below(random, 3) == 0 ? random_uniform(random) : 0;
        double alone = random_below(random, 6) == 0 ? 0.2 : 0;
        bool runs = random_below(random, 2);

        for (uint32_t i = 0; i < n; i++) {
                if (random_uniform(random) < share)
                        w->items[i].serial = 1 + (runs ? i * groups / n : random_below(random, groups));
                w->items[i].alone = random_uniform(random) < alone;
        }
        w->suite.ordered = random_below(random, 6) == 0;
}

/* Each only in some suites: items that wait, need PUs or resources, come first, packages, workers that end early. */
static void random_waits(struct world *w, uint64_t *random)
{
        double share = random_below(random, 3) == 0 ? random_uniform(random) : 0;
        bool told = random_below(random, 2);

        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                w->waits[i] = random_uniform(random) < share ? fmin(1.3 * random_uniform(random), 1) : 0;
                w->items[i].waits = told ? w->waits[i] : 0;
        }
}

static void random_needs(struct world *w, uint64_t *random)
{
        double wide = random_below(random, 5) == 0 ? random_uniform(random) / 2 : 0;
        double needy = random_below(random, 5) == 0 ? random_uniform(random) : 0;

        w->suite.n_resources = needy > 0 ? 1 + random_below(random, WORLD_RESOURCES_MAX) : 0;
        for (uint32_t r = 0; r < w->suite.n_resources; r++)
                w->capacities[r] = 1 + random_below(random, 8);
        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                w->items[i].first_need = w->suite.n_needs;
                if (random_uniform(random) < wide)
                        w->items[i].cpus = 2 + random_below(random, 5);
                for (uint32_t r = random_below(random, 3); r < w->suite.n_resources && random_uniform(random) < needy;
                     r += 2)
                        w->needs[w->suite.n_needs++] = (struct dispatch_need){
                                .resource = r, .amount = 1 + random_below(random, w->capacities[r])};
                w->items[i].n_needs = w->suite.n_needs - w->items[i].first_need;
        }
}

static void random_rest(struct world *w, struct faults *f, uint64_t *random)
{
        double early = random_below(random, 4) == 0 ? random_uniform(random) / 3 : 0;

        for (uint32_t i = 0; i < w->suite.n_items; i++)
                w->items[i].early = random_uniform(random) < early;
        if (random_below(random, 4) == 0)
                for (uint32_t g = 0; g < w->suite.n_groups; g++)
                        w->groups[g].loose = w->groups[g].parent == DISPATCH_NONE;
        if (random_below(random, 6) == 0)
                w->suite.max_items = 1 + random_below(random, 10);
        if (random_below(random, 6) == 0) {
                w->suite.max_rss = 1000;
                f->growth = 1 + random_below(random, 800);
        }
        if (random_below(random, 3) == 0)
                w->session_setup = w->suite.session_setup = random_uniform(random) / 2;
        if (random_below(random, 3) == 0) {
                w->suite.extra_workers = random_below(random, 12);
                w->suite.max_workers += w->suite.extra_workers;
        }
}

/* What history says: nothing of some, and of the others something within a factor of two, or far off. */
static void random_estimates(struct world *w, uint64_t *random)
{
        double known = random_uniform(random), wild = random_below(random, 3) == 0 ? 0.1 : 0;

        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                double noise = pow(2, 2 * random_uniform(random) - 1);

                if (random_uniform(random) < wild)
                        noise *= random_below(random, 2) ? 100 : 0.01;
                w->items[i].seconds = random_uniform(random) < known ? w->seconds[i] * noise : -1;
        }
}

/* Machines */

static void random_machine(struct world *w, uint64_t *random)
{
        static const double speeds[] = {1.0, 0.6, 0.45, 0.3};
        size_t kinds = 1 + random_below(random, 3);

        if (random_below(random, 3) == 0)
                world_add_cores(w, 1 + random_below(random, 4), 2, 1.0, 0.5 + 0.25 * random_uniform(random));
        for (size_t k = 0; k < kinds; k++)
                world_add_pus(w, 1 + random_below(random, 5), speeds[k]);
        w->suite.max_workers = 1 + random_below(random, (uint32_t)w->params.n_pus + 2);
        if (random_below(random, 3) == 0)
                w->suite.min_workers = w->suite.max_workers =
                        1 + random_below(random, 2 * (uint32_t)w->params.n_pus + 2);
}

static int by_time(const void *pa, const void *pb)
{
        const struct sim_change *a = pa, *b = pb;

        return (a->at > b->at) - (a->at < b->at);
}

static void random_changes(struct world *w, uint64_t *random)
{
        size_t n = random_below(random, WORLD_CHANGES_MAX);
        bool limits = random_below(random, 3) == 0;

        for (size_t c = 0; c < n; c++) {
                size_t first = random_below(random, (uint32_t)w->params.n_pus);

                w->changes[c] = (struct sim_change){
                        .at = 3 * random_uniform(random) * random_uniform(random),
                        .pus = w->pus + first,
                        .n_pus = 1 + random_below(random, (uint32_t)(w->params.n_pus - first)),
                };
        }
        while (limits && n < WORLD_CHANGES_MAX && random_below(random, 4) > 0)
                w->changes[n++] = (struct sim_change){.at = 3 * random_uniform(random) * random_uniform(random),
                                                      .limit = 1 + random_below(random, (uint32_t)w->params.n_pus + 2)};
        w->params.n_changes = n;
        qsort(w->changes, n, sizeof(w->changes[0]), by_time);
}

static struct faults random_faults(struct world *w, uint64_t *random)
{
        struct faults f = {
                .crash = random_below(random, 3) == 0 ? 0.3 * random_uniform(random) : 0,
                .kill = random_below(random, 3) == 0 ? 0.3 * random_uniform(random) : 0,
                .no_start = random_below(random, 4) == 0 ? random_uniform(random) : 0,
                .missing = random_below(random, 6) == 0 ? 0.3 * random_uniform(random) : 0,
                .stop_at = random_below(random, 8) == 0 ? random_uniform(random) : 0,
        };

        w->params.latency = random_below(random, 2) ? 50e-6 : 0.02 * random_uniform(random);
        w->suite.overhead = random_below(random, 2) ? 20e-6 : 0;
        return f;
}

void random_world(struct trial *t, struct world *w)
{
        uint64_t random = t->seed * 1000003;

        world_init(w);
        random_suite(w, &random);
        random_constraints(w, &random);
        random_estimates(w, &random);
        random_machine(w, &random);
        random_changes(w, &random);
        t->faults = random_faults(w, &random);
        random_waits(w, &random);
        random_needs(w, &random);
        random_rest(w, &t->faults, &random);
}
