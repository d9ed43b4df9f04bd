#include "daemon/turns.h"

#include "daemon/connection.h"
#include "daemon/peers.h"
#include "daemon/server.h"
#include "lib/util.h"

/* The ring of users. */

static void enter_ring(struct turns *t, struct peer *peer)
{
        peer->previous = t->last ? t->last : peer;
        peer->next = t->last ? t->last->next : peer;
        peer->previous->next = peer->next->previous = peer;
        t->last = peer;
}

static void leave_ring(struct turns *t, struct peer *peer)
{
        if (t->last == peer)
                t->last = peer->previous == peer ? NULL : peer->previous;
        peer->previous->next = peer->next;
        peer->next->previous = peer->previous;
        peer->previous = peer->next = NULL;
}

/* The connections of one of them. */

void turns_add(struct turns *t, struct connection *c)
{
        struct peer *peer = c->peer;

        if (c->waits)
                return;
        c->waits = true;
        c->waiting_next = NULL;
        if (peer->last)
                peer->last->waiting_next = c;
        else
                peer->first = c;
        peer->last = c;
        if (!peer->next)
                enter_ring(t, peer);
}

void turns_remove(struct turns *t, struct connection *c)
{
        struct peer *peer = c->peer;
        struct connection *before = NULL, *at;

        if (!c->waits)
                return;
        c->waits = false;
        for (at = peer->first; at != c; at = at->waiting_next)
                before = at;
        if (before)
                before->waiting_next = c->waiting_next;
        else
                peer->first = c->waiting_next;
        if (peer->last == c)
                peer->last = before;
        if (!peer->first)
                leave_ring(t, peer);
}

/* Taking turns. */

/* The next user who has time left, now the last in the ring; NULL where all have to wait: *ret_wait µs at least. */
static struct peer *next_peer(struct turns *t, uint64_t now, uint64_t *ret_wait)
{
        struct peer *first = t->last;
        uint64_t least = UINT64_MAX;

        if (!first)
                return NULL;
        do {
                uint64_t wait = peer_wait(t->last = t->last->next, now);

                if (wait == 0)
                        return t->last;
                least = wait < least ? wait : least;
        } while (t->last != first);
        *ret_wait = least;
        return NULL;
}

/* One message of his. The connection may be closed by it, but is there until the loop comes round. */
static uint64_t take_turn(struct turns *t, struct peer *peer, uint64_t now)
{
        struct connection *c = peer->first;
        uint64_t after;

        turns_remove(t, c);
        connection_take(c);
        after = server_now();
        peer_use_time(peer, after, after - now);
        return after;
}

static void on_idle(uv_idle_t *idle)
{
        (void)idle;
}

/* Its time may be over before the loop waits for it; waiting then, nothing would have it come round. */
static void on_timer(uv_timer_t *timer)
{
        struct turns *t = timer->data;

        uv_idle_start(&t->idle, on_idle);
}

static void on_check(uv_check_t *check)
{
        struct turns *t = check->data;
        uint64_t begin = server_now(), now = begin, wait = 0;
        struct peer *peer;

        /* Whose turn has come has it, even where the time is over: it comes only once a round. */
        while ((peer = next_peer(t, now, &wait))) {
                now = take_turn(t, peer, now);
                if (now - begin >= TURNS_AT_ONCE_US)
                        break;
        }
        if (uv_is_closing((uv_handle_t *)check))
                return;
        uv_idle_stop(&t->idle);
        uv_timer_stop(&t->timer);
        if (peer && t->last)
                uv_idle_start(&t->idle, on_idle);
        else if (t->last)
                uv_timer_start(&t->timer, on_timer, wait / 1000 + 1, 0);
}

void turns_init(struct turns *t, uv_loop_t *loop)
{
        uv_check_init(loop, &t->check);
        uv_idle_init(loop, &t->idle);
        uv_timer_init(loop, &t->timer);
        t->check.data = t->timer.data = t;
        uv_check_start(&t->check, on_check);
}
