/* The socket that clients connect to. Some are taken at once, and then the loop comes round to those who are there.
 *
 * accept(2) may go on failing while somebody waits: the listener then rests for a moment and tries again, which is said
 * once. Where descriptors have run out who comes is turned away, by one that is kept for that. Not libuv's listening
 * stream: that one asks again at once, for ever.
 */
#pragma once

#include <stdbool.h>
#include <uv.h>

enum {
        LISTENER_AT_ONCE = 16, /* accepted before the loop comes round: who connects all the time is not all there is */
        LISTENER_REST_MS = 100,
};

struct server;

struct listener {
        uv_poll_t poll;
        uv_timer_t rest; /* while nobody can be accepted */
        struct server *server;
        int fd;
        int spare;    /* descriptor to turn somebody away by; -1: used up */
        bool failing; /* which has been said */
};

#define LISTENER_INIT                                                                                                  \
        {                                                                                                              \
                .fd = -1, .spare = -1                                                                                  \
        }

/* Takes connections from `fd`, which it owns from now on, even after a failure. 0 or a negative errno. */
int listener_start(struct listener *l, struct server *server, int fd);
/* Closes the socket; who is in its backlog is left to the other owners of the socket, if there are any. */
void listener_close(struct listener *l);
/* Whether somebody waits to be accepted. */
bool listener_has_pending(const struct listener *l);
