/* The client's end of one connection: blocking sends, receives with a timeout. No retries, no state but the stream's.
 */
#pragma once

#include "lib/varlink.h"
#include "lib/wire.h"

enum {
        CHANNEL_REPLY_MS = 10000, /* a service that has not answered a call by then is taken for dead */
};

struct channel {
        int fd; /* -1: not connected */
        struct wire_buffer in;
};

#define CHANNEL_INIT                                                                                                   \
        {                                                                                                              \
                .fd = -1, .in = {.max = WIRE_REPLY_MAX }                                                             \
        }

/* Connects to the first service that answers, in the order of lib/address.h; where none does, starts one unless
 * no_start. -ENOENT none; -EPERM; and what starting one can fail with. The channel must be closed. */
int channel_open(struct channel *c, bool no_start);
void channel_close(struct channel *c);

/* -ENOTCONN where the service is gone. */
int channel_send_call(struct channel *c, const char *method, json_t *parameters, unsigned flags);

/* 1 and a reply, 0 where none came in timeout_ms (0: do not wait, -1: for ever), -ENOTCONN at the end of the stream,
 * -EPROTO for nonsense, -EINTR where a signal came while waiting. */
int channel_receive(struct channel *c, int timeout_ms, struct varlink_reply *ret_reply);

/* As above but for a reply that must come: 0, -ETIMEDOUT; signals do not end the wait. */
int channel_receive_reply(struct channel *c, struct varlink_reply *ret_reply);
