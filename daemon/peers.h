/* What each user takes of the service, and how much of it there is: connections, bytes of memory, the service's time,
 * lines of the log.
 *
 * A user's connections are bounded, and by half of what all others have left: however many users join in taking what
 * they can, the next one finds something; and the last few are kept for root and the service's own user, who can then
 * end what is too much. Time is a leaky bucket: who has used up his own waits, and nobody waits for him. A user is
 * known from his first connection on, and for as long after his last one as something of his is not yet refilled: to
 * come again brings nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        PEERS_CONNECTIONS_MAX = 1024,              /* of all users */
        PEERS_CONNECTIONS_PER_UID_MAX = 320,       /* two for each of ALLOC_LEASES_PER_UID_MAX, and some to ask */
        PEERS_CONNECTIONS_KEPT = 16,               /* of the first, for root and the service's own user */
        PEERS_BYTES_PER_UID_MAX = 8 * 1024 * 1024, /* unfinished messages and unread replies of one user */
        PEERS_TIME_PERCENT = 25,                   /* of one CPU for the calls of one user, in the long run */
        PEERS_TIME_BURST_US = 1000000,             /* at once */
        PEERS_LINES_BURST = 10,                    /* of the log, about one user's faults */
        PEERS_LINE_US = 6000000,                   /* for one more */
        PEERS_EVENTS_BURST = 200,                  /* of the log, about one user's leases */
        PEERS_EVENT_US = 100000,                   /* for one more */
};

struct connection;

struct peer {
        uint32_t uid;
        unsigned connections;
        size_t bytes;
        double time;      /* µs of the service's that may still be used at `updated`; below 0 where it was exceeded */
        double lines;     /* of the log, likewise */
        double events;    /* of the log too */
        uint64_t updated; /* µs */
        unsigned untold;  /* lines that were not written */
        unsigned unsaid;  /* events that were not */
        struct connection *first, *last; /* with a message that waits for its turn: daemon/turns.h */
        struct peer *previous, *next;    /* in turns' ring; NULL: not there */
};

struct peers {
        struct peer **items;
        size_t n, allocated;
        unsigned connections, connections_max;
        uint32_t owner;
};

/* At most so many connections: PEERS_CONNECTIONS_MAX or, where the process may open few files, less. The owner is the
 * service's own user. */
void peers_init(struct peers *p, unsigned connections_max, uint32_t owner);
void peers_finish(struct peers *p);

/* Counts a connection of the user: 0, 1 where a limit forbids it (*ret_limit its name, *ret_maximum), -ENOMEM.
 * *ret_peer is the user in the first two cases; after 0 it stays valid until peers_leave(), after 1 until the next
 * call. */
int peers_enter(struct peers *p, uint32_t uid, uint64_t now, struct peer **ret_peer, const char **ret_limit,
                unsigned *ret_maximum);
void peers_leave(struct peers *p, struct peer *peer);

/* Charges the user for µs of the service's time. */
void peer_use_time(struct peer *peer, uint64_t now, uint64_t us);
/* µs from now until the user may use more of it; 0: at once. */
uint64_t peer_wait(struct peer *peer, uint64_t now);

/* Whether a line about this user may be logged; *ret_untold: how many before it were not. */
bool peer_may_tell(struct peer *peer, uint64_t now, unsigned *ret_untold);
/* The same of what becomes of the user's leases: no fault, and yet the log is not his to fill. */
bool peer_may_say(struct peer *peer, uint64_t now, unsigned *ret_unsaid);
