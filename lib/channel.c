#include "lib/channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/address.h"
#include "lib/start.h"
#include "lib/util.h"

enum {
        READ_SIZE = 16 * 1024,
};

/* Nobody is there: go on with the next address. The system's may also be closed to this user. */
static bool is_absent(const struct address *a, int r)
{
        return r == -ENOENT || r == -ECONNREFUSED || (a->kind == ADDRESS_SYSTEM && r == -EACCES);
}

int channel_open(struct channel *c, bool no_start)
{
        struct address list[ADDRESSES_MAX];
        size_t n;
        int r = address_list(list, &n);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                r = address_connect(&list[i], &c->fd);
                if (r == 0 || !is_absent(&list[i], r))
                        return r;
        }
        return no_start ? -ENOENT : start_service(&list[n - 1], &c->fd);
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

int channel_send_call(struct channel *c, const char *method, json_t *parameters, unsigned flags)
{
        CLEANUP_FREE char *text = NULL;
        size_t len;
        int r = varlink_format_call(method, parameters, flags, &text, &len);

        if (r < 0)
                return r;
        for (size_t sent = 0; sent < len;) {
                ssize_t n = send(c->fd, text + sent, len - sent, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return is_gone(errno) ? -ENOTCONN : errno == EAGAIN ? -ETIMEDOUT : -errno;
                sent += (size_t)n;
        }
        return 0;
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

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_readable(int fd, int timeout_ms)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int r = poll(&p, 1, timeout_ms);

        return r < 0 ? -errno : r;
}

int channel_receive(struct channel *c, int timeout_ms, struct varlink_reply *ret_reply)
{
        int64_t deadline = timeout_ms > 0 ? now_ms() + timeout_ms : 0;

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
                int64_t left = timeout_ms > 0 ? deadline - now_ms() : timeout_ms;
                if (timeout_ms >= 0 && left <= 0)
                        return 0;
                r = wait_readable(c->fd, (int)left);
                if (r < 0)
                        return r;
        }
}

int channel_receive_reply(struct channel *c, struct varlink_reply *ret_reply)
{
        int64_t deadline = now_ms() + CHANNEL_REPLY_MS;

        for (;;) {
                int64_t left = deadline - now_ms();
                int r = channel_receive(c, left > 0 ? (int)left : 0, ret_reply);

                if (r > 0)
                        return 0;
                if (r == 0)
                        return -ETIMEDOUT;
                if (r != -EINTR)
                        return r;
        }
}
