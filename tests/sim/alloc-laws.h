/* What must be true of an allocator beside alloc_check(), told from outside by what it shows. Each returns NULL or what
 * is broken. docs/allocator.md states the same rules. */
#pragma once

#include "core/alloc.h"

/* The facts that the simulator gave the allocator; it keeps them apart to judge by. */
struct laws_facts {
        struct cpuset usable;
        unsigned budget;
        const struct cpuset *unusable; /* by lease index: PUs that its client refused */
};

/* After every step: no lease that must not wait holds nothing, unless all it may use is shared to the bound. */
const char *laws_nobody_starves(const struct alloc *a, const struct laws_facts *facts);

/* When everybody has answered: nothing idle that somebody could use, and no lease so far ahead of another that a PU
 * handed over would leave it no poorer: (n_j - 1) / w_j <= n_i / w_i wherever j has a PU above its minimum for i. */
const char *laws_shares_are_fair(const struct alloc *a, const struct laws_facts *facts);

/* When everybody has answered: the budget and the quotas hold, but for everybody's first PU. */
const char *laws_limits_hold(const struct alloc *a, const struct laws_facts *facts);
