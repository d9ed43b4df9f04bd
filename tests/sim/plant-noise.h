/* Noise for simulations: the same numbers on every machine and with every compiler. */
#pragma once

#include "tests/sim/dispatch-world.h"

/* Near enough to normal, mean 0 and deviation 1, and never beyond 6: the sum of twelve uniform numbers. */
static inline double noise_normal(uint64_t *state)
{
        double sum = -6;

        for (unsigned i = 0; i < 12; i++)
                sum += random_uniform(state);
        return sum;
}
