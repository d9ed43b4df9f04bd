#include "tests/sim/alloc-life.h"

#include "tests/sim/alloc-events.h"
#include "tests/sim/alloc-retell.h"

void history_begin(struct history *h, uint64_t seed, bool verbose)
{
        static const unsigned sizes[] = {1, 2, 4, 8, 12, 16, 24, HISTORY_PUS};

        *h = (struct history){.seed = seed, .rng = {seed}, .verbose = verbose, .next_id = 1, .now = 1};
        h->shape = (enum world_shape)rng_below(&h->rng, WORLD_SHAPES);
        h->n_pus = sizes[rng_below(&h->rng, 8)];
        h->backgrounds = history_chance(h, 2);
        h->masks = history_chance(h, 2);
        h->n_users = 1 + rng_below(&h->rng, 3);
        h->facts = (struct laws_facts){.machine = &h->machine, .budget = UINT32_MAX, .unusable = h->unusable};
        history_require(h, alloc_create(&h->alloc) == 0, "no memory");
        history_change_machine(h);
}

void history_go_on(struct history *h)
{
        history_act(h);
        if (history_chance(h, 20))
                history_quiesce(h);
}

void history_rest(struct history *h)
{
        h->facts.hold = false; /* who has what under a hold depends on what was before */
        history_tell_budget(h);
        history_quiesce(h);
        history_retell(h);
}

void history_end(struct history *h)
{
        alloc_actions_finish(&h->actions);
        alloc_destroy(h->alloc);
        machine_finish(&h->machine);
}
