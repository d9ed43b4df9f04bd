/* The client's end of one connection: sends, and receives with a timeout. No retries, no state but the stream's. */
#pragma once

#include "lib/varlink.h"
#include "lib/wire.h"

struct channel {
        int fd; /* -1: not connected */
        struct wire_buffer in;
};

#define CHANNEL_INIT                                                                                                   \
        {                                                                                                              \
                .fd = -1, .in = {.max = WIRE_REPLY_MAX }                                                               \
        }

/* Connects to the first service that answers, in the order of lib/address.h; waits where its backlog is full. -ENOENT
 * none; -EPERM. The channel must be closed. */
int channel_open(struct channel *c);
void channel_close(struct channel *c);

/* So many bytes were sent, or -EAGAIN; flags are send()'s. -ENOTCONN where the service is gone. */
int channel_send(struct channel *c, const char *bytes, size_t len, int flags);
/* The whole call. */
int channel_send_call(struct channel *c, const char *method, json_t *parameters, unsigned flags);

/* 1 and a reply, 0 where none came in timeout_ms (0: do not wait, -1: for ever), -ENOTCONN at the end of the stream,
 * -EPROTO for nonsense, -EINTR where a signal came while waiting. */
int channel_receive(struct channel *c, int timeout_ms, struct varlink_reply *ret_reply);
