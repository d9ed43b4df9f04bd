#include "core/placement.h"

#include <string.h>

/* How much is lent where: all PUs, and the lease's own. */
struct count {
        uint16_t busy, own;
};

/* Only as many of each are set as the machine has. */
struct tally {
        struct count core[CPUSET_MAX], cache[CPUSET_MAX], node[CPUSET_MAX];
};

/* What a PU is worth to the lease. Compared field by field, in this order. */
struct rank {
        bool hot;            /* in the package that is to cool down; worse than not */
        double gain;         /* work it adds, in fast cores, or the same for its power; more is better */
        bool free_core;      /* better than not */
        unsigned core_other; /* PUs of its core that others hold; less is better, as in all that follow but own */
        unsigned core_busy;
        unsigned cache_own, node_own; /* more is better */
        unsigned node_busy, cache_busy;
        unsigned smt_rank, os;
};

const char *placement_reason_text(enum placement_reason reason)
{
        switch (reason) {
        case PLACEMENT_FAST_CORE:
                return "free core of the fastest kind";
        case PLACEMENT_SLOWER_CORE:
                return "free core of a slower kind";
        case PLACEMENT_SIBLING:
                return "SMT sibling of a busy core";
        case PLACEMENT_OWN_SIBLING:
                return "SMT sibling of an own core";
        case PLACEMENT_ONLY:
                return "nothing else is free";
        case PLACEMENT_REASONS:
                break;
        }
        return "unknown";
}

static void tally_add(struct tally *t, const struct machine_pu *pu, bool own)
{
        t->core[pu->core].busy++;
        t->cache[pu->cache].busy++;
        t->node[pu->node].busy++;
        if (own) {
                t->core[pu->core].own++;
                t->cache[pu->cache].own++;
                t->node[pu->node].own++;
        }
}

static void tally_remove_own(struct tally *t, const struct machine_pu *pu)
{
        struct count *counts[] = {&t->core[pu->core], &t->cache[pu->cache], &t->node[pu->node]};

        for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
                counts[i]->busy--;
                counts[i]->own--;
        }
}

static void tally_clear(struct tally *t, const struct machine *m)
{
        memset(t->core, 0, m->n_cores * sizeof(t->core[0]));
        memset(t->cache, 0, m->n_caches * sizeof(t->cache[0]));
        memset(t->node, 0, m->n_nodes * sizeof(t->node[0]));
}

static void tally_init(struct tally *t, const struct machine *m, const struct cpuset *busy, const struct cpuset *own)
{
        tally_clear(t, m);
        for (unsigned i = 0; i < m->n_pus; i++) {
                bool is_own = cpuset_has(own, m->pus[i].os);

                if (is_own || cpuset_has(busy, m->pus[i].os))
                        tally_add(t, &m->pus[i], is_own);
        }
}

/* The question put to every PU of one choice. */
struct asked {
        const struct machine *m;
        const struct placement_goal *goal;
};

static double gain_of(const struct asked *q, const struct machine_pu *pu, bool free_core)
{
        const struct machine_kind *kind = &q->m->kinds[pu->kind];
        double gain = free_core ? kind->speed : kind->speed * q->m->smt_gain;

        if (!q->goal || q->goal->aim != PLACEMENT_EFFICIENT)
                return gain;
        return gain / (free_core ? kind->power : kind->power * MACHINE_SMT_POWER);
}

static struct rank rank_of(const struct asked *q, const struct tally *t, const struct machine_pu *pu)
{
        const struct count *core = &t->core[pu->core], *cache = &t->cache[pu->cache], *node = &t->node[pu->node];

        return (struct rank){
                .hot = q->goal && q->goal->aim == PLACEMENT_COOL && pu->package == q->goal->hot_package,
                .gain = gain_of(q, pu, core->busy == 0),
                .free_core = core->busy == 0,
                .core_other = (unsigned)(core->busy - core->own),
                .core_busy = core->busy,
                .cache_own = cache->own,
                .node_own = node->own,
                .node_busy = node->busy,
                .cache_busy = cache->busy,
                .smt_rank = pu->smt_rank,
                .os = pu->os,
        };
}

static bool rank_is_better(const struct rank *a, const struct rank *b)
{
        if (a->hot != b->hot)
                return b->hot;
        if (a->gain > b->gain || a->gain < b->gain)
                return a->gain > b->gain;
        if (a->free_core != b->free_core)
                return a->free_core;
        if (a->core_other != b->core_other)
                return a->core_other < b->core_other;
        if (a->core_busy != b->core_busy)
                return a->core_busy < b->core_busy;
        if (a->cache_own != b->cache_own)
                return a->cache_own > b->cache_own;
        if (a->node_own != b->node_own)
                return a->node_own > b->node_own;
        if (a->node_busy != b->node_busy)
                return a->node_busy < b->node_busy;
        if (a->cache_busy != b->cache_busy)
                return a->cache_busy < b->cache_busy;
        if (a->smt_rank != b->smt_rank)
                return a->smt_rank < b->smt_rank;
        return a->os < b->os;
}

static enum placement_reason reason_of(const struct machine_pu *pu, const struct rank *rank)
{
        if (!rank->free_core)
                return rank->core_other == 0 ? PLACEMENT_OWN_SIBLING : PLACEMENT_SIBLING;
        return pu->kind == 0 ? PLACEMENT_FAST_CORE : PLACEMENT_SLOWER_CORE;
}

/* The best PU of `free` by its index in m->pus; returns how many candidates there were. */
static unsigned choose(const struct asked *q, const struct tally *t, const struct cpuset *free, unsigned *ret_index,
                       enum placement_reason *ret_reason)
{
        const struct machine *m = q->m;
        struct rank best = {0};
        unsigned n = 0, index = 0;

        for (unsigned i = 0; i < m->n_pus; i++) {
                if (!cpuset_has(free, m->pus[i].os))
                        continue;

                struct rank rank = rank_of(q, t, &m->pus[i]);

                if (n++ == 0 || rank_is_better(&rank, &best)) {
                        best = rank;
                        index = i;
                }
        }
        if (n > 0) {
                *ret_index = index;
                *ret_reason = reason_of(&m->pus[index], &best);
        }
        return n;
}

bool placement_next(const struct machine *m, const struct placement_goal *goal, const struct cpuset *free,
                    const struct cpuset *busy, const struct cpuset *own, struct placement_choice *ret_choice)
{
        const struct asked asked = {m, goal};
        struct tally tally;
        enum placement_reason reason;
        unsigned index, n;

        tally_init(&tally, m, busy, own);
        n = choose(&asked, &tally, free, &index, &reason);
        if (n == 0)
                return false;
        *ret_choice = (struct placement_choice){.pu = m->pus[index].os, .reason = n == 1 ? PLACEMENT_ONLY : reason};
        return true;
}

unsigned placement_order(const struct machine *m, const struct placement_goal *goal, const struct cpuset *usable,
                         struct placement_choice *ret_choices)
{
        const struct asked asked = {m, goal};
        struct cpuset free = *usable;
        struct tally tally;
        enum placement_reason reason;
        unsigned n_written = 0, index;

        tally_clear(&tally, m);
        while (choose(&asked, &tally, &free, &index, &reason) > 0) {
                const struct machine_pu *pu = &m->pus[index];

                ret_choices[n_written++] = (struct placement_choice){.pu = pu->os, .reason = reason};
                cpuset_remove(&free, pu->os);
                tally_add(&tally, pu, true);
        }
        return n_written;
}

bool placement_worst(const struct machine *m, const struct placement_goal *goal, const struct cpuset *busy,
                     const struct cpuset *own, unsigned *ret_pu)
{
        const struct asked asked = {m, goal};
        struct tally tally;
        struct rank worst = {0};
        bool found = false;

        tally_init(&tally, m, busy, own);
        for (unsigned i = 0; i < m->n_pus; i++) {
                const struct machine_pu *pu = &m->pus[i];

                if (!cpuset_has(own, pu->os))
                        continue;

                /* Ranked as if it were not held and the question were whether to take it. */
                tally_remove_own(&tally, pu);
                struct rank rank = rank_of(&asked, &tally, pu);
                tally_add(&tally, pu, true);

                if (!found || rank_is_better(&worst, &rank)) {
                        worst = rank;
                        found = true;
                }
        }
        if (found)
                *ret_pu = worst.os;
        return found;
}
