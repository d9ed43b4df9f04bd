#include "daemon/leases_record.h"

#include <string.h>

#include "daemon/log.h"
#include "daemon/server.h"

enum {
        RECORD_AGAIN_US = 1000000, /* after a failure */
};

static int record(struct leases *l, alloc_id id)
{
        const struct lease *lease = leases_by_id(l, id);
        struct alloc_lease_view view;

        if (!lease || !alloc_lease_find(l->alloc, id, &view))
                return 0;
        return state_put(l->state, &(struct state_record){.id = id,
                                                          .hash = lease->hash,
                                                          .label = lease->label,
                                                          .unit = lease->unit,
                                                          .nice = lease->nice,
                                                          .request = view.request,
                                                          .grant = view.grant});
}

int leases_record_all(struct leases *l)
{
        int r = 0;

        state_rewrite(l->state);
        for (size_t i = 0; i < l->n && r == 0; i++)
                r = record(l, l->items[i]->id);
        return r;
}

static int record_actions(struct leases *l, bool *ret_any)
{
        int r = 0;

        for (size_t i = 0; i < l->actions.n && r == 0; i++) {
                const struct alloc_action *action = &l->actions.items[i];

                if (action->type != ALLOC_DO_PERSIST && action->type != ALLOC_DO_FORGET)
                        continue;
                *ret_any = true;
                r = action->type == ALLOC_DO_PERSIST ? record(l, action->lease) : state_forget(l->state, action->lease);
        }
        return r;
}

/* Without its record a lease could not be claimed after a restart; it is no reason to lend nothing. */
static int commit(struct leases *l, int r)
{
        if (r == 0)
                r = state_commit(l->state);
        if (r < 0 && l->record_at == ALLOC_NEVER)
                log_error("cannot write the state file: %s; what is lent would not survive a restart", strerror(-r));
        else if (r == 0 && l->record_at != ALLOC_NEVER)
                log_notice("the state file is whole again");
        l->record_at = r < 0 ? server_now() + RECORD_AGAIN_US : ALLOC_NEVER;
        return r;
}

void leases_record(struct leases *l)
{
        bool any = false;
        int r;

        if (!l->state)
                return;
        r = state_is_large(l->state) ? leases_record_all(l) : record_actions(l, &any);
        if (r < 0 || any || state_is_large(l->state))
                commit(l, r);
}

void leases_record_one(struct leases *l, alloc_id id)
{
        if (l->state)
                commit(l, state_is_large(l->state) ? leases_record_all(l) : record(l, id));
}

int leases_record_check(struct leases *l)
{
        return !l->state || state_is_sound(l->state) ? 0 : commit(l, leases_record_all(l));
}
