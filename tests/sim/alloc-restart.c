#include "tests/sim/alloc-restart.h"

#include "tests/sim/alloc-events.h"

/* A new allocator that knows the budget and the machine, which may have changed meanwhile. */
static void start_anew(struct history *h)
{
        struct machine machine =
                history_chance(h, 3) ? history_other_machine(h) : world_machine(h->shape, h->n_pus, &h->offline);
        struct alloc_event set = {
                .type = ALLOC_MACHINE, .now = h->now, .machine = &machine, .usable = &h->facts.usable};
        struct alloc_event budget = {
                .type = ALLOC_BUDGET_SET, .now = h->now, .budget = h->facts.budget, .hold = h->facts.hold};

        alloc_destroy(h->alloc);
        h->alloc = NULL;
        history_require(h, alloc_create(&h->alloc) == 0, "no memory");
        history_require(h, alloc_step(h->alloc, &set, &h->actions) == 0, "the machine was refused");
        history_require(h, alloc_step(h->alloc, &budget, &h->actions) == 0, "the budget was refused");
        machine_finish(&h->machine);
        h->machine = machine;
        h->facts.machine = &h->machine;
}

static void recover_one(struct history *h, const struct client *c)
{
        struct alloc_event event = {.type = ALLOC_RECOVER,
                                    .now = h->now,
                                    .lease = c->id,
                                    .request = &c->record.request,
                                    .generation = c->record.generation,
                                    .pus = &c->record.pus,
                                    .slots = &c->record.slots};

        history_require(h, alloc_step(h->alloc, &event, &h->actions) == 0, "a record was refused");
        for (size_t i = 0; i < h->actions.n; i++)
                history_require(h, h->actions.items[i].type == ALLOC_DO_PERSIST, "somebody hears of a recovery");
        history_require_law(h, alloc_check(h->alloc));
}

static struct cpuset alone(const struct alloc_grant *g)
{
        return cpuset_andnot(&g->pus, &g->shared);
}

/* What the client uses is reserved for it. */
static void check_reserved(const struct history *h, const struct client *c, const struct alloc_lease_view *v)
{
        struct cpuset used = cpuset_andnot(&c->told.pus, &h->offline);

        history_require(h, v->id == c->id && v->detached, "a recovered lease does not wait for its claim");
        history_require(h, c->record.generation >= c->told.generation, "a grant was sent without a record");
        history_require(h, cpuset_is_subset(&used, &v->grant->pus) || c->told.generation < c->record.generation,
                        "a client's PU is not recovered");
        history_require(h, cpuset_equal(&v->grant->slots, &c->record.slots), "slots were lost");
}

static void check_exclusive(const struct history *h, size_t index)
{
        struct cpuset mine = alone(&h->clients[index].told);

        if (h->clients[index].told.generation < h->clients[index].record.generation)
                return; /* its connection was lost before, and what it had may have been lent since */
        for (size_t i = 0; i < h->n_clients; i++) {
                struct cpuset theirs = alone(alloc_lease_at(h->alloc, i).grant);

                history_require(h, i == index || !cpuset_intersects(&mine, &theirs),
                                "a PU has two exclusive holders after a restart");
        }
}

void history_restart(struct history *h)
{
        start_anew(h);
        for (size_t i = 0; i < h->n_clients; i++) {
                recover_one(h, &h->clients[i]);
                h->clients[i].unusable = (struct cpuset){0}; /* the records do not tell */
        }
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);

                check_reserved(h, &h->clients[i], &v);
                check_exclusive(h, i);
        }
        for (size_t i = 0; i < h->n_clients; i++)
                history_record(h, h->clients[i].id);
        history_remember(h);
}
