/* What each user takes of the service's connections and calls, and how much of it there is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        PEERS_CONNECTIONS_MAX = 1024,        /* of all users */
        PEERS_CONNECTIONS_PER_UID_MAX = 320, /* two for each of ALLOC_LEASES_PER_UID_MAX, and some to ask */
        PEERS_CALLS_PER_SECOND = 5000,       /* of one user, in the long run */
        PEERS_CALLS_BURST = 10000,
};

struct peer {
        uint32_t uid;
        unsigned connections;
        double calls;     /* that may still be made at `updated` */
        uint64_t updated; /* µs */
};

/* Zeroed is valid. Users without connections are kept only while their calls are not refilled. */
struct peers {
        struct peer *items;
        size_t n, allocated;
        unsigned connections;
};

void peers_finish(struct peers *p);

/* Counts a connection of the user: 0, 1 where a limit forbids it (*ret_limit its name, *ret_maximum), -ENOMEM. */
int peers_enter(struct peers *p, uint32_t uid, uint64_t now, const char **ret_limit, unsigned *ret_maximum);
void peers_leave(struct peers *p, uint32_t uid);

/* Counts a call of a user who has a connection; false where there have been too many. */
bool peers_count_call(struct peers *p, uint32_t uid, uint64_t now);
