#include "daemon/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/leases.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "daemon/monitor.h"
#include "daemon/server.h"
#include "lib/util.h"
#include "lib/varlink.h"

enum {
        READ_SIZE = 16 * 1024,
};

static void process(struct connection *c);

static void on_closed(uv_handle_t *handle)
{
        struct connection *c = (struct connection *)handle;

        wire_finish(&c->in);
        free(c->writing);
        free(c->out);
        free(c);
}

void connection_close(struct connection *c)
{
        if (uv_is_closing((uv_handle_t *)&c->pipe))
                return;
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
                process(c);
        }
}

static void start_write(struct connection *c)
{
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
                c->out_len = 0;
        }
        on_drained(c);
}

static int append(struct connection *c, const char *text, size_t len)
{
        if (c->out_len + len > c->out_allocated) {
                size_t allocated = 2 * c->out_allocated > c->out_len + len ? 2 * c->out_allocated : c->out_len + len;
                char *out = realloc(c->out, allocated);

                if (!out)
                        return -ENOMEM;
                c->out = out;
                c->out_allocated = allocated;
        }
        memcpy(c->out + c->out_len, text, len);
        c->out_len += len;
        return 0;
}

/* `r` is what formatting the text gave. Written at once where nothing is queued, so that a reply costs one system call;
 * else after what is in flight. */
static void send_text(struct connection *c, int r, const char *text, size_t len)
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
        flush(c);
}

void connection_reply(struct connection *c, json_t *parameters)
{
        CLEANUP_FREE char *text = NULL;
        size_t len = 0;
        int r = parameters ? varlink_format_reply(parameters, false, &text, &len) : -ENOMEM;

        json_decref(parameters);
        send_text(c, r, text, len);
}

void connection_error(struct connection *c, const char *error, json_t *parameters)
{
        CLEANUP_FREE char *text = NULL;
        size_t len = 0;
        int r = varlink_format_error(error, parameters, &text, &len);

        json_decref(parameters);
        send_text(c, r, text, len);
}

void connection_continue(struct connection *c, json_t *parameters)
{
        CLEANUP_FREE char *text = NULL;
        size_t len = 0;
        int r = parameters ? varlink_format_reply(parameters, true, &text, &len) : -ENOMEM;

        json_decref(parameters);
        send_text(c, r, text, len);
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
        log_notice("pid %d, uid %u: malformed message (%s), connection ended", c->pid, (unsigned)c->uid, bad);
        connection_error(c, VARLINK_INVALID_PARAMETER, json_pack("{s:s}", "parameter", bad));
        connection_end(c);
}

static void refuse_limit(struct connection *c, const char *limit, unsigned maximum)
{
        log_notice("pid %d, uid %u: more than %u %s, connection ended", c->pid, (unsigned)c->uid, maximum, limit);
        methods_limit_error(c, limit, maximum);
        connection_end(c);
}

static void handle(struct connection *c, const char *message, size_t len)
{
        struct varlink_call call;
        const char *bad;

        if (c->lease || c->monitor) {
                refuse_limit(c, "calls beside a stream", 0);
                return;
        }
        if (varlink_parse_call(message, len, &call, &bad) < 0) {
                refuse(c, bad);
                return;
        }
        if (peers_count_call(&c->server->peers, c->uid, server_now()))
                methods_call(c, &call);
        else if (!(call.flags & VARLINK_ONEWAY))
                methods_limit_error(c, "calls per second", PEERS_CALLS_PER_SECOND);
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

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
        struct connection *c = (struct connection *)stream;

        if (n < 0) {
                connection_close(c);
                return;
        }
        wire_commit(&c->in, (size_t)n);
        process(c);
}

/* Takes the calls that have arrived, as long as the peer reads its replies. */
static void process(struct connection *c)
{
        const char *message;
        size_t len;
        int r = 0;

        while (!c->ending && !uv_is_closing((uv_handle_t *)&c->pipe)) {
                if (connection_is_busy(c) && c->out_len + c->writing_len >= CONNECTION_OUT_MAX) {
                        c->paused = true;
                        uv_read_stop((uv_stream_t *)&c->pipe);
                        return;
                }
                r = wire_next(&c->in, &message, &len);
                if (r <= 0)
                        break;
                handle(c, message, len);
        }
        if (c->ending || uv_is_closing((uv_handle_t *)&c->pipe))
                return;
        if (r < 0)
                refuse(c, "message");
        else
                uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
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
        int r = peers_enter(&c->server->peers, c->uid, server_now(), &limit, &maximum);

        c->counted = r == 0;
        if (r > 0)
                refuse_limit(c, limit, maximum);
        return r;
}

void connection_accept(struct server *server)
{
        struct connection *c = calloc(1, sizeof(*c));

        if (!c || uv_pipe_init(&server->loop, &c->pipe, 0) < 0) {
                log_error("no memory for a connection");
                free(c);
                return;
        }
        c->server = server;
        wire_init(&c->in, WIRE_SERVICE_MAX);
        server_add_connection(server, c);

        int r = uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&c->pipe);
        if (r == 0)
                r = read_peer(c);
        if (r == 0)
                r = admit(c);
        if (r < 0) {
                log_warning("cannot accept a connection: %s", strerror(-r));
                connection_close(c);
        } else if (r == 0) {
                process(c);
        }
}
