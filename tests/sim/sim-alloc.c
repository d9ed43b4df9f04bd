/* Random histories of the allocator: leases of several users and priorities come, go, change, are paused and go on,
 * answer late or never, refuse PUs, lose their connection; PUs come and go, budget and aim move, growth is held, the
 * service restarts. After every step the invariants are asserted, and when everybody has answered, fairness.
 *
 *     sim-alloc [FIRST-SEED [COUNT]]
 *
 * A failure prints its seed; that seed with a COUNT of 1 prints the history.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/alloc-life.h"
#include "tests/sim/alloc-retell.h"

enum {
        DEFAULT_COUNT = 2000,
        STEPS = 120,
        REPLAY_EVERY = 16,
};

static uint64_t run(uint64_t seed, bool verbose)
{
        static struct history h;

        history_begin(&h, seed, verbose);
        for (unsigned i = 0; i < STEPS; i++)
                history_go_on(&h);
        history_rest(&h);
        history_foretell(&h);
        history_end(&h);
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
