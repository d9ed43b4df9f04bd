/* What `schedctl history show` prints. */
#pragma once

#include "cli/history.h"

/* A table of the longest `most` tests, and what was learned of machines. -ENOMEM. */
int history_show_table(const char *project, const struct history_list *list, const struct history_listed_speed *speeds,
                       size_t n_speeds, size_t most);
/* All of it, as one JSON object. -ENOMEM. */
int history_show_json(const char *project, const struct history_list *list, const struct history_listed_speed *speeds,
                      size_t n_speeds);
