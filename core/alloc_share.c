/* How many PUs each lease is due: weighted max-min fairness in whole PUs, by progressive filling. The lease with the
 * least PUs per weight gets the next PU until nobody can have more. Over a polymatroid, which the counts that masks
 * and a budget allow are, this greedy rule gives the max-min solution (Federgruen and Groenevelt 1986; Megiddo 1974 for
 * the flow). Before that come everybody's first PU, then minima; a waiting background lease starts with its whole
 * minimum or not at all. Ties go to the lease opened first. docs/allocator.md has the law in full.
 */
#include "core/alloc_state.h"

#include <math.h>

/* In this order leases are filled. */
enum rank {
        RANK_FIRST, /* holds nothing and must not wait */
        RANK_MIN,   /* below its minimum */
        RANK_START, /* a background lease that waits */
        RANK_SHARE,
        RANK_FULL,
};

static enum rank rank_of(const struct alloc_plan *p)
{
        if (p->limit != ALLOC_REASONS)
                return RANK_FULL;
        if (p->share == 0)
                return p->entitled ? RANK_FIRST : RANK_START;
        return p->share < p->min ? RANK_MIN : RANK_SHARE;
}

/* The leases that a cgroup's cpu.max limits together; the first of them keeps the count. */
static size_t find_group(const struct alloc *a, size_t index)
{
        const struct alloc_request *r = &a->leases[index].request;

        if (!(r->quota > 0))
                return SIZE_MAX;
        for (size_t i = 0; i < index; i++)
                if (a->leases[i].request.quota > 0 && a->leases[i].request.quota_group == r->quota_group)
                        return i;
        return index;
}

/* The most a lease can use. One that cannot be asked, or did not answer, does not grow. */
static void plan_cap(const struct alloc *a, const struct alloc_lease *l, const struct cpuset *may, struct alloc_plan *p)
{
        unsigned n_may = cpuset_count(may), n_slots = cpuset_count(&l->grant.slots);
        unsigned most = l->request.max < n_slots ? l->request.max : n_slots;

        p->fixed = l->detached || (alloc_lease_overdue(l, a->now) && !p->forgiven);
        p->cap = most < n_may ? most : n_may;
        if (p->fixed) {
                struct cpuset kept = cpuset_and(&l->own, may);
                unsigned n = cpuset_count(&kept);

                if (n < p->cap)
                        p->cap = n;
                if (p->cap == 0 && p->entitled && n_may > 0)
                        p->cap = 1;
        }
        p->min = l->request.min < p->cap ? l->request.min : p->cap;
        if (p->min == 0)
                p->min = 1;
}

static enum alloc_reason cap_reason(const struct alloc *a, const struct alloc_lease *l, const struct cpuset *may,
                                    const struct alloc_plan *p)
{
        if (p->cap >= l->request.max)
                return ALLOC_MAX;
        if (p->fixed)
                return ALLOC_UNANSWERED;
        if (p->cap < cpuset_count(may))
                return ALLOC_MAX;
        return cpuset_equal(may, &a->usable) ? ALLOC_OK : ALLOC_NOT_ALLOWED;
}

static void plan_group(const struct alloc *a, size_t index, struct alloc_plan *plans)
{
        const struct alloc_request *r = &a->leases[index].request;
        struct alloc_plan *p = &plans[index];

        p->group = find_group(a, index);
        if (p->group == SIZE_MAX)
                return;
        struct alloc_plan *first = &plans[p->group];
        double pus = ceil(r->quota);
        unsigned cap = pus < CPUSET_MAX ? (unsigned)pus : CPUSET_MAX;

        if (p->group == index || cap < first->group_cap)
                first->group_cap = cap;
}

static void plan_all(const struct alloc *a, struct alloc_solution *s)
{
        unsigned n_entitled = 0;

        for (size_t i = 0; i < a->n_leases; i++) {
                const struct alloc_lease *l = &a->leases[i];
                struct alloc_plan *p = &s->plans[i];
                struct cpuset allowed = cpuset_and(&l->request.allowed, &a->usable);

                *p = (struct alloc_plan){.weight = l->request.weight, .limit = ALLOC_REASONS, .forgiven = p->forgiven};
                p->entitled = (l->request.priority != ALLOC_BATCH && !l->detached) || alloc_lease_holds_any(l);
                s->match.may[i] = cpuset_andnot(&allowed, &l->unusable);
                s->match.takes[i] = (struct cpuset){0};
                plan_cap(a, l, &s->match.may[i], p);
                plan_group(a, i, s->plans);
                if (p->cap == 0)
                        p->limit = cpuset_is_empty(&s->match.may[i]) ? ALLOC_NOT_ALLOWED : ALLOC_ALL_LENT;
                else if (p->entitled)
                        n_entitled++;
        }
        /* The budget never takes a lease's last PU. */
        s->limit = a->budget > n_entitled ? a->budget : n_entitled;
        s->match.n = a->n_leases;
}

static void count_in_group(struct alloc_solution *s, size_t index, int n)
{
        size_t group = s->plans[index].group;

        if (group != SIZE_MAX)
                s->plans[group].group_used += (unsigned)n;
}

/* A quota leaves every lease its first PU. */
static bool group_is_full(const struct alloc_solution *s, size_t index)
{
        const struct alloc_plan *p = &s->plans[index];

        return p->group != SIZE_MAX && p->share > 0 && s->plans[p->group].group_used >= s->plans[p->group].group_cap;
}

/* Why nothing may grow any more although PUs are left. */
static enum alloc_reason limit_reason(const struct alloc *a, const struct alloc_solution *s)
{
        return s->limit < cpuset_count(&a->usable) ? ALLOC_BUDGET : ALLOC_FAIR_SHARE;
}

/* One PU more for the lease; false, with the reason noted, where it can have none. */
static bool give_one(const struct alloc *a, struct alloc_solution *s, uint32_t index, unsigned *total)
{
        struct alloc_plan *p = &s->plans[index];

        if (p->share >= p->cap) {
                p->limit = cap_reason(a, &a->leases[index], &s->match.may[index], p);
                return false;
        }
        if (group_is_full(s, index)) {
                p->limit = ALLOC_QUOTA;
                return false;
        }
        if (*total >= s->limit) {
                p->limit = limit_reason(a, s);
                return false;
        }
        uint32_t end = match_reach(&s->match, index, &a->usable, &s->free);

        if (end == MATCH_NONE) {
                p->limit = p->share == 0 ? ALLOC_ALL_LENT : ALLOC_FAIR_SHARE;
                if (p->share == 0 && p->entitled) /* its first PU will be a shared one */
                        count_in_group(s, index, 1);
                return false;
        }
        unsigned pu = cpuset_first_common(&s->match.may[end], &s->free);

        match_apply(&s->match, end, pu);
        cpuset_remove(&s->free, pu);
        p->share++;
        count_in_group(s, index, 1);
        (*total)++;
        return true;
}

/* Gives a waiting background lease its minimum or, where that cannot be had, nothing. */
static void start(const struct alloc *a, struct alloc_solution *s, uint32_t index, unsigned *total)
{
        struct alloc_plan *p = &s->plans[index];

        while (p->share < p->min)
                if (!give_one(a, s, index, total))
                        break;
        if (p->share >= p->min)
                return;
        cpuset_merge(&s->free, &s->match.takes[index]);
        s->match.takes[index] = (struct cpuset){0};
        *total -= p->share;
        count_in_group(s, index, -(int)p->share);
        p->share = 0;
        p->limit = ALLOC_ALL_LENT;
}

static bool goes_before(const struct alloc_plan *p, const struct alloc_plan *q)
{
        enum rank r = rank_of(p), t = rank_of(q);

        return r != t ? r < t : alloc_is_poorer(p->share, p->weight, q->share, q->weight);
}

/* The lease that is to get the next PU; any of them where none is to get more. */
static uint32_t find_next(const struct alloc *a, const struct alloc_solution *s)
{
        uint32_t next = 0;

        for (uint32_t i = 1; i < a->n_leases; i++)
                if (goes_before(&s->plans[i], &s->plans[next]))
                        next = i;
        return next;
}

static void fill_one(const struct alloc *a, struct alloc_solution *s, uint32_t index, unsigned *total)
{
        if (rank_of(&s->plans[index]) == RANK_START)
                start(a, s, index, total);
        else if (rank_of(&s->plans[index]) != RANK_FULL)
                give_one(a, s, index, total);
}

void alloc_share(const struct alloc *a, struct alloc_solution *s)
{
        unsigned total = 0;

        plan_all(a, s);
        s->free = a->usable;
        while (a->n_leases > 0 && total < s->limit && !cpuset_is_empty(&s->free)) {
                uint32_t next = find_next(a, s);

                if (rank_of(&s->plans[next]) == RANK_FULL)
                        return;
                fill_one(a, s, next, &total);
        }
        /* Nothing is left: in whatever order they ask, each only finds out what limits it. */
        for (uint32_t i = 0; i < a->n_leases; i++)
                fill_one(a, s, i, &total);
}
