/* The allocator's invariants, as the tests and the simulator ask for them after every step. */
#include "core/alloc_state.h"

/* The charge: what a lease holds, and what of that is marked. */
static const char *check_charge(const struct alloc *a, const struct alloc_lease *l)
{
        struct cpuset held = alloc_lease_held(l);

        if (cpuset_intersects(&l->own, &l->guest))
                return "a lease is guest on a PU that it owns";
        if (!cpuset_is_subset(&held, &a->online))
                return "a lease holds a PU that is not there";
        struct cpuset foreign = cpuset_andnot(&held, &l->request.allowed);

        if (!cpuset_is_subset(&foreign, &l->wanted) && !l->detached)
                return "a lease keeps a PU that it may not use";
        if (l->request.paused && !cpuset_is_subset(&held, &l->wanted))
                return "a paused lease keeps a PU";
        if (cpuset_intersects(&held, &l->unusable))
                return "a lease holds a PU that it cannot be pinned to";
        if (!cpuset_is_subset(&l->wanted, &held))
                return "a PU is wanted from a lease that does not hold it";
        CPUSET_FOREACH (pu, &held)
                if (cpuset_has(&l->wanted, pu) != (l->lends[pu].wanted_since != ALLOC_NEVER) ||
                    l->lends[pu].generation > l->grant.generation)
                        return "a lend does not fit its lease";
        return NULL;
}

/* The latest snapshot says what is held. */
static const char *check_grant(const struct alloc_lease *l)
{
        const struct alloc_grant *g = &l->grant;
        struct cpuset held = alloc_lease_held(l), kept = cpuset_andnot(&held, &l->wanted);

        if (!cpuset_equal(&g->pus, &held) || !cpuset_equal(&g->wanted, &l->wanted))
                return "a grant does not say what is held";
        if (!cpuset_is_subset(&l->guest, &g->shared) || !cpuset_is_subset(&g->shared, &held))
                return "a grant does not say what is shared";
        if ((cpuset_is_empty(&held) && !l->request.paused) != (g->position > 0))
                return "a lease holds nothing and does not wait, or waits and holds something";
        if (cpuset_count(&kept) > l->request.max)
                return "a lease may keep more PUs than its max";
        if (cpuset_is_empty(&g->slots) || cpuset_count(&g->slots) < cpuset_count(&kept))
                return "a lease has fewer slots than PUs that it may keep";
        if (cpuset_next(&g->slots, ALLOC_SLOTS_MAX) != CPUSET_NONE)
                return "a slot number is too large";
        return NULL;
}

/* Owners, guests and slots over all leases; snapshots agree on what is shared. */
static const char *check_sums(const struct alloc *a)
{
        struct cpuset owned = {0}, guests = {0}, slots = {0}, exclusive = {0}, shared = {0};
        unsigned n_owned = 0;

        for (size_t i = 0; i < a->n_leases; i++) {
                const struct alloc_lease *l = &a->leases[i];
                struct cpuset alone = cpuset_andnot(&l->grant.pus, &l->grant.shared);

                if (cpuset_intersects(&exclusive, &alone))
                        return "a PU has two exclusive holders";
                if (cpuset_intersects(&slots, &l->grant.slots))
                        return "two leases have the same slot";
                cpuset_merge(&exclusive, &alone);
                cpuset_merge(&shared, &l->grant.shared);
                cpuset_merge(&slots, &l->grant.slots);
                cpuset_merge(&owned, &l->own);
                cpuset_merge(&guests, &l->guest);
                n_owned += cpuset_count(&l->own);
        }
        if (n_owned != cpuset_count(&owned))
                return "the sum of charges is not what is lent";
        if (cpuset_intersects(&exclusive, &shared))
                return "an exclusive holder's PU is shared";
        CPUSET_FOREACH (pu, &guests)
                if (alloc_count_guests(a, pu) > ALLOC_GUESTS_MAX)
                        return "a PU has too many guests";
        return NULL;
}

const char *alloc_check(const struct alloc *a)
{
        const char *broken = NULL;

        if (!cpuset_is_subset(&a->usable, &a->online))
                return "a PU that is not there is usable";
        if (a->restless)
                return "settling did not come to rest";
        for (size_t i = 0; i < a->n_leases && !broken; i++) {
                broken = check_charge(a, &a->leases[i]);
                if (!broken)
                        broken = check_grant(&a->leases[i]);
        }
        return broken ? broken : check_sums(a);
}
