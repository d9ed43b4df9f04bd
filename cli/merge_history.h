/* Histories of several nodes as one, the same whatever their order.
 *
 * Of a test that several nodes know, the latest measurement counts, then who measured it more often, then the longer
 * time; what was measured comes before a time that was imported. Groups' set-ups likewise. Items are ordered by their
 * files' paths and in these as the nodes collected them. The result is a `schedctl history export`.
 */
#pragma once

#include <stdio.h>

#include "cli/history_import.h"
#include "cli/merge_inputs.h"

struct merge_histories {
        struct history_import *list;
        size_t n, allocated;
};
void merge_histories_finish(struct merge_histories *histories);

/* Reads an input: what it knows of a project. A database may know several: then it is the nearest one at or above
 * `project` (an absolute path). What is wrong with it is said in the input. -ENOMEM. */
int merge_histories_read(struct merge_histories *histories, struct merge_input *input, const char *project);
/* The union; copies. -ENOMEM. */
int merge_histories_unite(const struct merge_histories *histories, struct history_import *ret_import);
/* Writes it as an export. `now`: seconds since the epoch, for what does not say when it was measured. -EIO, -ENOMEM. */
int merge_history_write(const struct history_import *import, int64_t now, FILE *to);
