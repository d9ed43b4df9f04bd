/* The leases: core/'s allocator joined with who holds what over which connection.
 *
 * Turns requests into the allocator's events and its actions into records in the state file and grants on
 * connections; the record is always written first. A lease is known by its number and a random token, of which
 * only the hash is kept once it has been sent.
 *
 * Functions return 0, a positive enum alloc_error for the client, or a negative errno (-ENOMEM) that leaves
 * everything as it was.
 */
#pragma once

#include "core/alloc.h"
#include "core/governor.h"
#include "daemon/config.h"
#include "daemon/state.h"
#include "daemon/token.h"

enum {
        LEASE_LABEL_MAX = 128, /* bytes, as sent */
        LEASE_UNIT_MAX = 255,  /* bytes, as sent: systemd's own limit of a unit's name */
        LEASE_BATCH_NICE = 19, /* of batch leases: their last PU may be shared with a run that goes before them */
};

struct connection;

struct lease {
        alloc_id id;
        uint32_t uid;
        struct token_hash hash;
        struct token token;        /* empty once sent */
        char *label;               /* escaped, NULL without one */
        char *unit;                /* that holds the run's processes; escaped, NULL where it has not said so */
        struct connection *stream; /* NULL: recovered and not yet claimed, or being dropped */
        struct alloc_grant grant;  /* the latest; lost gathers what unsent grants said */
        bool unsent;
        bool greeted;      /* a grant has gone out over the present stream */
        bool is_known;     /* to the log: what becomes of it is logged, whether or not its user has used up his lines */
        bool dropped;      /* its stream is gone and it is to end, as soon as there is memory for that */
        double work_rate;  /* seconds of estimated work done per second, as reported; < 0 unknown */
        uint64_t reported; /* when, µs */
        uint64_t ends_at;  /* µs: when its client expects to be done, as reported; 0 unknown */
        int nice;          /* that its processes are to have; follows the priority, and is else kept for its life */
};

struct leases {
        struct alloc *alloc;
        struct alloc_actions actions;
        struct lease **items;
        size_t n, allocated;
        alloc_id next_id;
        struct machine machine;
        struct cpuset usable;
        unsigned rank[CPUSET_MAX]; /* of a PU in placement's order, from 1; 0: not usable */
        struct state *state;       /* NULL: nothing is recorded */
        uint64_t record_at;        /* µs: when writing it, which has failed, is tried again; ALLOC_NEVER */
        int nice;                  /* of leases that are opened from now on */
        bool changed;              /* a lease has, since somebody has last taken this back */
        bool keep;                 /* the service stops: dropped connections leave their leases recorded */
};

/* What Acquire was asked for; the label is borrowed. */
struct lease_ask {
        struct alloc_request request;
        const char *label;
};

/* state_path may be NULL. Recovers what an earlier service of the same boot has left. Leases must be finished. */
int leases_init(struct leases *l, struct machine *machine, const struct cpuset *usable, const char *state_path,
                const char *boot_id);
/* Removes the state file if no lease is left in it. */
void leases_finish(struct leases *l);

/* Takes over the machine. What headroom allows stays as it was. */
int leases_set_machine(struct leases *l, struct machine *machine, const struct cpuset *usable);

/* How much of it may be lent: the governor's budget, what is taken back first, hold and niceness. */
int leases_set_budget(struct leases *l, const struct governor_decision *decision);
/* The configuration's weights of users, for every lease that there is. */
int leases_set_weights(struct leases *l, const struct config *config);

/* Opens a lease whose grants go to c, the first of them at once. */
int leases_acquire(struct leases *l, struct connection *c, const struct lease_ask *ask);
/* Puts a lease's stream on c; a connection that had it before is ended. */
int leases_claim(struct leases *l, struct connection *c, struct lease *lease, uint64_t generation,
                 const struct cpuset *pus);
/* Costs nothing where the request is as it was. An end that moved by little is as it was. Its client is told, and where
 * he cannot be any more the lease is gone afterwards. */
int leases_update(struct leases *l, struct lease *lease, const struct alloc_request *request);
/* The unit that its client says holds the run's processes; NULL or "": none. Is recorded. */
int leases_set_unit(struct leases *l, struct lease *lease, const char *unit);
int leases_return(struct leases *l, struct lease *lease, uint64_t generation, const struct cpuset *pus, bool unusable);
/* Its connection is gone: the lease ends, unless the service itself does. */
void leases_drop(struct leases *l, struct lease *lease);

/* The lease of that number, token and user; NULL where one of them is wrong. */
struct lease *leases_find(struct leases *l, const char *id, const char *token, uint32_t uid);
/* The lease of that number if it is the user's, or the user is root; else NULL. */
struct lease *leases_find_own(struct leases *l, const char *id, uint32_t uid);
struct lease *leases_by_id(const struct leases *l, alloc_id id);

/* Sends the latest grant if it is unsent and the connection has nothing else to write. */
void leases_send(struct leases *l, struct lease *lease);

/* Time has passed; and when that is to be said next (ALLOC_NEVER). */
void leases_tick(struct leases *l);
uint64_t leases_next_deadline(const struct leases *l);
