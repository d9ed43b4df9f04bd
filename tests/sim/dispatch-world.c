#include "tests/sim/dispatch-world.h"
#include "tests/unit/test.h"

#include <math.h>

double random_uniform(uint64_t *state)
{
        return (double)(random_next(state) >> 11) * 0x1p-53;
}

uint32_t random_below(uint64_t *state, uint32_t n)
{
        return (uint32_t)(random_next(state) % n);
}

double random_seconds(uint64_t *state)
{
        double u = random_uniform(state);

        return pow(10, -4 + 4.5 * u * u);
}

double random_heavy_tailed(uint64_t *state, double least, double most)
{
        return fmin(least * pow(1 - random_uniform(state), -1 / 1.1), most);
}

void world_init(struct world *w)
{
        w->session_setup = 0;
        w->suite = (struct dispatch_params){
                .items = w->items,
                .groups = w->groups,
                .capacities = w->capacities,
                .needs = w->needs,
                .default_seconds = 0.05,
                .overhead = 20e-6,
                .start_cost = 0.01,
        };
        w->params = (struct sim_params){
                .suite = &w->suite,
                .seconds = w->seconds,
                .waits = w->waits,
                .setups = w->setups,
                .session_setup = &w->session_setup,
                .pus = w->pus,
                .changes = w->changes,
                .start_seconds = 0.01,
                .latency = 50e-6,
        };
}

void world_init_ideal(struct world *w)
{
        world_init(w);
        w->suite.overhead = w->suite.start_cost = 0;
        w->params.start_seconds = w->params.latency = 0;
}

struct dispatch_item *world_add_item(struct world *w, double seconds, uint32_t group)
{
        uint32_t i = w->suite.n_items++;

        CHECK(i < WORLD_ITEMS_MAX);
        w->seconds[i] = seconds;
        w->waits[i] = 0;
        w->items[i] = (struct dispatch_item){.seconds = seconds, .group = group};
        return &w->items[i];
}

uint32_t world_add_group(struct world *w, uint32_t parent, double setup)
{
        CHECK(w->suite.n_groups < WORLD_GROUPS_MAX);
        w->setups[w->suite.n_groups] = setup;
        w->groups[w->suite.n_groups] = (struct dispatch_group){.parent = parent, .setup = setup};
        return w->suite.n_groups++;
}

void world_add_waiting_item(struct world *w, double seconds, double waits, uint32_t group)
{
        struct dispatch_item *item = world_add_item(w, seconds, group);

        item->waits = w->waits[item - w->items] = waits;
}

void world_allow_extra_workers(struct world *w, uint32_t n)
{
        w->suite.extra_workers = n;
        w->suite.max_workers += n;
}

void world_forget_history(struct world *w)
{
        for (uint32_t i = 0; i < w->suite.n_items; i++) {
                w->items[i].seconds = -1;
                w->items[i].waits = 0;
        }
}

static void add_pu(struct world *w, double alone, double speed, unsigned core)
{
        CHECK(w->params.n_pus < WORLD_PUS_MAX);
        w->pus[w->params.n_pus] =
                (struct dispatch_pu){.os = (unsigned)w->params.n_pus, .speed = speed, .alone = alone, .core = core};
        w->suite.max_workers = (uint32_t)++w->params.n_pus;
}

void world_add_pus(struct world *w, size_t n, double speed)
{
        world_add_cores(w, n, 1, speed, speed);
}

void world_add_cores(struct world *w, size_t n, unsigned siblings, double alone, double speed)
{
        unsigned first = (unsigned)w->params.n_pus;

        for (unsigned i = 0; i < siblings; i++)
                for (size_t k = 0; k < n; k++)
                        add_pu(w, alone, speed, first + (unsigned)k);
        dispatch_sort_pus(w->pus, w->params.n_pus);
}

double world_bound(const struct world *w)
{
        static struct dispatch_item items[WORLD_ITEMS_MAX];
        static struct dispatch_group groups[WORLD_GROUPS_MAX];
        struct dispatch_params suite = w->suite;
        double seconds = 0;

        for (uint32_t i = 0; i < suite.n_items; i++) {
                items[i] = w->items[i];
                items[i].seconds = w->seconds[i];
                items[i].waits = w->waits[i];
        }
        for (uint32_t g = 0; g < suite.n_groups; g++) {
                groups[g] = w->groups[g];
                groups[g].setup = w->setups[g];
        }
        suite.items = items;
        suite.groups = groups;
        CHECK_INT(dispatch_bound(&suite, w->pus, w->params.n_pus, &seconds), 0);
        return seconds;
}

double world_makespan(const struct world *w)
{
        struct sim_result result;
        double makespan;

        CHECK_INT(sim_run(&w->params, &result), 0);
        makespan = result.makespan;
        sim_result_finish(&result);
        return makespan;
}
