#include "lib/exchange.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "lib/call.h"
#include "lib/util.h"

enum {
        OPEN_TRIES = 5,
};

void exchange_init(struct exchange *e, const struct poller *poller, bool no_start)
{
        *e = (struct exchange){.poller = poller,
                               .channel = CHANNEL_INIT,
                               .opening = OPENING_INIT,
                               .no_start = no_start,
                               .watched = -1,
                               .reply_by = POLLER_NEVER};
}

/* What is waited for. */

static void unwatch(struct exchange *e)
{
        if (e->poller && e->watched >= 0)
                poller_unwatch(e->poller, e->watched);
        e->watched = -1;
}

static int watch(struct exchange *e, int fd, uint32_t events)
{
        int r = 0;

        if (fd == e->watched && events == e->events)
                return 0;
        if (fd != e->watched)
                unwatch(e);
        if (e->poller && fd >= 0)
                r = poller_watch(e->poller, fd, events);
        e->watched = fd;
        e->events = events;
        return r;
}

static int watch_channel(struct exchange *e)
{
        return watch(e, e->channel.fd, e->out_sent < e->out_len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

int64_t exchange_deadline(const struct exchange *e)
{
        return e->is_opening ? e->opening.retry_at : e->reply_by;
}

int exchange_block(const struct exchange *e, int64_t deadline)
{
        int64_t own = exchange_deadline(e);
        short events = e->events & EPOLLOUT ? POLLIN | POLLOUT : POLLIN;
        int r = poller_block(e->watched, events, own < deadline ? own : deadline);

        return r < 0 ? r : 0;
}

/* The connection. */

static void hang_up(struct exchange *e)
{
        unwatch(e);
        opening_finish(&e->opening);
        e->is_opening = false;
        channel_close(&e->channel);
}

void exchange_reset(struct exchange *e)
{
        struct address where = e->where;
        bool bound = e->bound;

        hang_up(e);
        free(e->out);
        exchange_init(e, e->poller, e->no_start);
        e->where = where;
        e->bound = bound;
}

void exchange_bind(struct exchange *e, const struct exchange *other)
{
        e->where = other->where;
        e->bound = true;
}

bool exchange_is_open(const struct exchange *e)
{
        return e->is_opening || e->channel.fd >= 0;
}

static int begin_opening(struct exchange *e)
{
        int r = opening_begin(&e->opening, e->no_start, e->bound ? &e->where : NULL);

        e->is_opening = r == 0;
        e->out_sent = 0;
        return r;
}

static void expect_reply(struct exchange *e)
{
        e->reply_by = e->waiting > 0 && !e->streams ? poller_now() + EXCHANGE_REPLY_MS : POLLER_NEVER;
}

/* 1 where there is a connection. */
static int connect_step(struct exchange *e)
{
        int r;

        if (!e->is_opening)
                return e->channel.fd >= 0 ? 1 : -ENOTCONN;
        unwatch(e);
        r = opening_step(&e->opening, &e->channel.fd);
        if (r == 0) {
                int w = watch(e, opening_fd(&e->opening), EPOLLIN);

                return w < 0 ? w : 0;
        }
        if (r > 0)
                e->where = e->opening.list[e->opening.at];
        opening_finish(&e->opening);
        e->is_opening = false;
        if (r > 0)
                expect_reply(e);
        return r;
}

/* Calling. */

static int append(struct exchange *e, const char *text, size_t len)
{
        if (e->out_len + len - e->out_sent > EXCHANGE_QUEUE_MAX)
                return -ENOBUFS;
        if ((e->answered || e->waiting == 0) && e->out_sent > 0) {
                e->out_len -= e->out_sent;
                memmove(e->out, e->out + e->out_sent, e->out_len);
                e->out_sent = 0;
        }
        if (e->out_len + len > e->out_allocated) {
                char *out = realloc(e->out, 2 * (e->out_len + len));

                if (!out)
                        return -ENOMEM;
                e->out = out;
                e->out_allocated = 2 * (e->out_len + len);
        }
        memcpy(e->out + e->out_len, text, len);
        e->out_len += len;
        return 0;
}

int exchange_call(struct exchange *e, const char *method, json_t *parameters, unsigned varlink_flags)
{
        CLEANUP_FREE char *text = NULL;
        size_t len;
        int r = varlink_format_call(method, parameters, varlink_flags, &text, &len);

        if (r < 0 || (r = len > WIRE_CALL_MAX + 1 ? -EMSGSIZE : append(e, text, len)) < 0)
                return r;
        if (!exchange_is_open(e) && (r = begin_opening(e)) < 0) {
                exchange_reset(e);
                return r;
        }
        if (!(varlink_flags & VARLINK_ONEWAY) && e->waiting++ == 0 && !e->is_opening)
                expect_reply(e);
        return 0;
}

/* A service that refuses a connection says so before it reads: that it is gone is for the reader to find. */
static int flush(struct exchange *e)
{
        while (e->out_sent < e->out_len) {
                int n = channel_send(&e->channel, e->out + e->out_sent, e->out_len - e->out_sent, MSG_DONTWAIT);

                if (n < 0)
                        return n == -EAGAIN || n == -ENOTCONN ? 0 : n;
                e->out_sent += (size_t)n;
        }
        return 0;
}

/* Replies. */

static void count_reply(struct exchange *e, const struct varlink_reply *reply)
{
        e->answered = true;
        e->streams = reply->continues && !reply->error;
        if (!e->streams && e->waiting > 0)
                e->waiting--;
        expect_reply(e);
}

/* 1 and a reply, 0 none yet, -ENOTCONN where there is reason to search again. */
static int try_step(struct exchange *e, struct varlink_reply *ret_reply)
{
        struct varlink_reply reply;
        int r = connect_step(e);

        if (r <= 0 || (r = flush(e)) < 0 || (r = channel_receive(&e->channel, 0, &reply)) < 0)
                return r;
        if (r == 0) {
                if (poller_left(e->reply_by) == 0)
                        return -ETIMEDOUT;
                return watch_channel(e);
        }
        if (!e->bound && !e->answered && e->tries + 1 < OPEN_TRIES && call_is_moved(&reply)) {
                varlink_reply_finish(&reply);
                return -ENOTCONN;
        }
        count_reply(e, &reply);
        r = watch_channel(e);
        if (r < 0) {
                varlink_reply_finish(&reply);
                return r;
        }
        *ret_reply = reply;
        return 1;
}

/* Nothing has been answered, so that all may be said again to another service. */
static bool may_retry(const struct exchange *e)
{
        return !e->answered && (e->waiting > 0 || e->out_sent < e->out_len);
}

int exchange_step(struct exchange *e, struct varlink_reply *ret_reply)
{
        int r = try_step(e, ret_reply);

        while (r == -ENOTCONN && may_retry(e) && ++e->tries < OPEN_TRIES) {
                hang_up(e);
                r = begin_opening(e);
                if (r == 0)
                        r = try_step(e, ret_reply);
        }
        if (r == -ENOTCONN && may_retry(e))
                r = -ENOENT;
        if (r < 0)
                exchange_reset(e);
        return r;
}

int exchange_await(struct exchange *e, int64_t deadline, struct varlink_reply *ret_reply)
{
        int r;

        while ((r = exchange_step(e, ret_reply)) == 0) {
                if (poller_left(deadline) == 0)
                        return -ETIMEDOUT;
                (void)exchange_block(e, deadline);
        }
        return r < 0 ? r : 0;
}
