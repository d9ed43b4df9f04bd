/* The table of docs/headroom-simulated.md: every machine under every policy, beside the best constant budgets. */
#pragma once

#include <stdbool.h>

/* Prints it as Markdown; what misses a limit is named on stderr as well. Returns whether all limits hold. */
bool governor_table(void);
