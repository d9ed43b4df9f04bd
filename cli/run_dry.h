/* `schedctl run --dry-run`: what would run where, of a suite that has been collected. */
#pragma once

#include "cli/run_suite.h"

/* Makes the suite's plan with these parameters, as text and as JSON, for the summary. What cannot be planned is said
 * there. -ENOMEM. */
int run_dry_plan(struct run_suite *suite, const struct dispatch_params *params, uint32_t n_known);
/* The same of one that pytest would run itself. */
int run_dry_inline(struct run_suite *suite, const char *why);
