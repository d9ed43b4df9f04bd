#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/connection.h"
#include "daemon/log.h"
#include "daemon/server.h"
#include "lib/util.h"

static void on_readable(uv_poll_t *handle, int status, int events);

static void close_fd(int *fd)
{
        cleanup_closep(fd);
        *fd = -1;
}

static int keep_spare(struct listener *l)
{
        if (l->spare < 0)
                l->spare = open("/", O_PATH | O_CLOEXEC);
        return l->spare < 0 ? -errno : 0;
}

/* He learns at once that there is no place for him. Without a descriptor accept(2) fails where nobody waits, too. */
static int turn_away(struct listener *l)
{
        int fd, r, kept;

        close_fd(&l->spare);
        fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
        r = fd < 0 ? -errno : 0;
        close_fd(&fd);
        kept = keep_spare(l);
        return r < 0 ? r : kept;
}

static void complain(struct listener *l, int r)
{
        if (!l->failing)
                log_warning("cannot accept a connection: %s", strerror(-r));
        l->failing = true;
}

/* 0: there may be more of them; -EAGAIN: there are not. */
static int accept_one(struct listener *l)
{
        int r, fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
                l->failing = false;
                connection_accept(l->server, fd);
                server_update(l->server);
                return 0;
        }
        r = -errno;
        if (r == -EINTR || r == -ECONNABORTED)
                return 0;
        if (r != -EMFILE && r != -ENFILE)
                return r;
        complain(l, r);
        return l->spare >= 0 ? turn_away(l) : r;
}

static void on_rested(uv_timer_t *timer)
{
        struct listener *l = timer->data;

        (void)keep_spare(l);
        uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
        struct listener *l = handle->data;
        int r = status;

        (void)events;
        for (unsigned n = 0; r == 0 && n < LISTENER_AT_ONCE && !l->server->stopping; n++)
                r = accept_one(l);
        if (r == 0 || r == -EAGAIN)
                return;
        complain(l, r);
        uv_poll_stop(&l->poll);
        uv_timer_start(&l->rest, on_rested, LISTENER_REST_MS, 0);
}

int listener_start(struct listener *l, struct server *server, int fd)
{
        int r;

        l->server = server;
        l->fd = fd;
        uv_timer_init(&server->loop, &l->rest);
        r = uv_poll_init(&server->loop, &l->poll, fd);
        if (r < 0)
                return r;
        l->rest.data = l->poll.data = l;
        (void)keep_spare(l);
        return listen(fd, SOMAXCONN) < 0 ? -errno : uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

void listener_close(struct listener *l)
{
        if (l->poll.data && !uv_is_closing((uv_handle_t *)&l->poll))
                uv_close((uv_handle_t *)&l->poll, NULL);
        close_fd(&l->fd);
        close_fd(&l->spare);
}

bool listener_has_pending(const struct listener *l)
{
        struct pollfd p = {.fd = l->fd, .events = POLLIN};

        return poll(&p, 1, 0) > 0;
}
