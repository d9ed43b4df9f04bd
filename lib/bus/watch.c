#include "lib/bus/watch.h"

#include <errno.h>
#include <stdlib.h>

struct watch {
        uv_poll_t poll; /* first: the handle is the watch */
        watch_fn fn;
        void *arg;
};

static void on_event(uv_poll_t *poll, int status, int events)
{
        struct watch *w = (struct watch *)poll;

        (void)events;
        w->fn(w->arg, status);
}

static void on_closed(uv_handle_t *handle)
{
        free((struct watch *)handle);
}

int watch_start(uv_loop_t *loop, int fd, int events, watch_fn fn, void *arg, struct watch **ret_watch)
{
        struct watch *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        *w = (struct watch){.fn = fn, .arg = arg};
        r = uv_poll_init(loop, &w->poll, fd);
        if (r < 0) { /* it is no handle yet */
                free(w);
                return r;
        }
        r = uv_poll_start(&w->poll, events, on_event);
        if (r < 0) {
                watch_end(w);
                return r;
        }
        *ret_watch = w;
        return 0;
}

void watch_end(struct watch *w)
{
        if (w)
                uv_close((uv_handle_t *)&w->poll, on_closed);
}
