/* What must be true of an allocator beside alloc_check(), told from outside by what it shows. Each returns NULL or what
 * is broken. docs/allocator.md states the same rules. */
#pragma once

#include "core/alloc.h"

/* The facts that the simulator gave the allocator; it keeps them apart to judge by. */
struct laws_facts {
        const struct machine *machine;
        struct cpuset usable;
        unsigned budget;
        bool hold;
        uint64_t now;
        const struct cpuset *unusable; /* by lease index: PUs that its client refused */
};

/* After every step: no lease that must not wait holds nothing, unless all it may use is shared to the bound; and the
 * queue is numbered without gaps. */
const char *laws_nobody_starves(const struct alloc *a, const struct laws_facts *facts);

/* When everybody has answered: nothing idle that somebody could use, no background lease with a PU to itself that
 * another could use, no lease so far ahead of another of its user that a PU handed over would leave it no poorer:
 * (n_j - 1) / w_j <= n_i / w_i wherever j has a PU above its minimum for i; and the same between users with the sums of
 * their leases. */
const char *laws_shares_are_fair(const struct alloc *a, const struct laws_facts *facts);

/* When everybody has answered: the budget and the quotas hold, but for everybody's first PU; who is paused has nothing.
 */
const char *laws_limits_hold(const struct alloc *a, const struct laws_facts *facts);
