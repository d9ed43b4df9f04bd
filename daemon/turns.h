/* Whose message is answered next: one of each user in turn, and of one user's connections one after the other. So
 * nobody waits for more than one call of every other user, however many connections they have and however fast they
 * send. After a while the loop comes round to its timers, to new connections and to what else has arrived.
 *
 * A user who has used up his time (daemon/peers.h) is passed over until he has some again; his connections are not
 * read meanwhile, so that what he sends stays with him.
 */
#pragma once

#include <uv.h>

enum {
        TURNS_AT_ONCE_US = 2000, /* before the loop comes round */
};

struct connection;
struct peer;

struct turns {
        uv_check_t check;  /* after the loop has read what arrived */
        uv_idle_t idle;    /* somebody is still to be answered: the loop does not sleep */
        uv_timer_t timer;  /* only those wait whose time is used up */
        struct peer *last; /* of a ring of the users with messages that wait; the next one's turn is first */
};

void turns_init(struct turns *t, uv_loop_t *loop);

/* A message of the connection waits; nothing where it does already. */
void turns_add(struct turns *t, struct connection *c);
/* Before the connection goes. */
void turns_remove(struct turns *t, struct connection *c);
