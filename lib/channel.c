#include "lib/channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "lib/address.h"
#include "lib/poller.h"
#include "lib/util.h"

enum {
        READ_SIZE = 16 * 1024,
};

int channel_open(struct channel *c)
{
        struct address list[ADDRESSES_MAX];
        size_t n;
        int r = address_list(list, &n);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = address_connect(&list[i], &c->fd);
                if (!address_is_absent(&list[i], r))
                        return r;
        }
        return -ENOENT;
}

void channel_close(struct channel *c)
{
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -1;
        wire_finish(&c->in);
}

static bool is_gone(int error)
{
        return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

int channel_send(struct channel *c, const char *bytes, size_t len, int flags)
{
        ssize_t n;

        do
                n = send(c->fd, bytes, len, MSG_NOSIGNAL | flags);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return is_gone(errno) ? -ENOTCONN : -errno;
        return (int)n;
}

int channel_send_call(struct channel *c, const char *method, json_t *parameters, unsigned flags)
{
        CLEANUP_FREE char *text = NULL;
        size_t len;
        int r = varlink_format_call(method, parameters, flags, &text, &len);

        if (r < 0)
                return r;
        for (size_t sent = 0; r >= 0 && sent < len; sent += (size_t)r)
                r = channel_send(c, text + sent, len - sent, 0);
        return r == -EAGAIN ? -ETIMEDOUT : r < 0 ? r : 0;
}

/* 1 where bytes came, 0 where none did. */
static int fill(struct channel *c)
{
        char *room;
        size_t size;
        int r = wire_reserve(&c->in, READ_SIZE, &room, &size);

        if (r < 0)
                return r;
        ssize_t n = recv(c->fd, room, size, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0)
                return is_gone(errno) ? -ENOTCONN : -errno;
        if (n == 0)
                return -ENOTCONN;
        wire_commit(&c->in, (size_t)n);
        return 1;
}

static int take(struct channel *c, struct varlink_reply *ret_reply)
{
        const char *message;
        size_t len;
        int r = wire_next(&c->in, &message, &len);

        if (r == 0)
                return 0;
        if (r < 0 || varlink_parse_reply(message, len, ret_reply) < 0)
                return -EPROTO;
        return 1;
}

int channel_receive(struct channel *c, int timeout_ms, struct varlink_reply *ret_reply)
{
        int64_t deadline = timeout_ms < 0 ? POLLER_NEVER : poller_now() + timeout_ms;

        if (c->fd < 0)
                return -ENOTCONN;
        for (;;) {
                int r = take(c, ret_reply);
                if (r != 0)
                        return r;
                r = fill(c);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                r = poller_block(c->fd, POLLIN, deadline);
                if (r <= 0)
                        return r;
        }
}
