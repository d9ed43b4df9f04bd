#include "lib/bus/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "lib/util.h"

static void on_readable(uv_poll_t *poll, int status, int events);

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
                l->events->failing(l->context, r);
        l->failing = true;
}

/* 0: there may be more of them; -EAGAIN: there are not. */
static int accept_one(struct listener *l)
{
        int r, fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
                l->failing = false;
                l->events->accepted(l->context, fd);
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

static int watch(struct listener *l)
{
        if (l->held || uv_is_active((uv_handle_t *)&l->rest))
                return uv_poll_stop(&l->poll);
        return uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void on_rested(uv_timer_t *timer)
{
        struct listener *l = timer->data;

        (void)keep_spare(l);
        (void)watch(l);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
        struct listener *l = poll->data;
        int r = status;

        (void)events;
        for (unsigned n = 0; r == 0 && n < LISTENER_AT_ONCE && l->fd >= 0 && !l->held; n++)
                r = accept_one(l);
        if (r == 0 || r == -EAGAIN)
                return;
        complain(l, r);
        uv_timer_start(&l->rest, on_rested, LISTENER_REST_MS, 0);
        (void)watch(l);
}

int listener_start(struct listener *l, uv_loop_t *loop, int fd, const struct listener_events *events, void *context)
{
        int r;

        *l = (struct listener){.events = events, .context = context, .fd = fd, .spare = -1};
        uv_timer_init(loop, &l->rest);
        l->rest.data = l;
        r = uv_poll_init(loop, &l->poll, fd);
        if (r < 0)
                return r;
        l->poll.data = l;
        (void)keep_spare(l);
        return listen(fd, SOMAXCONN) < 0 ? -errno : watch(l);
}

void listener_hold(struct listener *l, bool held)
{
        l->held = held;
        if (l->fd >= 0)
                (void)watch(l);
}

static void close_handle(uv_handle_t *handle)
{
        if (handle->data && !uv_is_closing(handle))
                uv_close(handle, NULL);
}

void listener_close(struct listener *l)
{
        close_handle((uv_handle_t *)&l->poll);
        close_handle((uv_handle_t *)&l->rest);
        close_fd(&l->fd);
        close_fd(&l->spare);
}

bool listener_has_pending(const struct listener *l)
{
        struct pollfd p = {.fd = l->fd, .events = POLLIN};

        return poll(&p, 1, 0) > 0;
}
