#include "daemon/connection.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/leases.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "daemon/monitor.h"
#include "daemon/peers.h"
#include "daemon/server.h"
#include "lib/util.h"
#include "lib/varlink.h"

enum {
        READ_SIZE = 4 * 1024,
};

static void go_on(struct connection *c);

static void on_closed(uv_handle_t *handle)
{
        struct connection *c = (struct connection *)handle;

        wire_finish(&c->in);
        free(c->writing);
        free(c->out);
        free(c);
}

/* What is charged to the user: buffers grow and go, but nothing of them is kept by who waits for nothing. */
static void account(struct connection *c, size_t bytes)
{
        if (c->peer)
                c->peer->bytes += bytes - c->bytes;
        c->bytes = bytes;
}

static void account_buffers(struct connection *c)
{
        account(c, c->in.allocated + c->out_allocated + c->writing_len);
}

/* Logs what a user does wrong, unless there has been much of it. */
__attribute__((format(printf, 3, 4))) static void complain(const struct connection *c, struct peer *peer,
                                                           const char *format, ...)
{
        CLEANUP_FREE char *what = NULL;
        unsigned untold = 0;
        va_list args;

        if (!peer_may_tell(peer, server_now(), &untold))
                return;
        va_start(args, format);
        if (vasprintf(&what, format, args) < 0)
                what = NULL;
        va_end(args);
        if (untold > 0)
                log_notice("uid %u: %u more such faults", (unsigned)c->uid, untold);
        log_notice("pid %d, uid %u: %s, connection ended", c->pid, (unsigned)c->uid, what ? what : "fault");
}

void connection_close(struct connection *c)
{
        if (uv_is_closing((uv_handle_t *)&c->pipe))
                return;
        account(c, 0);
        turns_remove(&c->server->turns, c);
        server_remove_connection(c->server, c);
        uv_close((uv_handle_t *)&c->pipe, on_closed);
        if (c->monitor)
                monitor_remove(c);
        if (c->lease)
                leases_drop(&c->server->leases, TAKE(c->lease));
        server_update(c->server);
}

/* Writing. */

bool connection_is_busy(const struct connection *c)
{
        return c->writing || c->out_len > 0;
}

static void flush(struct connection *c);

static void on_written(uv_write_t *request, int status)
{
        struct connection *c = request->data;

        free(TAKE(c->writing));
        c->writing_len = 0;
        account_buffers(c);
        if (uv_is_closing((uv_handle_t *)&c->pipe))
                return;
        if (status < 0) {
                connection_close(c);
                return;
        }
        flush(c);
}

/* Everything is written: what waited for that. */
static void on_drained(struct connection *c)
{
        if (c->ending) {
                connection_close(c);
                return;
        }
        if (c->lease)
                leases_send(&c->server->leases, c->lease);
        if (c->monitor)
                monitor_send(c->monitor);
        if (c->paused) {
                c->paused = false;
                go_on(c);
        }
}

static void start_write(struct connection *c)
{
        /* What has been written needs no room any more. */
        char *left = realloc(c->out, c->out_len);

        c->out = left ? left : c->out;
        uv_buf_t buf = uv_buf_init(c->out, (unsigned)c->out_len);
        c->writing = TAKE(c->out);
        c->writing_len = c->out_len;
        c->out_len = c->out_allocated = 0;
        c->write.data = c;
        if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written) < 0)
                connection_close(c);
}

static void flush(struct connection *c)
{
        if (c->writing)
                return;
        if (c->out_len > 0) {
                uv_buf_t buf = uv_buf_init(c->out, (unsigned)c->out_len);
                int n = uv_try_write((uv_stream_t *)&c->pipe, &buf, 1);

                if (n < 0 && n != UV_EAGAIN) {
                        connection_close(c);
                        return;
                }
                if (n < 0 || (size_t)n < c->out_len) {
                        if (n > 0) {
                                c->out_len -= (size_t)n;
                                memmove(c->out, c->out + n, c->out_len);
                        }
                        start_write(c);
                        return;
                }
                free(TAKE(c->out));
                c->out_len = c->out_allocated = 0;
        }
        account_buffers(c);
        on_drained(c);
}

/* Takes over the text as it is where nothing else is queued: a large one was mapped by itself, and goes so. */
static int append(struct connection *c, char **text, size_t len)
{
        if (c->out_len == 0) {
                free(c->out);
                c->out = TAKE(*text);
                c->out_len = c->out_allocated = len;
                return 0;
        }
        if (c->out_len + len > c->out_allocated) {
                size_t allocated = 2 * c->out_allocated > c->out_len + len ? 2 * c->out_allocated : c->out_len + len;
                char *out = realloc(c->out, allocated);

                if (!out)
                        return -ENOMEM;
                c->out = out;
                c->out_allocated = allocated;
        }
        memcpy(c->out + c->out_len, *text, len);
        c->out_len += len;
        return 0;
}

/* `r` is what formatting the text gave; may take it over. Written at once where nothing is queued, so that a reply
 * costs one system call; else after what is in flight. */
static void send_text(struct connection *c, int r, char **text, size_t len)
{
        if (uv_is_closing((uv_handle_t *)&c->pipe))
                return;
        if (r == 0)
                r = append(c, text, len);
        if (r < 0) {
                log_error("no memory for a reply to pid %d", c->pid);
                connection_close(c);
                return;
        }
        account_buffers(c);
        flush(c);
}

void connection_reply(struct connection *c, json_t *parameters)
{
        CLEANUP_FREE char *text = NULL;
        size_t len = 0;
        int r = parameters ? varlink_format_reply(parameters, false, &text, &len) : -ENOMEM;

        json_decref(parameters);
        send_text(c, r, &text, len);
}

void connection_error(struct connection *c, const char *error, json_t *parameters)
{
        CLEANUP_FREE char *text = NULL;
        size_t len = 0;
        int r = varlink_format_error(error, parameters, &text, &len);

        json_decref(parameters);
        send_text(c, r, &text, len);
}

void connection_continue(struct connection *c, json_t *parameters)
{
        CLEANUP_FREE char *text = NULL;
        size_t len = 0;
        int r = parameters ? varlink_format_reply(parameters, true, &text, &len) : -ENOMEM;

        json_decref(parameters);
        send_text(c, r, &text, len);
}

void connection_end(struct connection *c)
{
        if (c->ending || uv_is_closing((uv_handle_t *)&c->pipe))
                return;
        c->ending = true;
        uv_read_stop((uv_stream_t *)&c->pipe);
        if (!connection_is_busy(c))
                connection_close(c);
}

/* Reading. */

/* The last word to a peer whose bytes cannot be understood. Whether it wanted an answer is not known, and what it says
 * next would be taken for something else. */
static void refuse(struct connection *c, const char *bad)
{
        complain(c, c->peer, "malformed message (%s)", bad);
        connection_error(c, VARLINK_INVALID_PARAMETER, json_pack("{s:s}", "parameter", bad));
        connection_end(c);
}

static void refuse_limit(struct connection *c, struct peer *peer, const char *limit, unsigned maximum)
{
        complain(c, peer, "more than %u %s", maximum, limit);
        methods_limit_error(c, limit, maximum);
        connection_end(c);
}

/* Who waits for more than a user may is not answered; his other connections go on. */
static bool refuse_bytes(struct connection *c)
{
        if (c->peer->bytes <= PEERS_BYTES_PER_UID_MAX)
                return false;
        refuse_limit(c, c->peer, "bytes of unfinished messages and unread replies", PEERS_BYTES_PER_UID_MAX);
        return true;
}

static void handle(struct connection *c, const char *message, size_t len)
{
        struct varlink_call call;
        const char *bad;

        if (c->lease || c->monitor) {
                refuse_limit(c, c->peer, "calls beside a stream", 0);
                return;
        }
        if (varlink_parse_call(message, len, &call, &bad) < 0) {
                refuse(c, bad);
                return;
        }
        methods_call(c, &call);
        varlink_call_finish(&call);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
        struct connection *c = (struct connection *)handle;
        char *room = NULL;
        size_t size = 0;

        if (wire_reserve(&c->in, READ_SIZE, &room, &size) < 0)
                size = 0; /* libuv then reports ENOBUFS */
        *buf = uv_buf_init(room, (unsigned)size);
}

static bool is_over(const struct connection *c)
{
        return c->ending || uv_is_closing((const uv_handle_t *)&c->pipe);
}

static void on_eof(struct connection *c, ssize_t error)
{
        if (error != UV_EOF || c->lease || c->monitor || (!c->waits && !connection_is_busy(c))) {
                connection_close(c);
                return;
        }
        c->eof = true;
        uv_read_stop((uv_stream_t *)&c->pipe);
        if (!c->waits && !c->paused)
                connection_end(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
        struct connection *c = (struct connection *)stream;

        if (n < 0) {
                on_eof(c, n);
                return;
        }
        wire_commit(&c->in, (size_t)n);
        account_buffers(c);
        if (refuse_bytes(c))
                return;
        /* What else has arrived stays in the socket: libuv would read on. */
        if (c->waits || (size_t)n == buf->len)
                uv_read_stop(stream);
        if (wire_ready(&c->in) != 0)
                turns_add(&c->server->turns, c);
        else
                uv_read_start(stream, on_alloc, on_read);
}

/* Too much waits for being read by the peer, or by its user. */
static bool is_full(const struct connection *c)
{
        return connection_is_busy(c) &&
               (c->out_len + c->writing_len >= CONNECTION_OUT_MAX || c->peer->bytes >= PEERS_BYTES_PER_UID_MAX);
}

/* To the next message, which may be there. */
static void go_on(struct connection *c)
{
        if (is_over(c))
                return;
        if (wire_ready(&c->in) != 0) {
                uv_read_stop((uv_stream_t *)&c->pipe);
                turns_add(&c->server->turns, c);
                return;
        }
        wire_release(&c->in);
        account_buffers(c);
        if (c->eof)
                connection_end(c);
        else
                uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

void connection_take(struct connection *c)
{
        const char *message;
        size_t len;
        int r;

        if (is_over(c))
                return;
        if (is_full(c)) {
                c->paused = true;
                uv_read_stop((uv_stream_t *)&c->pipe);
                return;
        }
        if (refuse_bytes(c))
                return;
        r = wire_next(&c->in, &message, &len);
        if (r > 0)
                handle(c, message, len);
        else if (r < 0)
                refuse(c, "message");
        go_on(c);
}

/* Accepting. */

static int read_peer(struct connection *c)
{
        struct ucred peer;
        socklen_t len = sizeof(peer);
        uv_os_fd_t fd;
        int r = uv_fileno((uv_handle_t *)&c->pipe, &fd);

        if (r < 0)
                return r;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        c->uid = peer.uid;
        c->pid = peer.pid;
        return 0;
}

static int admit(struct connection *c)
{
        const char *limit;
        unsigned maximum;
        struct peer *peer;
        int r = peers_enter(&c->server->peers, c->uid, server_now(), &peer, &limit, &maximum);

        if (r == 0)
                c->peer = peer;
        else if (r > 0)
                refuse_limit(c, peer, limit, maximum);
        return r;
}

void connection_accept(struct server *server, int fd)
{
        CLEANUP_CLOSE int own = fd;
        struct connection *c = calloc(1, sizeof(*c));

        if (!c || uv_pipe_init(&server->loop, &c->pipe, 0) < 0) {
                log_error("no memory for a connection");
                free(c);
                return;
        }
        c->server = server;
        wire_init(&c->in, WIRE_CALL_MAX);
        server_add_connection(server, c);

        int r = uv_pipe_open(&c->pipe, own);
        if (r == 0) {
                (void)TAKE_FD(own);
                r = read_peer(c);
        }
        if (r == 0)
                r = admit(c);
        if (r < 0) {
                log_warning("cannot accept a connection: %s", strerror(-r));
                connection_close(c);
        } else if (r == 0) {
                go_on(c);
        }
}
