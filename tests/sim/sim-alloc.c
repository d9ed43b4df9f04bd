/* Random histories of the allocator: leases of several users and priorities come, go, change, are paused and go on,
 * answer late or never, refuse PUs, lose their connection; PUs come and go, budget and aim move, growth is held, the
 * service restarts. After every step the invariants are asserted, and when
 * everybody has answered, fairness.
 *
 *     sim-alloc [FIRST-SEED [COUNT]]
 *
 * A failure prints its seed; that seed with a COUNT of 1 prints the history.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/alloc-events.h"
#include "tests/sim/alloc-retell.h"

enum {
        DEFAULT_COUNT = 2000,
        STEPS = 120,
        REPLAY_EVERY = 16,
};

static uint64_t run(uint64_t seed, bool verbose)
{
        static const unsigned sizes[] = {1, 2, 4, 8, 12, 16, 24, HISTORY_PUS};
        static struct history h;

        h = (struct history){.seed = seed, .rng = {seed}, .verbose = verbose, .next_id = 1, .now = 1};
        h.shape = (enum world_shape)rng_below(&h.rng, WORLD_SHAPES);
        h.n_pus = sizes[rng_below(&h.rng, 8)];
        h.backgrounds = history_chance(&h, 2);
        h.masks = history_chance(&h, 2);
        h.n_users = 1 + rng_below(&h.rng, 3);
        h.facts = (struct laws_facts){.machine = &h.machine, .budget = UINT32_MAX, .unusable = h.unusable};
        history_require(&h, alloc_create(&h.alloc) == 0, "no memory");
        history_change_machine(&h);
        for (unsigned i = 0; i < STEPS; i++) {
                history_act(&h);
                if (history_chance(&h, 20))
                        history_quiesce(&h);
        }
        h.facts.hold = false; /* who has what under a hold depends on what was before */
        history_tell_budget(&h);
        history_quiesce(&h);
        history_retell(&h);
        history_foretell(&h);
        alloc_actions_finish(&h.actions);
        alloc_destroy(h.alloc);
        machine_finish(&h.machine);
        return h.hash;
}

int main(int argc, char **argv)
{
        uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
        uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : DEFAULT_COUNT;

        for (uint64_t i = 0; i < count; i++) {
                uint64_t hash = run(first + i, count == 1);

                if (i % REPLAY_EVERY == 0 && run(first + i, false) != hash) {
                        fprintf(stderr, "seed %" PRIu64 ": the same history ran in two ways\n", first + i);
                        return 1;
                }
        }
        return 0;
}
