/* Divides the PUs of a run among its suites: the service's allocator once more, over the run's own lease. It lives as
 * long as the run, so that every suite keeps what it has as far as its share goes.
 *
 * Suites count alike. Where there are more than PUs they share them, up to 2 + ALLOC_SHARED_PER_PU_MAX on each: its
 * owner, its guests, and one more guest that has nothing else. Those beyond wait, as do those beyond
 * ALLOC_LEASES_MAX, until others have ended.
 */
#pragma once

#include <stddef.h>

#include "core/cpuset.h"
#include "core/machine.h"

struct alloc;

/* All zero: nothing is divided yet. */
struct run_share {
        struct alloc *alloc;
};
void run_share_finish(struct run_share *share);

/* For n suites by their numbers, each its own: what each gets of `pus`; none for those that have to wait. Suites that
 * are not named any more have ended. A lone suite gets all. -ENOMEM: what is divided is as before, or in part as it is
 * to be; the next call goes on. */
int run_share_divide(struct run_share *share, const struct machine *machine, const struct cpuset *pus,
                     const uint32_t *suites, size_t n, struct cpuset *ret_shares);
