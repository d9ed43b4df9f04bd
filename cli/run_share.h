/* Divides the PUs of a run among its suites and its jobs (core/jobs.h): the service's allocator once more, over the
 * run's own lease. It lives as long as the run, so that every suite keeps what it has as far as its share goes.
 *
 * They count alike. Where there are more than PUs they share them, up to 2 + ALLOC_SHARED_PER_PU_MAX on each: its
 * owner, its guests, and one more guest that has nothing else. Those beyond wait, as do those beyond
 * ALLOC_LEASES_MAX, until others have ended.
 */
#pragma once

#include <stddef.h>

#include "core/cpuset.h"
#include "core/machine.h"

struct alloc;

#define RUN_SHARE_JOBS UINT32_MAX /* the party of all jobs */

/* All zero: nothing is divided yet. */
struct run_share {
        struct alloc *alloc;
};
void run_share_finish(struct run_share *share);

/* One that takes part: a suite by its number, or all jobs together. */
struct run_share_party {
        uint32_t number;
        unsigned min, max;  /* PUs; as far as others need not have one of the min */
        struct cpuset left; /* of those that it has, what it has no use for any more */
};
/* That takes as many as it gets. */
struct run_share_party run_share_party(uint32_t number);

/* For n parties, each its own: what each gets of `pus`; none for those that have to wait. Parties that are not named
 * any more have ended. A lone suite that takes as many as it gets has all. -ENOMEM: what is divided is as before, or in
 * part as it is to be; the next call goes on. */
int run_share_divide(struct run_share *share, const struct machine *machine, const struct cpuset *pus,
                     const struct run_share_party *parties, size_t n, struct cpuset *ret_shares);
