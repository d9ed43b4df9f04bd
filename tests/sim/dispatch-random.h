/* Random suites on random machines, which change while they run, and what may go wrong with them. */
#pragma once

#include "tests/sim/dispatch-trial.h"

/* By the trial's seed; sets its faults. */
void random_world(struct trial *t, struct world *w);
