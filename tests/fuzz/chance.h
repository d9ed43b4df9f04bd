/* The simulators' chance (tests/sim/random.h) out of a fuzzer's input: one byte a choice, so that a changed byte is
 * another choice in the same place. When the input is used up chance goes its own way, always the same. */
#pragma once

#include "tests/fuzz/input.h"

/* The input is borrowed until the next one begins. */
void chance_begin(struct input in);
bool chance_is_left(void);
