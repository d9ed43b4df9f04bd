/* A lease's insides, for lib/client*.c: one exchange for the stream of grants, another for calls. */
#pragma once

#include "lib/client.h"
#include "lib/exchange.h"
#include "lib/facts.h"

#define METHOD(name) "org.schedctl.Scheduler." name

enum lease_state {
        LEASE_OPENING,   /* no grant has come yet */
        LEASE_CONNECTED, /* grants come */
        LEASE_CLAIMING,  /* from a service that is being searched for */
        LEASE_LOST,      /* until the next claim */
        LEASE_ENDED,     /* by the service: there is nothing to claim */
};

struct schedctl_lease {
        struct poller poller;
        struct exchange stream;
        struct exchange calls; /* searches for the service with the first call */
        enum lease_state state;
        bool no_start;
        bool queues;     /* calls are not waited for */
        int failed;      /* errno of a queued call, until it is asked for */
        unsigned claims; /* tried since the service went */
        int64_t claim_at;
        char *id;
        char *token;
        struct facts facts; /* as the service was last told */
        char *unit;         /* of the run's processes, likewise; NULL: never said */
        bool retell;        /* it may know others: it has been claimed from */
        struct client_grant grant;
};

/* What every call about a lease begins with: its name and its proof; a new object. -EAGAIN before the first grant,
 * -ENOTCONN while no service knows the lease, -ECHILD in a forked child, -ENOMEM. */
int lease_parameters(const struct schedctl_lease *lease, json_t **ret_parameters);

/* Takes the replies to queued calls. */
void lease_drain_calls(struct schedctl_lease *lease);
/* Has the descriptor become readable when the next thing is due. */
void lease_arm(const struct schedctl_lease *lease);
