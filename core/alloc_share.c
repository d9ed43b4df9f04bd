/* How many PUs each lease is due: weighted max-min fairness in whole PUs, among users and then among the leases of
 * each, by progressive filling. The user with the least PUs per weight, and of its leases the one with the least per
 * weight, gets the next PU until nobody can have more. Over a polymatroid, which the counts that masks and a budget
 * allow are, this greedy rule gives the max-min solution (Federgruen and Groenevelt 1986; Megiddo 1974 for the flow);
 * with users above leases it is hierarchical max-min (Bhattacharya et al. 2013 for one resource). Before that come
 * everybody's first PU, then minima. Background leases are served after all others and among themselves alike; a
 * waiting one starts with its whole minimum or not at all. Ties go to the user and the lease opened first.
 * docs/allocator.md has the law in full.
 */
#include "core/alloc_state.h"

/* In this order leases are filled. */
enum rank {
        RANK_FIRST,       /* has nothing yet and must not wait */
        RANK_MIN,         /* below its minimum */
        RANK_SHARE,       /* the rest of what is not a background lease's */
        RANK_BATCH_FIRST, /* a background lease that has begun */
        RANK_BATCH_MIN,
        RANK_BATCH_START, /* one that waits */
        RANK_BATCH_SHARE,
        RANK_FULL,
};

static enum rank rank_of(const struct alloc_plan *p)
{
        if (p->limit != ALLOC_REASONS)
                return RANK_FULL;
        if (p->share == 0 && p->batch)
                return p->entitled ? RANK_BATCH_FIRST : RANK_BATCH_START;
        if (p->share == 0)
                return RANK_FIRST;
        if (p->share < p->min)
                return p->batch ? RANK_BATCH_MIN : RANK_MIN;
        return p->batch ? RANK_BATCH_SHARE : RANK_SHARE;
}

/* A background lease that has begun counts from the start. */
static void count_in_group(struct alloc_solution *s, size_t index, int n)
{
        size_t group = s->plans[index].group;

        if (group != SIZE_MAX)
                s->plans[group].group_used += (unsigned)n;
}

static bool counts_already(const struct alloc_plan *p)
{
        return p->batch && p->entitled && p->share == 0;
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

static unsigned *user_share(struct alloc_solution *s, size_t index)
{
        const struct alloc_plan *p = &s->plans[index];

        return &s->plans[p->user].user_share[p->batch];
}

static void count(struct alloc_solution *s, size_t index)
{
        if (!counts_already(&s->plans[index]))
                count_in_group(s, index, 1);
        s->plans[index].share++;
        ++*user_share(s, index);
}

/* One PU more for the lease; false, with the reason noted, where it can have none. */
static bool give_one(const struct alloc *a, struct alloc_solution *s, uint32_t index, unsigned *total)
{
        struct alloc_plan *p = &s->plans[index];

        if (p->share >= p->cap) {
                p->limit = p->why;
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
                if (p->share == 0 && p->entitled && !p->batch) /* its first PU will be a shared one */
                        count_in_group(s, index, 1);
                return false;
        }
        unsigned pu = cpuset_first_common(&s->match.may[end], &s->free);

        match_apply(&s->match, end, pu);
        cpuset_remove(&s->free, pu);
        count(s, index);
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
        *user_share(s, index) -= p->share;
        count_in_group(s, index, -(int)p->share);
        p->share = 0;
        p->limit = ALLOC_ALL_LENT;
}

/* Users first, then the leases of one; background leases that wait go, where users are level, by their opening. */
static bool goes_before(const struct alloc_solution *s, uint32_t index, uint32_t other)
{
        const struct alloc_plan *p = &s->plans[index], *q = &s->plans[other];
        const struct alloc_plan *user = &s->plans[p->user], *with = &s->plans[q->user];
        enum rank r = rank_of(p), t = rank_of(q);

        if (r != t || r == RANK_FULL)
                return r < t;
        if (p->user == q->user)
                return r != RANK_BATCH_START && alloc_is_poorer(p->share, p->weight, q->share, q->weight);

        unsigned n = user->user_share[p->batch], m = with->user_share[q->batch];

        if (alloc_is_poorer(n, user->user_weight, m, with->user_weight))
                return true;
        if (alloc_is_poorer(m, with->user_weight, n, user->user_weight))
                return false;
        return r == RANK_BATCH_START ? index < other : p->user < q->user;
}

/* The lease that is to get the next PU; any of them where none is to get more. */
static uint32_t find_next(const struct alloc *a, const struct alloc_solution *s)
{
        uint32_t next = 0;

        for (uint32_t i = 1; i < a->n_leases; i++)
                if (goes_before(s, i, next))
                        next = i;
        return next;
}

static void fill_one(const struct alloc *a, struct alloc_solution *s, uint32_t index, unsigned *total)
{
        if (rank_of(&s->plans[index]) == RANK_BATCH_START)
                start(a, s, index, total);
        else if (rank_of(&s->plans[index]) != RANK_FULL)
                give_one(a, s, index, total);
}

static void fill(const struct alloc *a, struct alloc_solution *s)
{
        unsigned total = 0;

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

void alloc_share(const struct alloc *a, struct alloc_solution *s)
{
        alloc_plan(a, s);
        s->free = a->usable;
        fill(a, s);
        alloc_even_users(a, s);
}
