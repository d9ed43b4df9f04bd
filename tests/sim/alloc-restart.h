/* The service restarts in the midst of a history: all that is left is what it has recorded. */
#pragma once

#include "tests/sim/alloc-history.h"

/* Recovers every lease from its record in a new allocator. No client's PU is lent to another alone; every lease waits
 * for its claim. */
void history_restart(struct history *h);
