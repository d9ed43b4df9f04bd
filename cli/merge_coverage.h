/* Coverage's data files as one, by coverage itself: `python -m coverage combine --keep`, in the current directory, so
 * that it reads the project's configuration. Python is $PYTHON, or python3. */
#pragma once

#include <stddef.h>

#include "cli/merge_inputs.h"

/* Whether a data file can be read whole; if not, the input says so. -ENOMEM. */
int merge_coverage_check(struct merge_input *input);
/* Combines those inputs that are coverage's and have no error into `path`, which is replaced at once or stays as it is.
 * *ret_text (malloc'ed, the caller's; may be NULL) is what coverage had to say besides, or with a negative result what
 * went wrong. -EIO, -ENOMEM. */
int merge_coverage_combine(const struct merge_inputs *inputs, const char *path, char **ret_text);
