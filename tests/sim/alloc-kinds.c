#include "tests/sim/alloc-kinds.h"

#include <math.h>

enum { FITTING_ROUNDS = 300 };

#define EPS 1e-3 /* the judge fits its parts anew and further than the allocator does */

static struct cpuset may_use(const struct alloc *a, const struct laws_facts *facts, size_t index)
{
        struct cpuset allowed = cpuset_and(&alloc_lease_at(a, index).request->allowed, &facts->usable);

        return cpuset_andnot(&allowed, &facts->unusable[index]);
}

static bool counts(const struct alloc *a, size_t index, bool batch)
{
        struct alloc_lease_view v = alloc_lease_at(a, index);
        const struct alloc_grant *g = v.grant;

        return !v.declined && (v.request->priority == ALLOC_BATCH) == batch && !cpuset_is_empty(&g->pus) &&
               g->reason != ALLOC_SHARED_FIRST;
}

/* What a lease has of a kind and what it may have, and its part by iterative proportional fitting. */
struct part {
        unsigned has, may;
        double part;
};

struct parts {
        struct part of[ALLOC_LEASES_MAX][MACHINE_KINDS_MAX];
        unsigned due[ALLOC_LEASES_MAX];
        double column[MACHINE_KINDS_MAX];
        size_t n;
};

static void read_lease(const struct alloc *a, const struct laws_facts *facts, size_t index, struct parts *p)
{
        struct cpuset may = may_use(a, facts, index);
        const struct cpuset *pus = &alloc_lease_at(a, index).grant->pus;

        p->due[index] = cpuset_count(pus);
        for (unsigned k = 0; k < facts->machine->n_kinds; k++) {
                struct cpuset kind = machine_kind_cpuset(facts->machine, k), has = cpuset_and(pus, &kind);
                struct part *part = &p->of[index][k];

                cpuset_restrict(&kind, &may);
                *part = (struct part){.has = cpuset_count(&has), .may = cpuset_count(&kind)};
                part->part = part->may ? p->due[index] : 0;
                p->column[k] += part->has;
        }
}

static void fit_column(const struct parts *p, const bool *counted, struct part (*of)[MACHINE_KINDS_MAX], unsigned kind)
{
        double sum = 0;

        for (size_t i = 0; i < p->n; i++)
                sum += counted[i] ? of[i][kind].part : 0;
        for (size_t i = 0; i < p->n && sum > 0; i++)
                if (counted[i])
                        of[i][kind].part *= p->column[kind] / sum;
}

/* Returns by how much the row was off. */
static double fit_row(struct part *of, unsigned n_kinds, unsigned due)
{
        double sum = 0;

        for (unsigned k = 0; k < n_kinds; k++)
                sum += of[k].part;
        for (unsigned k = 0; k < n_kinds && sum > 0; k++)
                of[k].part *= due / sum;
        return fabs(sum - due);
}

static void read_parts(const struct alloc *a, const struct laws_facts *facts, bool batch, struct parts *p)
{
        bool counted[ALLOC_LEASES_MAX] = {false};
        unsigned n_kinds = facts->machine->n_kinds;
        double off = 1;

        p->n = alloc_n_leases(a);
        for (unsigned k = 0; k < n_kinds; k++)
                p->column[k] = 0;
        for (size_t i = 0; i < p->n; i++) {
                counted[i] = counts(a, i, batch);
                if (counted[i])
                        read_lease(a, facts, i, p);
        }
        for (unsigned round = 0; round < FITTING_ROUNDS && off > EPS * EPS; round++) {
                off = 0;
                for (unsigned k = 0; k < n_kinds; k++)
                        fit_column(p, counted, p->of, k);
                for (size_t i = 0; i < p->n; i++)
                        if (counted[i])
                                off = fmax(off, fit_row(p->of[i], n_kinds, p->due[i]));
        }
}

static double class_error(const struct alloc *a, const struct laws_facts *facts, bool batch)
{
        static struct parts p;
        double worst = 0;

        read_parts(a, facts, batch, &p);
        for (size_t i = 0; i < p.n; i++) {
                struct cpuset may = may_use(a, facts, i);

                for (unsigned k = 0; k < facts->machine->n_kinds && counts(a, i, batch); k++)
                        if (cpuset_equal(&may, &facts->usable))
                                worst = fmax(worst, fabs(p.of[i][k].has - p.of[i][k].part));
        }
        return worst;
}

double kinds_error(const struct alloc *a, const struct laws_facts *facts)
{
        return fmax(class_error(a, facts, false), class_error(a, facts, true));
}

double kinds_part(const struct alloc *a, const struct laws_facts *facts, size_t index, unsigned kind)
{
        static struct parts p;
        bool batch = alloc_lease_at(a, index).request->priority == ALLOC_BATCH;

        if (!counts(a, index, batch))
                return 0;
        read_parts(a, facts, batch, &p);
        return p.of[index][kind].part;
}

/* Whether i has a PU of the kind that j may use and nobody shares. */
static bool could_give(const struct alloc *a, const struct laws_facts *facts, size_t i, size_t j, unsigned kind)
{
        const struct alloc_grant *g = alloc_lease_at(a, i).grant;
        struct cpuset pus = machine_kind_cpuset(facts->machine, kind), may = may_use(a, facts, j);

        cpuset_restrict(&pus, &g->pus);
        cpuset_restrict(&pus, &may);
        return !cpuset_is_empty(&pus) && !cpuset_intersects(&pus, &g->shared);
}

static bool could_swap(const struct alloc *a, const struct laws_facts *facts, size_t i, unsigned give, size_t j,
                       unsigned take)
{
        bool begins = cpuset_count(&alloc_lease_at(a, i).grant->pus) > 1 ||
                      cpuset_count(&alloc_lease_at(a, j).grant->pus) > 1;

        return begins && could_give(a, facts, i, j, give) && could_give(a, facts, j, i, take);
}

static double excess(const struct part *p)
{
        return p->has - p->part;
}

/* Whether i and j would both gain by i's PU of kind k for j's of kind l, and by a whole PU. */
static bool would_gain(const struct parts *p, size_t i, unsigned k, size_t j, unsigned l)
{
        double over = excess(&p->of[i][k]), under = -excess(&p->of[i][l]);
        double other_under = -excess(&p->of[j][k]), other_over = excess(&p->of[j][l]);
        bool whole = over > 1 + EPS || under > 1 + EPS || other_under > 1 + EPS || other_over > 1 + EPS;

        return whole && over > EPS && under > EPS && other_under > EPS && other_over > EPS;
}

static const char *judge_class(const struct alloc *a, const struct laws_facts *facts, bool batch)
{
        static struct parts p;

        read_parts(a, facts, batch, &p);
        for (size_t i = 0; i < p.n; i++)
                for (size_t j = 0; j < p.n; j++)
                        for (unsigned kl = 0; kl < facts->machine->n_kinds * facts->machine->n_kinds; kl++) {
                                unsigned k = kl / facts->machine->n_kinds, l = kl % facts->machine->n_kinds;

                                if (i == j || k == l || !counts(a, i, batch) || !counts(a, j, batch))
                                        continue;
                                if (would_gain(&p, i, k, j, l) && could_swap(a, facts, i, k, j, l))
                                        return "a lease has too much of a kind";
                        }
        return NULL;
}

static const char *judge_batch(const struct alloc *a, const struct laws_facts *facts, size_t i, size_t j)
{
        for (unsigned fast = 0; fast < facts->machine->n_kinds; fast++)
                for (unsigned slow = fast + 1; slow < facts->machine->n_kinds; slow++)
                        if (could_swap(a, facts, j, fast, i, slow))
                                return "a background lease has the faster core";
        return NULL;
}

const char *laws_kinds_are_fair(const struct alloc *a, const struct laws_facts *facts)
{
        const char *broken = NULL;

        if (facts->machine->n_kinds < 2 || facts->hold)
                return NULL;
        for (size_t i = 0; i < alloc_n_leases(a); i++)
                for (size_t j = 0; j < alloc_n_leases(a) && !broken; j++)
                        if (counts(a, i, false) && counts(a, j, true))
                                broken = judge_batch(a, facts, i, j);
        if (!broken)
                broken = judge_class(a, facts, false);
        return broken ? broken : judge_class(a, facts, true);
}
