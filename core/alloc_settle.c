/* From the solution to what is held: a step that cannot fail.
 *
 * A PU that nobody owns goes to its taker at once. One that another lease still owns is wanted back from that lease;
 * when it has not come for ALLOC_HARD_US, its taker becomes a guest on it. A lease that would hold nothing it may use,
 * and must not wait, becomes a guest at once, on a PU that comes to it anyway or else on the least shared one. One that
 * is due no PU of its own any more, and must not be without, changes places with the taker of one that it owns: so it
 * is never left with nothing between two answers.
 */
#include "core/alloc_state.h"

unsigned alloc_count_guests(const struct alloc *a, unsigned pu)
{
        unsigned n = 0;

        for (size_t i = 0; i < a->n_leases; i++)
                n += cpuset_has(&a->leases[i].guest, pu);
        return n;
}

static struct alloc_lease *owner_of(const struct alloc *a, unsigned pu)
{
        for (size_t i = 0; i < a->n_leases; i++)
                if (cpuset_has(&a->leases[i].own, pu))
                        return &a->leases[i];
        return NULL;
}

static void lend(struct alloc_lease *l, struct cpuset *charge, unsigned pu)
{
        struct cpuset held = alloc_lease_held(l);

        if (!cpuset_has(&held, pu))
                l->lends[pu] = (struct alloc_lend){l->grant.generation + 1, ALLOC_NEVER};
        cpuset_remove(&l->guest, pu);
        cpuset_remove(&l->coming, pu);
        cpuset_add(charge, pu);
}

/* Everything the lease takes that has no owner, but for what must wait for the budget. */
static bool lend_free(struct alloc *a, size_t index)
{
        struct alloc_lease *l = &a->leases[index];
        struct alloc_solution *s = &a->solution;
        struct cpuset unowned = cpuset_andnot(&s->match.takes[index], &s->owned);
        struct cpuset now = cpuset_andnot(&unowned, &s->later);

        CPUSET_FOREACH (pu, &now)
                lend(l, &l->own, pu);
        return !cpuset_is_empty(&now);
}

static bool is_overdue(const struct alloc *a, unsigned pu)
{
        const struct alloc_lease *owner = owner_of(a, pu);

        return owner && alloc_lend_overdue(&owner->lends[pu], a->now);
}

/* Guests that stay: those that a PU comes to take the owner's place. */
static unsigned count_staying(const struct alloc *a, unsigned pu)
{
        unsigned n = 0;

        for (size_t i = 0; i < a->n_leases; i++)
                n += cpuset_has(&a->leases[i].guest, pu) && !cpuset_has(&a->solution.match.takes[i], pu);
        return n;
}

/* The PU of `candidates` that fewest will go on sharing, below the bound; CPUSET_NONE where there is none. */
static unsigned least_shared(const struct alloc *a, const struct cpuset *candidates, unsigned bound)
{
        unsigned found = CPUSET_NONE, least = bound;

        CPUSET_FOREACH (pu, candidates) {
                unsigned n = count_staying(a, pu);

                if (n >= least || alloc_count_guests(a, pu) >= bound)
                        continue;
                found = pu;
                least = n;
        }
        return found;
}

/* A lease that is due nothing stays on one of the PUs that another takes from it, as that one's guest. */
static bool change_places(struct alloc *a, size_t index)
{
        struct alloc_lease *l = &a->leases[index];
        const struct match *m = &a->solution.match;
        struct cpuset may_stay = cpuset_and(&l->own, &m->may[index]);

        for (size_t i = 0; i < a->n_leases; i++) {
                struct cpuset taken = cpuset_and(&may_stay, &m->takes[i]);
                unsigned pu = least_shared(a, &taken, ALLOC_SHARED_PER_PU_MAX);

                if (pu == CPUSET_NONE)
                        continue;
                cpuset_remove(&l->own, pu);
                cpuset_add(&l->guest, pu);
                lend(&a->leases[i], &a->leases[i].own, pu);
                return true;
        }
        return false;
}

/* Whether the lease is to have a PU and will have none that is its own. */
static bool is_guest_for_good(const struct alloc *a, size_t index)
{
        return a->solution.plans[index].entitled && !a->leases[index].detached &&
               cpuset_is_empty(&a->solution.match.takes[index]);
}

/* PUs that the lease may share within the budget: those that somebody takes. All others where there is none. */
static struct cpuset shareable(const struct alloc *a, size_t index)
{
        const struct alloc_solution *s = &a->solution;
        struct cpuset taken = cpuset_and(&s->match.may[index], &s->taken);

        return cpuset_is_empty(&taken) ? s->match.may[index] : taken;
}

static bool keeps_guest(const struct alloc *a, size_t index)
{
        struct cpuset may_share = shareable(a, index);

        return cpuset_intersects(&a->leases[index].guest, &may_share);
}

/* A lease that is due nothing, and may use nothing of what is taken, stays on one of those that it has. */
static bool stay(struct alloc *a, size_t index)
{
        struct alloc_lease *l = &a->leases[index];
        const struct cpuset *may = &a->solution.match.may[index];
        struct cpuset mine = cpuset_and(&l->own, may), kept = cpuset_andnot(&mine, &l->wanted);
        unsigned pu = least_shared(a, cpuset_is_empty(&kept) ? &mine : &kept, ALLOC_SHARED_PER_PU_MAX);

        if (pu == CPUSET_NONE || cpuset_intersects(may, &a->solution.taken))
                return false;
        cpuset_remove(&l->own, pu);
        cpuset_add(&l->guest, pu);
        return true;
}

static bool user_has_none(const struct alloc *a, size_t index)
{
        for (size_t i = 0; i < a->n_leases; i++) {
                struct cpuset held = alloc_lease_held(&a->leases[i]);

                if (a->leases[i].request.uid == a->leases[index].request.uid && !cpuset_is_empty(&held))
                        return false;
        }
        return true;
}

/* A first PU waits for nothing: it is shared with an owner who is to give it up, or taken beyond the budget, or shared
 * for good. */
static bool lend_first(struct alloc *a, size_t index)
{
        struct alloc_lease *l = &a->leases[index];
        const struct alloc_solution *s = &a->solution;
        struct cpuset coming = cpuset_and(&s->match.takes[index], &s->owned);
        struct cpuset later = cpuset_and(&s->match.takes[index], &s->later);
        unsigned pu = least_shared(a, &coming, ALLOC_GUESTS_MAX);
        unsigned bound = user_has_none(a, index) ? ALLOC_GUESTS_MAX : ALLOC_SHARED_PER_PU_MAX;

        if (pu == CPUSET_NONE && !cpuset_is_empty(&later)) {
                lend(l, &l->own, cpuset_next(&later, 0));
                return true;
        }
        if (pu == CPUSET_NONE) {
                struct cpuset may_share = shareable(a, index);

                cpuset_subtract(&may_share, &l->own);
                pu = least_shared(a, &may_share, bound);
        }
        if (pu == CPUSET_NONE && !cpuset_intersects(&l->guest, &s->match.may[index])) {
                struct cpuset others = cpuset_andnot(&s->match.may[index], &l->own);

                pu = least_shared(a, &others, bound);
        }
        if (pu == CPUSET_NONE)
                return false;
        lend(l, &l->guest, pu);
        return true;
}

/* Nobody who must have a PU is left without. */
static bool ensure_first(struct alloc *a, size_t index)
{
        if (is_guest_for_good(a, index) && !keeps_guest(a, index))
                return change_places(a, index) ||
                       (!a->solution.plans[index].fixed && (stay(a, index) || lend_first(a, index)));
        if (a->solution.plans[index].entitled &&
            !alloc_lease_has_first(&a->leases[index], &a->solution.match.may[index]))
                return lend_first(a, index);
        return false;
}

/* PUs that the lease is to get and whose owners did not give them back. */
static bool lend_overdue(struct alloc *a, size_t index)
{
        struct alloc_lease *l = &a->leases[index];
        struct cpuset held = alloc_lease_held(l);
        struct cpuset missing = cpuset_andnot(&a->solution.match.takes[index], &held);

        bool lent = false;

        CPUSET_FOREACH (pu, &missing) {
                if (!is_overdue(a, pu) || alloc_count_guests(a, pu) >= ALLOC_GUESTS_MAX)
                        continue;
                lend(l, &l->guest, pu);
                lent = true;
        }
        return lent;
}

/* The guest PUs a lease may keep: those on their way to it, or one where it owns nothing or is to. */
static struct cpuset guests_kept(const struct alloc *a, size_t index)
{
        const struct alloc_lease *l = &a->leases[index];
        struct cpuset coming = cpuset_and(&l->guest, &a->solution.match.takes[index]);
        struct cpuset usable = cpuset_and(&l->guest, &a->solution.match.may[index]);
        struct cpuset owned = cpuset_and(&l->own, &a->solution.match.may[index]);
        struct cpuset one = {0};

        if (!a->solution.plans[index].entitled || !cpuset_is_empty(&coming) || cpuset_is_empty(&usable))
                return coming;
        if (!cpuset_is_empty(&owned) && !is_guest_for_good(a, index))
                return coming;

        struct cpuset may_share = shareable(a, index), kept = cpuset_and(&usable, &may_share);

        if (!cpuset_is_empty(&kept))
                usable = kept;
        kept = cpuset_andnot(&usable, &l->wanted);
        cpuset_add(&one, cpuset_next(cpuset_is_empty(&kept) ? &usable : &kept, 0));
        return one;
}

/* Of the PUs the lease may use but is not to have, as many as it holds above its share, for it may be short of a PU
 * that it gets in exchange; and those with which it is to begin an exchange. Those wanted back already come first. */
static struct cpuset owned_wanted(const struct alloc *a, size_t index, const struct cpuset *guests)
{
        const struct alloc_lease *l = &a->leases[index];
        const struct alloc_solution *s = &a->solution;
        struct cpuset keep = cpuset_and(&l->own, &s->match.may[index]);
        struct cpuset wanted = cpuset_andnot(&keep, &s->match.takes[index]);
        unsigned n = cpuset_count(&keep) + cpuset_count(guests), share = s->plans[index].share;
        struct cpuset exchanged = cpuset_and(&wanted, &s->exchanged);
        unsigned spare = (n > share ? n - share : 0) + cpuset_count(&exchanged), n_wanted = cpuset_count(&wanted);

        for (int sticky = 0; sticky < 2; sticky++) {
                for (unsigned pu = cpuset_next(&wanted, 0); pu != CPUSET_NONE && n_wanted > spare;
                     pu = cpuset_next(&wanted, pu + 1)) {
                        if (!sticky && (cpuset_has(&l->wanted, pu) || cpuset_has(&exchanged, pu)))
                                continue;
                        cpuset_remove(&wanted, pu);
                        n_wanted--;
                }
        }
        return wanted;
}

/* What was lent in this very step, and is wanted after all, goes before the client hears of it. */
static bool drop_untold(struct alloc_lease *l)
{
        bool dropped = false;

        CPUSET_FOREACH (pu, &l->wanted) {
                if (l->lends[pu].generation <= l->grant.generation)
                        continue;
                cpuset_remove(&l->own, pu);
                cpuset_remove(&l->guest, pu);
                cpuset_remove(&l->coming, pu);
                cpuset_remove(&l->wanted, pu);
                dropped = true;
        }
        return dropped;
}

/* Whether the lease has just what it is to have, as most leases in most steps. */
static bool is_content(const struct alloc *a, size_t index)
{
        const struct alloc_lease *l = &a->leases[index];

        return cpuset_is_empty(&l->guest) && cpuset_is_empty(&l->wanted) &&
               cpuset_equal(&l->own, &a->solution.match.takes[index]);
}

/* True where it wants other PUs than before. */
static bool want_back(struct alloc *a, size_t index)
{
        if (is_content(a, index))
                return false;

        struct alloc_lease *l = &a->leases[index];
        struct cpuset before = l->wanted, coming = l->coming;
        struct cpuset guests = guests_kept(a, index);
        struct cpuset unkept = cpuset_andnot(&l->guest, &guests);
        struct cpuset foreign = cpuset_andnot(&l->own, &a->solution.match.may[index]);
        struct cpuset held = alloc_lease_held(l);

        l->coming = cpuset_and(&guests, &a->solution.match.takes[index]);
        l->wanted = owned_wanted(a, index, &guests);
        cpuset_merge(&l->wanted, &foreign);
        cpuset_merge(&l->wanted, &unkept);
        CPUSET_FOREACH (pu, &held) {
                struct alloc_lend *lend = &l->lends[pu];

                if (!cpuset_has(&l->wanted, pu))
                        lend->wanted_since = ALLOC_NEVER;
                else if (lend->wanted_since == ALLOC_NEVER)
                        lend->wanted_since = a->now;
        }
        return drop_untold(l) || !cpuset_equal(&before, &l->wanted) || !cpuset_equal(&coming, &l->coming);
}

/* Whether some lease has yet to get a PU that it is due. */
static bool somebody_needs(const struct alloc *a)
{
        for (size_t i = 0; i < a->n_leases; i++)
                if (!cpuset_is_subset(&a->solution.match.takes[i], &a->leases[i].own))
                        return true;
        return false;
}

bool alloc_settle(struct alloc *a)
{
        bool changed = false;

        a->solution.taken = (struct cpuset){0};
        for (size_t i = 0; i < a->n_leases; i++)
                cpuset_merge(&a->solution.taken, &a->solution.match.takes[i]);
        cpuset_subtract(&a->solution.taken, &a->solution.later);
        for (size_t i = 0; i < a->n_leases; i++)
                changed |= lend_free(a, i);
        for (size_t i = 0; i < a->n_leases; i++) {
                changed |= lend_overdue(a, i);
                changed |= ensure_first(a, i);
        }
        a->solution.guests = (struct cpuset){0};
        a->solution.needed = somebody_needs(a);
        for (size_t i = 0; i < a->n_leases; i++) {
                a->leases[i].declined |= a->solution.plans[i].forgiven;
                changed |= want_back(a, i);
                changed |= !cpuset_equal(&a->leases[i].meant, &a->solution.match.takes[i]);
                a->leases[i].meant = a->solution.match.takes[i];
                cpuset_merge(&a->solution.guests, &a->leases[i].guest);
        }
        return changed;
}
