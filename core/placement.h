/* Placement: the order in which PUs are lent, best first, each with its reason.
 *
 * Fastest kind first; one PU a core before SMT siblings; E cores before siblings of P cores where their speed
 * is above what a sibling adds; spread over last-level caches and NUMA nodes where the lease has none of its
 * own yet, and beside the lease's own PUs afterwards (both in core/placement.c, with the measured argument).
 * Pure and deterministic: ties go to the lowest OS index.
 */
#pragma once

#include "core/machine.h"

enum placement_reason {
        PLACEMENT_FAST_CORE,    /* a free core of the fastest kind */
        PLACEMENT_SLOWER_CORE,  /* a free core of a slower kind, ahead of siblings of busy fast cores */
        PLACEMENT_SIBLING,      /* the core is busy already: an SMT sibling */
        PLACEMENT_OWN_SIBLING,  /* the same, and the core is this lease's own */
        PLACEMENT_ONLY,         /* nothing else was free */
        PLACEMENT_REASONS,
};

const char *placement_reason_text(enum placement_reason reason);

struct placement_choice {
        unsigned pu;                  /* OS index */
        enum placement_reason reason;
};

/* The next PU for a lease that holds `own`, out of `free`, while `busy` (own included) are lent.
 * False where free is empty (or has no PU of the machine); *ret_choice is then untouched. */
bool placement_next(const struct machine *m, const struct cpuset *free, const struct cpuset *busy,
                    const struct cpuset *own, struct placement_choice *ret_choice);

/* The whole order over `usable` on an idle machine, as `schedctl topo` and SuggestWorkers show it.
 * ret_choices has room for n_pus; returns how many were written. */
unsigned placement_order(const struct machine *m, const struct cpuset *usable, struct placement_choice *ret_choices);

/* The PU a lease should give up first: the reverse of placement_next over what it holds. False if own is empty. */
bool placement_worst(const struct machine *m, const struct cpuset *busy, const struct cpuset *own,
                     unsigned *ret_pu);
