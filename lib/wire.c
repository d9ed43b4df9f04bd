#include "lib/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void wire_init(struct wire_buffer *w, size_t max)
{
        *w = (struct wire_buffer){.max = max};
}

void wire_finish(struct wire_buffer *w)
{
        if (!w)
                return;
        free(w->data);
        *w = (struct wire_buffer){.max = w->max};
}

/* Moves what is left to the front; frees a buffer that one large message has left behind. */
static void compact(struct wire_buffer *w)
{
        if (w->start == w->end && w->allocated > WIRE_KEEP) {
                wire_finish(w);
                return;
        }
        if (w->start == 0)
                return;
        memmove(w->data, w->data + w->start, w->end - w->start);
        w->end -= w->start;
        w->scanned -= w->start;
        w->start = 0;
}

int wire_reserve(struct wire_buffer *w, size_t want, char **ret_room, size_t *ret_size)
{
        compact(w);

        size_t needed = w->end + want;
        if (needed < want)
                return -ENOMEM;
        if (needed > w->allocated) {
                /* Doubling keeps the copying linear; a peer gets memory only for bytes that it has sent, and no more
                 * than the largest message and one reading take. */
                size_t size = 2 * w->end < w->max ? 2 * w->end : w->max;
                char *data;

                size = size > needed ? size : needed;
                data = realloc(w->data, size);

                if (!data)
                        return -ENOMEM;
                w->data = data;
                w->allocated = size;
        }
        *ret_room = w->data + w->end;
        *ret_size = w->allocated - w->end;
        return 0;
}

void wire_commit(struct wire_buffer *w, size_t n)
{
        w->end += n;
}

int wire_append(struct wire_buffer *w, const void *bytes, size_t len)
{
        char *room;
        size_t size;

        if (len == 0)
                return 0;
        int r = wire_reserve(w, len, &room, &size);
        if (r < 0)
                return r;
        memcpy(room, bytes, len);
        wire_commit(w, len);
        return 0;
}

int wire_ready(struct wire_buffer *w)
{
        if (w->scanned == w->end)
                return w->end - w->start > w->max ? -EMSGSIZE : 0;

        const char *nul = memchr(w->data + w->scanned, '\0', w->end - w->scanned);
        w->scanned = nul ? (size_t)(nul - w->data) : w->end;
        if (w->scanned - w->start > w->max)
                return -EMSGSIZE;
        return nul ? 1 : 0;
}

int wire_next(struct wire_buffer *w, const char **ret_message, size_t *ret_len)
{
        int r = wire_ready(w);

        if (r <= 0)
                return r;
        *ret_message = w->data + w->start;
        *ret_len = w->scanned - w->start;
        w->start = ++w->scanned;
        return 1;
}

void wire_release(struct wire_buffer *w)
{
        if (w->start == w->end)
                wire_finish(w);
}

int wire_is_partial(const struct wire_buffer *w)
{
        return w->end > w->start;
}
