/* Matching PUs to leases that may not use all of them, by augmenting paths (Hopcroft and Karp 1973 describe them for
 * single matches; here a lease takes many PUs, so a path runs from lease to lease).
 *
 * Which counts can be matched is a polymatroid, so whether a lease can have one PU more depends only on the counts
 * and never on the PUs taken so far, and a lease that cannot have one now never can later.
 */
#pragma once

#include "core/cpuset.h"

#define MATCH_NONE UINT32_MAX

struct match {
        size_t n;             /* leases; the arrays below have room for them and belong to whoever filled them in */
        struct cpuset *may;   /* PUs that a lease may be given */
        struct cpuset *takes; /* PUs it shall have; no PU is in two of them */
        uint32_t *visited;    /* the latest search: leases in the order they were reached */
        size_t n_visited;
        uint32_t *before;  /* the lease that one was reached from; itself for the first, MATCH_NONE if not reached */
        unsigned *through; /* the PU that it would hand on to before[] */
};

/* Searches from `lease`, through PUs of `passable` that other leases would have to exchange, for a lease that may take
 * one of `ends`. Returns the first found, fewest exchanges first and then in lease order, or MATCH_NONE. */
uint32_t match_reach(struct match *m, uint32_t lease, const struct cpuset *passable, const struct cpuset *ends);

/* After match_reach(): `end` takes `pu`, and every lease on the way back hands its PU on. The caller has removed
 * `pu` from whoever took it. */
void match_apply(struct match *m, uint32_t end, unsigned pu);
