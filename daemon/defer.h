/* One authority per kernel: a user's own service lends nothing while the system's answers. */
#pragma once

#include <stdbool.h>

/* Whether somebody listens on the socket at that path. Does not wait. */
bool defer_is_answered(const char *path);
