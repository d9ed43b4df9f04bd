/* Fair among users where masks differ. Filling gives a PU to the lease of a user that has least for its weight, and
 * does not look ahead: the PU may be the only one that another user could have used, while the first could have had
 * others for the rest of its leases. So in the end PUs go from a user to a poorer one whose leases can use no other, as
 * long as the giver stays no poorer than the taker was. Of the numbers PUs / weight that the users' PUs stand for, each
 * such move replaces one by a smaller one, so it ends. Where everybody may use everything there is nothing to do.
 */
#include "core/alloc_state.h"

static const struct alloc_plan *user_of(const struct alloc_solution *s, size_t index)
{
        return &s->plans[s->plans[index].user];
}

/* Whether the lease lacks PUs only because others have those that it could use. */
static bool is_short(const struct alloc_solution *s, size_t index)
{
        const struct alloc_plan *p = &s->plans[index];

        if (p->group != SIZE_MAX && s->plans[p->group].group_used >= s->plans[p->group].group_cap)
                return false;
        return p->limit == ALLOC_FAIR_SHARE && p->share > 0 && p->share < p->cap;
}

/* Whether lease j has a PU more than its minimum, and its user one more than i's user would be left with. */
static bool can_spare(const struct alloc_solution *s, size_t j, size_t i)
{
        const struct alloc_plan *p = &s->plans[i], *q = &s->plans[j], *user = user_of(s, i), *with = user_of(s, j);

        return p->batch == q->batch && p->user != q->user && q->share > 1 && q->share > q->min &&
               alloc_is_poorer(user->user_share[p->batch], user->user_weight, with->user_share[q->batch] - 1,
                               with->user_weight);
}

static struct cpuset spare_for(const struct alloc *a, const struct alloc_solution *s, size_t index)
{
        struct cpuset spare = {0};

        for (size_t j = 0; j < a->n_leases; j++)
                if (can_spare(s, j, index))
                        cpuset_merge(&spare, &s->match.takes[j]);
        return spare;
}

/* Of those that could spare one of `pus`, the lease that is left with most for its weight. */
static size_t find_giver(const struct alloc *a, const struct alloc_solution *s, size_t index, const struct cpuset *pus)
{
        size_t found = SIZE_MAX;

        for (size_t j = 0; j < a->n_leases; j++)
                if (can_spare(s, j, index) && cpuset_intersects(&s->match.takes[j], pus) &&
                    (found == SIZE_MAX || alloc_is_poorer(s->plans[found].share - 1, s->plans[found].weight,
                                                          s->plans[j].share - 1, s->plans[j].weight)))
                        found = j;
        return found;
}

static void count(struct alloc_solution *s, size_t index, int n)
{
        struct alloc_plan *p = &s->plans[index];

        p->share += (unsigned)n;
        s->plans[p->user].user_share[p->batch] += (unsigned)n;
        if (p->group != SIZE_MAX)
                s->plans[p->group].group_used += (unsigned)n;
}

static bool hand_over(const struct alloc *a, struct alloc_solution *s, uint32_t index)
{
        struct cpuset spare = spare_for(a, s, index), found;
        uint32_t end = match_reach(&s->match, index, &a->usable, &spare);
        size_t giver;
        unsigned pu;

        if (end == MATCH_NONE)
                return false;
        found = cpuset_and(&s->match.may[end], &spare);
        giver = find_giver(a, s, index, &found);
        pu = cpuset_first_common(&s->match.takes[giver], &found);
        cpuset_remove(&s->match.takes[giver], pu);
        match_apply(&s->match, end, pu);
        count(s, giver, -1);
        count(s, index, 1);
        return true;
}

static bool masks_differ(const struct alloc *a, const struct alloc_solution *s)
{
        for (size_t i = 0; i < a->n_leases; i++)
                if (s->plans[i].cap > 0 && !cpuset_equal(&s->match.may[i], &a->usable))
                        return true;
        return false;
}

/* The lease that is shortest for its weight among those that can still get something. */
static uint32_t next_short(const struct alloc *a, const struct alloc_solution *s)
{
        uint32_t found = MATCH_NONE;

        for (uint32_t i = 0; i < a->n_leases; i++)
                if (is_short(s, i) && !s->plans[i].stuck &&
                    (found == MATCH_NONE || alloc_is_poorer(s->plans[i].share, s->plans[i].weight,
                                                            s->plans[found].share, s->plans[found].weight)))
                        found = i;
        return found;
}

void alloc_even_users(const struct alloc *a, struct alloc_solution *s)
{
        uint32_t index;

        if (!masks_differ(a, s))
                return;
        while ((index = next_short(a, s)) != MATCH_NONE) {
                bool handed = hand_over(a, s, index);

                /* Who could have nothing may be able to when others have less. */
                for (uint32_t i = 0; i < a->n_leases && handed; i++)
                        s->plans[i].stuck = false;
                s->plans[index].stuck = !handed;
        }
}
