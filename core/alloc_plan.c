/* What each lease can use at most, what it counts for, and whom it counts with: the start of every solution. */
#include <math.h>

#include "core/alloc_state.h"

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

static void plan_group(const struct alloc *a, size_t index, struct alloc_plan *plans)
{
        const struct alloc_request *r = &a->leases[index].request;
        struct alloc_plan *p = &plans[index];

        p->group = find_group(a, index);
        if (p->group == SIZE_MAX)
                return;
        struct alloc_plan *first = &plans[p->group];
        double pus = ceil(r->quota);
        unsigned cap = pus < CPUSET_MAX && !p->gone ? (unsigned)pus : CPUSET_MAX;

        if (p->group == index || cap < first->group_cap)
                first->group_cap = cap;
        /* Its last PU stays with it whatever its group does. */
        if (p->batch && p->entitled)
                first->group_used++;
}

/* The first lease of a user keeps the user's counts, and ties go by it: one that is taken to have ended is not that. A
 * user weighs what the heaviest of its leases says. */
static void plan_user(const struct alloc *a, size_t index, struct alloc_plan *plans)
{
        const struct alloc_request *r = &a->leases[index].request;
        unsigned weight = r->user_weight ? r->user_weight : ALLOC_WEIGHT_DEFAULT;
        size_t first = 0;

        while (first < index && (plans[first].gone || a->leases[first].request.uid != r->uid))
                first++;
        plans[index].user = first;
        if (!plans[index].gone && weight > plans[first].user_weight)
                plans[first].user_weight = weight;
}

static void lower(struct alloc_plan *p, unsigned n, enum alloc_reason why)
{
        if (n >= p->cap)
                return;
        p->cap = n;
        p->why = why;
}

static unsigned count_kept(const struct alloc_lease *l, const struct cpuset *may)
{
        struct cpuset kept = cpuset_and(&l->own, may);

        return cpuset_count(&kept);
}

/* A lease that is to get nothing more: but for its first PU, where it must not wait for that. */
static void lower_but_first(struct alloc_plan *p, unsigned n, enum alloc_reason why)
{
        lower(p, n == 0 && p->entitled ? 1 : n, why);
}

static void plan_cap(const struct alloc *a, const struct alloc_lease *l, const struct cpuset *may, struct alloc_plan *p)
{
        unsigned n_slots = cpuset_count(&l->grant.slots);

        p->fixed = l->detached || (alloc_lease_overdue(l, a->now) && !p->forgiven);
        p->cap = cpuset_count(may);
        p->why = cpuset_equal(may, &a->usable) ? ALLOC_OK : ALLOC_NOT_ALLOWED;
        lower(p, n_slots, ALLOC_MAX);
        if (a->hold)
                lower_but_first(p, l->hold_cap, ALLOC_HOLD);
        if (p->fixed) {
                lower_but_first(p, count_kept(l, may), ALLOC_UNANSWERED);
                p->why = ALLOC_UNANSWERED;
        }
        if (l->request.max <= p->cap) {
                p->cap = l->request.max;
                p->why = ALLOC_MAX;
        }
        if (l->request.paused || p->gone) {
                p->cap = 0;
                p->why = ALLOC_PAUSED;
        }
        p->min = l->request.min < p->cap ? l->request.min : p->cap;
        if (p->min == 0)
                p->min = 1;
}

static bool is_young(const struct alloc *a, const struct alloc_lease *l)
{
        return l->request.priority == ALLOC_INTERACTIVE && a->now - l->opened < ALLOC_YOUNG_US;
}

static void plan_one(const struct alloc *a, struct alloc_solution *s, size_t index)
{
        const struct alloc_lease *l = &a->leases[index];
        struct alloc_plan *p = &s->plans[index];
        struct cpuset allowed = cpuset_and(&l->request.allowed, &a->usable);

        *p = (struct alloc_plan){.weight = l->request.weight,
                                 .limit = ALLOC_REASONS,
                                 .forgiven = p->forgiven,
                                 .gone = p->gone,
                                 .begun = p->begun};
        if (is_young(a, l))
                p->weight *= ALLOC_INTERACTIVE_GAIN;
        p->batch = l->request.priority == ALLOC_BATCH;
        p->entitled =
                !l->request.paused && !p->gone && ((!p->batch && !l->detached) || alloc_lease_holds_any(l) || p->begun);
        s->match.may[index] = cpuset_andnot(&allowed, &l->unusable);
        s->match.takes[index] = (struct cpuset){0};
        plan_cap(a, l, &s->match.may[index], p);
        plan_group(a, index, s->plans);
        plan_user(a, index, s->plans);
        if (p->cap == 0)
                p->limit = p->why == ALLOC_OK ? ALLOC_ALL_LENT : p->why;
}

void alloc_plan(const struct alloc *a, struct alloc_solution *s)
{
        unsigned n_entitled = 0;

        s->match.n = a->n_leases;
        for (size_t i = 0; i < a->n_leases; i++) {
                plan_one(a, s, i);
                n_entitled += s->plans[i].entitled && !s->plans[i].batch && s->plans[i].cap > 0;
        }
        /* The budget never takes a lease's last PU. A background lease shares its last one. */
        s->limit = a->budget > n_entitled ? a->budget : n_entitled;
}
