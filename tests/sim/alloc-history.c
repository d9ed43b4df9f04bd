#include "tests/sim/alloc-history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const struct history *h, const char *broken)
{
        char *dump = world_dump(h->alloc);

        fprintf(stderr, "seed %" PRIu64 ": %s\n%s", h->seed, broken, dump);
        free(dump);
        exit(1);
}

void history_require(const struct history *h, bool holds, const char *broken)
{
        if (!holds)
                fail(h, broken);
}

void history_require_law(const struct history *h, const char *broken)
{
        if (broken)
                fail(h, broken);
}

bool history_chance(struct history *h, unsigned one_in)
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

size_t history_client_index(const struct history *h, alloc_id id)
{
        for (size_t i = 0; i < h->n_clients; i++)
                if (h->clients[i].id == id)
                        return i;
        return SIZE_MAX;
}

void history_add_client(struct history *h, alloc_id id)
{
        h->clients[h->n_clients] = (struct client){
                .id = id,
                .manner =
                        history_chance(h, 2) ? CLIENT_PROMPT : (enum client_manner)rng_below(&h->rng, CLIENT_MANNERS)};
        h->n_clients++;
}

static void drop_client(struct history *h, alloc_id id)
{
        size_t index = history_client_index(h, id);

        if (index == SIZE_MAX)
                return;
        h->n_clients--;
        memmove(&h->clients[index], &h->clients[index + 1], (h->n_clients - index) * sizeof(h->clients[0]));
}

static void tell(struct history *h, const struct alloc_action *action)
{
        size_t index = history_client_index(h, action->lease);

        history_require(h, index != SIZE_MAX, "a grant for an unknown lease");
        history_require(h, action->grant.generation > h->clients[index].told.generation, "a generation did not rise");
        h->clients[index].told = action->grant;
}

void history_record(struct history *h, alloc_id id)
{
        size_t index = history_client_index(h, id);
        struct alloc_lease_view v;

        history_require(h, index != SIZE_MAX && alloc_lease_find(h->alloc, id, &v), "a record of an unknown lease");
        h->clients[index].record = (struct client_record){
                .request = *v.request, .generation = v.grant->generation, .pus = v.grant->pus, .slots = v.grant->slots};
}

static void check_actions(struct history *h)
{
        bool told = false;

        for (size_t i = 0; i < h->actions.n; i++) {
                const struct alloc_action *action = &h->actions.items[i];

                hash_action(h, action);
                if (action->type == ALLOC_DO_GRANT) {
                        told = true;
                        tell(h, action);
                } else {
                        history_require(h, !told, "a record is written after a grant is sent");
                }
                if (action->type == ALLOC_DO_PERSIST)
                        history_record(h, action->lease);
                if (action->type == ALLOC_DO_END || action->type == ALLOC_DO_FORGET)
                        drop_client(h, action->lease);
        }
        history_require(h, h->n_clients == alloc_n_leases(h->alloc), "a lease ended without a word");
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
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);
                struct cpuset usable = cpuset_and(&v.grant->pus, &h->facts.usable);

                cpuset_restrict(&usable, &v.request->allowed);
                most += cpuset_is_subset(&usable, &added) || cpuset_is_empty(&h->clients[i].before.pus);
        }
        history_require(h, cpuset_is_empty(&added) || cpuset_count(&lent) <= most,
                        "more was lent than the budget allows");
}

static void check_growth(const struct history *h)
{
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);
                const struct alloc_grant *before = &h->clients[i].before;
                bool silent = before->wanted_reason == ALLOC_UNANSWERED && v.grant->wanted_reason == ALLOC_UNANSWERED;

                struct cpuset kept = cpuset_andnot(&v.grant->pus, &v.grant->wanted);
                unsigned n = cpuset_count(&before->pus);

                history_require(h, v.id == h->clients[i].id, "leases are not in the order of opening");
                history_require(h, !h->facts.hold || cpuset_count(&kept) <= (n ? n : 1),
                                "a lease grew in spite of a hold");
                /* Where policy, or what it may use, leaves nothing of what it has, it is due a first PU. */
                struct cpuset may = cpuset_and(&v.request->allowed, &h->facts.usable);

                silent &= cpuset_intersects(&before->pus, &may);
                if ((v.detached || silent) && !cpuset_is_empty(&before->pus))
                        history_require(h, cpuset_count(&v.grant->pus) <= cpuset_count(&before->pus),
                                        "a lease grew that does not answer");
        }
}

/* Whoever has begun is not left without any PU, unless it gave all back, was paused, or the machine lost them. */
static void check_begun(const struct history *h, const struct alloc_event *event)
{
        for (size_t i = 0; i < h->n_clients; i++) {
                struct alloc_lease_view v = alloc_lease_at(h->alloc, i);
                bool own_doing = v.id == event->lease && event->type != ALLOC_UPDATE;

                if (own_doing || event->type == ALLOC_MACHINE || v.request->paused ||
                    cpuset_is_empty(&h->clients[i].before.pus))
                        continue;
                history_require(h, !cpuset_is_empty(&v.grant->pus), "a lease that had begun is left with nothing");
        }
}

void history_remember(struct history *h)
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
        history_require(h, (r == -ENOMEM) == failed, "a failed allocation went unnoticed");
        if (r != 0) {
                char *after = world_dump(h->alloc);

                history_require(h, strcmp(before, after) == 0, "a step that failed has changed something");
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
        history_require(h, r == 0 && h->actions.n == 0, "time alone changed something");
}

int history_step(struct history *h, struct alloc_event event)
{
        int r = -ENOMEM;

        event.now = h->facts.now = h->now;
        if (history_chance(h, 8))
                r = step_failing(h, &event);
        if (r == -ENOMEM)
                r = alloc_step(h->alloc, &event, &h->actions);
        history_require(h, r >= 0, "a step failed");
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
        history_require_law(h, alloc_check(h->alloc));
        check_budget(h);
        check_growth(h);
        check_begun(h, &event);
        history_remember(h);
        history_require_law(h, laws_nobody_starves(h->alloc, &h->facts));
        settle_is_stable(h);
        return 0;
}
