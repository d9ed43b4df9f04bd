#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/run_server.h"
#include "lib/util.h"

enum {
        READ_SIZE = 64 * 1024,
};

static void watch_listener(struct run_server *s);

static void on_peer_closed(uv_handle_t *handle)
{
        struct run_peer *p = handle->data;

        close(p->fd);
        wire_finish(&p->in);
        wire_finish(&p->out);
        free(p);
}

static void unlink_peer(struct run_peer *p)
{
        struct run_peer **at = &p->server->peers;

        while (*at != p)
                at = &(*at)->next;
        *at = p->next;
        p->server->n_peers--;
}

static void end_peer(struct run_peer *p)
{
        struct run_server *s = p->server;

        unlink_peer(p);
        s->events->closed(s->context, p);
        uv_close((uv_handle_t *)&p->poll, on_peer_closed);
        watch_listener(s);
}

/* One message's way: JSON, an object, an event. */
static int handle_message(struct run_peer *p, const char *text, size_t len)
{
        json_t *message = json_loadb(text, len, 0, NULL);
        const char *event = json_string_value(json_object_get(message, "event"));
        int r = -EPROTO;

        if (event)
                r = p->server->events->message(p->server->context, p, event, message);
        json_decref(message);
        return r;
}

static int handle_messages(struct run_peer *p)
{
        const char *message;
        size_t len;
        int r;

        while ((r = wire_next(&p->in, &message, &len)) > 0) {
                r = handle_message(p, message, len);
                if (r < 0 || p->closing)
                        return r < 0 ? r : -ECONNABORTED;
        }
        return r;
}

/* Reads until there is nothing more: 0, or negative where the connection is over. */
static int read_peer(struct run_peer *p)
{
        char *room;
        size_t size;
        ssize_t n;
        int r;

        for (;;) {
                r = wire_reserve(&p->in, READ_SIZE, &room, &size);
                if (r < 0)
                        return r;
                n = read(p->fd, room, size);
                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                if (n == 0)
                        return -ECONNRESET;
                wire_commit(&p->in, (size_t)n);
                r = handle_messages(p);
                if (r < 0)
                        return r;
        }
}

/* Writes what the socket takes. A peer that is gone hears nothing more, but may have said something that is still to be
 * read; after that comes its end. */
static int flush(struct run_peer *p)
{
        while (p->out.end > p->out.start) {
                ssize_t n = send(p->fd, p->out.data + p->out.start, p->out.end - p->out.start, MSG_NOSIGNAL);

                if (n < 0 && errno != EPIPE && errno != ECONNRESET)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                p->out.start = n < 0 ? p->out.end : p->out.start + (size_t)n;
        }
        wire_finish(&p->out);
        wire_init(&p->out, WIRE_RUN_MAX);
        return 0;
}

static void on_peer_ready(uv_poll_t *poll, int status, int events);

static void watch_peer(struct run_peer *p)
{
        int events = UV_READABLE | (p->out.end > p->out.start ? UV_WRITABLE : 0);

        if (p->server->held)
                uv_poll_stop(&p->poll);
        else
                uv_poll_start(&p->poll, events, on_peer_ready);
}

static void on_peer_ready(uv_poll_t *poll, int status, int events)
{
        struct run_peer *p = poll->data;
        int r = p->closing ? -ECONNABORTED : flush(p);

        if (r == 0)
                r = read_peer(p);
        /* libuv's word for POLLERR: the peer closed with something unread. What it said was there to be read. */
        if (r < 0 || status < 0)
                end_peer(p);
        else
                watch_peer(p);
}

static int add_peer(struct run_server *s, int fd, pid_t pid)
{
        struct run_peer *p = calloc(1, sizeof(*p));
        int r = -ENOMEM;

        if (p)
                r = uv_poll_init(s->loop, &p->poll, fd);
        if (r < 0) {
                free(p);
                return r;
        }
        p->server = s;
        p->fd = fd;
        p->pid = pid;
        p->poll.data = p;
        wire_init(&p->in, WIRE_RUN_MAX);
        wire_init(&p->out, WIRE_RUN_MAX);
        p->next = s->peers;
        s->peers = p;
        s->n_peers++;
        watch_peer(p);
        s->events->opened(s->context, p);
        return 0;
}

static void on_connection(void *context, int accepted)
{
        CLEANUP_CLOSE int fd = accepted;
        struct run_server *s = context;
        struct ucred peer;
        socklen_t len = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != geteuid())
                return;
        if (add_peer(s, fd, peer.pid) == 0)
                fd = -1;
        watch_listener(s);
}

static void on_failing(void *context, int error)
{
        (void)context;
        fprintf(stderr, "schedctl: cannot accept a connection: %s\n", strerror(-error));
}

static const struct listener_events listener_events = {.accepted = on_connection, .failing = on_failing};

static void watch_listener(struct run_server *s)
{
        listener_hold(&s->listener, s->held || s->n_peers >= RUN_PEERS_MAX);
}

void run_server_hold(struct run_server *s, bool held)
{
        s->held = held;
        watch_listener(s);
        for (struct run_peer *p = s->peers; p; p = p->next)
                watch_peer(p);
}

static int bind_at(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        return bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : TAKE_FD(fd);
}

int run_server_start(struct run_server *s, uv_loop_t *loop, const char *path, const struct run_server_events *events,
                     void *context)
{
        CLEANUP_CLOSE int fd = bind_at(path);

        if (fd < 0)
                return fd;
        *s = (struct run_server){.loop = loop, .events = events, .context = context};
        return listener_start(&s->listener, loop, TAKE_FD(fd), &listener_events, s);
}

void run_server_stop(struct run_server *s)
{
        listener_close(&s->listener);
        while (s->peers) {
                if (!s->peers->closing)
                        (void)read_peer(s->peers); /* its last words; the connection ends whatever they are */
                end_peer(s->peers);
        }
}

int run_peer_send(struct run_peer *p, json_t *message)
{
        CLEANUP_FREE char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
        int r = -ENOMEM;

        json_decref(message);
        if (text)
                r = wire_append(&p->out, text, strlen(text) + 1);
        if (r == 0)
                r = flush(p);
        if (r < 0)
                run_peer_close(p);
        else if (p->out.end > p->out.start)
                watch_peer(p);
        return r;
}

/* Makes the loop come round to it: a writable socket is ready, and shut down one more so. */
void run_peer_close(struct run_peer *p)
{
        p->closing = true;
        shutdown(p->fd, SHUT_RDWR);
}
