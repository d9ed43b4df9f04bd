/* One client's connection: reading and reassembling, answering calls in turn, and a bounded queue of replies.
 *
 * Created by accepting, freed when closed. Replies come in the order of the calls. While the peer does not read
 * its replies its further calls are left unread. A connection that carries a stream carries nothing else.
 * Every fault is answered with an error before the connection ends. Who has closed his sending end alone gets what he
 * asked for, and then the connection ends; a stream ends at once. There is no time limit: who says nothing, or half a
 * message, holds a connection and memory that count as his user's (daemon/peers.h), which costs nobody else.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "lib/wire.h"

enum {
        CONNECTION_OUT_MAX = 64 * 1024, /* bytes of unread replies, beyond which no more calls are taken */
};

struct lease;
struct monitor;
struct peer;
struct server;

struct connection {
        uv_pipe_t pipe; /* first: the handle is the connection */
        struct server *server;
        struct connection *previous, *next;
        struct wire_buffer in;
        uv_write_t write;
        char *writing; /* in flight */
        size_t writing_len;
        char *out; /* to be written next */
        size_t out_len, out_allocated;
        struct lease *lease;     /* of which this carries the stream */
        struct monitor *monitor; /* whose stream this carries */
        uint32_t uid;            /* of the peer when it connected; never from a message */
        int pid;                 /* the same, for the log alone */
        struct peer *peer;       /* as which it is counted; NULL: refused */
        size_t bytes;            /* of the buffers, as the peer is charged for */
        struct connection *waiting_next;
        bool waits;  /* with a message, for its peer's turn */
        bool eof;    /* the peer sends nothing more */
        bool paused; /* not reading: the peer does not read either */
        bool ending; /* closes when everything is written */
};

/* Takes over a connection that has been accepted and starts reading. Errors are logged and end the connection. */
void connection_accept(struct server *server, int fd);

/* Takes the message whose turn it is; may close the connection. */
void connection_take(struct connection *c);

/* Queues a reply, an error (parameters may be NULL), or the next message of a stream. Take over `parameters`. A peer
 * to which they cannot be sent is closed; so is, for want of memory, the connection. */
void connection_reply(struct connection *c, json_t *parameters);
void connection_error(struct connection *c, const char *error, json_t *parameters);
void connection_continue(struct connection *c, json_t *parameters);

/* Whether replies are still unsent: a stream then waits and sends its latest state later. */
bool connection_is_busy(const struct connection *c);

/* Ends the connection once everything is written; it reads nothing more. */
void connection_end(struct connection *c);
/* Ends it at once, and its lease with it unless the service itself is stopping. */
void connection_close(struct connection *c);
