/* What a client is to see: snapshots of what its lease holds, and why. */
#include "core/alloc_state.h"

enum {
        ALLOC_ESTIMATE_PARTS = 8,
        ALLOC_ESTIMATE_US = 1000000,
};

/* PUs of l that another lease uses too. */
static struct cpuset shared_of(const struct alloc *a, const struct alloc_lease *l)
{
        struct cpuset hosting = cpuset_and(&l->own, &a->solution.guests);

        return cpuset_or(&l->guest, &hosting);
}

static enum alloc_reason wanted_reason(const struct alloc *a, const struct alloc_lease *l)
{
        const struct alloc_plan *p = &a->solution.plans[l - a->leases];

        if (cpuset_is_empty(&l->wanted))
                return ALLOC_OK;
        if (alloc_lease_overdue(l, a->now))
                return ALLOC_UNANSWERED;
        if (l->request.paused)
                return ALLOC_PAUSED;
        if (!cpuset_is_subset(&l->wanted, &a->usable))
                return ALLOC_MACHINE_CHANGED;
        if (!cpuset_is_subset(&l->wanted, &a->solution.match.may[l - a->leases]))
                return ALLOC_NOT_ALLOWED;
        if (a->solution.needed)
                return ALLOC_FAIR_SHARE;
        return p->limit;
}

static uint64_t wanted_deadline(const struct alloc_lease *l)
{
        uint64_t first = ALLOC_NEVER;

        CPUSET_FOREACH (pu, &l->wanted)
                if (l->lends[pu].wanted_since < first)
                        first = l->lends[pu].wanted_since;
        return first == ALLOC_NEVER ? ALLOC_NEVER : first + ALLOC_SOFT_US;
}

/* Why the lease holds what it holds. */
static enum alloc_reason holding_reason(const struct alloc *a, const struct alloc_lease *l,
                                        const struct alloc_grant *next)
{
        size_t index = (size_t)(l - a->leases);
        enum alloc_reason limit = a->solution.plans[index].limit;

        if (l->claimed && !cpuset_is_empty(&next->pus))
                return ALLOC_CLAIMED;
        if (limit == ALLOC_PAUSED || (limit == ALLOC_HOLD && cpuset_is_empty(&next->pus)))
                return limit;
        if (cpuset_is_empty(&next->pus))
                return cpuset_is_empty(&a->solution.match.may[index]) ? ALLOC_NOT_ALLOWED : ALLOC_ALL_LENT;
        if (cpuset_is_empty(&l->own))
                return ALLOC_SHARED_FIRST;
        if (!cpuset_is_empty(&l->grant.pus) && !cpuset_is_subset(&next->pus, &l->grant.pus))
                return ALLOC_GROWN;
        return limit;
}

/* An estimate moves a little with every report: within a second, or an eighth of what is left, it is the same. */
static bool expected_alike(const struct alloc *a, uint64_t told, uint64_t found)
{
        uint64_t late = told > found ? told : found, early = told > found ? found : told;
        uint64_t left = late > a->now ? late - a->now : 0;

        return (told == 0) == (found == 0) &&
               late - early <= (left / ALLOC_ESTIMATE_PARTS > ALLOC_ESTIMATE_US ? left / ALLOC_ESTIMATE_PARTS
                                                                                : ALLOC_ESTIMATE_US);
}

/* Why it holds what it holds a client hears with the next change; why it holds nothing, at once. */
static bool same_grant(const struct alloc_grant *a, const struct alloc_grant *b)
{
        return cpuset_equal(&a->pus, &b->pus) && cpuset_equal(&a->shared, &b->shared) &&
               cpuset_equal(&a->wanted, &b->wanted) && cpuset_equal(&a->slots, &b->slots) &&
               a->wanted_reason == b->wanted_reason && a->wanted_deadline == b->wanted_deadline &&
               a->position == b->position && a->expected_at == b->expected_at &&
               (a->reason == b->reason || !cpuset_is_empty(&a->pus));
}

bool alloc_snapshot(struct alloc *a, struct alloc_lease *l)
{
        const struct alloc_plan *p = &a->solution.plans[l - a->leases];
        struct alloc_grant next = l->grant;

        next.pus = alloc_lease_held(l);
        next.shared = shared_of(a, l);
        next.wanted = l->wanted;
        next.wanted_reason = wanted_reason(a, l);
        next.wanted_deadline = wanted_deadline(l);
        next.lost = l->lost;
        next.lost_reason = l->lost_reason;
        next.position = p->position;
        if (!expected_alike(a, next.expected_at, p->expected_at))
                next.expected_at = p->expected_at;
        next.reason = holding_reason(a, l, &next);
        if (!l->answer && cpuset_is_empty(&l->lost) && same_grant(&next, &l->grant)) {
                l->grant.reason = next.reason;
                return false;
        }
        next.generation++;
        l->grant = next;
        return true;
}
