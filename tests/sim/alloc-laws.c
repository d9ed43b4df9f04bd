#include "tests/sim/alloc-laws.h"

#include <math.h>

static struct cpuset may_use(const struct alloc *a, const struct laws_facts *facts, size_t index)
{
        struct alloc_lease_view v = alloc_lease_at(a, index);
        struct cpuset allowed = cpuset_and(&v.request->allowed, &facts->usable);

        return cpuset_andnot(&allowed, &facts->unusable[index]);
}

static unsigned count_held(const struct alloc *a, size_t index)
{
        return cpuset_count(&alloc_lease_at(a, index).grant->pus);
}

/* Leases that share one PU with others. */
static unsigned count_sharers(const struct alloc *a, unsigned pu)
{
        unsigned n = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++)
                n += cpuset_has(&alloc_lease_at(a, i).grant->shared, pu);
        return n;
}

static const char *judge_queue(const struct alloc *a)
{
        size_t n = 0, sum = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                unsigned position = alloc_lease_at(a, i).grant->position;

                n += position > 0;
                sum += position;
                for (size_t j = 0; j < i && position > 0; j++)
                        if (alloc_lease_at(a, j).grant->position == position)
                                return "two leases wait in the same place";
        }
        return sum == n * (n + 1) / 2 ? NULL : "a place in the queue is empty";
}

const char *laws_nobody_starves(const struct alloc *a, const struct laws_facts *facts)
{
        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                struct alloc_lease_view v = alloc_lease_at(a, i);
                struct cpuset may = may_use(a, facts, i);

                if (v.request->priority == ALLOC_BATCH || v.request->paused || v.detached ||
                    !cpuset_is_empty(&v.grant->pus))
                        continue;
                CPUSET_FOREACH (pu, &may)
                        if (count_sharers(a, pu) < ALLOC_SHARED_PER_PU_MAX)
                                return "a lease has no PU although one could be shared with it";
        }
        return judge_queue(a);
}

static unsigned group_held(const struct alloc *a, const struct alloc_request *r)
{
        unsigned n = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                const struct alloc_request *other = alloc_lease_at(a, i).request;

                if (other->quota > 0 && other->quota_group == r->quota_group)
                        n += count_held(a, i);
        }
        return n;
}

/* The least quota that a member of the group told. */
static double group_quota(const struct alloc *a, const struct alloc_request *r)
{
        double quota = r->quota;

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                const struct alloc_request *other = alloc_lease_at(a, i).request;

                if (other->quota > 0 && other->quota_group == r->quota_group && other->quota < quota)
                        quota = other->quota;
        }
        return ceil(quota);
}

static bool same_group(const struct alloc_request *r, const struct alloc_request *other)
{
        return r->quota > 0 && other->quota > 0 && r->quota_group == other->quota_group;
}

static bool is_batch(const struct alloc *a, size_t index)
{
        return alloc_lease_at(a, index).request->priority == ALLOC_BATCH;
}

/* PUs that count for a lease's share: not one that it only shares. */
static unsigned count_due(const struct alloc *a, size_t index)
{
        return alloc_lease_at(a, index).grant->reason == ALLOC_SHARED_FIRST ? 0 : count_held(a, index);
}

static unsigned weight_of(const struct alloc *a, const struct laws_facts *facts, size_t index)
{
        struct alloc_lease_view v = alloc_lease_at(a, index);
        bool young = v.request->priority == ALLOC_INTERACTIVE && facts->now - v.opened < ALLOC_YOUNG_US;

        return young ? v.request->weight * ALLOC_INTERACTIVE_GAIN : v.request->weight;
}

/* What a user has in leases of the same class as `index`, and what the user weighs. */
static uint64_t user_due(const struct alloc *a, size_t index)
{
        uint64_t n = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++)
                if (alloc_lease_at(a, i).request->uid == alloc_lease_at(a, index).request->uid &&
                    is_batch(a, i) == is_batch(a, index))
                        n += count_due(a, i);
        return n;
}

static unsigned user_weight(const struct alloc *a, size_t index)
{
        unsigned most = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                const struct alloc_request *r = alloc_lease_at(a, i).request;
                unsigned weight = r->user_weight ? r->user_weight : ALLOC_WEIGHT_DEFAULT;

                if (r->uid == alloc_lease_at(a, index).request->uid && weight > most)
                        most = weight;
        }
        return most;
}

/* Whether the lease could use one PU more, leaving aside where it comes from. */
static bool wants_more(const struct alloc *a, const struct laws_facts *facts, size_t index)
{
        struct alloc_lease_view v = alloc_lease_at(a, index);
        struct cpuset may = may_use(a, facts, index);
        unsigned n = count_due(a, index);

        return count_held(a, index) > 0 && !v.request->paused && !facts->hold && n < v.request->max &&
               n < cpuset_count(&may) && n < cpuset_count(&v.grant->slots);
}

static struct cpuset all_lent(const struct alloc *a)
{
        struct cpuset lent = {0};

        for (size_t i = 0; i < alloc_n_leases(a); i++)
                lent = cpuset_or(&lent, &alloc_lease_at(a, i).grant->pus);
        return lent;
}

static const char *judge_idle(const struct alloc *a, const struct laws_facts *facts, size_t index)
{
        struct cpuset may = may_use(a, facts, index), lent = all_lent(a), idle = cpuset_andnot(&may, &lent);
        const struct alloc_request *r = alloc_lease_at(a, index).request;

        if (cpuset_is_empty(&idle) || cpuset_count(&lent) >= facts->budget)
                return NULL;
        if (r->quota > 0 && group_held(a, r) >= group_quota(a, r))
                return NULL;
        return "a PU is idle that a lease could use";
}

static bool group_is_full(const struct alloc *a, size_t i, size_t j)
{
        const struct alloc_request *p = alloc_lease_at(a, i).request, *q = alloc_lease_at(a, j).request;

        return p->quota > 0 && !same_group(p, q) && group_held(a, p) >= group_quota(a, p);
}

/* Whether j is ahead of i, or its user of i's, by more than whole PUs explain. */
static const char *judge_share(const struct alloc *a, const struct laws_facts *facts, size_t i, size_t j)
{
        struct alloc_lease_view p = alloc_lease_at(a, i), q = alloc_lease_at(a, j);
        uint64_t n = count_due(a, i), m = count_due(a, j);

        if (m <= 1 || m <= q.request->min)
                return NULL;
        if (n < p.request->min)
                return "a lease is above its minimum while another is below";
        if (p.request->uid == q.request->uid)
                return (m - 1) * weight_of(a, facts, i) > n * weight_of(a, facts, j)
                               ? "a lease is ahead of its fair share"
                               : NULL;
        if (same_group(p.request, q.request) && group_held(a, p.request) >= group_quota(a, p.request))
                return NULL; /* the quota bound both, and then the other user went on with leases that it does not */
        return (user_due(a, j) - 1) * user_weight(a, i) > user_due(a, i) * user_weight(a, j)
                       ? "a user is ahead of its fair share"
                       : NULL;
}

static const char *judge_pair(const struct alloc *a, const struct laws_facts *facts, size_t i, size_t j)
{
        const struct alloc_grant *g = alloc_lease_at(a, j).grant;
        struct cpuset may = may_use(a, facts, i), alone = cpuset_andnot(&g->pus, &g->shared);
        struct cpuset movable = cpuset_and(&may, &alone);

        if (cpuset_is_empty(&movable) || group_is_full(a, i, j) || (is_batch(a, i) && !is_batch(a, j)))
                return NULL;
        if (is_batch(a, j) && !is_batch(a, i) &&
            same_group(alloc_lease_at(a, i).request, alloc_lease_at(a, j).request) && count_held(a, j) == 1)
                return NULL; /* the quota leaves each of a group its first PU */
        if (is_batch(a, j) && !is_batch(a, i))
                return "a background lease has a PU that another could use";
        return judge_share(a, facts, i, j);
}

const char *laws_shares_are_fair(const struct alloc *a, const struct laws_facts *facts)
{
        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                if (!wants_more(a, facts, i))
                        continue;

                const char *broken = judge_idle(a, facts, i);

                for (size_t j = 0; j < alloc_n_leases(a) && !broken; j++)
                        if (j != i)
                                broken = judge_pair(a, facts, i, j);
                if (broken)
                        return broken;
        }
        return NULL;
}

static const char *judge_group(const struct alloc *a, const struct alloc_request *r)
{
        unsigned most = 0, held = group_held(a, r);

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                struct alloc_lease_view v = alloc_lease_at(a, i);

                most += same_group(r, v.request) && !cpuset_is_empty(&v.grant->pus);
        }
        if (group_quota(a, r) > most)
                most = (unsigned)group_quota(a, r);
        return held > most ? "a quota is exceeded" : NULL;
}

/* Leases beyond the budget: background ones that have begun and may use nothing of what the others have. */
static unsigned count_beyond(const struct alloc *a, const struct laws_facts *facts)
{
        unsigned n = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                struct cpuset may = may_use(a, facts, i), others = {0};

                for (size_t j = 0; j < alloc_n_leases(a); j++)
                        if (j != i)
                                others = cpuset_or(&others, &alloc_lease_at(a, j).grant->pus);
                n += is_batch(a, i) && count_held(a, i) == 1 && !cpuset_intersects(&may, &others);
        }
        return n;
}

const char *laws_limits_hold(const struct alloc *a, const struct laws_facts *facts)
{
        struct cpuset lent = all_lent(a);
        unsigned n_holding = 0;

        for (size_t i = 0; i < alloc_n_leases(a); i++) {
                const struct alloc_request *r = alloc_lease_at(a, i).request;
                const char *broken = r->quota > 0 ? judge_group(a, r) : NULL;

                if (broken)
                        return broken;
                if (r->paused && count_held(a, i) > 0)
                        return "a paused lease holds something";
                if (count_held(a, i) > r->max)
                        return "a lease holds more than its max";
                n_holding += count_held(a, i) > 0;
        }
        unsigned n_lent = cpuset_count(&lent) - count_beyond(a, facts);

        return n_lent > facts->budget && n_lent > n_holding ? "the budget is exceeded" : NULL;
}
