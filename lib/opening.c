#include "lib/opening.h"

#include <errno.h>
#include <poll.h>

int opening_begin(struct opening *o, bool no_start, const struct address *only)
{
        *o = (struct opening)OPENING_INIT;
        o->no_start = no_start;
        o->deadline = poller_now() + OPENING_MS;
        if (!only)
                return address_list(o->list, &o->n);
        o->list[0] = *only;
        o->n = 1;
        o->no_start |= only->kind == ADDRESS_SYSTEM;
        return 0;
}

int opening_fd(const struct opening *o)
{
        return o->starting.error_fd;
}

void opening_finish(struct opening *o)
{
        start_abandon(&o->starting);
        *o = (struct opening)OPENING_INIT;
}

static int pause_for(struct opening *o)
{
        int64_t now = poller_now();

        o->retry_at = now + OPENING_PAUSE_MS;
        return now < o->deadline ? 0 : -ETIMEDOUT;
}

/* -ENOENT where nobody listens at any of the addresses. */
static int search(struct opening *o, int *ret_fd)
{
        int r = -ENOENT;

        for (size_t i = 0; i < o->n; i++) {
                o->at = i;
                r = address_try(&o->list[i], ret_fd);
                if (!address_is_absent(&o->list[i], r))
                        return r;
        }
        return -ENOENT;
}

/* 1 where it runs, 0 where that is not decided yet. */
static int finish_start(struct opening *o, const struct address *where)
{
        o->retry_at = o->deadline;
        if (poller_block(o->starting.error_fd, POLLIN, 0) == 0)
                return poller_now() < o->deadline ? 0 : -ETIMEDOUT;
        o->retry_at = POLLER_NEVER;
        o->started = true;
        int r = start_finish(where, &o->starting);
        return r < 0 ? r : 1;
}

int opening_step(struct opening *o, int *ret_fd)
{
        const struct address *where = &o->list[o->n - 1];
        int r = 1;

        o->retry_at = POLLER_NEVER;
        if (o->starting.error_fd >= 0)
                r = finish_start(o, where);
        if (r <= 0)
                return r;
        r = search(o, ret_fd);
        start_abandon(&o->starting);
        if (r == -ENOENT && !o->no_start && !o->started) {
                o->retry_at = o->deadline; /* for a child that hangs before it runs */
                r = start_begin(where, &o->starting, ret_fd);
        } else if (r == 0)
                r = 1;
        return r == -EBUSY ? pause_for(o) : r;
}
