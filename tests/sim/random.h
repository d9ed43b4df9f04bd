/* Where the simulators' chance comes from: splitmix64 (Steele, Lea, Flood 2014), for which every seed gives a good
 * sequence, the same everywhere. Fuzzers put their input in its place (tests/fuzz/chance.h). */
#pragma once

#include <stdint.h>

uint64_t random_next(uint64_t *state);
