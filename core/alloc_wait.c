/* Who waits for a first PU: in which order, and until when. Waiting leases are background ones, and others where all
 * that they may use is shared to the bound.
 *
 * What is expected comes of the allocator's own law, applied to what will be: the leases whose end is known are taken
 * away in the order of their ends, and a lease that waits may expect its PU at the first end after which it would be
 * due one. Leases that come meanwhile are not foreseen, nor are ends that nobody has told.
 */
#include "core/alloc_state.h"

enum {
        ALLOC_FORESEEN_MAX = 16, /* ends looked ahead; each is one more division of the machine */
};

static bool waits(const struct alloc *a, size_t index)
{
        const struct alloc_lease *l = &a->leases[index];

        return !alloc_lease_holds_any(l) && !l->request.paused;
}

/* PUs that the user's background leases have, were those that wait before this one to start with one each. */
static unsigned turn(const struct alloc *a, const struct alloc_solution *s, size_t index)
{
        unsigned n = s->plans[s->plans[index].user].user_share[true];

        for (size_t i = 0; i < index; i++)
                n += s->plans[i].user == s->plans[index].user && s->plans[i].batch && waits(a, i);
        return n;
}

/* The order in which alloc_share() would start them. */
static bool goes_before(const struct alloc_solution *s, size_t index, size_t other)
{
        const struct alloc_plan *p = &s->plans[index], *q = &s->plans[other];
        unsigned v = s->plans[p->user].user_weight, w = s->plans[q->user].user_weight;

        if (p->batch != q->batch)
                return q->batch;
        if (p->batch && alloc_is_poorer(p->turn, v, q->turn, w))
                return true;
        if (p->batch && alloc_is_poorer(q->turn, w, p->turn, v))
                return false;
        return index < other;
}

static unsigned position(const struct alloc *a, const struct alloc_solution *s, size_t index)
{
        unsigned n = 1;

        for (size_t i = 0; i < a->n_leases; i++)
                n += i != index && waits(a, i) && goes_before(s, i, index);
        return n;
}

/* The lease whose known end comes next; SIZE_MAX where there is none. One that has passed is due at any moment. */
static size_t next_end(const struct alloc *a, const struct alloc_solution *s)
{
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < a->n_leases; i++) {
                const struct alloc_lease *l = &a->leases[i];

                if (s->plans[i].gone || l->request.ends_at == 0 || !alloc_lease_holds_any(l) || l->request.paused)
                        continue;
                if (found == SIZE_MAX || l->request.ends_at < a->leases[found].request.ends_at)
                        found = i;
        }
        return found;
}

/* Beside `others` that may come to it first. */
static bool has_place(const struct alloc *a, const struct alloc_solution *s, unsigned pu, unsigned others)
{
        unsigned n = others;

        for (size_t i = 0; i < a->n_leases; i++) {
                struct cpuset held = alloc_lease_held(&a->leases[i]);

                n += !s->plans[i].gone && cpuset_has(&held, pu);
        }
        return n < 1 + ALLOC_SHARED_PER_PU_MAX;
}

/* A first PU that must not wait only lacks a place to share: whoever ends leaves one, unless there was one too many.
 * Who is due the PU that the lease owned may come from another and leave a place there, which this lease may have no
 * use for.
 */
static bool gets_place(const struct alloc *a, const struct alloc_solution *s, size_t index, size_t ended)
{
        struct cpuset held = alloc_lease_held(&a->leases[ended]);
        struct cpuset left = cpuset_and(&held, &s->match.may[index]);
        bool anywhere = cpuset_equal(&s->match.may[index], &a->usable);

        if (s->plans[index].batch)
                return false;
        CPUSET_FOREACH (pu, &left)
                if (has_place(a, s, pu, !anywhere && cpuset_has(&a->leases[ended].own, pu)))
                        return true;
        return false;
}

/* Notes what the waiting leases are due after `ended` has ended; returns how many still know nothing. */
static size_t note(struct alloc *a, size_t ended)
{
        uint64_t at = a->leases[ended].request.ends_at;
        size_t n_open = 0;

        for (size_t i = 0; i < a->n_leases; i++) {
                struct alloc_plan *p = &a->solution.plans[i];

                a->foresight.plans[i].begun |= p->position > 0 && a->foresight.plans[i].share > 0;
                if (p->position == 0 || p->expected_at != 0)
                        continue;
                if (a->foresight.plans[i].share > 0 || gets_place(a, &a->foresight, i, ended))
                        p->expected_at = at;
                else
                        n_open++;
        }
        return n_open;
}

static void foresee(struct alloc *a)
{
        struct alloc_solution *s = &a->foresight;
        size_t n_open = 1, ended;

        for (size_t i = 0; i < a->n_leases; i++)
                s->plans[i] = (struct alloc_plan){0};
        for (unsigned n = 0; n < ALLOC_FORESEEN_MAX && n_open > 0; n++) {
                ended = next_end(a, s);
                if (ended == SIZE_MAX)
                        return;
                s->plans[ended].gone = true;
                alloc_share(a, s);
                n_open = note(a, ended);
        }
}

void alloc_wait(struct alloc *a)
{
        struct alloc_solution *s = &a->solution;
        bool any = false;

        for (size_t i = 0; i < a->n_leases; i++)
                if (waits(a, i)) {
                        s->plans[i].turn = turn(a, s, i);
                        any = true;
                }
        if (!any)
                return;
        for (size_t i = 0; i < a->n_leases; i++)
                if (waits(a, i))
                        s->plans[i].position = position(a, s, i);
        foresee(a);
}
