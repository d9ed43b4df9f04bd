/* The machine that a plan is for: this one, or one that a file describes; and which of its PUs the suite would have. */
#pragma once

#include "cli/run_machine.h"

struct plan_machine {
        struct run_machine of; /* its PUs and their speeds */
        struct cpuset usable;  /* what a run of the caller's could have of it */
        unsigned most;         /* PUs that a run could have at a time: a quota may allow fewer than are usable */
};

/* An hwloc XML export, read by schedd as it would read this machine; NULL: this one, as the service knows it, or would.
 * Where it cannot be read, stderr says why: any negative errno. */
int plan_machine_read(const char *file, struct plan_machine *ret_machine);
void plan_machine_finish(struct plan_machine *m);

/* The first `n` of these PUs, or all, in the order of lending, rated, best first; how many. `pus` has room for
 * CPUSET_MAX; *ret_spare is what else could be had of the machine. */
size_t plan_machine_choose(const struct plan_machine *m, const struct cpuset *of, unsigned n, struct dispatch_pu *pus,
                           struct cpuset *ret_spare);
