/* Events to facts: what an event must be like, and what it changes. */
#include <string.h>

#include "core/alloc_state.h"

enum {
        ALLOC_SLOTS_SHARE = 8, /* a lease takes at most one in so many of the free slots */
};

struct alloc_lease *alloc_find(const struct alloc *a, alloc_id id)
{
        for (size_t i = 0; i < a->n_leases; i++)
                if (a->leases[i].id == id)
                        return &a->leases[i];
        return NULL;
}

static enum alloc_error check_request(const struct alloc_request *r)
{
        if (!r || r->max < 1 || r->min > r->max || r->weight < ALLOC_WEIGHT_MIN || r->weight > ALLOC_WEIGHT_MAX)
                return ALLOC_ERROR_INVALID;
        if (r->user_weight > ALLOC_WEIGHT_MAX || r->priority >= ALLOC_PRIORITIES)
                return ALLOC_ERROR_INVALID;
        return r->quota >= 0 && !cpuset_is_empty(&r->allowed) ? ALLOC_ERROR_NONE : ALLOC_ERROR_INVALID;
}

static enum alloc_error check_limits(const struct alloc *a, const struct alloc_event *e)
{
        unsigned n_of_uid = 0;

        if (alloc_find(a, e->lease))
                return ALLOC_ERROR_EXISTS;
        if (a->n_leases >= ALLOC_LEASES_MAX)
                return ALLOC_ERROR_TOO_MANY_LEASES;
        for (size_t i = 0; i < a->n_leases; i++)
                n_of_uid += a->leases[i].request.uid == e->request->uid;
        return n_of_uid >= ALLOC_LEASES_PER_UID_MAX ? ALLOC_ERROR_TOO_MANY_OF_UID : ALLOC_ERROR_NONE;
}

static struct cpuset slots_used(const struct alloc *a)
{
        struct cpuset used = {0};

        for (size_t i = 0; i < a->n_leases; i++)
                cpuset_merge(&used, &a->leases[i].grant.slots);
        return used;
}

static enum alloc_error check_open(const struct alloc *a, const struct alloc_event *e)
{
        struct cpuset used = slots_used(a);
        enum alloc_error error;

        if (e->lease == 0)
                return ALLOC_ERROR_INVALID;
        if ((error = check_request(e->request)) || (error = check_limits(a, e)))
                return error;
        if (e->type == ALLOC_RECOVER)
                return !e->pus || !e->slots || cpuset_is_empty(e->slots) || cpuset_intersects(e->slots, &used)
                               ? ALLOC_ERROR_INVALID
                               : ALLOC_ERROR_NONE;
        if (!cpuset_intersects(&e->request->allowed, &a->usable))
                return ALLOC_ERROR_NO_USABLE_PU;
        return cpuset_count(&used) >= ALLOC_SLOTS_MAX ? ALLOC_ERROR_TOO_MANY_SLOTS : ALLOC_ERROR_NONE;
}

enum alloc_error alloc_event_check(const struct alloc *a, const struct alloc_event *e)
{
        switch (e->type) {
        case ALLOC_MACHINE:
                return e->usable && (e->machine || a->machine.n_pus > 0) ? ALLOC_ERROR_NONE : ALLOC_ERROR_INVALID;
        case ALLOC_BUDGET_SET:
                return e->budget >= 1 && e->aim <= PLACEMENT_COOL ? ALLOC_ERROR_NONE : ALLOC_ERROR_INVALID;
        case ALLOC_OPEN:
        case ALLOC_RECOVER:
                return check_open(a, e);
        case ALLOC_UPDATE:
                if (!alloc_find(a, e->lease))
                        return ALLOC_ERROR_NO_SUCH_LEASE;
                return check_request(e->request);
        case ALLOC_RETURN:
        case ALLOC_REFUSED:
        case ALLOC_CLAIM:
                if (!alloc_find(a, e->lease))
                        return ALLOC_ERROR_NO_SUCH_LEASE;
                return e->pus ? ALLOC_ERROR_NONE : ALLOC_ERROR_INVALID;
        case ALLOC_CLOSE:
        case ALLOC_DETACH:
                return alloc_find(a, e->lease) ? ALLOC_ERROR_NONE : ALLOC_ERROR_NO_SUCH_LEASE;
        case ALLOC_TIME:
                return ALLOC_ERROR_NONE;
        }
        return ALLOC_ERROR_INVALID;
}

/* Takes PUs from the lease without asking it: they are gone or unusable. */
static void lose(struct alloc_lease *l, const struct cpuset *pus, enum alloc_reason reason)
{
        struct cpuset held = alloc_lease_held(l), lost = cpuset_and(&held, pus);

        if (cpuset_is_empty(&lost))
                return;
        cpuset_subtract(&l->own, &lost);
        cpuset_subtract(&l->guest, &lost);
        cpuset_subtract(&l->coming, &lost);
        cpuset_subtract(&l->meant, &lost);
        cpuset_subtract(&l->wanted, &lost);
        cpuset_merge(&l->lost, &lost);
        l->lost_reason = reason;
}

/* The lowest free numbers, up to one for each PU that the lease could hold, or as many as it asks for. Where slots run
 * short, every lease leaves most of what is left to others. */
static void take_slots(struct alloc *a, struct alloc_lease *l)
{
        unsigned most = l->request.max < a->machine.n_pus ? l->request.max : a->machine.n_pus;
        unsigned n = cpuset_count(&l->grant.slots);

        if (l->request.slots > most)
                most = l->request.slots;
        if (n >= most)
                return;
        struct cpuset used = slots_used(a);
        unsigned n_free = ALLOC_SLOTS_MAX - cpuset_count(&used);
        unsigned n_reserved = ALLOC_LEASES_MAX - (unsigned)a->n_leases; /* one for each lease that may yet come */
        unsigned room = n_free > n_reserved ? (n_free - n_reserved) / ALLOC_SLOTS_SHARE : 0;

        if (room == 0 && n == 0 && n_free > 0)
                room = 1;
        for (unsigned slot = 0; slot < ALLOC_SLOTS_MAX && n < most && room > 0; slot++) {
                if (cpuset_has(&used, slot))
                        continue;
                cpuset_add(&l->grant.slots, slot);
                l->touched = l->answer = true;
                n++;
                room--;
        }
}

static void set_machine(struct alloc *a, struct machine *machine, const struct cpuset *usable)
{
        if (machine) {
                machine_finish(&a->machine);
                a->machine = *machine;
                a->online = machine_cpuset(machine);
                for (unsigned kind = 0; kind < machine->n_kinds; kind++)
                        a->kinds[kind] = machine_kind_cpuset(machine, kind);
        }
        a->usable = cpuset_and(usable, &a->online);
        for (size_t i = 0; i < a->n_leases; i++) {
                struct alloc_lease *l = &a->leases[i];
                struct cpuset held = alloc_lease_held(l), gone = cpuset_andnot(&held, &a->online);

                lose(l, &gone, ALLOC_MACHINE_CHANGED);
                if (!l->detached)
                        take_slots(a, l);
        }
}

static struct alloc_lease *add_lease(struct alloc *a, const struct alloc_event *e)
{
        struct alloc_lease *l = &a->leases[a->n_leases++];

        *l = (struct alloc_lease){
                .id = e->lease, .request = *e->request, .opened = a->now, .touched = true, .lends = l->lends};
        for (unsigned pu = 0; pu < a->width; pu++)
                l->lends[pu] = (struct alloc_lend){.wanted_since = ALLOC_NEVER};
        l->grant.wanted_deadline = ALLOC_NEVER;
        return l;
}

/* Its row of lends goes to the end, for the next lease. */
static void remove_lease(struct alloc *a, struct alloc_lease *l)
{
        struct alloc_lend *row = l->lends;
        size_t index = (size_t)(l - a->leases);

        a->n_leases--;
        memmove(l, l + 1, (a->n_leases - index) * sizeof(*l));
        a->leases[a->n_leases].lends = row;
}

/* What other records have already is shared with them. */
static void recover(struct alloc *a, const struct alloc_event *e)
{
        struct alloc_lease *l = add_lease(a, e);
        struct cpuset pus = cpuset_and(e->pus, &a->online), owned = {0}, bound;

        for (size_t i = 0; i + 1 < a->n_leases; i++)
                cpuset_merge(&owned, &a->leases[i].own);
        l->own = l->meant = cpuset_andnot(&pus, &owned);
        for (size_t i = 0; i + 1 < a->n_leases; i++)
                cpuset_subtract(&a->leases[i].meant, &l->own);
        bound = cpuset_and(&pus, &owned);
        CPUSET_FOREACH (pu, &bound)
                if (alloc_count_guests(a, pu) < ALLOC_GUESTS_MAX)
                        cpuset_add(&l->guest, pu);
        CPUSET_FOREACH (pu, &pus)
                l->lends[pu].generation = e->generation;
        l->grant.generation = e->generation;
        l->grant.slots = *e->slots;
        l->grant.pus = *e->pus;
        l->hold_cap = cpuset_count(&l->own);
        l->detached = true;
        l->detached_at = a->now;
}

/* Where something comes back, the client hears: it may be lent the same PU again. */
static void give_back(struct alloc_lease *l, const struct alloc_event *e, bool unusable)
{
        struct cpuset held = alloc_lease_held(l), named = cpuset_and(&held, e->pus);

        CPUSET_FOREACH (pu, &named)
                if (l->lends[pu].generation > e->generation)
                        cpuset_remove(&named, pu);
        l->answer = !cpuset_is_empty(&named);
        l->declined &= cpuset_is_empty(&named);
        if (unusable) {
                cpuset_merge(&l->unusable, &named);
                lose(l, &named, ALLOC_UNUSABLE);
                return;
        }
        cpuset_subtract(&l->own, &named);
        cpuset_subtract(&l->guest, &named);
        cpuset_subtract(&l->coming, &named);
        cpuset_subtract(&l->meant, &named);
        cpuset_subtract(&l->wanted, &named);
}

/* What the client does not claim it does not use. One that was away hears of what is wanted back only now, so time
 * starts anew; for one that claims again it does not. */
static void claim(struct alloc *a, struct alloc_lease *l, const struct cpuset *pus)
{
        cpuset_restrict(&l->own, pus);
        cpuset_restrict(&l->guest, pus);
        cpuset_restrict(&l->coming, pus);
        cpuset_restrict(&l->wanted, pus);
        cpuset_restrict(&l->meant, pus);
        if (l->detached)
                CPUSET_FOREACH (pu, &l->wanted)
                        l->lends[pu].wanted_since = ALLOC_NEVER;
        l->detached = l->declined = false;
        l->claimed = l->answer = true;
        take_slots(a, l);
}

struct alloc_request alloc_request_any(uint32_t uid)
{
        struct alloc_request request = {.uid = uid,
                                        .min = 1,
                                        .max = CPUSET_MAX,
                                        .weight = ALLOC_WEIGHT_DEFAULT,
                                        .user_weight = ALLOC_WEIGHT_DEFAULT};

        cpuset_add_range(&request.allowed, 0, CPUSET_MAX - 1);
        return request;
}

bool alloc_request_equal(const struct alloc_request *a, const struct alloc_request *b)
{
        return a->min == b->min && a->max == b->max && a->weight == b->weight && a->user_weight == b->user_weight &&
               a->slots == b->slots && a->memory_per_worker == b->memory_per_worker &&
               cpuset_equal(&a->allowed, &b->allowed) && !(a->quota < b->quota) && !(a->quota > b->quota) &&
               a->quota_group == b->quota_group && a->priority == b->priority && a->paused == b->paused;
}

static void update(struct alloc *a, struct alloc_lease *l, const struct alloc_request *r)
{
        uint32_t uid = l->request.uid;

        l->touched |= !alloc_request_equal(&l->request, r);
        l->request = *r;
        l->request.uid = uid;
        take_slots(a, l);
}

static void detach(struct alloc *a, struct alloc_lease *l)
{
        if (l->detached)
                return;
        l->detached = true;
        l->detached_at = a->now;
}

static void open_lease(struct alloc *a, const struct alloc_event *e)
{
        struct alloc_lease *l = add_lease(a, e);

        l->answer = true;
        take_slots(a, l);
}

/* What is wanted back already when growth is held, or goes later, does not come again before the hold ends. */
static void set_hold(struct alloc *a, bool hold)
{
        for (size_t i = 0; i < a->n_leases && hold && !a->hold; i++) {
                struct cpuset kept = cpuset_andnot(&a->leases[i].own, &a->leases[i].wanted);

                a->leases[i].hold_cap = cpuset_count(&kept);
        }
        a->hold = hold;
}

void alloc_lower_hold(struct alloc *a)
{
        for (size_t i = 0; i < a->n_leases && a->hold; i++) {
                unsigned n = cpuset_count(&a->leases[i].own);

                if (n < a->leases[i].hold_cap)
                        a->leases[i].hold_cap = n;
        }
}

void alloc_event_apply(struct alloc *a, const struct alloc_event *e, struct machine *machine,
                       struct alloc_actions *actions)
{
        struct alloc_lease *l = alloc_find(a, e->lease);

        switch (e->type) {
        case ALLOC_MACHINE:
                set_machine(a, machine, e->usable);
                break;
        case ALLOC_BUDGET_SET:
                a->budget = e->budget;
                a->goal = (struct placement_goal){.aim = e->aim, .hot_package = e->hot_package};
                set_hold(a, e->hold);
                break;
        case ALLOC_OPEN:
                open_lease(a, e);
                break;
        case ALLOC_RECOVER:
                recover(a, e);
                break;
        case ALLOC_UPDATE:
                update(a, l, e->request);
                break;
        case ALLOC_RETURN:
        case ALLOC_REFUSED:
                give_back(l, e, e->type == ALLOC_REFUSED);
                break;
        case ALLOC_CLAIM:
                claim(a, l, e->pus);
                break;
        case ALLOC_DETACH:
                detach(a, l);
                break;
        case ALLOC_CLOSE:
                alloc_emit(actions, ALLOC_DO_FORGET, l, ALLOC_ERROR_NONE);
                remove_lease(a, l);
                break;
        case ALLOC_TIME:
                break;
        }
}

/* Why the allocator ends a lease of its own accord. */
static enum alloc_error end_reason(const struct alloc *a, const struct alloc_lease *l)
{
        if (l->detached && a->now - l->detached_at >= ALLOC_RECOVER_US)
                return ALLOC_ERROR_NO_SUCH_LEASE;
        if (cpuset_is_subset(&l->request.allowed, &l->unusable))
                return ALLOC_ERROR_NO_USABLE_PU;
        return ALLOC_ERROR_NONE;
}

void alloc_end_leases(struct alloc *a, struct alloc_actions *actions)
{
        for (size_t i = 0; i < a->n_leases;) {
                struct alloc_lease *l = &a->leases[i];
                enum alloc_error error = end_reason(a, l);

                if (error == ALLOC_ERROR_NONE) {
                        i++;
                        continue;
                }
                alloc_emit(actions, ALLOC_DO_FORGET, l, ALLOC_ERROR_NONE);
                alloc_emit(actions, ALLOC_DO_END, l, error);
                remove_lease(a, l);
        }
}
