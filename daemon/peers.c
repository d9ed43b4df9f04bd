#include "daemon/peers.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "lib/util.h"

void peers_init(struct peers *p, unsigned connections_max, uint32_t owner)
{
        *p = (struct peers){.connections_max = connections_max, .owner = owner};
}

void peers_finish(struct peers *p)
{
        for (size_t i = 0; i < p->n; i++)
                free(p->items[i]);
        free(p->items);
        *p = (struct peers){0};
}

static struct peer *find(struct peers *p, uint32_t uid)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->items[i]->uid == uid)
                        return p->items[i];
        return NULL;
}

static void refill(struct peer *peer, uint64_t now)
{
        double us = now > peer->updated ? (double)(now - peer->updated) : 0;

        peer->time = fmin(peer->time + us * PEERS_TIME_PERCENT / 100, PEERS_TIME_BURST_US);
        peer->lines = fmin(peer->lines + us / PEERS_LINE_US, PEERS_LINES_BURST);
        peer->events = fmin(peer->events + us / PEERS_EVENT_US, PEERS_EVENTS_BURST);
        peer->updated = now;
}

/* One who is gone and would be entered with the same values. */
static bool is_forgettable(struct peer *peer, uint64_t now)
{
        if (peer->connections > 0)
                return false;
        refill(peer, now);
        return peer->time >= PEERS_TIME_BURST_US && peer->lines >= PEERS_LINES_BURST &&
               peer->events >= PEERS_EVENTS_BURST;
}

static void sweep(struct peers *p, uint64_t now)
{
        size_t kept = 0;

        for (size_t i = 0; i < p->n; i++)
                if (is_forgettable(p->items[i], now))
                        free(p->items[i]);
                else
                        p->items[kept++] = p->items[i];
        p->n = kept;
}

static struct peer *add(struct peers *p, uint32_t uid, uint64_t now)
{
        CLEANUP_FREE struct peer *peer = calloc(1, sizeof(*peer));

        sweep(p, now);
        if (p->n == p->allocated) {
                size_t allocated = p->allocated ? 2 * p->allocated : 8;
                struct peer **items = reallocarray(p->items, allocated, sizeof(struct peer *));

                if (!items)
                        return NULL;
                p->items = items;
                p->allocated = allocated;
        }
        if (!peer)
                return NULL;
        *peer = (struct peer){.uid = uid,
                              .time = PEERS_TIME_BURST_US,
                              .lines = PEERS_LINES_BURST,
                              .events = PEERS_EVENTS_BURST,
                              .updated = now};
        return p->items[p->n++] = TAKE(peer);
}

static unsigned left_over(unsigned most, unsigned used)
{
        return most > used ? most - used : 0;
}

/* Half of what the others leave, his own included. */
static bool has_his_share(const struct peers *p, const struct peer *peer)
{
        unsigned left = left_over(p->connections_max, p->connections);

        if (peer->uid == 0 || peer->uid == p->owner)
                return left == 0;
        left = left_over(left, PEERS_CONNECTIONS_KEPT);
        return peer->connections >= (peer->connections + left + 1) / 2;
}

int peers_enter(struct peers *p, uint32_t uid, uint64_t now, struct peer **ret_peer, const char **ret_limit,
                unsigned *ret_maximum)
{
        struct peer *peer = find(p, uid);

        if (!peer)
                peer = add(p, uid, now);
        if (!peer)
                return -ENOMEM;
        *ret_peer = peer;
        if (peer->connections >= PEERS_CONNECTIONS_PER_UID_MAX) {
                *ret_limit = "connections per user";
                *ret_maximum = PEERS_CONNECTIONS_PER_UID_MAX;
                return 1;
        }
        if (has_his_share(p, peer)) {
                *ret_limit = "connections";
                *ret_maximum = p->connections_max;
                return 1;
        }
        peer->connections++;
        p->connections++;
        return 0;
}

void peers_leave(struct peers *p, struct peer *peer)
{
        peer->connections--;
        p->connections--;
}

void peer_use_time(struct peer *peer, uint64_t now, uint64_t us)
{
        refill(peer, now);
        peer->time -= (double)us;
}

uint64_t peer_wait(struct peer *peer, uint64_t now)
{
        refill(peer, now);
        return peer->time > 0 ? 0 : (uint64_t)(1 - peer->time) * 100 / PEERS_TIME_PERCENT;
}

/* One line out of a bucket; *count is how many have been left out. */
static bool take_line(double *bucket, unsigned *count, unsigned *ret_count)
{
        if (*bucket < 1) {
                ++*count;
                return false;
        }
        --*bucket;
        *ret_count = *count;
        *count = 0;
        return true;
}

bool peer_may_tell(struct peer *peer, uint64_t now, unsigned *ret_untold)
{
        refill(peer, now);
        return take_line(&peer->lines, &peer->untold, ret_untold);
}

bool peer_may_say(struct peer *peer, uint64_t now, unsigned *ret_unsaid)
{
        refill(peer, now);
        return take_line(&peer->events, &peer->unsaid, ret_unsaid);
}
