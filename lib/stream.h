/* A stream of replies: one call with "more", such as Monitor, over a connection of its own. Errors as in schedctl.h.
 *
 *     r = client_stream_open("org.schedctl.Scheduler.Monitor", NULL, CLIENT_NO_START, &stream, &error);
 *     while ((r = client_stream_next(stream, -1, &parameters)) > 0) …
 *
 * In a loop of one's own: client_stream_next() with a timeout of 0 until it returns 0, then poll the descriptor. The
 * first reply has arrived with the opening, so begin with taking.
 */
#pragma once

#include "lib/client.h"

struct client_stream;

/* Calls and waits for the first reply. `parameters` may be NULL; the reference stays the caller's. 0; 1 and the name of
 * the service's error (free it; NULL with all else); negative errno: -ENOENT no service. */
int client_stream_open(const char *method, json_t *parameters, unsigned flags, struct client_stream **ret_stream,
                       char **ret_error);
/* NULL is allowed. */
void client_stream_close(struct client_stream *stream);

/* Readable when client_stream_next() has something to do; the same for the stream's life. */
int client_stream_fd(const struct client_stream *stream);

/* 1 and the next reply's parameters (a new reference); 0 where none came in timeout_ms (0: do not wait, -1: for ever);
 * -ENOTCONN at the end of the stream; -EINTR where a signal came while waiting; else what the service's error comes to.
 */
int client_stream_next(struct client_stream *stream, int timeout_ms, json_t **ret_parameters);

DEFINE_CLEANUP(struct client_stream, client_stream_close);
#define CLEANUP_STREAM CLEANUP(cleanup_client_stream_closep)
