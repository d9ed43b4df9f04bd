#include "tests/sim/alloc-events.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/alloc-restart.h"

static struct cpuset random_set(struct history *h, unsigned one_in)
{
        struct cpuset set = {0};

        for (unsigned pu = 0; pu < h->n_pus; pu++)
                if (history_chance(h, one_in))
                        cpuset_add(&set, pu);
        if (cpuset_is_empty(&set))
                cpuset_add(&set, rng_below(&h->rng, h->n_pus));
        return set;
}

static void random_numbers(struct history *h, struct alloc_request *r)
{
        static const unsigned weights[] = {100, 100, 100, 50, 200, 300, 10000, 1};

        r->max = history_chance(h, 2) ? HISTORY_PUS : 1 + rng_below(&h->rng, h->n_pus);
        r->min = history_chance(h, 3) ? 1 + rng_below(&h->rng, r->max) : rng_below(&h->rng, 2);
        r->weight = weights[rng_below(&h->rng, 8)];
        r->user_weight = history_chance(h, 3) ? weights[rng_below(&h->rng, 8)] : 0;
}

static void random_bounds(struct history *h, struct alloc_request *r)
{
        r->allowed = (struct cpuset){0};
        cpuset_add_range(&r->allowed, 0, CPUSET_MAX - 1);
        if (h->masks && history_chance(h, 3))
                r->allowed = random_set(h, 1 + rng_below(&h->rng, 4));
        r->quota = 0;
        if (history_chance(h, 5)) {
                r->quota_group = rng_below(&h->rng, 2);
                r->quota = 0.5 + rng_below(&h->rng, h->n_pus);
        }
}

static void random_priority(struct history *h, struct alloc_request *r)
{
        r->priority = history_chance(h, 4) ? ALLOC_INTERACTIVE : ALLOC_NORMAL;
        if (h->backgrounds && history_chance(h, 3))
                r->priority = ALLOC_BATCH;
}

/* Few and far between, so that an estimate that moves a little stays the same. */
static void random_end(struct history *h, struct alloc_request *r)
{
        r->ends_at = history_chance(h, 2) ? (1 + rng_below(&h->rng, 9)) * UINT64_C(1000000000000) : 0;
}

static struct alloc_request random_request(struct history *h)
{
        struct alloc_request r = {.uid = 1000 + rng_below(&h->rng, h->n_users)};

        random_numbers(h, &r);
        random_bounds(h, &r);
        random_priority(h, &r);
        random_end(h, &r);
        r.paused = history_chance(h, 12);
        return r;
}

static void open_one(struct history *h)
{
        struct alloc_request r = random_request(h);
        alloc_id id = history_chance(h, 10) && h->n_clients ? h->clients[0].id : h->next_id++;
        bool known = history_client_index(h, id) != SIZE_MAX;

        if (h->n_clients == HISTORY_LEASES)
                return;
        if (!known)
                history_add_client(h, id);

        int error = history_step(h, (struct alloc_event){.type = ALLOC_OPEN, .lease = id, .request = &r});

        history_require(h, known == (error == ALLOC_ERROR_EXISTS), "the same lease was opened twice");
        if (error != 0 && !known)
                h->n_clients--;
}

/* What the client holds or is to give back, by its manner. */
void history_answer(struct history *h, size_t index, bool now)
{
        struct alloc_lease_view v = alloc_lease_at(h->alloc, index);
        struct cpuset wanted = v.grant->wanted;
        bool late = h->clients[index].manner == CLIENT_LATE && h->now < v.grant->wanted_deadline + ALLOC_HARD_US;

        if (v.detached || cpuset_is_empty(&wanted))
                return;
        if (!now && (late || h->clients[index].manner == CLIENT_NEVER))
                return;
        history_step(h,
                     (struct alloc_event){
                             .type = ALLOC_RETURN, .lease = v.id, .generation = v.grant->generation, .pus = &wanted});
}

/* Any PUs, by any generation: most of it must be without effect. */
static void return_some(struct history *h, size_t index, enum alloc_event_type type)
{
        struct alloc_lease_view v = alloc_lease_at(h->alloc, index);
        struct cpuset some = random_set(h, 4), held = cpuset_and(&some, &v.grant->pus);
        uint64_t generation = v.grant->generation - (history_chance(h, 3) ? 1 : 0);

        if (v.detached)
                return;
        if (type == ALLOC_REFUSED) {
                generation = v.grant->generation;
                h->clients[index].unusable = cpuset_or(&h->clients[index].unusable, &held);
                h->unusable[index] = h->clients[index].unusable;
        }
        history_step(h, (struct alloc_event){.type = type, .lease = v.id, .generation = generation, .pus = &some});
}

static void update_one(struct history *h, size_t index)
{
        struct alloc_request r = *alloc_lease_at(h->alloc, index).request;

        switch (rng_below(&h->rng, 6)) {
        case 0:
                random_bounds(h, &r);
                break;
        case 1:
                random_priority(h, &r);
                break;
        case 2:
                random_end(h, &r);
                break;
        case 3:
                r.paused = !r.paused;
                break;
        default:
                random_numbers(h, &r);
                break;
        }
        r.uid++; /* nobody becomes another user */
        if (history_chance(h, 10))
                r.max = 0;
        history_step(h, (struct alloc_event){.type = ALLOC_UPDATE, .lease = h->clients[index].id, .request = &r});
}

static void claim_one(struct history *h, size_t index)
{
        struct alloc_lease_view v = alloc_lease_at(h->alloc, index);
        struct cpuset claimed = v.grant->pus, some = random_set(h, 2), kept;
        alloc_id id = v.id;

        if (!v.detached)
                return;
        if (history_chance(h, 3))
                claimed = cpuset_and(&claimed, &some);
        kept = cpuset_and(&claimed, &v.grant->pus);
        history_step(h, (struct alloc_event){
                                .type = ALLOC_CLAIM, .lease = id, .generation = v.grant->generation, .pus = &claimed});
        history_require(h, alloc_lease_find(h->alloc, id, &v) && cpuset_is_subset(&kept, &v.grant->pus),
                        "a claim was not granted");
}

void history_tell_budget(struct history *h)
{
        history_step(h, (struct alloc_event){.type = ALLOC_BUDGET_SET,
                                             .budget = h->facts.budget,
                                             .aim = h->aim,
                                             .hot_package = h->n_pus % 2,
                                             .hold = h->facts.hold});
}

struct machine history_other_machine(struct history *h)
{
        struct cpuset some = random_set(h, 8), policy = random_set(h, 8);

        h->offline = history_chance(h, 3) ? (struct cpuset){0} : some;
        if (cpuset_count(&h->offline) == h->n_pus)
                cpuset_remove(&h->offline, 0);

        struct machine machine = world_machine(h->shape, h->n_pus, &h->offline);

        h->facts.usable = machine_cpuset(&machine);
        if (history_chance(h, 3))
                cpuset_subtract(&h->facts.usable, &policy);
        return machine;
}

void history_change_machine(struct history *h)
{
        struct machine machine = history_other_machine(h);

        history_step(h, (struct alloc_event){.type = ALLOC_MACHINE, .machine = &machine, .usable = &h->facts.usable});
        machine_finish(&h->machine);
        h->machine = machine;
        h->facts.machine = &h->machine;
}

static void change_budget(struct history *h)
{
        h->facts.budget = history_chance(h, 2) ? HISTORY_PUS : 1 + rng_below(&h->rng, h->n_pus);
        h->facts.hold = history_chance(h, 4);
        h->aim = (enum placement_aim)rng_below(&h->rng, 3);
        history_tell_budget(h);
}

static void pass_time(struct history *h, uint64_t us)
{
        h->now += us;
        history_step(h, (struct alloc_event){.type = ALLOC_TIME});
}

/* What a lease would get is found without changing anything. */
static void suggest(struct history *h)
{
        struct alloc_request request = random_request(h);
        char *before = world_dump(h->alloc), *after;
        struct cpuset pus = {0};
        enum alloc_reason reason;

        world_fail_allocation(history_chance(h, 4) ? 1 + rng_below(&h->rng, 12) : 0);

        int r = alloc_suggest(h->alloc, &request, &pus, &reason);

        world_fail_allocation(0);
        after = world_dump(h->alloc);
        history_require(h, strcmp(before, after) == 0, "a suggestion changed something");
        history_require(h,
                        r != 0 || !cpuset_is_empty(&pus) || reason == ALLOC_ALL_LENT || reason == ALLOC_PAUSED ||
                                reason == ALLOC_HOLD,
                        "nothing was suggested");
        free(before);
        free(after);
}

static void act_on_one(struct history *h, unsigned what)
{
        size_t index = h->n_clients ? rng_below(&h->rng, (unsigned)h->n_clients) : 0;

        if (h->n_clients == 0)
                return;
        switch (what) {
        case 0:
                history_step(h, (struct alloc_event){.type = ALLOC_CLOSE, .lease = h->clients[index].id});
                break;
        case 1:
                update_one(h, index);
                break;
        case 2:
                return_some(h, index, ALLOC_RETURN);
                break;
        case 3:
                return_some(h, index, history_chance(h, 4) ? ALLOC_REFUSED : ALLOC_RETURN);
                break;
        case 4:
                history_step(h, (struct alloc_event){.type = ALLOC_DETACH, .lease = h->clients[index].id});
                break;
        default:
                claim_one(h, index);
                break;
        }
}

void history_act(struct history *h)
{
        unsigned what = rng_below(&h->rng, 24);

        if (history_chance(h, 60))
                history_restart(h);
        else if (what < 6)
                open_one(h);
        else if (what < 14)
                act_on_one(h, what - 6);
        else if (what < 15)
                history_change_machine(h);
        else if (what < 16)
                change_budget(h);
        else if (what < 17)
                suggest(h);
        else if (what < 18 && history_chance(h, 4))
                pass_time(h, ALLOC_YOUNG_US / 2);
        else
                pass_time(h, rng_below(&h->rng, 1500000));
        for (size_t i = 0; i < h->n_clients; i++)
                if (history_chance(h, 2))
                        history_answer(h, i, false);
}
