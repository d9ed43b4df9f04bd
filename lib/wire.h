/* Framing: NUL-terminated messages out of a stream of bytes, on (pointer, length) alone, without I/O.
 *
 * The reader asks for room, reads into it, commits what arrived, and takes messages until there is none:
 *
 *     wire_reserve(&w, 4096, &room, &size);
 *     n = read(fd, room, size);
 *     wire_commit(&w, n);
 *     while ((r = wire_next(&w, &message, &len)) > 0) …
 *
 * Used with three maxima: calls to the service, its replies, and messages of a run's control socket.
 */
#pragma once

#include <stddef.h>

enum {
        WIRE_CALL_MAX = 64 * 1024,        /* bytes of one message to the service, its NUL not counted */
        WIRE_REPLY_MAX = 4 * 1024 * 1024, /* from it: thrice what a status of every lease there can be has */
        WIRE_RUN_MAX = 64 * 1024 * 1024,
        WIRE_KEEP = 64 * 1024, /* an empty buffer larger than this is freed */
};

/* Zeroed but for max is a valid, empty buffer. */
struct wire_buffer {
        char *data;
        size_t start;   /* of the first message not taken yet */
        size_t scanned; /* no NUL between start and here */
        size_t end;
        size_t allocated;
        size_t max;
};

void wire_init(struct wire_buffer *w, size_t max);
void wire_finish(struct wire_buffer *w);

/* Room for `want` bytes or more behind what is there; invalidates messages taken before. -ENOMEM. */
int wire_reserve(struct wire_buffer *w, size_t want, char **ret_room, size_t *ret_size);

/* The first n bytes of the room have been filled. */
void wire_commit(struct wire_buffer *w, size_t n);

/* Reserve, copy and commit. */
int wire_append(struct wire_buffer *w, const void *bytes, size_t len);

/* The next whole message: 1 and the message, NUL-terminated, valid until the next wire_reserve() or wire_append();
 * 0 where it is not complete yet; -EMSGSIZE where it exceeds the maximum: the stream cannot be read any further. */
int wire_next(struct wire_buffer *w, const char **ret_message, size_t *ret_len);

/* What wire_next() would return, and nothing taken. */
int wire_ready(struct wire_buffer *w);

/* Frees the memory of an empty buffer. */
void wire_release(struct wire_buffer *w);

/* Whether an unfinished message is in the buffer: an end of stream here cut it off. */
int wire_is_partial(const struct wire_buffer *w);
