/* include/schedctl.h: a lease from its opening to its end, and the stream of its grants. */
#include "lib/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "lib/ask.h"
#include "lib/call.h"
#include "lib/grant.h"
#include "lib/lease.h"

enum {
        CLAIM_FIRST_MS = 50,  /* doubles with every try */
        CLAIM_LAST_MS = 1600, /* and stays there: well within the 5 s in which a restarted service keeps the lease */
};

/* Claiming. */

static int claim_parameters(const struct schedctl_lease *lease, json_t **ret_parameters)
{
        CLEANUP_JSON json_t *o = json_pack("{s:s, s:s, s:I}", "lease", lease->id, "token", lease->token, "generation",
                                           (json_int_t)lease->grant.generation);
        json_t *pus = grant_numbers(lease->grant.pus, lease->grant.n_pus);

        if (json_object_set_new(o, "pus", pus) < 0)
                return -ENOMEM;
        *ret_parameters = TAKE(o);
        return 0;
}

static int begin_claim(struct schedctl_lease *lease)
{
        CLEANUP_JSON json_t *parameters = NULL;
        int r = claim_parameters(lease, &parameters);

        exchange_reset(&lease->stream);
        /* Only the first try starts a service: one that cannot stay up is not to be started over and over. */
        lease->stream.no_start = lease->no_start || lease->claims > 0;
        lease->state = LEASE_CLAIMING;
        lease->claim_at = POLLER_NEVER;
        return r < 0 ? r : exchange_call(&lease->stream, METHOD("Claim"), parameters, VARLINK_MORE);
}

static unsigned claim_pause(unsigned claims)
{
        return claims < 5 ? CLAIM_FIRST_MS << claims : CLAIM_LAST_MS;
}

/* A claim has failed. A service that knows nothing of this lease will not learn of it. */
static int put_off(struct schedctl_lease *lease, int r)
{
        exchange_reset(&lease->stream);
        lease->state = r == -ESRCH ? LEASE_ENDED : LEASE_LOST;
        lease->claim_at = r == -ESRCH ? POLLER_NEVER : poller_now() + claim_pause(lease->claims++);
        return -ENOTCONN;
}

static int end(struct schedctl_lease *lease, int r)
{
        exchange_reset(&lease->stream);
        exchange_reset(&lease->calls);
        lease->state = LEASE_ENDED;
        return r;
}

/* The stream has broken: 0 where that was not to be told yet. */
static int lose_stream(struct schedctl_lease *lease, int r)
{
        switch (lease->state) {
        case LEASE_CONNECTED:
                if (lease->queues && lease->calls.waiting > 0 && !lease->failed)
                        lease->failed = -ENOTCONN;
                exchange_reset(&lease->calls);
                r = begin_claim(lease);
                return r < 0 ? put_off(lease, r) : 0;
        case LEASE_CLAIMING:
                return put_off(lease, r);
        case LEASE_OPENING:
        case LEASE_LOST:
        case LEASE_ENDED:
                break;
        }
        return end(lease, r);
}

/* Grants. */

static int take_grant(struct schedctl_lease *lease, const struct varlink_reply *reply)
{
        struct client_grant grant = {0};
        CLEANUP_FREE char *id = NULL, *token = NULL;
        int r = call_errno(reply);

        if (r < 0)
                return r;
        r = grant_read(reply->parameters, &grant, &id, &token);
        if (r < 0)
                return r;
        grant_finish(&lease->grant);
        lease->grant = grant;
        if (!lease->id) {
                lease->id = TAKE(id);
                lease->token = TAKE(token);
        }
        return lease->token ? 0 : -EPROTO;
}

static void connected(struct schedctl_lease *lease)
{
        lease->retell |= lease->state == LEASE_CLAIMING;
        exchange_bind(&lease->stream, &lease->stream);
        exchange_bind(&lease->calls, &lease->stream);
        lease->state = LEASE_CONNECTED;
        lease->claims = 0;
}

/* Takes every grant that has arrived. */
static int drain(struct schedctl_lease *lease)
{
        int changed = 0;

        for (;;) {
                struct varlink_reply reply;
                int r = exchange_step(&lease->stream, &reply);

                if (r == 0)
                        return changed;
                if (r < 0) {
                        r = lose_stream(lease, r);
                        if (r < 0)
                                return changed && lease->state != LEASE_ENDED ? changed : r;
                        continue;
                }
                r = take_grant(lease, &reply);
                varlink_reply_finish(&reply);
                /* A service that has moved gives nothing back either. */
                if (r < 0 && lease->state == LEASE_CLAIMING)
                        return put_off(lease, r == -ENOENT ? -ESRCH : r);
                if (r < 0)
                        return end(lease, r);
                connected(lease);
                changed = 1;
        }
}

void lease_arm(const struct schedctl_lease *lease)
{
        int64_t stream = exchange_deadline(&lease->stream), deadline = exchange_deadline(&lease->calls);

        deadline = stream < deadline ? stream : deadline;
        poller_arm(&lease->poller, lease->claim_at < deadline ? lease->claim_at : deadline);
}

/* What is due: grants, and the next try to claim. */
static int step(struct schedctl_lease *lease)
{
        if (lease->state == LEASE_ENDED)
                return -ENOTCONN;
        if (lease->state == LEASE_LOST) {
                if (poller_left(lease->claim_at) != 0)
                        return 0;
                int r = begin_claim(lease);
                if (r < 0)
                        return put_off(lease, r);
        }
        return drain(lease);
}

int schedctl_lease_dispatch(struct schedctl_lease *lease)
{
        int r = poller_check(&lease->poller);

        if (r < 0)
                return r;
        lease_drain_calls(lease);
        r = step(lease);
        lease_arm(lease);
        return r;
}

int schedctl_lease_wait(struct schedctl_lease *lease, int timeout_ms)
{
        int64_t deadline = timeout_ms < 0 ? POLLER_NEVER : poller_now() + timeout_ms;

        for (;;) {
                int r = schedctl_lease_dispatch(lease);

                if (r != 0)
                        return r;
                r = poller_block(lease->poller.fd, POLLIN, deadline);
                if (r <= 0)
                        return r;
        }
}

/* Acquiring and releasing. */

static int lease_new(struct schedctl_lease **ret_lease)
{
        struct schedctl_lease *lease = calloc(1, sizeof(*lease));

        if (!lease)
                return -ENOMEM;
        int r = poller_init(&lease->poller);
        if (r < 0) {
                free(lease);
                return r;
        }
        exchange_init(&lease->stream, &lease->poller, false);
        exchange_init(&lease->calls, NULL, true);
        lease->claim_at = POLLER_NEVER;
        *ret_lease = lease;
        return 0;
}

void schedctl_lease_release(struct schedctl_lease *lease)
{
        if (!lease)
                return;
        exchange_reset(&lease->stream);
        exchange_reset(&lease->calls);
        poller_finish(&lease->poller);
        grant_finish(&lease->grant);
        free(lease->id);
        free(lease->unit);
        if (lease->token)
                explicit_bzero(lease->token, strlen(lease->token));
        free(lease->token);
        free(lease);
}

/* Asks, and leaves it to the next dispatch to look for who answers. */
static int begin(const struct schedctl_request *given, unsigned flags, struct schedctl_lease **ret_lease)
{
        CLEANUP_LEASE struct schedctl_lease *lease = NULL;
        CLEANUP_JSON json_t *parameters = NULL;
        struct schedctl_request request;
        int r;

        if ((r = ask_take(given, &request)) < 0 || (r = lease_new(&lease)) < 0 || (r = facts_read(&lease->facts)) < 0 ||
            (r = ask_parameters(&request, &lease->facts, &parameters)) < 0)
                return r;
        lease->no_start = request.no_start || (flags & CLIENT_NO_START);
        lease->stream.no_start = lease->no_start;
        r = exchange_call(&lease->stream, METHOD("Acquire"), parameters, VARLINK_MORE);
        if (r < 0)
                return r;
        *ret_lease = TAKE(lease);
        return 0;
}

int client_acquire(const struct schedctl_request *request, unsigned flags, struct schedctl_lease **ret_lease)
{
        CLEANUP_LEASE struct schedctl_lease *lease = NULL;
        int r = begin(request, flags, &lease);

        /* The service answers soon; a signal ends only the wait for a PU. */
        while (r >= 0 && lease->state == LEASE_OPENING)
                if ((r = schedctl_lease_wait(lease, -1)) == -EINTR)
                        r = 0;
        while (r >= 0 && lease->grant.n_pus == 0 && !(flags & CLIENT_NO_WAIT))
                r = schedctl_lease_wait(lease, -1);
        if (r < 0)
                return r;
        *ret_lease = TAKE(lease);
        return 0;
}

void client_lease_start_no_service(struct schedctl_lease *lease)
{
        lease->no_start = true;
}

void client_lease_queue_calls(struct schedctl_lease *lease)
{
        lease->queues = true;
        lease->calls.poller = &lease->poller;
}

void schedctl_lease_adopt(struct schedctl_lease *lease)
{
        lease->poller.owner = getpid();
}

int schedctl_acquire(const struct schedctl_request *request, struct schedctl_lease **ret_lease)
{
        return client_acquire(request, 0, ret_lease);
}

int schedctl_acquire_start(const struct schedctl_request *request, struct schedctl_lease **ret_lease)
{
        CLEANUP_LEASE struct schedctl_lease *lease = NULL;
        int r = begin(request, 0, &lease);

        if (r < 0)
                return r;
        client_lease_queue_calls(lease);
        poller_arm(&lease->poller, poller_now());
        *ret_lease = TAKE(lease);
        return 0;
}
