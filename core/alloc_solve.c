/* Which PUs: every lease keeps what it holds as far as its share goes, and what it lacks comes, in this order, from
 * PUs that are free, that are wanted back already, that a lease holds above its share, and that a lease can exchange.
 * So as few PUs move as the shares allow, and solving again before anybody has answered gives the same.
 *
 * Two things bend the order. Free PUs beyond what the budget has room for come last: the lease gets one later, when
 * something else has been returned. And a search never goes through a lease with PUs to spare, because that one simply
 * gives.
 */
#include "core/alloc_state.h"

static void begin(const struct alloc *a, struct alloc_solution *s)
{
        s->guests = s->owned = s->released = s->later = (struct cpuset){0};
        for (size_t i = 0; i < a->n_leases; i++) {
                cpuset_merge(&s->owned, &a->leases[i].own);
                cpuset_merge(&s->guests, &a->leases[i].guest);
        }
        s->lent = cpuset_or(&s->guests, &s->owned);

        unsigned n_lent = cpuset_count(&s->lent);

        s->room = s->limit > n_lent ? s->limit - n_lent : 0;
        alloc_keep(a, s);
        /* A lease that does not grow makes do with what it shares. */
        for (size_t i = 0; i < a->n_leases; i++)
                s->plans[i].stuck = s->plans[i].fixed && alloc_lease_has_first(&a->leases[i], &s->match.may[i]);
}

/* The lease with the least per weight among those that lack something. */
static uint32_t next_needy(const struct alloc *a, const struct alloc_solution *s)
{
        uint32_t found = MATCH_NONE;

        for (uint32_t i = 0; i < a->n_leases; i++) {
                const struct alloc_plan *p = &s->plans[i];

                if (p->stuck || p->taken >= p->share)
                        continue;
                if (found == MATCH_NONE ||
                    alloc_is_poorer(p->taken, p->weight, s->plans[found].taken, s->plans[found].weight))
                        found = i;
        }
        return found;
}

/* The PUs of leases with PUs to spare. */
static struct cpuset spare_pus(const struct alloc *a, const struct alloc_solution *s)
{
        struct cpuset spare = {0};

        for (size_t i = 0; i < a->n_leases; i++)
                if (s->plans[i].surplus > 0)
                        cpuset_merge(&spare, &s->match.takes[i]);
        return spare;
}

/* The PUs of leases that could get another in exchange: not of one that has just been forgiven for keeping them. */
static struct cpuset exchangeable_pus(const struct alloc *a, const struct alloc_solution *s)
{
        struct cpuset exchangeable = s->fresh;

        for (size_t i = 0; i < a->n_leases; i++)
                if (s->plans[i].surplus == 0 && !s->plans[i].fixed && !s->plans[i].forgiven)
                        cpuset_merge(&exchangeable, &s->match.takes[i]);
        return exchangeable;
}

/* The best for `index` of PUs that nobody takes: free ones first, then its own, then those that it shares. */
static unsigned pick_untaken(const struct alloc *a, const struct alloc_solution *s, uint32_t index,
                             const struct cpuset *ends)
{
        const struct alloc_lease *l = &a->leases[index];
        const struct cpuset *preferred[] = {&s->free, &l->own, &l->guest};
        struct cpuset found = cpuset_and(&s->match.may[index], ends), from = found;

        for (size_t i = 0; i < sizeof(preferred) / sizeof(preferred[0]); i++) {
                from = cpuset_and(&found, preferred[i]);
                if (!cpuset_is_empty(&from))
                        break;
                from = found;
        }

        struct placement_choice choice = {.pu = cpuset_next(&from, 0)};

        placement_next(&a->machine, &a->goal, &from, &s->lent, &s->match.takes[index], &choice);
        return choice.pu;
}

/* Takes from the first lease with PUs to spare the worst of those that `index` may use. */
static unsigned take_spare(const struct alloc *a, struct alloc_solution *s, uint32_t index)
{
        for (size_t i = 0; i < a->n_leases; i++) {
                struct cpuset found = cpuset_and(&s->match.may[index], &s->match.takes[i]);
                unsigned pu = cpuset_next(&found, 0);

                if (s->plans[i].surplus == 0 || pu == CPUSET_NONE)
                        continue;
                placement_worst(&a->machine, &a->goal, &s->lent, &found, &pu);
                cpuset_remove(&s->match.takes[i], pu);
                s->plans[i].surplus--;
                s->plans[i].taken--;
                return pu;
        }
        return CPUSET_NONE;
}

static void took(struct alloc_solution *s, unsigned pu, bool later)
{
        bool lent = cpuset_has(&s->lent, pu);

        cpuset_remove(&s->free, pu);
        cpuset_remove(&s->released, pu);
        if (later)
                cpuset_add(&s->later, pu);
        else if (!lent)
                s->room--;
}

/* Tries to give `index` a PU out of `ends`, which nobody takes, through `passable`. */
static bool try_untaken(const struct alloc *a, struct alloc_solution *s, uint32_t index, const struct cpuset *passable,
                        const struct cpuset *ends, bool later)
{
        uint32_t end = match_reach(&s->match, index, passable, ends);

        if (end == MATCH_NONE)
                return false;
        unsigned pu = pick_untaken(a, s, end, ends);

        match_apply(&s->match, end, pu);
        took(s, pu, later);
        return true;
}

static bool try_spare(const struct alloc *a, struct alloc_solution *s, uint32_t index, const struct cpuset *passable,
                      const struct cpuset *spare)
{
        uint32_t end = match_reach(&s->match, index, passable, spare);

        if (end == MATCH_NONE)
                return false;
        match_apply(&s->match, end, take_spare(a, s, end));
        return true;
}

/* What leases take and do not use yet: handing that on to another moves nothing. */
static void note_fresh(const struct alloc *a, struct alloc_solution *s)
{
        s->fresh = (struct cpuset){0};
        for (size_t i = 0; i < a->n_leases; i++) {
                struct cpuset fresh = s->match.takes[i];

                cpuset_subtract(&fresh, &a->leases[i].own);
                cpuset_subtract(&fresh, &a->leases[i].guest);
                cpuset_merge(&s->fresh, &fresh);
        }
}

static bool give_one(const struct alloc *a, struct alloc_solution *s, uint32_t index)
{
        struct cpuset shared_only = cpuset_and(&s->free, &s->lent);
        struct cpuset ends = cpuset_or(s->room > 0 ? &s->free : &shared_only, &s->released);
        const struct cpuset nothing = {0};

        if (try_untaken(a, s, index, &nothing, &ends, false)) /* most often, and then no exchange need be prepared */
                return true;
        note_fresh(a, s);
        if (try_untaken(a, s, index, &s->fresh, &ends, false))
                return true;

        struct cpuset spare = spare_pus(a, s);
        struct cpuset exchangeable = exchangeable_pus(a, s);

        return try_spare(a, s, index, &s->fresh, &spare) || try_untaken(a, s, index, &exchangeable, &ends, false) ||
               try_spare(a, s, index, &exchangeable, &spare) || try_untaken(a, s, index, &s->fresh, &s->free, true);
}

/* What a lease still has above its share is wanted back although nobody takes it: its max or the budget fell. */
static void trim(const struct alloc *a, struct alloc_solution *s, size_t index)
{
        for (struct alloc_plan *p = &s->plans[index]; p->surplus > 0; p->surplus--, p->taken--) {
                struct cpuset *takes = &s->match.takes[index];
                unsigned pu = cpuset_next(takes, 0);

                placement_worst(&a->machine, &a->goal, &s->lent, takes, &pu);
                cpuset_remove(takes, pu);
        }
}

void alloc_solve(const struct alloc *a, struct alloc_solution *s)
{
        uint32_t index;

        begin(a, s);
        while ((index = next_needy(a, s)) != MATCH_NONE) {
                if (!give_one(a, s, index)) {
                        s->plans[index].stuck = true;
                        continue;
                }
                s->plans[index].taken++;
        }
        for (size_t i = 0; i < a->n_leases; i++)
                trim(a, s, i);
        alloc_exchange_kinds(a, s);
}

static bool wants_overdue(const struct alloc *a, const struct alloc_solution *s, size_t index)
{
        const struct alloc_lease *l = &a->leases[index];
        struct cpuset wanted = cpuset_andnot(&l->wanted, &s->match.takes[index]);

        CPUSET_FOREACH (pu, &wanted)
                if (alloc_lend_overdue(&l->lends[pu], a->now))
                        return true;
        return false;
}

bool alloc_forgive(const struct alloc *a, struct alloc_solution *s)
{
        bool forgave = false;

        for (size_t i = 0; i < a->n_leases; i++) {
                struct alloc_plan *p = &s->plans[i];

                if (a->leases[i].detached || !p->fixed || wants_overdue(a, s, i))
                        continue;
                p->forgiven = forgave = true;
        }
        return forgave;
}
