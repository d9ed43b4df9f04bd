#include "daemon/peers.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/util.h"

void peers_finish(struct peers *p)
{
        free(p->items);
        *p = (struct peers){0};
}

static struct peer *find(struct peers *p, uint32_t uid)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->items[i].uid == uid)
                        return &p->items[i];
        return NULL;
}

/* A leaky bucket: what may be called grows with time up to the burst. */
static void refill(struct peer *peer, uint64_t now)
{
        double seconds = now > peer->updated ? (double)(now - peer->updated) / 1e6 : 0;

        peer->calls += seconds * PEERS_CALLS_PER_SECOND;
        if (peer->calls > PEERS_CALLS_BURST)
                peer->calls = PEERS_CALLS_BURST;
        peer->updated = now;
}

/* Forgets users who are gone and whose calls are refilled: they would be entered with the same values. */
static void sweep(struct peers *p, uint64_t now)
{
        size_t kept = 0;

        for (size_t i = 0; i < p->n; i++) {
                refill(&p->items[i], now);
                if (p->items[i].connections > 0 || p->items[i].calls < PEERS_CALLS_BURST)
                        p->items[kept++] = p->items[i];
        }
        p->n = kept;
}

static struct peer *add(struct peers *p, uint32_t uid, uint64_t now)
{
        sweep(p, now);
        if (p->n == p->allocated) {
                size_t allocated = p->allocated ? 2 * p->allocated : 8;
                struct peer *items = reallocarray(p->items, allocated, sizeof(*items));

                if (!items)
                        return NULL;
                p->items = items;
                p->allocated = allocated;
        }
        p->items[p->n] = (struct peer){.uid = uid, .calls = PEERS_CALLS_BURST, .updated = now};
        return &p->items[p->n++];
}

int peers_enter(struct peers *p, uint32_t uid, uint64_t now, const char **ret_limit, unsigned *ret_maximum)
{
        struct peer *peer = find(p, uid);

        if (!peer)
                peer = add(p, uid, now);
        if (!peer)
                return -ENOMEM;
        if (p->connections >= PEERS_CONNECTIONS_MAX) {
                *ret_limit = "connections";
                *ret_maximum = PEERS_CONNECTIONS_MAX;
                return 1;
        }
        if (peer->connections >= PEERS_CONNECTIONS_PER_UID_MAX) {
                *ret_limit = "connections per user";
                *ret_maximum = PEERS_CONNECTIONS_PER_UID_MAX;
                return 1;
        }
        peer->connections++;
        p->connections++;
        return 0;
}

void peers_leave(struct peers *p, uint32_t uid)
{
        struct peer *peer = find(p, uid);

        if (!peer || peer->connections == 0)
                return;
        peer->connections--;
        p->connections--;
}

bool peers_count_call(struct peers *p, uint32_t uid, uint64_t now)
{
        struct peer *peer = find(p, uid);

        if (!peer)
                return false;
        refill(peer, now);
        if (peer->calls < 1)
                return false;
        peer->calls--;
        return true;
}
