/* What the run holds: its suites' parts of it, and what follows from each grant. */
#pragma once

#include <stddef.h>
#include <uv.h>

#include "cli/run_engine.h"

/* Watches the lease, if there is one. */
int run_held_watch(struct run *run);
void run_held_close(struct run *run);
/* Suites that run in workers. */
size_t run_held_count_suites(const struct run *run);
/* Whether nothing else in COMMAND can use a PU: its only suite is COMMAND itself. */
bool run_held_is_whole_command(const struct run *run);
/* Pins all but workers to what is held now. */
void run_held_pin(struct run *run);
