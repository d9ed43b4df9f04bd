/* A listening socket on the loop. Some who connect are taken at once, and then the loop comes round to those who are
 * there.
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

struct listener_events {
        /* Somebody has connected; the descriptor is the callee's, and does not block. The listener may be held or
         * closed in it. */
        void (*accepted)(void *context, int fd);
        /* Nobody can be accepted, a negative errno. Once, until somebody is. */
        void (*failing)(void *context, int error);
};

struct listener {
        uv_poll_t poll;
        uv_timer_t rest; /* while nobody can be accepted */
        const struct listener_events *events;
        void *context;
        int fd;       /* -1: closed */
        int spare;    /* descriptor to turn somebody away by; -1: used up */
        bool held;    /* who comes waits */
        bool failing; /* which has been said */
};

#define LISTENER_INIT                                                                                                  \
        {                                                                                                              \
                .fd = -1, .spare = -1                                                                                  \
        }

/* Takes connections from `fd`, which is bound, and which it owns from now on, even after a failure. The handles are
 * part of it: it stays where it is until the loop has come round after listener_close(). 0 or a negative errno. */
int listener_start(struct listener *l, uv_loop_t *loop, int fd, const struct listener_events *events, void *context);
/* Leaves who comes in the backlog, or goes on. */
void listener_hold(struct listener *l, bool held);
/* Closes the socket; who is in its backlog is left to the other owners of the socket, if there are any. */
void listener_close(struct listener *l);
/* Whether somebody waits to be accepted. */
bool listener_has_pending(const struct listener *l);
