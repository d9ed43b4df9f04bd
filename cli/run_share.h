/* Divides the PUs of a run among its suites: the service's allocator once more, over the run's own lease. */
#pragma once

#include "core/cpuset.h"
#include "core/machine.h"

/* For n suites, in the order in which they came: what each gets of `pus`; none for those that have to wait.
 * A lone suite gets all. -ENOMEM. */
int run_share_divide(const struct machine *machine, const struct cpuset *pus, size_t n, struct cpuset *ret_shares);
