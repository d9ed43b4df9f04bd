#include "tests/sim/alloc-retell.h"

#include "tests/sim/alloc-events.h"
#include "tests/sim/alloc-kinds.h"

/* When the next interactive lease is no longer young: all that is left to wait for where nothing is wanted. */
static uint64_t next_youth(const struct history *h)
{
        uint64_t next = ALLOC_NEVER;

        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);
                uint64_t until = v.opened + ALLOC_YOUNG_US;

                if (v.request->priority == ALLOC_INTERACTIVE && until > h->now && until < next)
                        next = until;
        }
        return next;
}

void history_quiesce(struct history *h)
{
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);
                struct cpuset pus = v.grant->pus;

                if (v.detached)
                        history_step(h, (struct alloc_event){.type = ALLOC_CLAIM, .lease = v.id, .pus = &pus});
        }
        for (unsigned round = 0;; round++) {
                bool asked = false;

                for (size_t i = 0; i < h->n_clients; i++) {
                        asked |= !cpuset_is_empty(&alloc_lease_at(h->alloc, i).grant->wanted);
                        history_answer(h, i, true);
                }
                if (!asked)
                        break;
                history_require(h, round < HISTORY_LEASES, "it does not come to rest although everybody answers");
        }
        history_require(h, next_youth(h) == alloc_next_deadline(h->alloc), "a deadline without anything to wait for");
        history_require_law(h, laws_shares_are_fair(h->alloc, &h->facts));
        history_require_law(h, laws_limits_hold(h->alloc, &h->facts));
        history_require_law(h, laws_kinds_are_fair(h->alloc, &h->facts));
}

/* Who waits, and who shares a PU up to the bound, depends on who came first. */
static bool anybody_waits(const struct history *h)
{
        for (size_t i = 0; i < h->n_clients; i++) {
                struct cpuset all = {0}, may = alloc_lease_at(h->alloc, i).request->allowed;

                cpuset_add_range(&all, 0, h->n_pus - 1);
                cpuset_subtract(&may, &h->clients[i].unusable);
                if (h->clients[i].before.position > 0 || !cpuset_intersects(&may, &all))
                        return true; /* or is paused, and has refused all that there is */
        }
        return h->backgrounds;
}

/* In the retelling nobody has grown up, so whoever has counts as any other from the start. */
static struct alloc_request retold(const struct history *h, size_t index)
{
        struct alloc_lease_view v = alloc_lease_at(h->alloc, index);
        struct alloc_request r = *v.request;

        if (r.priority == ALLOC_INTERACTIVE && h->now - v.opened >= ALLOC_YOUNG_US)
                r.priority = ALLOC_NORMAL;
        return r;
}

/* Every PU, a budget of one, and every lease as small as can be. */
static void open_all(struct history *other, const struct history *h)
{
        struct machine machine = world_machine(h->shape, h->n_pus, NULL);

        cpuset_add_range(&other->facts.usable, 0, h->n_pus - 1);
        history_step(other,
                     (struct alloc_event){.type = ALLOC_MACHINE, .machine = &machine, .usable = &other->facts.usable});
        machine_finish(&machine);
        history_tell_budget(other);
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_request r = retold(h, i);
                struct alloc_event event = {.type = ALLOC_OPEN, .lease = h->clients[i].id, .request = &r};

                cpuset_subtract(&r.allowed, &h->clients[i].unusable);
                r.weight = r.min = r.max = 1;
                r.paused = false;
                history_add_client(other, event.lease);
                history_require(h, history_step(other, event) == 0, "a lease could not be opened anew");
        }
}

/* Then the facts as they are, the last one first. */
static void tell_facts(struct history *other, const struct history *h)
{
        struct machine machine = world_machine(h->shape, h->n_pus, &h->offline);

        for (size_t i = h->n_clients; i-- > 0;) {
                struct alloc_request r = retold(h, i);

                cpuset_subtract(&r.allowed, &h->clients[i].unusable);
                history_step(other,
                             (struct alloc_event){.type = ALLOC_UPDATE, .lease = h->clients[i].id, .request = &r});
        }
        other->facts.budget = h->facts.budget;
        other->aim = h->aim;
        history_tell_budget(other);
        other->facts.usable = h->facts.usable;
        history_step(other,
                     (struct alloc_event){.type = ALLOC_MACHINE, .machine = &machine, .usable = &h->facts.usable});
        machine_finish(&other->machine);
        other->machine = machine;
}

static unsigned count_held(const struct history *h, size_t index)
{
        return cpuset_count(&alloc_lease_at(h->alloc, index).grant->pus);
}

void history_retell(const struct history *h)
{
        static struct history other;

        if (anybody_waits(h))
                return;
        other = (struct history){.seed = h->seed, .rng = h->rng, .now = 1, .shape = h->shape, .n_pus = h->n_pus};
        other.facts = (struct laws_facts){.machine = &other.machine, .budget = 1, .unusable = other.unusable};
        history_require(h, alloc_create(&other.alloc) == 0, "no memory");
        open_all(&other, h);
        tell_facts(&other, h);
        history_quiesce(&other);
        for (size_t i = 0; i < h->n_clients && !anybody_waits(&other); i++)
                history_require(h, count_held(h, i) == count_held(&other, i),
                                "the same facts in another order gave another solution");
        alloc_actions_finish(&other.actions);
        alloc_destroy(other.alloc);
        machine_finish(&other.machine);
}

/* A background lease with a minimum of several may begin in between, when it is its turn for a moment, and then keeps
 * what was foreseen for others. */
static bool anybody_needs_several(const struct history *h)
{
        for (size_t i = 0; i < h->n_clients; i++) {
                const struct alloc_request *r = alloc_lease_at(h->alloc, i).request;

                if (r->priority == ALLOC_BATCH && r->min > 1)
                        return true;
        }
        return false;
}

/* The lease that waits and expects its PU first; SIZE_MAX where none expects any. */
static size_t next_expecting(const struct history *h)
{
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < h->n_clients; i++) {
                uint64_t at = alloc_lease_at(h->alloc, i).grant->expected_at;

                if (at > 0 && (found == SIZE_MAX || at < alloc_lease_at(h->alloc, found).grant->expected_at))
                        found = i;
        }
        return found;
}

/* Whether the lease is to have ended when an estimate says `until`: what was told stays while what is found differs by
 * less than an eighth of the time that this is away. */
static bool ends_by(const struct alloc_lease_view *v, uint64_t now, uint64_t until)
{
        uint64_t ends_at = v->request->ends_at;

        return ends_at > 0 && !v->request->paused && !cpuset_is_empty(&v->grant->pus) &&
               ends_at <= until + (ends_at - now) / 8 + 1000000;
}

/* The lease that is the next to end by then, but for the one that waits. */
static size_t next_end(const struct history *h, alloc_id waiting, uint64_t until)
{
        size_t found = SIZE_MAX;

        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);

                if (v.id != waiting && ends_by(&v, h->now, until) &&
                    (found == SIZE_MAX || v.request->ends_at < alloc_lease_at(h->alloc, found).request->ends_at))
                        found = i;
        }
        return found;
}

void history_foretell(struct history *h)
{
        size_t index = next_expecting(h);
        struct alloc_lease_view v;
        alloc_id id;
        uint64_t until;

        if (index == SIZE_MAX || anybody_needs_several(h))
                return;
        v = alloc_lease_at(h->alloc, index);
        id = v.id;
        until = v.grant->expected_at;
        while ((index = next_end(h, id, until)) != SIZE_MAX) {
                history_step(h, (struct alloc_event){.type = ALLOC_CLOSE, .lease = h->clients[index].id});
                history_quiesce(h);
        }
        history_require(h, alloc_lease_find(h->alloc, id, &v) && !cpuset_is_empty(&v.grant->pus),
                        "a lease waits for longer than was expected");
}
