/* The client's side of the service beyond include/schedctl.h: what schedctl's own verbs need as well.
 *
 * Internal: not exported by libschedctl. Errors as in schedctl.h.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "core/cpuset.h"
#include "include/schedctl.h"
#include "lib/util.h"

/* A grant as the service sent it; the latest replaces all before it. Ordered arrays are best first. */
struct client_grant {
        unsigned *pus;
        size_t n_pus;
        unsigned *slots;
        size_t n_slots;
        unsigned *wanted; /* of pus, those wanted back */
        size_t n_wanted;
        unsigned wanted_within; /* ms, when the grant arrived */
        char *wanted_reason;    /* NULL where nothing is wanted */
        struct cpuset shared;   /* of pus, those that other leases use too */
        struct cpuset lost;     /* gone without asking since the last grant */
        char *lost_reason;      /* NULL where nothing is lost */
        char *reason;
        uint64_t generation;
        unsigned position;    /* in the queue, from 1; 0: does not wait */
        uint64_t expected_ms; /* where it waits: until a PU is expected to be free; 0 not known */
        int nice;             /* that the run's processes are to have at least; 0: as they are */
        bool paused;          /* by its user: everything is wanted back until it goes on */
};

/* The latest grant: owned by the lease, valid until the next call on it. */
const struct client_grant *client_lease_grant(const struct schedctl_lease *lease);
/* Whether the service is there; false between its end and a successful claim. */
bool client_lease_is_connected(const struct schedctl_lease *lease);
/* Whether the service has ended it, or the next one does not know it: there is nothing to claim. */
bool client_lease_is_over(const struct schedctl_lease *lease);
/* Whether the service is there and every call about the lease has been answered. */
bool client_lease_is_answered(const struct schedctl_lease *lease);
/* From now on calls about the lease are not waited for, as with schedctl_acquire_start(). Before the first of them. */
void client_lease_queue_calls(struct schedctl_lease *lease);
/* From now on no service is started in place of one that went: for a caller whose descendants are ended with it, as a
 * service started now would be one of them. */
void client_lease_start_no_service(struct schedctl_lease *lease);
/* Sets max exactly (at the end of a suite it falls to what still runs); at least 1. */
int client_lease_set_max(struct schedctl_lease *lease, unsigned max);

enum client_flags {
        CLIENT_NO_START = 1, /* -ENOENT rather than starting a service */
        CLIENT_NO_WAIT = 2,  /* return with the first answer even if the lease holds nothing yet */
        CLIENT_SOON = 4,     /* -ETIMEDOUT where a call is not answered within CALL_SOON_MS */
};

/* schedctl_acquire() with flags; request may be NULL. */
int client_acquire(const struct schedctl_request *request, unsigned flags, struct schedctl_lease **ret_lease);

/* One call and its one reply, over a connection of its own. `parameters` may be NULL; the reference stays the
 * caller's. 0 and the reply's parameters (a new reference), or 1 and the name of the service's error with its
 * parameters, or a negative errno. Free *ret_error and decref *ret_parameters; ret_error is set to NULL with 0. */
int client_call(const char *method, json_t *parameters, unsigned flags, json_t **ret_parameters, char **ret_error);

/* What this process may use, as Acquire and SuggestWorkers take it: allowed, quota, cgroup, bootId; a new object. */
int client_facts(json_t **ret_facts);

DEFINE_CLEANUP(struct schedctl_lease, schedctl_lease_release);
DEFINE_CLEANUP(json_t, json_decref);
#define CLEANUP_LEASE CLEANUP(cleanup_schedctl_lease_releasep)
#define CLEANUP_JSON  CLEANUP(cleanup_json_decrefp)
