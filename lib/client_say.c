/* include/schedctl.h: what is said about a lease. */
#include <errno.h>
#include <string.h>

#include "lib/ask.h"
#include "lib/call.h"
#include "lib/grant.h"
#include "lib/lease.h"
#include "lib/params.h"

int lease_parameters(const struct schedctl_lease *lease, json_t **ret_parameters)
{
        int r = poller_check(&lease->poller);

        if (r < 0)
                return r;
        if (lease->state != LEASE_CONNECTED)
                return lease->state == LEASE_OPENING ? -EAGAIN : -ENOTCONN;
        *ret_parameters = json_pack("{s:s, s:s}", "lease", lease->id, "token", lease->token);
        return *ret_parameters ? 0 : -ENOMEM;
}

/* The service was there a moment ago: that it cannot be found is that it went. */
static int gone(int r)
{
        return r == -ENOENT ? -ENOTCONN : r;
}

void lease_drain_calls(struct schedctl_lease *lease)
{
        while (exchange_is_open(&lease->calls)) {
                struct varlink_reply reply;
                bool awaited = lease->calls.waiting > 0;
                int r = exchange_step(&lease->calls, &reply);

                if (r == 0)
                        return;
                if (r > 0) {
                        r = call_errno(&reply);
                        varlink_reply_finish(&reply);
                } else {
                        r = awaited ? gone(r) : 0; /* an idle connection may end */
                }
                lease->failed = lease->failed ? lease->failed : r;
        }
}

int schedctl_lease_error(struct schedctl_lease *lease)
{
        int r = lease->failed;

        lease->failed = 0;
        return r;
}

static int call(struct schedctl_lease *lease, const char *method, json_t *parameters)
{
        struct varlink_reply reply = {0};
        int r = exchange_call(&lease->calls, method, parameters, 0);

        if (r == 0 && lease->queues) {
                lease_drain_calls(lease);
                lease_arm(lease);
                return 0;
        }
        if (r == 0)
                r = exchange_await(&lease->calls, POLLER_NEVER, &reply);
        if (r == 0)
                r = call_errno(&reply);
        else
                r = gone(r);
        varlink_reply_finish(&reply);
        return r;
}

static int give_back(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus, bool unusable)
{
        CLEANUP_JSON json_t *o = NULL;
        int r = lease_parameters(lease, &o);

        if (r < 0)
                return r;
        if (json_object_set_new(o, "generation", json_integer((json_int_t)lease->grant.generation)) < 0 ||
            json_object_set_new(o, "pus", grant_numbers(pus, n_pus)) < 0 ||
            json_object_set_new(o, "unusable", json_boolean(unusable)) < 0)
                return -ENOMEM;
        return call(lease, METHOD("Return"), o);
}

int schedctl_lease_return(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus)
{
        return give_back(lease, pus, n_pus, false);
}

int schedctl_lease_unusable(struct schedctl_lease *lease, const unsigned *pus, size_t n_pus)
{
        return give_back(lease, pus, n_pus, true);
}

int schedctl_lease_update(struct schedctl_lease *lease, const struct schedctl_request *given)
{
        CLEANUP_JSON json_t *o = NULL;
        struct schedctl_request request;
        int r;

        if ((r = ask_take(given, &request)) < 0 || (r = lease_parameters(lease, &o)) < 0 ||
            (r = ask_numbers(o, &request)) < 0)
                return r;
        return call(lease, METHOD("Update"), o);
}

static int update_number(struct schedctl_lease *lease, const char *name, uint64_t number)
{
        CLEANUP_JSON json_t *o = NULL;
        int r = lease_parameters(lease, &o);

        if (r < 0 || (r = ask_number(o, name, number)) < 0)
                return r;
        return call(lease, METHOD("Update"), o);
}

int client_lease_set_max(struct schedctl_lease *lease, unsigned max)
{
        return max == 0 ? -EINVAL : update_number(lease, "max", max);
}

int schedctl_lease_set_slots(struct schedctl_lease *lease, unsigned slots)
{
        return update_number(lease, "slots", slots);
}

int schedctl_lease_report(struct schedctl_lease *lease, double work_rate, uint64_t ends_in_ms)
{
        CLEANUP_JSON json_t *o = NULL;
        int r = lease_parameters(lease, &o);

        if (r < 0)
                return r;
        /* json_real() refuses what JSON cannot hold: infinities and NaN. */
        if (json_object_set_new(o, "workRate", json_real(work_rate)) < 0)
                return -EINVAL;
        r = ask_number(o, "endsInMs", ends_in_ms);
        return r < 0 ? r : call(lease, METHOD("Update"), o);
}

int schedctl_lease_refresh(struct schedctl_lease *lease)
{
        CLEANUP_JSON json_t *o = NULL;
        struct facts now;
        int r = lease_parameters(lease, &o);

        if (r == 0)
                r = facts_reread(&lease->facts, lease->unit, &now);
        if (r == 0)
                r = facts_add_changes(lease->retell ? NULL : &lease->facts, &now, o);
        if (r >= 0 && lease->retell && lease->unit)
                r = json_object_set_new(o, "unit", json_string(lease->unit)) < 0 ? -ENOMEM : 1;
        if (r <= 0)
                return r;
        r = call(lease, METHOD("Update"), o);
        if (r < 0)
                return r;
        lease->facts = now;
        lease->retell = false;
        return 1;
}

int schedctl_lease_set_unit(struct schedctl_lease *lease, const char *unit)
{
        CLEANUP_JSON json_t *o = NULL;
        CLEANUP_FREE char *copy = strdup(unit ? unit : "");
        int r;

        if (!copy)
                return -ENOMEM;
        if ((r = lease_parameters(lease, &o)) < 0)
                return r;
        if (json_object_set_new(o, "unit", json_string(copy)) < 0)
                return -EINVAL; /* not UTF-8 */
        free(lease->unit);
        lease->unit = TAKE(copy);
        return call(lease, METHOD("Update"), o);
}

int schedctl_lease_set_priority(struct schedctl_lease *lease, int priority)
{
        CLEANUP_JSON json_t *o = NULL;
        int r;

        if (!ask_is_priority(priority))
                return -EINVAL;
        if ((r = lease_parameters(lease, &o)) < 0)
                return r;
        if (json_object_set_new(o, "priority", json_string(params_priorities[priority])) < 0)
                return -ENOMEM;
        return call(lease, METHOD("Update"), o);
}
