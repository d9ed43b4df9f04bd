#include "daemon/leases.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/connection.h"
#include "daemon/grants.h"
#include "daemon/leases_record.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "daemon/peers.h"
#include "daemon/server.h"
#include "lib/text.h"
#include "lib/util.h"

/* The table. */

static void lease_free(struct lease *lease)
{
        if (!lease)
                return;
        explicit_bzero(&lease->token, sizeof(lease->token));
        free(lease->label);
        free(lease->unit);
        free(lease);
}

DEFINE_CLEANUP(struct lease, lease_free);

struct lease *leases_by_id(const struct leases *l, alloc_id id)
{
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i]->id == id)
                        return l->items[i];
        return NULL;
}

/* Makes room first, so that adding after the allocator's step cannot fail. */
static int reserve(struct leases *l)
{
        if (l->n < l->allocated)
                return 0;
        size_t allocated = l->allocated ? 2 * l->allocated : 16;
        struct lease **items = reallocarray(l->items, allocated, sizeof(struct lease *));

        if (!items)
                return -ENOMEM;
        l->items = items;
        l->allocated = allocated;
        return 0;
}

static void forget(struct leases *l, struct lease *lease)
{
        size_t i = 0;

        while (l->items[i] != lease)
                i++;
        l->n--;
        memmove(&l->items[i], &l->items[i + 1], (l->n - i) * sizeof(struct lease *));
        lease_free(lease);
}

/* Only the number's one way of being written counts. */
static struct lease *by_name(struct leases *l, const char *id)
{
        alloc_id number = strtoull(id, NULL, 10);
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
        return strcmp(text, id) == 0 ? leases_by_id(l, number) : NULL;
}

struct lease *leases_find(struct leases *l, const char *id, const char *token, uint32_t uid)
{
        struct token_hash hash = token_hash_of(token);
        struct lease *lease = by_name(l, id);

        return lease && lease->uid == uid && token_hash_equal(&lease->hash, &hash) ? lease : NULL;
}

struct lease *leases_find_own(struct leases *l, const char *id, uint32_t uid)
{
        struct lease *lease = by_name(l, id);

        return lease && (lease->uid == uid || uid == 0) ? lease : NULL;
}

/* Saying what happens. */

/* Whether a line about the lease may be logged: its user has some left, or has gone and it is the last one of a lease
 * that the log knows. */
static bool may_say(struct lease *lease)
{
        unsigned unsaid = 0;

        if (!lease->stream || !lease->stream->peer)
                return lease->is_known;
        if (!peer_may_say(lease->stream->peer, server_now(), &unsaid))
                return false;
        lease->is_known = true;
        if (unsaid > 0)
                log_info("uid %u: %u more such lines", (unsigned)lease->uid, unsaid);
        return true;
}

__attribute__((format(printf, 5, 6))) static void tell(struct lease *lease, enum log_level level, const char *id,
                                                       const char *reason, const char *format, ...)
{
        const struct log_event event = {.id = id,
                                        .lease = lease->id,
                                        .uid = lease->uid,
                                        .run = lease->label,
                                        .unit = lease->unit,
                                        .reason = reason};
        CLEANUP_FREE char *what = NULL;
        va_list args;

        if (!log_is_heard(level) || !may_say(lease))
                return;
        va_start(args, format);
        int n = vasprintf(&what, format, args);
        va_end(args);
        if (n >= 0)
                log_event(level, &event, "lease %llu (uid %u%s%s) %s: %s", (unsigned long long)lease->id,
                          (unsigned)lease->uid, lease->label ? ", " : "", lease->label ? lease->label : "", what,
                          reason);
}

static void tell_pus(struct lease *lease, enum log_level level, const char *id, const char *reason, const char *what,
                     const struct cpuset *pus)
{
        char list[CPUSET_TEXT_MAX];

        cpuset_format(pus, list, sizeof(list));
        tell(lease, level, id, reason, "%s %s%s", what, *list ? "CPUs " : "no CPU", list);
}

/* What is wanted back is every day's sharing; what is lost was not given back in time, or is not there any more. */
static void tell_change(struct lease *lease, const struct alloc_grant *before, const struct alloc_grant *now)
{
        if (!cpuset_is_empty(&now->wanted) && !cpuset_equal(&now->wanted, &before->wanted))
                tell_pus(lease, LOG_LEVEL_DEBUG, LOG_ID_PUS_WANTED, alloc_reason_text(now->wanted_reason),
                         "is to give back", &now->wanted);
        if (!cpuset_is_empty(&now->lost))
                tell_pus(lease, LOG_LEVEL_NOTICE, LOG_ID_PUS_LOST, alloc_reason_text(now->lost_reason), "has lost",
                         &now->lost);
}

/* Granting. */

void leases_send(struct leases *l, struct lease *lease)
{
        if (!lease->unsent || !lease->stream || connection_is_busy(lease->stream))
                return;

        json_t *json = grants_json(l, lease);
        lease->unsent = false;
        lease->greeted = true;
        lease->grant.lost = (struct cpuset){0};
        explicit_bzero(&lease->token, sizeof(lease->token));
        connection_continue(lease->stream, json ? json_pack("{s:o}", "grant", json) : NULL);
}

static void take_grant(struct leases *l, const struct alloc_action *action)
{
        struct lease *lease = leases_by_id(l, action->lease);

        if (!lease)
                return;
        tell_change(lease, &lease->grant, &action->grant);
        struct cpuset lost = cpuset_or(&lease->grant.lost, &action->grant.lost);
        lease->grant = action->grant;
        if (lease->unsent)
                lease->grant.lost = lost;
        lease->unsent = true;
}

static void send_to(struct leases *l, alloc_id id)
{
        struct lease *lease = leases_by_id(l, id);

        if (lease)
                leases_send(l, lease);
}

/* The allocator has ended it: say why, and end the stream. */
static void end(struct leases *l, const struct alloc_action *action)
{
        struct lease *lease = leases_by_id(l, action->lease);

        if (!lease)
                return;
        struct connection *stream = TAKE(lease->stream);
        tell(lease, LOG_LEVEL_INFO, LOG_ID_LEASE_ENDED, alloc_error_text(action->error), "ended");
        forget(l, lease);
        if (!stream)
                return;
        stream->lease = NULL;
        methods_alloc_error(stream, action->error, NULL);
        connection_end(stream);
}

static void act(struct leases *l)
{
        /* Sending may end a connection, whose lease then takes a step of its own: these actions are carried on. All
         * grants are taken first, so that none of them replaces a newer one of that step. */
        struct alloc_actions actions = l->actions;

        leases_record(l);
        l->actions = (struct alloc_actions){0};
        l->changed |= actions.n > 0;
        for (size_t i = 0; i < actions.n; i++)
                if (actions.items[i].type == ALLOC_DO_GRANT)
                        take_grant(l, &actions.items[i]);
        for (size_t i = 0; i < actions.n; i++) {
                if (actions.items[i].type == ALLOC_DO_GRANT)
                        send_to(l, actions.items[i].lease);
                else if (actions.items[i].type == ALLOC_DO_END)
                        end(l, &actions.items[i]);
        }
        if (l->actions.items)
                alloc_actions_finish(&actions);
        else
                l->actions = actions;
}

static int step(struct leases *l, struct alloc_event event)
{
        event.now = server_now();

        int r = alloc_step(l->alloc, &event, &l->actions);
        if (r == 0)
                act(l);
        return r;
}

/* Requests. */

static int nice_of(const struct leases *l, enum alloc_priority priority)
{
        return priority == ALLOC_BATCH ? LEASE_BATCH_NICE : l->nice;
}

static int lease_new(struct leases *l, const struct lease_ask *ask, struct lease **ret_lease)
{
        CLEANUP(cleanup_lease_freep) struct lease *lease = calloc(1, sizeof(*lease));
        int r = reserve(l);

        if (!lease || r < 0)
                return -ENOMEM;
        if (ask->label && !(lease->label = strdup(ask->label)))
                return -ENOMEM;
        r = token_new(&lease->token);
        if (r < 0)
                return r;
        lease->hash = token_hash_of(lease->token.digits);
        lease->uid = ask->request.uid;
        lease->id = l->next_id;
        lease->work_rate = -1;
        lease->nice = nice_of(l, ask->request.priority);
        *ret_lease = TAKE(lease);
        return 0;
}

int leases_acquire(struct leases *l, struct connection *c, const struct lease_ask *ask)
{
        struct lease *lease;
        int r = lease_new(l, ask, &lease);

        if (r < 0)
                return r;
        alloc_id id = lease->id;
        lease->stream = c;
        c->lease = lease;
        l->items[l->n++] = lease;
        r = step(l, (struct alloc_event){.type = ALLOC_OPEN, .lease = lease->id, .request = &ask->request});
        if (r != 0) {
                c->lease = NULL;
                forget(l, lease);
                return r;
        }
        l->next_id++;
        if ((lease = leases_by_id(l, id))) /* its stream may be gone already */
                tell_pus(lease, LOG_LEVEL_INFO, LOG_ID_LEASE_OPENED, alloc_reason_text(lease->grant.reason),
                         "opened with", &lease->grant.pus);
        return 0;
}

/* The newest stream is the lease's; what was sent over the old one may not have arrived. */
static void move_stream(struct leases *l, struct lease *lease, struct connection *c)
{
        struct connection *old = lease->stream;

        lease->stream = c;
        lease->greeted = false;
        c->lease = lease;
        if (!old)
                return;
        old->lease = NULL;
        methods_alloc_error(old, ALLOC_ERROR_NO_SUCH_LEASE, NULL);
        connection_end(old);
}

int leases_claim(struct leases *l, struct connection *c, struct lease *lease, uint64_t generation,
                 const struct cpuset *pus)
{
        alloc_id id = lease->id;
        bool was_attached = lease->stream;

        move_stream(l, lease, c);
        int r = step(l, (struct alloc_event){.type = ALLOC_CLAIM, .lease = id, .generation = generation, .pus = pus});
        if (r != 0) {
                c->lease = NULL;
                lease->stream = NULL;
                if (was_attached)
                        leases_drop(l, lease);
                return r;
        }
        if (c->lease)
                tell_pus(lease, LOG_LEVEL_INFO, LOG_ID_LEASE_CLAIMED, alloc_reason_text(lease->grant.reason),
                         "goes on with", &lease->grant.pus);
        /* A claim that changed nothing may give no action, and yet the stream begins with a grant. */
        if (c->lease && !lease->greeted) {
                lease->unsent = true;
                leases_send(l, lease);
        }
        return 0;
}

/* Within a second, or an eighth of what is left: a client's idea of its end moves a little with every report. */
static bool ends_alike(uint64_t a, uint64_t b, uint64_t now)
{
        uint64_t late = a > b ? a : b, early = a > b ? b : a;
        uint64_t left = late > now ? late - now : 0;

        return (a == 0) == (b == 0) && late - early <= (left / 8 > 1000000 ? left / 8 : 1000000);
}

/* Its client hears of it at once. */
static void set_nice(struct leases *l, struct lease *lease, int nice)
{
        if (nice == lease->nice)
                return;
        lease->nice = nice;
        lease->unsent = true;
        leases_record_one(l, lease->id);
        leases_send(l, lease);
}

int leases_update(struct leases *l, struct lease *lease, const struct alloc_request *request)
{
        struct alloc_lease_view view;
        bool was_batch = false, is_batch = request->priority == ALLOC_BATCH;
        alloc_id id = lease->id;
        int r;

        if (alloc_lease_find(l->alloc, id, &view)) {
                was_batch = view.request->priority == ALLOC_BATCH;
                if (alloc_request_equal(view.request, request) &&
                    ends_alike(view.request->ends_at, request->ends_at, server_now()))
                        return 0;
        }
        r = step(l, (struct alloc_event){.type = ALLOC_UPDATE, .lease = id, .request = request});
        if (r == 0 && was_batch != is_batch && (lease = leases_by_id(l, id)))
                set_nice(l, lease, nice_of(l, request->priority));
        return r;
}

int leases_set_unit(struct leases *l, struct lease *lease, const char *unit)
{
        CLEANUP_FREE char *escaped = NULL;

        if (unit && *unit && !(escaped = text_escape(unit)))
                return -ENOMEM;
        if (escaped == lease->unit || (escaped && lease->unit && strcmp(escaped, lease->unit) == 0))
                return 0;
        free(lease->unit);
        lease->unit = TAKE(escaped);
        l->changed = true;
        leases_record_one(l, lease->id);
        return 0;
}

int leases_return(struct leases *l, struct lease *lease, uint64_t generation, const struct cpuset *pus, bool unusable)
{
        return step(l, (struct alloc_event){.type = unusable ? ALLOC_REFUSED : ALLOC_RETURN,
                                            .lease = lease->id,
                                            .generation = generation,
                                            .pus = pus});
}

void leases_drop(struct leases *l, struct lease *lease)
{
        lease->stream = NULL;
        if (l->keep)
                return;
        lease->dropped = true;

        int r = step(l, (struct alloc_event){.type = ALLOC_CLOSE, .lease = lease->id});
        if (r < 0)
                log_error("cannot end lease %llu yet: %s", (unsigned long long)lease->id, strerror(-r));
        else {
                tell(lease, LOG_LEVEL_INFO, LOG_ID_LEASE_ENDED, "its client has left", "ended");
                forget(l, lease);
        }
}

void leases_tick(struct leases *l)
{
        int r = step(l, (struct alloc_event){.type = ALLOC_TIME});

        if (r < 0)
                log_error("the allocator failed: %s", strerror(-r));
        for (size_t i = l->n; i > 0; i--)
                if (i <= l->n && l->items[i - 1]->dropped)
                        leases_drop(l, l->items[i - 1]);
}

uint64_t leases_next_deadline(const struct leases *l)
{
        uint64_t deadline = alloc_next_deadline(l->alloc);

        return l->record_at < deadline ? l->record_at : deadline;
}

/* The machine. */

static int rank_pus(struct leases *l, const struct machine *machine, const struct cpuset *usable)
{
        CLEANUP_FREE struct placement_choice *order = calloc(machine->n_pus, sizeof(*order));
        unsigned n;

        if (!order)
                return -ENOMEM;
        n = placement_order(machine, NULL, usable, order);
        memset(l->rank, 0, sizeof(l->rank));
        for (unsigned i = 0; i < n; i++)
                l->rank[order[i].pu] = i + 1;
        return 0;
}

int leases_set_machine(struct leases *l, struct machine *machine, const struct cpuset *usable)
{
        int r = rank_pus(l, machine, usable);

        if (r < 0)
                return r;
        r = step(l, (struct alloc_event){.type = ALLOC_MACHINE, .machine = machine, .usable = usable});
        if (r != 0)
                return r;
        machine_finish(&l->machine);
        l->machine = *machine;
        *machine = (struct machine){0};
        l->usable = *usable;
        return 0;
}

int leases_set_budget(struct leases *l, const struct governor_decision *decision)
{
        l->nice = decision->nice;
        return step(l, (struct alloc_event){.type = ALLOC_BUDGET_SET,
                                            .budget = decision->budget,
                                            .aim = decision->aim,
                                            .hot_package = decision->hot_package,
                                            .hold = decision->hold});
}

int leases_set_weights(struct leases *l, const struct config *config)
{
        int r = 0;

        /* From the last, since a step may end leases. */
        for (size_t i = l->n; i > 0 && r == 0; i--) {
                struct alloc_lease_view view;

                if (i > l->n || !alloc_lease_find(l->alloc, l->items[i - 1]->id, &view))
                        continue;
                struct alloc_request request = *view.request;
                request.user_weight = config_weight(config, request.uid);
                r = leases_update(l, l->items[i - 1], &request);
        }
        return r;
}

/* Starting and stopping. */

/* A record that the allocator does not take is dropped: its lease's client keeps what it has and learns by its claim.
 */
static int recover(struct leases *l, struct state_lease *kept)
{
        CLEANUP(cleanup_lease_freep) struct lease *lease = calloc(1, sizeof(*lease));
        int r = reserve(l);

        if (!lease || r < 0)
                return -ENOMEM;
        lease->id = kept->id;
        lease->is_known = true;
        lease->uid = kept->request.uid;
        lease->hash = kept->hash;
        lease->label = TAKE(kept->label);
        lease->unit = TAKE(kept->unit);
        lease->work_rate = -1;
        lease->nice = kept->nice;
        lease->grant.generation = kept->generation;
        if (kept->id >= l->next_id)
                l->next_id = kept->id + 1;
        l->items[l->n++] = lease;
        r = step(l, (struct alloc_event){.type = ALLOC_RECOVER,
                                         .lease = kept->id,
                                         .request = &kept->request,
                                         .generation = kept->generation,
                                         .pus = &kept->pus,
                                         .slots = &kept->slots});
        if (r == 0) {
                lease = NULL;
                return 0;
        }
        l->n--;
        log_warning("lease %llu cannot be recovered: %s", (unsigned long long)kept->id,
                    r > 0 ? alloc_error_text((enum alloc_error)r) : strerror(-r));
        return r < 0 ? r : 0;
}

static int open_state(struct leases *l, const char *path, const char *boot_id)
{
        struct state_leases kept = {0};
        struct state *state;
        int r = state_open(path, boot_id, &state, &kept);

        if (r < 0)
                return r;
        if (r > 0)
                log_warning("%s was damaged and is set aside as %s.corrupt; leases of before are lost", path, path);
        r = 0;
        for (size_t i = 0; i < kept.n && r == 0; i++)
                r = recover(l, &kept.items[i]);
        if (kept.n > 0)
                log_event(LOG_LEVEL_NOTICE, &(struct log_event){.id = LOG_ID_RECOVERED},
                          "recovered %zu lease%s of an earlier service", l->n, l->n == 1 ? "" : "s");
        state_leases_finish(&kept);
        l->state = state;
        if (r == 0)
                r = leases_record_all(l);
        return r < 0 ? r : state_commit(state);
}

int leases_init(struct leases *l, struct machine *machine, const struct cpuset *usable, const char *state_path,
                const char *boot_id)
{
        int r;

        *l = (struct leases){.next_id = 1, .record_at = ALLOC_NEVER};
        r = alloc_create(&l->alloc);
        if (r < 0)
                return r;
        r = leases_set_machine(l, machine, usable);
        if (r != 0)
                return r;
        if (!state_path)
                return 0;
        r = open_state(l, state_path, boot_id);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                log_error("%s: %s; leases will not survive a restart", state_path, strerror(-r));
                l->record_at = l->state ? server_now() : ALLOC_NEVER;
        }
        return 0;
}

void leases_finish(struct leases *l)
{
        if (l->state && l->n == 0)
                state_remove(l->state);
        state_close(l->state);
        while (l->n > 0)
                forget(l, l->items[l->n - 1]);
        free(l->items);
        alloc_actions_finish(&l->actions);
        alloc_destroy(l->alloc);
        machine_finish(&l->machine);
        *l = (struct leases){0};
}
