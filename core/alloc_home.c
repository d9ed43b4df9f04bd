/* Moves that would only change places are undone: where a lease is to give up a PU and to get another of the same kind,
 * and whoever is to have the first may as well have the second, it keeps its own. Every such swap saves a move. */
#include "core/alloc_state.h"

/* A PU of i's that j is to have stays with i, and j gets one of the same kind that i was to have; false where there is
 * none. */
static bool send_home(const struct alloc *a, struct alloc_solution *s, size_t i, size_t j, unsigned kind)
{
        const struct cpuset *own = &a->leases[i].own;
        struct cpuset *mine = &s->match.takes[i], *theirs = &s->match.takes[j];
        struct cpuset home = cpuset_and(own, theirs), instead = cpuset_andnot(mine, own);
        unsigned pu, other;

        cpuset_restrict(&home, &a->kinds[kind]);
        cpuset_restrict(&home, &s->match.may[i]);
        cpuset_subtract(&home, &a->leases[j].guest); /* in use there already */
        cpuset_restrict(&instead, &a->kinds[kind]);
        cpuset_restrict(&instead, &s->match.may[j]);
        pu = cpuset_next(&home, 0);
        other = cpuset_next(&instead, 0);
        if (pu == CPUSET_NONE || other == CPUSET_NONE)
                return false;
        cpuset_remove(theirs, pu);
        cpuset_add(mine, pu);
        cpuset_remove(mine, other);
        cpuset_add(theirs, other);
        return true;
}

void alloc_send_home(const struct alloc *a, struct alloc_solution *s)
{
        for (size_t i = 0; i < a->n_leases; i++) {
                if (cpuset_is_subset(&s->match.takes[i], &a->leases[i].own))
                        continue;
                for (size_t j = 0; j < a->n_leases; j++)
                        for (unsigned kind = 0; j != i && !s->plans[j].fixed && kind < a->machine.n_kinds; kind++)
                                while (send_home(a, s, i, j, kind))
                                        ;
        }
}
