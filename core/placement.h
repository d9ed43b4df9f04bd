/* Placement: the order in which PUs are lent, best first, each with its reason.
 *
 * The PU that adds most to the work done comes first. With s the speed of a core's kind and g the machine's
 * smt_gain, a free core adds s and a further sibling of a busy core adds s x g (what machine_pu_speed() sums up
 * to). From that one rule follow: fastest kind first; one PU a core before SMT siblings; E cores before siblings
 * of P cores. LP-E cores are no special case: one that runs at 0.4 of a P core goes ahead of a P core's sibling
 * (0.25), one at 0.2 comes after it. Equal gains: the free core first, since it slows nobody down.
 *
 * Among equals, siblings of cores that are the lease's own come first (it then shares a core with itself), the
 * least busy core before others. A lease's first PU goes to the NUMA node and the last-level cache where least is
 * lent, away from other leases; the next ones go beside its own: the same cache, then the same node. Workers are
 * forked from one process and read the same interpreter, modules and page cache: one copy of these serves a whole
 * cache, and stays local to a node. Each lease then has caches to itself as long as there are enough.
 *
 * On battery, at a power limit or at a temperature something else comes before the work a PU adds: struct
 * placement_goal. Everything after it is as above.
 *
 * Pure and deterministic: ties go to the lowest SMT rank and then to the lowest OS index. A choice is
 * O(PUs of the machine).
 */
#pragma once

#include "core/machine.h"

enum placement_reason {
        PLACEMENT_FAST_CORE,   /* a free core of the fastest kind */
        PLACEMENT_SLOWER_CORE, /* a free core of a slower kind */
        PLACEMENT_SIBLING,     /* the core is busy already: an SMT sibling */
        PLACEMENT_OWN_SIBLING, /* the same, and all that is busy there is this lease's own */
        PLACEMENT_ONLY,        /* nothing else was free */
        PLACEMENT_REASONS,
};

const char *placement_reason_text(enum placement_reason reason);

struct placement_choice {
        unsigned pu; /* OS index */
        enum placement_reason reason;
};

/* What decides among PUs besides the work they add. */
enum placement_aim {
        PLACEMENT_WORK,      /* nothing */
        PLACEMENT_EFFICIENT, /* work per watt: on battery or at a power limit */
        PLACEMENT_COOL,      /* the hottest package's PUs go last, and are given up first */
};

/* With PLACEMENT_EFFICIENT PUs go by what they add to the work over what they add to the power: a free core adds its
 * kind's speed and power, a sibling smt_gain and MACHINE_SMT_POWER of these. That is the greedy rule for the most work
 * under a limit of power, as Dantzig's for the knapsack (1957): slower kinds before faster ones. What the package takes
 * whether its cores are busy or not is left out: it is there as long as anything is lent. */
struct placement_goal {
        enum placement_aim aim;
        unsigned hot_package; /* with PLACEMENT_COOL; one that the machine does not have: PLACEMENT_WORK */
};

/* The next PU for a lease that holds `own`, out of `free`, while `busy` (own included) are lent. goal NULL:
 * PLACEMENT_WORK. False where free is empty (or has no PU of the machine); *ret_choice is then untouched. */
bool placement_next(const struct machine *m, const struct placement_goal *goal, const struct cpuset *free,
                    const struct cpuset *busy, const struct cpuset *own, struct placement_choice *ret_choice);

/* The whole order over `usable` on an idle machine, as `schedctl topo` and SuggestWorkers show it. goal NULL:
 * PLACEMENT_WORK. ret_choices has room for n_pus; returns how many were written. */
unsigned placement_order(const struct machine *m, const struct placement_goal *goal, const struct cpuset *usable,
                         struct placement_choice *ret_choices);

/* The PU a lease should give up first: the reverse of placement_next over what it holds, so the one that adds
 * least (or least for its power, or is in the hot package), and among equals the one furthest from its others. goal
 * NULL: PLACEMENT_WORK. False if own is empty. */
bool placement_worst(const struct machine *m, const struct placement_goal *goal, const struct cpuset *busy,
                     const struct cpuset *own, unsigned *ret_pu);
