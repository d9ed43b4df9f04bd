#include "tests/fuzz/chance.h"

#include "tests/sim/random.h"

static struct input input;

void chance_begin(struct input in)
{
        input = in;
}

bool chance_is_left(void)
{
        return input.left > 0;
}

uint64_t random_next(uint64_t *state)
{
        uint64_t byte;

        if (input.left == 0) { /* Knuth's linear congruential generator for 64 bits: its high bits are good */
                *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                return *state ^ *state >> 32;
        }
        /* At both ends: who takes the remainder by a small number sees it, and who takes the highest bits. */
        byte = input_byte(&input);
        return byte << 56 | byte;
}
