/* How fair the allocator is, in figures: random histories of runs of three users on several machines, and at rest, when
 * everybody has answered, what every lease has against the exact hierarchical max-min share and against its part of
 * every kind; how many PUs were moved against the fewest that can lead there; and how long a new run waited.
 *
 *     sim-alloc-fairness [--table]
 *
 * Exits with 1 where a figure passes the limit that is printed with it. docs/allocator.md has the table.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/alloc-exact.h"
#include "tests/sim/alloc-kinds.h"
#include "tests/sim/alloc-world.h"

enum {
        HISTORIES = 60,
        EVENTS = 60,
        LEASES = 6, /* at a time */
        ROUNDS = 64,
};

#define ANSWER_US 1000000 /* the most that a client takes: the end of an item, or moving in its midst */

struct figures {
        double share_sum, share_worst;
        double kind_sum, kind_worst;
        double wait_worst;  /* s, of a run that is not a background one, until it has its share */
        double first_worst; /* s, until its first PU */
        uint64_t moved, fewest;
        unsigned n_events, n_leases, n_rests;
};

struct trial {
        struct alloc *alloc;
        struct alloc_actions actions;
        struct machine machine;
        struct cpuset usable;
        struct rng rng;
        uint64_t now;
        unsigned budget;
        alloc_id next;
        struct cpuset held[LEASES], before[LEASES]; /* by index: after the latest step, at the latest rest */
        alloc_id ids[LEASES];
        uint64_t asked_at[LEASES];
        struct figures *figures;
};

static void fail(const char *what)
{
        fprintf(stderr, "sim-alloc-fairness: %s\n", what);
        exit(2);
}

/* Keeps the leases' sets in step with the allocator's order of them. */
static void follow(struct trial *t)
{
        struct cpuset held[LEASES] = {0}, before[LEASES] = {0};
        uint64_t asked_at[LEASES] = {0};

        for (size_t i = 0; i < alloc_n_leases(t->alloc); i++) {
                struct alloc_lease_view v = alloc_lease_at(t->alloc, i);
                struct cpuset more = v.grant->pus;

                asked_at[i] = ALLOC_NEVER;
                for (size_t j = 0; j < LEASES; j++)
                        if (t->ids[j] == v.id) {
                                more = cpuset_andnot(&v.grant->pus, &t->held[j]);
                                before[i] = t->before[j];
                                asked_at[i] = t->asked_at[j];
                        }
                t->figures->moved += cpuset_count(&more);
                held[i] = v.grant->pus;
                if (cpuset_is_empty(&v.grant->wanted))
                        asked_at[i] = ALLOC_NEVER;
                else if (asked_at[i] == ALLOC_NEVER)
                        asked_at[i] = t->now + 1 + rng_below(&t->rng, ANSWER_US);
        }
        for (size_t i = 0; i < LEASES; i++)
                t->ids[i] = i < alloc_n_leases(t->alloc) ? alloc_lease_at(t->alloc, i).id : 0;
        memcpy(t->held, held, sizeof(held));
        memcpy(t->before, before, sizeof(before));
        memcpy(t->asked_at, asked_at, sizeof(asked_at));
}

static void step(struct trial *t, struct alloc_event event)
{
        event.now = t->now;
        if (alloc_step(t->alloc, &event, &t->actions) != 0 || alloc_check(t->alloc))
                fail("a step failed");
        follow(t);
}

static struct alloc_request random_request(struct trial *t)
{
        static const unsigned weights[] = {100, 100, 100, 200, 50};
        struct alloc_request r = {
                .uid = 1000 + rng_below(&t->rng, 3), .min = 1, .weight = weights[rng_below(&t->rng, 5)]};

        r.user_weight = r.uid == 1002 ? 200 : 0;
        r.max = rng_below(&t->rng, 3) ? CPUSET_MAX : 1 + rng_below(&t->rng, t->machine.n_pus);
        r.priority = (enum alloc_priority[]){ALLOC_NORMAL, ALLOC_NORMAL, ALLOC_BATCH,
                                             ALLOC_INTERACTIVE}[rng_below(&t->rng, 4)];
        cpuset_add_range(&r.allowed, 0, CPUSET_MAX - 1);
        return r;
}

static void change(struct trial *t)
{
        size_t n = alloc_n_leases(t->alloc), i = n ? rng_below(&t->rng, (unsigned)n) : 0;
        unsigned what = rng_below(&t->rng, 10);
        struct alloc_request r = random_request(t);

        if (n < 2 || (what < 4 && n < LEASES)) {
                step(t, (struct alloc_event){.type = ALLOC_OPEN, .lease = t->next++, .request = &r});
        } else if (what < 7) {
                step(t, (struct alloc_event){.type = ALLOC_CLOSE, .lease = t->ids[i]});
        } else if (what < 9) {
                struct alloc_lease_view v = alloc_lease_at(t->alloc, i);

                if (rng_below(&t->rng, 2)) {
                        r = *v.request;
                        r.paused = !r.paused;
                }
                step(t, (struct alloc_event){.type = ALLOC_UPDATE, .lease = v.id, .request = &r});
        } else {
                t->budget = rng_below(&t->rng, 2) ? t->machine.n_pus : 1 + rng_below(&t->rng, t->machine.n_pus);
                step(t, (struct alloc_event){.type = ALLOC_BUDGET_SET, .budget = t->budget});
        }
}

static unsigned count_kept(const struct alloc_grant *g)
{
        struct cpuset kept = cpuset_andnot(&g->pus, &g->wanted);

        return cpuset_count(&kept);
}

/* Everybody answers in its time until nothing is asked; notes when the lease had the count that it has at last. */
static void rest(struct trial *t, alloc_id newest)
{
        uint64_t began = t->now, at[ROUNDS * LEASES];
        unsigned counts[ROUNDS * LEASES], n = 0;
        struct alloc_lease_view v;

        for (;;) {
                size_t next = 0;

                if (alloc_lease_find(t->alloc, newest, &v)) {
                        at[n] = t->now;
                        counts[n++] = count_kept(v.grant);
                }
                for (size_t i = 1; i < alloc_n_leases(t->alloc); i++)
                        next = t->asked_at[i] < t->asked_at[next] ? i : next;
                if (alloc_n_leases(t->alloc) == 0 || t->asked_at[next] == ALLOC_NEVER)
                        break;
                if (n >= ROUNDS)
                        fail("it does not come to rest");
                v = alloc_lease_at(t->alloc, next);
                struct cpuset wanted = v.grant->wanted;

                t->now = t->asked_at[next];
                t->asked_at[next] = ALLOC_NEVER;
                step(t,
                     (struct alloc_event){
                             .type = ALLOC_RETURN, .lease = v.id, .generation = v.grant->generation, .pus = &wanted});
        }
        if (n == 0 || v.request->priority == ALLOC_BATCH || v.request->paused)
                return;
        for (unsigned i = 0; i < n; i++)
                if (counts[i] >= counts[n - 1]) {
                        t->figures->wait_worst = fmax(t->figures->wait_worst, (double)(at[i] - began) / 1e6);
                        break;
                }
        for (unsigned i = 0; i < n; i++)
                if (counts[i] > 0) {
                        t->figures->first_worst = fmax(t->figures->first_worst, (double)(at[i] - began) / 1e6);
                        break;
                }
}

static unsigned of_kind(const struct machine *m, const struct cpuset *set, unsigned kind)
{
        struct cpuset found = machine_kind_cpuset(m, kind);

        cpuset_restrict(&found, set);
        return cpuset_count(&found);
}

/* PUs that must have moved at least: what a lease has more, and what it must get of a kind, or get instead of one, to
 * come within a PU of its part. */
static unsigned fewest_moves(const struct trial *t, const struct laws_facts *facts, size_t index)
{
        struct cpuset now = alloc_lease_at(t->alloc, index).grant->pus, before = t->before[index];
        int grown = (int)cpuset_count(&now) - (int)cpuset_count(&before), get = 0, drop = 0;
        bool shares = alloc_lease_at(t->alloc, index).grant->reason == ALLOC_SHARED_FIRST;

        for (unsigned kind = 0; kind < t->machine.n_kinds && !shares && !cpuset_is_empty(&now); kind++) {
                double part = kinds_part(t->alloc, facts, index, kind);
                int had = (int)of_kind(&t->machine, &before, kind), least = (int)floor(part - 1 + 1e-3) + 1,
                    most = (int)ceil(part + 1 - 1e-3) - 1;

                get += least > had ? least - had : 0;
                drop += had > most ? had - most : 0;
        }
        int least = grown > get ? grown : get;

        if (grown + drop > least)
                least = grown + drop;
        return least > 0 ? (unsigned)least : 0;
}

static void measure(struct trial *t)
{
        struct laws_facts facts = {.machine = &t->machine, .usable = t->usable, .budget = t->budget, .now = t->now};
        struct cpuset unusable[LEASES] = {0};
        double exact[ALLOC_LEASES_MAX], kind;

        facts.unusable = unusable;
        exact_shares(t->alloc, t->now, t->machine.n_pus, t->budget, exact);
        for (size_t i = 0; i < alloc_n_leases(t->alloc); i++) {
                struct alloc_lease_view v = alloc_lease_at(t->alloc, i);
                bool shares = v.grant->reason == ALLOC_SHARED_FIRST;
                double error = fabs((shares ? 0 : cpuset_count(&v.grant->pus)) - exact[i]);

                t->figures->n_leases++;
                t->figures->share_sum += error;
                t->figures->share_worst = fmax(t->figures->share_worst, error);
                t->figures->fewest += fewest_moves(t, &facts, i);
                t->before[i] = v.grant->pus;
        }
        kind = t->machine.n_kinds > 1 ? kinds_error(t->alloc, &facts) : 0;
        t->figures->kind_sum += kind;
        t->figures->kind_worst = fmax(t->figures->kind_worst, kind);
        t->figures->n_rests++;
}

static void play(uint64_t seed, enum world_shape shape, unsigned n_pus, struct figures *figures)
{
        struct trial t = {.rng = {seed}, .now = 1, .budget = n_pus, .next = 1, .figures = figures};
        struct alloc_event set = {.type = ALLOC_MACHINE, .machine = &t.machine, .usable = &t.usable};

        t.machine = world_machine(shape, n_pus, NULL);
        t.usable = machine_cpuset(&t.machine);
        if (alloc_create(&t.alloc) != 0)
                fail("no memory");
        step(&t, set);
        for (unsigned i = 0; i < EVENTS; i++) {
                alloc_id newest = t.next;

                t.now += rng_below(&t.rng, 20000000);
                step(&t, (struct alloc_event){.type = ALLOC_TIME});
                rest(&t, 0);
                change(&t);
                rest(&t, newest);
                measure(&t);
                figures->n_events++;
        }
        alloc_actions_finish(&t.actions);
        alloc_destroy(t.alloc);
        machine_finish(&t.machine);
}

static const struct {
        const char *name;
        enum world_shape shape;
        unsigned n_pus;
} machines[] = {
        {"4 cores", WORLD_PLAIN, 4},
        {"8 cores", WORLD_PLAIN, 8},
        {"8 cores, 16 PUs", WORLD_SMT, 16},
        {"hybrid: 5 fast cores (10 PUs), 10 slow", WORLD_HYBRID, 20},
        {"two sockets, 64 PUs", WORLD_SOCKETS, 64},
};

/* The limits that docs/allocator.md states. */
static bool holds(const struct figures *f)
{
        double moves = f->fewest ? (double)f->moved / (double)f->fewest : 1;

        return f->share_sum / f->n_leases <= 0.3 && f->share_worst < 2 && f->kind_worst < 1 && moves <= 1.1 &&
               f->first_worst <= 0 && f->wait_worst <= 3;
}

static bool print_row(const char *name, const struct figures *f)
{
        printf("| %s | %.2f, %.2f | %.2f, %.2f | %.2f | %.2f | %.2f | %.1f | %.1f |\n", name,
               f->share_sum / f->n_leases, f->share_worst, f->kind_sum / f->n_rests, f->kind_worst,
               (double)f->moved / f->n_events, (double)f->fewest / f->n_events,
               f->fewest ? (double)f->moved / (double)f->fewest : 1, f->first_worst, f->wait_worst);
        return holds(f);
}

int main(void)
{
        bool all = true;

        printf("| machine | share error, mean and worst | kind error, mean and worst | moved | fewest | ratio | first "
               "PU, s "
               "| share, s |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n");
        for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
                struct figures figures = {0};

                for (uint64_t seed = 1; seed <= HISTORIES; seed++)
                        play(seed, machines[i].shape, machines[i].n_pus, &figures);
                if (!print_row(machines[i].name, &figures)) {
                        fprintf(stderr, "%s: a limit is passed\n", machines[i].name);
                        all = false;
                }
        }
        return all ? 0 : 1;
}
