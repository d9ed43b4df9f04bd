/* The run's control socket: connections of reporters, JSON objects with NULs between them in both directions.
 *
 * Only processes of the same user are heard. A message that is no JSON object with an "event", or exceeds
 * WIRE_RUN_MAX, ends its connection. Nothing here knows what a message means.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "lib/bus/listener.h"
#include "lib/wire.h"

enum {
        RUN_PEERS_MAX = 256, /* connections at one time; more wait in the socket's backlog until one closes */
};

struct run_peer;
struct run_server;

struct run_server_events {
        void (*opened)(void *context, struct run_peer *peer);
        /* `message` is valid during the call. Negative: the connection is closed. */
        int (*message)(void *context, struct run_peer *peer, const char *event, json_t *message);
        /* The connection ended; the last call for this peer. */
        void (*closed)(void *context, struct run_peer *peer);
};

struct run_peer {
        struct run_server *server;
        struct run_peer *next;
        uv_poll_t poll;
        int fd;
        pid_t pid; /* as the kernel says it; 0 where it is in another PID namespace */
        struct wire_buffer in, out;
        void *user; /* the events' owner's */
        bool closing;
};

struct run_server {
        uv_loop_t *loop;
        struct listener listener;
        struct run_peer *peers; /* newest first */
        unsigned n_peers;
        bool held;
        const struct run_server_events *events;
        void *context;
};

/* Binds and listens; nobody is heard before the loop runs. */
int run_server_start(struct run_server *s, uv_loop_t *loop, const char *path, const struct run_server_events *events,
                     void *context);
/* Reads what every peer has sent, then closes the connections and the socket. */
void run_server_stop(struct run_server *s);

/* Leaves what peers say, and who wants to be one, for later; or goes on. */
void run_server_hold(struct run_server *server, bool held);

/* Sends a message, taking over the reference (NULL: -ENOMEM). What the socket does not take now is kept. A peer that
 * cannot be written to is closed by the loop, not by this. */
int run_peer_send(struct run_peer *peer, json_t *message);
/* Ends the connection: closed() is called from the loop. */
void run_peer_close(struct run_peer *peer);
