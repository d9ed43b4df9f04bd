/* Fairness over kinds, judged from outside: what part of each kind every lease is due, and how far it is from that. */
#pragma once

#include "tests/sim/alloc-laws.h"

/* By how many PUs the lease furthest from its part of any kind is away from it, of those whose masks leave them every
 * PU. Background leases are judged apart. 0 where there is nothing to divide. */
double kinds_error(const struct alloc *a, const struct laws_facts *facts);

/* The lease's part of the kind, in PUs; 0 where it has none. */
double kinds_part(const struct alloc *a, const struct laws_facts *facts, size_t index, unsigned kind);

/* When everybody has answered: no two leases could swap PUs of two kinds so that both come nearer to their parts, one
 * of them by a whole PU; and no background lease has a faster core than one that another lease could swap for it. */
const char *laws_kinds_are_fair(const struct alloc *a, const struct laws_facts *facts);
