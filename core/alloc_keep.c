/* The start of a solution: what everybody has been meant to have so far, as far as it still is to be had. So whatever
 * was decided stays as it is while others are still giving their PUs back, as long as the shares do not change: solving
 * again gives the same.
 *
 * Three things are better than what was meant. Who cannot be asked, or does not answer, keeps what it has. A PU that is
 * free is better than one that another has yet to give back. And a lease that is due more keeps, before it gets
 * anything else, what was wanted back from it.
 */
#include "core/alloc_state.h"

static bool keeps_its_own(const struct alloc_plan *p)
{
        return p->fixed || p->forgiven;
}

static void take(struct alloc_solution *s, size_t index, unsigned pu)
{
        cpuset_add(&s->match.takes[index], pu);
        s->plans[index].taken++;
}

/* As many PUs as it is due of those that it has: first those that it is to have anyway. */
static void keep_own(const struct alloc *a, struct alloc_solution *s, size_t index, struct cpuset *claimed)
{
        const struct alloc_lease *l = &a->leases[index];
        struct cpuset own = cpuset_and(&l->own, &s->match.may[index]);
        const struct cpuset meant = cpuset_and(&own, &l->meant), rest = cpuset_andnot(&own, &l->meant);
        const struct cpuset *sets[] = {&meant, &rest};

        for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
                CPUSET_FOREACH (pu, sets[i])
                        if (s->plans[index].taken < s->plans[index].share)
                                take(s, index, pu);
        cpuset_merge(claimed, &s->match.takes[index]);
}

static void keep_meant(const struct alloc *a, struct alloc_solution *s, size_t index, const struct cpuset *claimed)
{
        struct cpuset meant = cpuset_and(&a->leases[index].meant, &s->match.may[index]);

        cpuset_subtract(&meant, claimed);
        s->match.takes[index] = meant;
        s->plans[index].taken = cpuset_count(&meant);
}

/* Gives up to p->surplus PUs, those that others share already. */
static void release_shared(struct alloc_solution *s, size_t index)
{
        struct alloc_plan *p = &s->plans[index];
        struct cpuset shared = cpuset_and(&s->match.takes[index], &s->guests);

        for (unsigned pu = cpuset_next(&shared, 0); pu != CPUSET_NONE && p->surplus > 0;
             pu = cpuset_next(&shared, pu + 1)) {
                cpuset_remove(&s->match.takes[index], pu);
                p->surplus--;
                p->taken--;
        }
}

/* Gives up to p->surplus PUs of those that it has yet to get, and that nobody else would get for them. */
static void release_unowned(const struct alloc *a, struct alloc_solution *s, size_t index)
{
        struct alloc_plan *p = &s->plans[index];
        struct cpuset unowned = cpuset_andnot(&s->match.takes[index], &a->leases[index].own);

        for (unsigned pu = cpuset_next(&unowned, 0); pu != CPUSET_NONE && p->surplus > 0;
             pu = cpuset_next(&unowned, pu + 1)) {
                cpuset_remove(&s->match.takes[index], pu);
                p->surplus--;
                p->taken--;
        }
}

static void find_surplus(const struct alloc *a, struct alloc_solution *s, size_t index)
{
        struct alloc_plan *p = &s->plans[index];

        p->surplus = p->taken > p->share ? p->taken - p->share : 0;
        release_unowned(a, s, index);
        release_shared(s, index);
}

/* PUs that the budget has to have room for before anything else: everybody's first. */
static unsigned count_first(const struct alloc *a, const struct alloc_solution *s)
{
        unsigned n = 0;

        for (size_t i = 0; i < a->n_leases; i++)
                n += s->plans[i].share > 0 && !cpuset_intersects(&a->leases[i].own, &s->match.may[i]) &&
                     !cpuset_intersects(&s->match.takes[i], &s->lent);
        return n;
}

/* What nobody has yet and the budget has no room for is divided anew: there may be something better by now, or somebody
 * poorer. */
static void drop_unlent(struct alloc_solution *s, size_t index)
{
        struct cpuset unlent = cpuset_andnot(&s->match.takes[index], &s->lent);

        CPUSET_FOREACH (pu, &unlent) {
                if (s->room > s->reserved) {
                        s->room--;
                        continue;
                }
                cpuset_remove(&s->match.takes[index], pu);
                s->plans[index].taken--;
        }
}

/* What nobody takes is free where it has no owner, else released. */
static void sort_out(const struct alloc *a, struct alloc_solution *s)
{
        struct cpuset taken = {0}, untaken;

        s->reserved = count_first(a, s);
        for (size_t i = 0; i < a->n_leases; i++) {
                drop_unlent(s, i);
                cpuset_merge(&taken, &s->match.takes[i]);
        }
        untaken = cpuset_andnot(&a->usable, &taken);
        s->free = cpuset_andnot(&untaken, &s->owned);
        s->released = cpuset_and(&untaken, &s->owned);
}

/* Whether the owner of a PU that is to give it up gets another for it. */
static bool is_exchange(const struct alloc *a, const struct alloc_solution *s, unsigned pu)
{
        for (size_t i = 0; i < a->n_leases; i++)
                if (cpuset_has(&a->leases[i].own, pu))
                        return cpuset_count(&a->leases[i].own) <= s->plans[i].share;
        return false;
}

static const struct cpuset *kind_of(const struct alloc *a, unsigned pu)
{
        unsigned kind = 0;

        while (!cpuset_has(&a->kinds[kind], pu))
                kind++;
        return &a->kinds[kind];
}

/* The best PU that could be lent to the lease at once in place of a late one: of the same kind where kinds are being
 * exchanged. */
static bool find_free(const struct alloc *a, const struct alloc_solution *s, size_t index, unsigned late,
                      unsigned *ret_pu)
{
        struct cpuset free = cpuset_and(&s->free, &s->match.may[index]);
        struct placement_choice choice;

        if (s->room <= s->reserved)
                cpuset_restrict(&free, &s->lent);
        if (is_exchange(a, s, late))
                cpuset_restrict(&free, kind_of(a, late));
        if (!placement_next(&a->machine, &a->goal, &free, &s->lent, &s->match.takes[index], &choice))
                return false;
        *ret_pu = choice.pu;
        return true;
}

static void use_free(struct alloc_solution *s, size_t index, unsigned pu)
{
        cpuset_add(&s->match.takes[index], pu);
        cpuset_remove(&s->free, pu);
        if (!cpuset_has(&s->lent, pu))
                s->room--;
}

/* Something free in place of what another has yet to give back. */
static void prefer_free(const struct alloc *a, struct alloc_solution *s, size_t index)
{
        struct cpuset waiting = cpuset_and(&s->match.takes[index], &s->owned);
        unsigned pu;

        cpuset_subtract(&waiting, &a->leases[index].own);
        CPUSET_FOREACH (late, &waiting) {
                if (!find_free(a, s, index, late, &pu))
                        continue;
                cpuset_remove(&s->match.takes[index], late);
                cpuset_add(&s->released, late);
                use_free(s, index, pu);
        }
}

/* What is wanted back from a lease and meant for nobody any more it keeps after all, the best first; and a PU that it
 * shares and whose owner has gone becomes its own. */
static void keep_wanted(const struct alloc *a, struct alloc_solution *s, size_t index)
{
        const struct alloc_lease *l = &a->leases[index];
        struct alloc_plan *p = &s->plans[index];
        struct cpuset untaken = cpuset_or(&s->free, &s->released);
        struct cpuset kept = cpuset_andnot(&l->guest, &l->wanted), held;
        struct placement_choice choice;

        held = cpuset_or(&l->own, cpuset_intersects(&l->own, &s->match.may[index]) ? &l->coming : &kept);
        cpuset_restrict(&held, &untaken);
        cpuset_restrict(&held, &s->match.may[index]);
        while (p->taken < p->share &&
               placement_next(&a->machine, &a->goal, &held, &s->lent, &s->match.takes[index], &choice)) {
                take(s, index, choice.pu);
                cpuset_remove(&held, choice.pu);
                cpuset_remove(&s->free, choice.pu);
                cpuset_remove(&s->released, choice.pu);
        }
}

void alloc_keep(const struct alloc *a, struct alloc_solution *s)
{
        struct cpuset claimed = {0};

        for (size_t i = 0; i < a->n_leases; i++)
                s->plans[i].taken = 0;
        for (size_t i = 0; i < a->n_leases; i++)
                s->match.takes[i] = (struct cpuset){0};
        for (size_t i = 0; i < a->n_leases; i++)
                if (keeps_its_own(&s->plans[i]))
                        keep_own(a, s, i, &claimed);
        for (size_t i = 0; i < a->n_leases; i++)
                if (!keeps_its_own(&s->plans[i]))
                        keep_meant(a, s, i, &claimed);
        for (size_t i = 0; i < a->n_leases; i++)
                find_surplus(a, s, i);
        sort_out(a, s);
        for (size_t i = 0; i < a->n_leases; i++)
                if (!s->plans[i].fixed)
                        prefer_free(a, s, i);
        for (size_t i = 0; i < a->n_leases; i++)
                keep_wanted(a, s, i);
}
