#include "lib/stream.h"

#include <errno.h>
#include <string.h>

#include "lib/call.h"

struct client_stream {
        struct channel channel;
        json_t *first; /* parameters of the first reply until they are taken */
        bool ended;    /* no reply follows */
};

void client_stream_close(struct client_stream *stream)
{
        if (!stream)
                return;
        channel_close(&stream->channel);
        json_decref(stream->first);
        free(stream);
}

static int take_first(struct client_stream *stream, const struct varlink_reply *reply, char **ret_error)
{
        if (!reply->error) {
                stream->first = json_incref(reply->parameters);
                stream->ended = !reply->continues;
                return 0;
        }
        *ret_error = strdup(reply->error);
        return *ret_error ? 1 : -ENOMEM;
}

int client_stream_open(const char *method, json_t *parameters, unsigned flags, struct client_stream **ret_stream,
                       char **ret_error)
{
        CLEANUP_STREAM struct client_stream *stream = calloc(1, sizeof(*stream));
        struct varlink_reply reply = {0};
        char *error = NULL;
        int r;

        if (!stream)
                return -ENOMEM;
        stream->channel = (struct channel)CHANNEL_INIT;
        r = call_open(&stream->channel, method, parameters, VARLINK_MORE, flags & CLIENT_NO_START, &reply);
        if (r < 0)
                return r;
        r = take_first(stream, &reply, &error);
        varlink_reply_finish(&reply);
        if (r < 0)
                return r;
        *ret_error = error;
        if (r == 0)
                *ret_stream = TAKE(stream);
        return r;
}

int client_stream_fd(const struct client_stream *stream)
{
        return stream->channel.fd;
}

int client_stream_next(struct client_stream *stream, int timeout_ms, json_t **ret_parameters)
{
        struct varlink_reply reply;
        int r;

        if (stream->first) {
                *ret_parameters = TAKE(stream->first);
                return 1;
        }
        if (stream->ended)
                return -ENOTCONN;
        r = channel_receive(&stream->channel, timeout_ms, &reply);
        if (r <= 0)
                return r;
        r = call_errno(&reply);
        stream->ended = r < 0 || !reply.continues;
        if (r == 0)
                *ret_parameters = json_incref(reply.parameters);
        varlink_reply_finish(&reply);
        return r < 0 ? r : 1;
}
