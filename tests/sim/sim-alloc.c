/* Random histories of the allocator: leases come, go, change, answer late or never, refuse PUs, lose their connection;
 * PUs come and go, the budget moves. After every step the invariants are asserted, and when everybody has answered,
 * fairness.
 *
 *     sim-alloc [FIRST-SEED [COUNT]]
 *
 * A failure prints its seed; that seed with a COUNT of 1 prints the history.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/alloc-laws.h"
#include "tests/sim/alloc-world.h"

enum {
        DEFAULT_COUNT = 400,
        STEPS = 120,
        LEASES = 24,
        PUS = 64,
        REPLAY_EVERY = 16,
};

enum manner { PROMPT, LATE, NEVER, MANNERS };

struct client {
        alloc_id id;
        enum manner manner;
        struct cpuset unusable;
        struct alloc_grant before; /* as the latest step found it; generation 0 for one just opened */
};

struct history {
        struct alloc *alloc;
        struct alloc_actions actions;
        struct rng rng;
        uint64_t seed, hash, now;
        bool verbose, backgrounds;
        enum world_shape shape;
        unsigned n_pus;
        struct cpuset offline;
        struct laws_facts facts;
        struct client clients[LEASES]; /* by opening, as the allocator has them */
        size_t n_clients;
        struct cpuset unusable[LEASES];
        alloc_id next_id;
        struct cpuset lent_before;
};

static void fail(const struct history *h, const char *broken)
{
        char *dump = world_dump(h->alloc);

        fprintf(stderr, "seed %" PRIu64 ": %s\n%s", h->seed, broken, dump);
        free(dump);
        exit(1);
}

static void require(const struct history *h, bool holds, const char *broken)
{
        if (!holds)
                fail(h, broken);
}

static void require_law(const struct history *h, const char *broken)
{
        if (broken)
                fail(h, broken);
}

static bool chance(struct history *h, unsigned one_in)
{
        return rng_below(&h->rng, one_in) == 0;
}

/* FNV-1a over what a client or the daemon would see. */
static void hash_bytes(struct history *h, const void *data, size_t size)
{
        for (size_t i = 0; i < size; i++)
                h->hash = (h->hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001b3);
}

static void hash_action(struct history *h, const struct alloc_action *action)
{
        hash_bytes(h, &action->type, sizeof(action->type));
        hash_bytes(h, &action->lease, sizeof(action->lease));
        hash_bytes(h, &action->grant.generation, sizeof(action->grant.generation));
        hash_bytes(h, &action->grant.pus, 16);
        hash_bytes(h, &action->grant.wanted, 16);
        hash_bytes(h, &action->grant.reason, sizeof(action->grant.reason));
}

static size_t client_index(const struct history *h, alloc_id id)
{
        for (size_t i = 0; i < h->n_clients; i++)
                if (h->clients[i].id == id)
                        return i;
        return SIZE_MAX;
}

static void drop_client(struct history *h, alloc_id id)
{
        size_t index = client_index(h, id);

        if (index == SIZE_MAX)
                return;
        h->n_clients--;
        memmove(&h->clients[index], &h->clients[index + 1], (h->n_clients - index) * sizeof(h->clients[0]));
}

/* --- what every step must obey --- */

static void check_actions(struct history *h)
{
        bool told = false;

        for (size_t i = 0; i < h->actions.n; i++) {
                const struct alloc_action *action = &h->actions.items[i];

                hash_action(h, action);
                if (action->type == ALLOC_DO_GRANT) {
                        size_t index = client_index(h, action->lease);

                        told = true;
                        require(h, index != SIZE_MAX, "a grant for an unknown lease");
                        require(h, action->grant.generation > h->clients[index].before.generation,
                                "a generation did not rise");
                } else {
                        require(h, !told, "a record is written after a grant is sent");
                }
                if (action->type == ALLOC_DO_END || action->type == ALLOC_DO_FORGET)
                        drop_client(h, action->lease);
        }
        require(h, h->n_clients == alloc_n_leases(h->alloc), "a lease ended without a word");
}

static struct cpuset lent_now(const struct history *h)
{
        struct cpuset lent = {0};

        for (size_t i = 0; i < h->n_clients; i++)
                lent = cpuset_or(&lent, &alloc_lease_at(h->alloc, i).grant->pus);
        return lent;
}

/* Lending more PUs than before keeps to the budget, but for first PUs. */
static void check_budget(const struct history *h)
{
        struct cpuset lent = lent_now(h), added = cpuset_andnot(&lent, &h->lent_before);
        size_t most = h->facts.budget > h->n_clients ? h->facts.budget : h->n_clients;

        if (most < cpuset_count(&h->lent_before))
                most = cpuset_count(&h->lent_before);
        for (size_t i = 0; i < h->n_clients; i++)
                most += cpuset_is_subset(&alloc_lease_at(h->alloc, i).grant->pus, &added);
        require(h, cpuset_is_empty(&added) || cpuset_count(&lent) <= most, "more was lent than the budget allows");
}

static void check_growth(const struct history *h)
{
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);
                const struct alloc_grant *before = &h->clients[i].before;
                bool silent = before->wanted_reason == ALLOC_UNANSWERED && v.grant->wanted_reason == ALLOC_UNANSWERED;

                require(h, v.id == h->clients[i].id, "leases are not in the order of opening");
                if ((v.detached || silent) && !cpuset_is_empty(&before->pus))
                        require(h, cpuset_count(&v.grant->pus) <= cpuset_count(&before->pus),
                                "a lease grew that does not answer");
        }
}

static void remember(struct history *h)
{
        h->lent_before = lent_now(h);
        for (size_t i = 0; i < h->n_clients; i++) {
                h->clients[i].before = *alloc_lease_at(h->alloc, i).grant;
                h->unusable[i] = h->clients[i].unusable;
        }
}

/* With an allocation that fails somewhere in the step, nothing has changed. */
static int step_failing(struct history *h, const struct alloc_event *event)
{
        char *before = world_dump(h->alloc);

        world_fail_allocation(1 + rng_below(&h->rng, 12));

        int r = alloc_step(h->alloc, event, &h->actions);
        bool failed = world_allocation_failed();

        world_fail_allocation(0);
        require(h, (r == -ENOMEM) == failed, "a failed allocation went unnoticed");
        if (r != 0) {
                char *after = world_dump(h->alloc);

                require(h, strcmp(before, after) == 0, "a step that failed has changed something");
                free(after);
        }
        free(before);
        return r;
}

static void settle_is_stable(struct history *h)
{
        int r = alloc_step(h->alloc, &(struct alloc_event){.type = ALLOC_TIME, .now = h->now}, &h->actions);

        for (size_t i = 0; i < h->actions.n && h->verbose; i++)
                fprintf(stderr, "changed: lease %" PRIu64 "\n", h->actions.items[i].lease);
        require(h, r == 0 && h->actions.n == 0, "time alone changed something");
}

static int step(struct history *h, struct alloc_event event)
{
        int r = -ENOMEM;

        event.now = h->now;
        if (chance(h, 8))
                r = step_failing(h, &event);
        if (r == -ENOMEM)
                r = alloc_step(h->alloc, &event, &h->actions);
        require(h, r >= 0, "a step failed");
        hash_bytes(h, &r, sizeof(r));
        if (h->verbose) {
                char *dump = world_dump(h->alloc);

                printf("event %d of lease %" PRIu64 " at %" PRIu64 ": %d\n%s\n", event.type, event.lease, h->now, r,
                       dump);
                free(dump);
        }
        if (r != 0)
                return r;
        check_actions(h);
        require_law(h, alloc_check(h->alloc));
        check_budget(h);
        check_growth(h);
        remember(h);
        require_law(h, laws_nobody_starves(h->alloc, &h->facts));
        settle_is_stable(h);
        return 0;
}

/* --- events --- */

static struct cpuset random_set(struct history *h, unsigned one_in)
{
        struct cpuset set = {0};

        for (unsigned pu = 0; pu < h->n_pus; pu++)
                if (chance(h, one_in))
                        cpuset_add(&set, pu);
        if (cpuset_is_empty(&set))
                cpuset_add(&set, rng_below(&h->rng, h->n_pus));
        return set;
}

static void random_numbers(struct history *h, struct alloc_request *r)
{
        static const unsigned weights[] = {100, 100, 100, 50, 200, 300, 10000, 1};

        r->max = chance(h, 2) ? PUS : 1 + rng_below(&h->rng, h->n_pus);
        r->min = chance(h, 3) ? 1 + rng_below(&h->rng, r->max) : rng_below(&h->rng, 2);
        r->weight = weights[rng_below(&h->rng, 8)];
}

static struct alloc_request random_request(struct history *h)
{
        struct alloc_request r = {.uid = 1000 + rng_below(&h->rng, 2)};

        random_numbers(h, &r);
        cpuset_add_range(&r.allowed, 0, CPUSET_MAX - 1);
        if (chance(h, 3))
                r.allowed = random_set(h, 1 + rng_below(&h->rng, 4));
        if (chance(h, 5)) {
                r.quota_group = rng_below(&h->rng, 2);
                r.quota = 0.5 + rng_below(&h->rng, h->n_pus);
        }
        r.background = h->backgrounds && chance(h, 4);
        return r;
}

static void add_client(struct history *h, alloc_id id)
{
        h->clients[h->n_clients] =
                (struct client){.id = id, .manner = chance(h, 2) ? PROMPT : (enum manner)rng_below(&h->rng, MANNERS)};
        h->n_clients++;
}

static void open_one(struct history *h)
{
        struct alloc_request r = random_request(h);
        alloc_id id = chance(h, 10) && h->n_clients ? h->clients[0].id : h->next_id++;
        bool known = client_index(h, id) != SIZE_MAX;

        if (h->n_clients == LEASES)
                return;
        if (!known)
                add_client(h, id);

        int error = step(h, (struct alloc_event){.type = ALLOC_OPEN, .lease = id, .request = &r});

        require(h, known == (error == ALLOC_ERROR_EXISTS), "the same lease was opened twice");
        if (error != 0 && !known)
                h->n_clients--;
}

/* What the client holds or is to give back, by its manner. */
static void answer(struct history *h, size_t index, bool now)
{
        struct alloc_lease_view v = alloc_lease_at(h->alloc, index);
        struct cpuset wanted = v.grant->wanted;
        bool late = h->clients[index].manner == LATE && h->now < v.grant->wanted_deadline + ALLOC_HARD_US;

        if (v.detached || cpuset_is_empty(&wanted))
                return;
        if (!now && (late || h->clients[index].manner == NEVER))
                return;
        step(h, (struct alloc_event){
                        .type = ALLOC_RETURN, .lease = v.id, .generation = v.grant->generation, .pus = &wanted});
}

/* Any PUs, by any generation: most of it must be without effect. */
static void return_some(struct history *h, size_t index, enum alloc_event_type type)
{
        struct alloc_lease_view v = alloc_lease_at(h->alloc, index);
        struct cpuset some = random_set(h, 4), held = cpuset_and(&some, &v.grant->pus);
        uint64_t generation = v.grant->generation - (chance(h, 3) ? 1 : 0);

        if (v.detached)
                return;
        if (type == ALLOC_REFUSED) {
                generation = v.grant->generation;
                h->clients[index].unusable = cpuset_or(&h->clients[index].unusable, &held);
                h->unusable[index] = h->clients[index].unusable;
        }
        step(h, (struct alloc_event){.type = type, .lease = v.id, .generation = generation, .pus = &some});
}

static void update_one(struct history *h, size_t index)
{
        struct alloc_request r = *alloc_lease_at(h->alloc, index).request;

        random_numbers(h, &r);
        if (chance(h, 10))
                r.max = 0;
        step(h, (struct alloc_event){.type = ALLOC_UPDATE, .lease = h->clients[index].id, .request = &r});
}

static void claim_one(struct history *h, size_t index)
{
        struct alloc_lease_view v = alloc_lease_at(h->alloc, index);
        struct cpuset claimed = v.grant->pus, some = random_set(h, 2);

        if (!v.detached)
                return;
        if (chance(h, 3))
                claimed = cpuset_and(&claimed, &some);
        step(h, (struct alloc_event){
                        .type = ALLOC_CLAIM, .lease = v.id, .generation = v.grant->generation, .pus = &claimed});
}

static void change_machine(struct history *h)
{
        struct cpuset some = random_set(h, 8);

        h->offline = chance(h, 3) ? (struct cpuset){0} : some;
        if (cpuset_count(&h->offline) == h->n_pus)
                cpuset_remove(&h->offline, 0);

        struct machine machine = world_machine(h->shape, h->n_pus, &h->offline);
        struct cpuset online = machine_cpuset(&machine), policy = random_set(h, 8);

        h->facts.usable = online;
        if (chance(h, 3))
                h->facts.usable = cpuset_andnot(&online, &policy);
        step(h, (struct alloc_event){.type = ALLOC_MACHINE, .machine = &machine, .usable = &h->facts.usable});
        machine_finish(&machine);
}

static void change_budget(struct history *h)
{
        h->facts.budget = chance(h, 2) ? PUS : 1 + rng_below(&h->rng, h->n_pus);
        step(h, (struct alloc_event){.type = ALLOC_BUDGET_SET, .budget = h->facts.budget});
}

static void pass_time(struct history *h, uint64_t us)
{
        h->now += us;
        step(h, (struct alloc_event){.type = ALLOC_TIME});
}

/* What a lease would get is found without changing anything. */
static void suggest(struct history *h)
{
        struct alloc_request request = random_request(h);
        char *before = world_dump(h->alloc), *after;
        struct cpuset pus = {0};
        enum alloc_reason reason;

        world_fail_allocation(chance(h, 4) ? 1 + rng_below(&h->rng, 12) : 0);

        int r = alloc_suggest(h->alloc, &request, &pus, &reason);

        world_fail_allocation(0);
        after = world_dump(h->alloc);
        require(h, strcmp(before, after) == 0, "a suggestion changed something");
        require(h, r != 0 || !cpuset_is_empty(&pus) || reason == ALLOC_ALL_LENT, "nothing was suggested");
        free(before);
        free(after);
}

/* Everybody answers until nothing is asked any more; the number of rounds is bounded. */
static void quiesce(struct history *h)
{
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);
                struct cpuset pus = v.grant->pus;

                if (v.detached)
                        step(h, (struct alloc_event){.type = ALLOC_CLAIM, .lease = v.id, .pus = &pus});
        }
        for (unsigned round = 0;; round++) {
                bool asked = false;

                for (size_t i = 0; i < h->n_clients; i++) {
                        asked |= !cpuset_is_empty(&alloc_lease_at(h->alloc, i).grant->wanted);
                        answer(h, i, true);
                }
                if (!asked)
                        break;
                require(h, round < LEASES, "it does not come to rest although everybody answers");
        }
        require(h, alloc_next_deadline(h->alloc) == ALLOC_NEVER, "a deadline without anything to wait for");
        require_law(h, laws_shares_are_fair(h->alloc, &h->facts));
        require_law(h, laws_limits_hold(h->alloc, &h->facts));
}

/* The facts of one history told anew in another order come to the same counts. */
static void retell(struct history *h)
{
        static struct history other;
        static struct client clients[LEASES];
        struct cpuset all = {0};

        other = (struct history){.seed = h->seed, .rng = h->rng, .now = 1, .shape = h->shape, .n_pus = h->n_pus};
        cpuset_add_range(&all, 0, h->n_pus - 1);
        other.facts = (struct laws_facts){.usable = all, .budget = 1, .unusable = other.unusable};
        require(h, alloc_create(&other.alloc) == 0, "no memory");

        struct machine first = world_machine(h->shape, h->n_pus, NULL);
        struct machine last = world_machine(h->shape, h->n_pus, &h->offline);

        step(&other, (struct alloc_event){.type = ALLOC_MACHINE, .machine = &first, .usable = &all});
        step(&other, (struct alloc_event){.type = ALLOC_BUDGET_SET, .budget = 1});
        memcpy(clients, h->clients, sizeof(clients));
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_request r = *alloc_lease_at(h->alloc, i).request;

                r.allowed = cpuset_andnot(&r.allowed, &h->clients[i].unusable);
                r.weight = r.min = r.max = 1;
                add_client(&other, clients[i].id);
                require(h,
                        step(&other, (struct alloc_event){.type = ALLOC_OPEN, .lease = clients[i].id, .request = &r}) ==
                                0,
                        "a lease could not be opened anew");
        }
        for (size_t i = h->n_clients; i-- > 0;)
                step(&other, (struct alloc_event){.type = ALLOC_UPDATE,
                                                  .lease = clients[i].id,
                                                  .request = alloc_lease_at(h->alloc, i).request});
        other.facts.budget = h->facts.budget;
        step(&other, (struct alloc_event){.type = ALLOC_BUDGET_SET, .budget = h->facts.budget});
        other.facts.usable = h->facts.usable;
        step(&other, (struct alloc_event){.type = ALLOC_MACHINE, .machine = &last, .usable = &h->facts.usable});
        quiesce(&other);
        for (size_t i = 0; i < h->n_clients; i++)
                require(h,
                        cpuset_count(&alloc_lease_at(h->alloc, i).grant->pus) ==
                                cpuset_count(&alloc_lease_at(other.alloc, i).grant->pus),
                        "the same facts in another order gave another solution");
        machine_finish(&first);
        machine_finish(&last);
        alloc_actions_finish(&other.actions);
        alloc_destroy(other.alloc);
}

/* Who waits, and who shares a PU up to the bound, depends on who came first. */
static bool anybody_waits(const struct history *h)
{
        for (size_t i = 0; i < h->n_clients; i++)
                if (h->clients[i].before.position > 0)
                        return true;
        return h->backgrounds;
}

static void act_on_one(struct history *h, unsigned what)
{
        size_t index = h->n_clients ? rng_below(&h->rng, (unsigned)h->n_clients) : 0;

        if (h->n_clients == 0)
                return;
        switch (what) {
        case 0:
                step(h, (struct alloc_event){.type = ALLOC_CLOSE, .lease = h->clients[index].id});
                break;
        case 1:
                update_one(h, index);
                break;
        case 2:
                return_some(h, index, ALLOC_RETURN);
                break;
        case 3:
                return_some(h, index, chance(h, 4) ? ALLOC_REFUSED : ALLOC_RETURN);
                break;
        case 4:
                step(h, (struct alloc_event){.type = ALLOC_DETACH, .lease = h->clients[index].id});
                break;
        default:
                claim_one(h, index);
                break;
        }
}

static void act(struct history *h)
{
        unsigned what = rng_below(&h->rng, 24);

        if (what < 6)
                open_one(h);
        else if (what < 14)
                act_on_one(h, what - 6);
        else if (what < 15)
                change_machine(h);
        else if (what < 16)
                change_budget(h);
        else if (what < 17)
                suggest(h);
        else
                pass_time(h, rng_below(&h->rng, 1500000));
        for (size_t i = 0; i < h->n_clients; i++)
                if (chance(h, 2))
                        answer(h, i, false);
}

static uint64_t run(uint64_t seed, bool verbose)
{
        static const unsigned sizes[] = {1, 2, 4, 8, 12, 16, 24, PUS};
        static struct history h;

        h = (struct history){.seed = seed, .rng = {seed}, .verbose = verbose, .next_id = 1, .now = 1};
        h.shape = (enum world_shape)rng_below(&h.rng, WORLD_SHAPES);
        h.n_pus = sizes[rng_below(&h.rng, 8)];
        h.backgrounds = chance(&h, 2);
        h.facts = (struct laws_facts){.budget = UINT32_MAX, .unusable = h.unusable};
        require(&h, alloc_create(&h.alloc) == 0, "no memory");
        change_machine(&h);
        for (unsigned i = 0; i < STEPS; i++) {
                act(&h);
                if (chance(&h, 20))
                        quiesce(&h);
        }
        quiesce(&h);
        if (!anybody_waits(&h))
                retell(&h);
        alloc_actions_finish(&h.actions);
        alloc_destroy(h.alloc);
        return h.hash;
}

int main(int argc, char **argv)
{
        uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
        uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : DEFAULT_COUNT;

        for (uint64_t i = 0; i < count; i++) {
                uint64_t hash = run(first + i, count == 1);

                if (i % REPLAY_EVERY == 0 && run(first + i, false) != hash) {
                        fprintf(stderr, "seed %" PRIu64 ": the same history ran in two ways\n", first + i);
                        return 1;
                }
        }
        return 0;
}
