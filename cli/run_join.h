/* A schedctl run inside another one: it joins, that is, its COMMAND is the outer run's. */
#pragma once

#include <stdbool.h>

/* Whether this process is below a run that is alive. */
bool run_join_is_inside(void);

/* Becomes `command` within the outer run; returns an exit status where that failed. */
int run_join(char **command);
