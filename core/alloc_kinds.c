/* Fair over kinds: nobody gets all the fast cores. Counts are settled; this changes only which PUs they are made of.
 *
 * A lease's part of a kind is in proportion to its count: of the fourteen PUs that two equal leases have on six fast
 * and eight slow cores, each is due three and four. Where masks differ, parts are what iterative proportional fitting
 * comes to (Deming and Stephan 1940): rows are the leases' counts, columns the PUs of each kind that are lent, and a
 * lease that may use none of a kind has no part of it.
 *
 * PUs are exchanged along cycles: a lease gives one of a kind of which it has more than its part, others pass on, and
 * it gets one of a kind of which it has less. A cycle is applied only where a count is off by one PU or more, and
 * nobody is brought further than one PU from its part, so every cycle takes one whole PU off the errors, their number
 * is bounded, and small changes move nothing. That rounding a table of parts never needs an error of one is Bacharach's
 * theorem (1966, Matrix rounding problems, Management Science 12). On two kinds every cycle is a swap between two
 * leases.
 *
 * Background leases take what the others leave, so theirs are divided apart; and where one has a faster core than one
 * of another lease, the two are swapped.
 */
#include "core/alloc_state.h"

#define ALLOC_PART_EPS 1e-6 /* parts are rounded */

enum {
        ALLOC_FITTING_ROUNDS = 24, /* one is exact where no mask is in the way; the error falls by a factor in each */
};

/* One exchange: at step n, lease[n] gives a PU of kind[n] to lease[n + 1], the last one to the first. */
struct cycle {
        uint32_t lease[MACHINE_KINDS_MAX];
        unsigned kind[MACHINE_KINDS_MAX];
        unsigned n;
};

/* The search for a cycle: breadth first from kind to kind, so that the fewest PUs move. */
struct search {
        bool batch;
        uint32_t start; /* gives a PU of the kind `first` and gets one that it lacks */
        unsigned first;
        uint32_t lease[MACHINE_KINDS_MAX]; /* by kind: who passes it on */
        unsigned from[MACHINE_KINDS_MAX];  /* the kind that it gets for that */
        bool seen[MACHINE_KINDS_MAX];
        unsigned queue[MACHINE_KINDS_MAX], n_queued;
};

/* Whether the lease can be asked to exchange at all. */
static bool takes_part(const struct alloc *a, const struct alloc_solution *s, size_t index)
{
        return !s->plans[index].fixed && !s->plans[index].forgiven && !a->leases[index].declined &&
               !cpuset_is_empty(&s->match.takes[index]);
}

/* PUs of a kind that `from` could give to `to`: neither those that wait for the budget nor those that it only shares.
 */
static struct cpuset givable(const struct alloc *a, const struct alloc_solution *s, uint32_t from, uint32_t to,
                             unsigned kind)
{
        struct cpuset found = cpuset_and(&s->match.takes[from], &a->kinds[kind]);

        cpuset_restrict(&found, &s->match.may[to]);
        cpuset_subtract(&found, &s->later);
        cpuset_subtract(&found, &a->leases[from].guest);
        return found;
}

static bool can_give(const struct alloc *a, const struct alloc_solution *s, uint32_t from, uint32_t to, unsigned kind)
{
        struct cpuset found = givable(a, s, from, to, kind);

        return !cpuset_is_empty(&found);
}

/* The one that moves least: what the giver does not use yet, and of that what the taker has; then what is wanted from
 * the giver already; then the giver's worst. */
static unsigned pick(const struct alloc *a, const struct alloc_solution *s, uint32_t from, uint32_t to, unsigned kind)
{
        const struct alloc_lease *giver = &a->leases[from], *taker = &a->leases[to];
        struct cpuset found = givable(a, s, from, to, kind), fresh = cpuset_andnot(&found, &giver->own);
        struct cpuset home = cpuset_and(&fresh, &taker->own), wanted = cpuset_and(&found, &giver->wanted);
        const struct cpuset *preferred[] = {&home, &fresh, &wanted, &found};
        unsigned pu = CPUSET_NONE;

        for (size_t i = 0; i < sizeof(preferred) / sizeof(preferred[0]); i++)
                if (placement_worst(&a->machine, &a->goal, &s->lent, preferred[i], &pu))
                        return pu;
        return pu;
}

/* Whether the exchange can come about: a PU of the cycle is free to go at once, and the rest follows; or else somebody
 * has PUs enough to give one first. That waits until nothing else is under way: shares come first. */
static bool can_begin(const struct alloc *a, const struct alloc_solution *s, const struct cycle *c, const unsigned *pus)
{
        bool enough = false;

        for (unsigned i = 0; i < c->n; i++) {
                if (!cpuset_has(&a->leases[c->lease[i]].own, pus[i]))
                        return true;
                enough |= s->plans[c->lease[i]].share > 1;
        }
        return enough && s->at_rest;
}

/* False where the exchange cannot begin. */
static bool apply(const struct alloc *a, struct alloc_solution *s, const struct cycle *c)
{
        unsigned pus[MACHINE_KINDS_MAX];

        for (unsigned i = 0; i < c->n; i++)
                pus[i] = pick(a, s, c->lease[i], c->lease[(i + 1) % c->n], c->kind[i]);
        if (!can_begin(a, s, c, pus))
                return false;
        for (unsigned i = 0; i < c->n; i++) {
                uint32_t from = c->lease[i], to = c->lease[(i + 1) % c->n];

                cpuset_remove(&s->match.takes[from], pus[i]);
                cpuset_add(&s->match.takes[to], pus[i]);
                s->plans[from].excess[c->kind[i]] -= 1;
                s->plans[to].excess[c->kind[i]] += 1;
        }
        return true;
}

/* Parts */

static bool counts(const struct alloc *a, const struct alloc_solution *s, size_t index, bool batch)
{
        return s->plans[index].batch == batch && takes_part(a, s, index);
}

/* What the lease takes and can have soon. What waits for the budget is chosen anew each time, and would bring the parts
 * of what stays to and fro. */
static struct cpuset counted(const struct alloc_solution *s, size_t index)
{
        return cpuset_andnot(&s->match.takes[index], &s->later);
}

/* What the lease may have of a kind, as its part before any fitting. */
static void begin_parts(const struct alloc *a, struct alloc_solution *s, size_t index, double *column)
{
        struct cpuset all = counted(s, index);

        for (unsigned k = 0; k < a->machine.n_kinds; k++) {
                struct cpuset may = cpuset_and(&s->match.may[index], &a->kinds[k]);
                struct cpuset takes = cpuset_and(&all, &a->kinds[k]);

                s->plans[index].excess[k] = cpuset_is_empty(&may) ? 0 : cpuset_count(&all);
                column[k] += cpuset_count(&takes);
        }
}

static void fit_columns(const struct alloc *a, struct alloc_solution *s, bool batch, const double *column)
{
        for (unsigned k = 0; k < a->machine.n_kinds; k++) {
                double sum = 0;

                for (size_t i = 0; i < a->n_leases; i++)
                        if (counts(a, s, i, batch))
                                sum += s->plans[i].excess[k];
                for (size_t i = 0; i < a->n_leases && sum > 0; i++)
                        if (counts(a, s, i, batch))
                                s->plans[i].excess[k] *= column[k] / sum;
        }
}

/* Returns by how much the worst row was off. */
static double fit_rows(const struct alloc *a, struct alloc_solution *s, bool batch)
{
        double worst = 0;

        for (size_t i = 0; i < a->n_leases; i++) {
                struct cpuset takes = counted(s, i);
                double *part = s->plans[i].excess, sum = 0, due = cpuset_count(&takes);

                if (!counts(a, s, i, batch))
                        continue;
                for (unsigned k = 0; k < a->machine.n_kinds; k++)
                        sum += part[k];
                worst = sum - due > worst ? sum - due : worst;
                for (unsigned k = 0; k < a->machine.n_kinds && sum > 0; k++)
                        part[k] *= due / sum;
        }
        return worst;
}

/* Fills in by how much each lease of the class is above its part of each kind; returns how many leases that are. */
static size_t find_excess(const struct alloc *a, struct alloc_solution *s, bool batch)
{
        double column[MACHINE_KINDS_MAX] = {0};
        size_t n = 0;

        for (size_t i = 0; i < a->n_leases; i++)
                if (counts(a, s, i, batch)) {
                        begin_parts(a, s, i, column);
                        n++;
                }
        for (unsigned round = 0; n > 1 && round < ALLOC_FITTING_ROUNDS; round++) {
                fit_columns(a, s, batch, column);
                if (fit_rows(a, s, batch) < ALLOC_PART_EPS)
                        break;
        }
        for (size_t i = 0; i < a->n_leases; i++)
                for (unsigned k = 0; k < a->machine.n_kinds && counts(a, s, i, batch); k++) {
                        struct cpuset takes = counted(s, i);

                        cpuset_restrict(&takes, &a->kinds[k]);
                        s->plans[i].excess[k] = cpuset_count(&takes) - s->plans[i].excess[k];
                }
        return n;
}

/* Cycles */

static struct cycle cycle_of(const struct search *q, unsigned last)
{
        struct cycle reversed = {0}, c = {.lease = {q->start}, .kind = {q->first}, .n = 1};

        for (unsigned kind = last; kind != q->first; kind = q->from[kind]) {
                reversed.lease[reversed.n] = q->lease[kind];
                reversed.kind[reversed.n++] = kind;
        }
        for (; c.n <= reversed.n; c.n++) {
                c.lease[c.n] = reversed.lease[reversed.n - c.n];
                c.kind[c.n] = reversed.kind[reversed.n - c.n];
        }
        return c;
}

/* Ends the cycle with `lease` giving `kind` to the start, where that lacks it and a whole PU is gained. */
static bool try_close(const struct alloc *a, struct alloc_solution *s, struct search *q, uint32_t lease, unsigned kind)
{
        const double *excess = s->plans[q->start].excess;
        bool whole = excess[q->first] > 1 - ALLOC_PART_EPS || excess[kind] < -1 + ALLOC_PART_EPS;

        if (!whole || excess[kind] > -ALLOC_PART_EPS || !can_give(a, s, lease, q->start, kind))
                return false;
        q->lease[kind] = lease;

        struct cycle c = cycle_of(q, kind);

        return apply(a, s, &c);
}

/* Whether the lease, that gets a PU of `kind`, closes a cycle with one of which it has too many. */
static bool pass_on(const struct alloc *a, struct alloc_solution *s, struct search *q, uint32_t lease, unsigned kind)
{
        for (unsigned k = 0; k < a->machine.n_kinds; k++) {
                if (q->seen[k] || s->plans[lease].excess[k] < ALLOC_PART_EPS)
                        continue;
                q->from[k] = kind;
                if (try_close(a, s, q, lease, k))
                        return true;
        }
        return false;
}

/* Or what it could give to others for that. */
static void enqueue(const struct alloc *a, const struct alloc_solution *s, struct search *q, uint32_t lease,
                    unsigned kind)
{
        for (unsigned k = 0; k < a->machine.n_kinds; k++) {
                if (q->seen[k] || s->plans[lease].excess[k] < ALLOC_PART_EPS)
                        continue;
                q->seen[k] = true;
                q->from[k] = kind;
                q->lease[k] = lease;
                q->queue[q->n_queued++] = k;
        }
}

static bool may_get(const struct alloc *a, const struct alloc_solution *s, const struct search *q, uint32_t lease,
                    unsigned kind)
{
        return lease != q->lease[kind] && lease != q->start && counts(a, s, lease, q->batch) &&
               s->plans[lease].excess[kind] < -ALLOC_PART_EPS && can_give(a, s, q->lease[kind], lease, kind);
}

/* Applies a cycle that begins with `lease` giving a PU of kind `first`; false where there is none. */
static bool search(const struct alloc *a, struct alloc_solution *s, bool batch, uint32_t lease, unsigned first)
{
        struct search q = {.batch = batch, .start = lease, .first = first, .queue = {first}, .n_queued = 1};

        q.seen[first] = true;
        q.lease[first] = lease;
        for (unsigned done = 0; done < q.n_queued; done++) {
                unsigned kind = q.queue[done];

                for (uint32_t j = 0; j < a->n_leases; j++)
                        if (may_get(a, s, &q, j, kind) && pass_on(a, s, &q, j, kind))
                                return true;
                for (uint32_t j = 0; j < a->n_leases; j++)
                        if (may_get(a, s, &q, j, kind))
                                enqueue(a, s, &q, j, kind);
        }
        return false;
}

/* Applies one exchange from the lease's point of view; false where there is none. */
static bool exchange_one(const struct alloc *a, struct alloc_solution *s, bool batch, uint32_t lease)
{
        for (unsigned k = 0; k < a->machine.n_kinds; k++)
                if (s->plans[lease].excess[k] > ALLOC_PART_EPS && search(a, s, batch, lease, k))
                        return true;
        return false;
}

static void exchange(const struct alloc *a, struct alloc_solution *s, bool batch)
{
        if (find_excess(a, s, batch) < 2)
                return;
        for (uint32_t i = 0; i < a->n_leases; i++)
                while (counts(a, s, i, batch) && exchange_one(a, s, batch, i))
                        ;
}

/* Background leases */

/* Swaps a slower core of `lease` for a faster one of a background lease's. */
static bool swap_faster(const struct alloc *a, struct alloc_solution *s, uint32_t lease, uint32_t background)
{
        for (unsigned fast = 0; fast < a->machine.n_kinds; fast++)
                for (unsigned slow = a->machine.n_kinds - 1; slow > fast; slow--) {
                        struct cycle c = {.lease = {background, lease}, .kind = {fast, slow}, .n = 2};

                        if (can_give(a, s, background, lease, fast) && can_give(a, s, lease, background, slow) &&
                            apply(a, s, &c))
                                return true;
                }
        return false;
}

static void swap_all_faster(const struct alloc *a, struct alloc_solution *s)
{
        for (uint32_t i = 0; i < a->n_leases; i++)
                for (uint32_t j = 0; j < a->n_leases && counts(a, s, i, false); j++)
                        while (counts(a, s, j, true) && swap_faster(a, s, i, j))
                                ;
}

/* Whether everybody has all that the solution means for it. */
static bool is_at_rest(const struct alloc *a, const struct alloc_solution *s)
{
        for (size_t i = 0; i < a->n_leases; i++)
                if (!cpuset_is_subset(&s->match.takes[i], &a->leases[i].own))
                        return false;
        return true;
}

/* Beginning */

/* A PU of the lease's that another is to have. */
static unsigned find_given(const struct alloc *a, const struct alloc_solution *s, size_t index)
{
        struct cpuset given = cpuset_andnot(&a->leases[index].own, &s->match.takes[index]);
        unsigned pu = CPUSET_NONE;

        for (size_t i = 0; i < a->n_leases && pu == CPUSET_NONE; i++)
                pu = cpuset_first_common(&given, &s->match.takes[i]);
        return pu;
}

/* Whether nothing will move of itself: nobody has PUs to spare, and none is free to be taken. Who does not answer is no
 * reason to wait. */
static bool is_stuck(const struct alloc *a, const struct alloc_solution *s)
{
        for (size_t i = 0; i < a->n_leases; i++) {
                struct cpuset free = cpuset_andnot(&s->match.takes[i], &s->owned);

                if (!cpuset_is_empty(&free))
                        return false;
                if (!s->plans[i].fixed && cpuset_count(&a->leases[i].own) > s->plans[i].share)
                        return false;
        }
        return true;
}

/* Where PUs are to change places and everybody waits for the other, whoever has most gives one first, and so is never
 * left with nothing; as that PU arrives its taker has one to spare, and the rest follows. */
static void begin_exchange(const struct alloc *a, struct alloc_solution *s)
{
        unsigned most = 1, found = CPUSET_NONE;

        if (!is_stuck(a, s))
                return;
        for (size_t i = 0; i < a->n_leases; i++) {
                unsigned pu = s->plans[i].fixed || s->plans[i].share <= most ? CPUSET_NONE : find_given(a, s, i);

                if (pu == CPUSET_NONE)
                        continue;
                most = s->plans[i].share;
                found = pu;
        }
        if (found != CPUSET_NONE)
                cpuset_add(&s->exchanged, found);
}

void alloc_exchange_kinds(const struct alloc *a, struct alloc_solution *s)
{
        s->exchanged = (struct cpuset){0};
        alloc_send_home(a, s);
        s->at_rest = is_at_rest(a, s);
        if (a->machine.n_kinds > 1 && !a->hold) {
                swap_all_faster(a, s);
                exchange(a, s, false);
                exchange(a, s, true);
                alloc_send_home(a, s);
        }
        begin_exchange(a, s);
}
