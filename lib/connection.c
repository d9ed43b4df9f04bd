/* include/schedctl.h: any call of the interface, as JSON text. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "lib/call.h"
#include "lib/exchange.h"

#define SCHEDULER "org.schedctl.Scheduler."

struct schedctl_connection {
        struct poller poller;
        struct exchange exchange;
        char *reply; /* the last one's parameters */
        char *error; /* and error, or NULL */
        bool continues;
        int ended; /* errno */
};

int schedctl_connection_new(unsigned flags, struct schedctl_connection **ret_connection)
{
        struct schedctl_connection *c;
        int r;

        if (flags & ~(unsigned)SCHEDCTL_NO_START)
                return -EINVAL;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        r = poller_init(&c->poller);
        if (r < 0) {
                free(c);
                return r;
        }
        exchange_init(&c->exchange, &c->poller, flags & SCHEDCTL_NO_START);
        *ret_connection = c;
        return 0;
}

static void forget(struct schedctl_connection *c)
{
        free(c->reply);
        free(c->error);
        c->reply = c->error = NULL;
        c->continues = false;
}

void schedctl_connection_free(struct schedctl_connection *c)
{
        if (!c)
                return;
        exchange_reset(&c->exchange);
        poller_finish(&c->poller);
        forget(c);
        free(c);
}

/* Calling. */

static int read_parameters(const char *text, json_t **ret_parameters)
{
        json_t *parameters = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : json_object();

        if (json_is_object(parameters)) {
                *ret_parameters = parameters;
                return 0;
        }
        json_decref(parameters);
        return text ? -EINVAL : -ENOMEM;
}

/* A name without its interface is one of ours. */
static int full_name(const char *method, char **ret_name)
{
        const char *interface = strchr(method, '.') ? "" : SCHEDULER;

        return asprintf(ret_name, "%s%s", interface, method) < 0 ? -ENOMEM : 0;
}

int schedctl_connection_call(struct schedctl_connection *c, const char *method, const char *parameters, unsigned flags)
{
        CLEANUP_FREE char *name = NULL;
        CLEANUP_JSON json_t *o = NULL;
        int r = poller_check(&c->poller);

        if (r < 0 || (r = c->ended) < 0)
                return r;
        if (flags & ~(unsigned)(SCHEDCTL_MORE | SCHEDCTL_ONEWAY) || flags == (SCHEDCTL_MORE | SCHEDCTL_ONEWAY))
                return -EINVAL;
        if ((r = read_parameters(parameters, &o)) < 0 || (r = full_name(method, &name)) < 0)
                return r;
        r = exchange_call(&c->exchange, name, o,
                          (flags & SCHEDCTL_MORE ? VARLINK_MORE : 0) | (flags & SCHEDCTL_ONEWAY ? VARLINK_ONEWAY : 0));
        if (r == 0)
                poller_arm(&c->poller, poller_now()); /* the next dispatch sends it */
        return r;
}

/* Replies. */

static int take(struct schedctl_connection *c, const struct varlink_reply *reply)
{
        forget(c);
        c->continues = reply->continues;
        c->reply = json_dumps(reply->parameters, JSON_COMPACT);
        c->error = reply->error ? strdup(reply->error) : NULL;
        return !c->reply || (reply->error && !c->error) ? -ENOMEM : 1;
}

int schedctl_connection_dispatch(struct schedctl_connection *c)
{
        struct varlink_reply reply;
        int r = poller_check(&c->poller);

        if (r < 0 || (r = c->ended) < 0)
                return r;
        if (!exchange_is_open(&c->exchange))
                return 0; /* nothing has been called yet */
        r = exchange_step(&c->exchange, &reply);
        poller_arm(&c->poller, exchange_deadline(&c->exchange));
        if (r > 0) {
                r = take(c, &reply);
                varlink_reply_finish(&reply);
        }
        if (r < 0)
                c->ended = r;
        return r;
}

int schedctl_connection_wait(struct schedctl_connection *c, int timeout_ms)
{
        int64_t deadline = timeout_ms < 0 ? POLLER_NEVER : poller_now() + timeout_ms;

        for (;;) {
                int r = schedctl_connection_dispatch(c);

                if (r != 0)
                        return r;
                r = poller_block(c->poller.fd, POLLIN, deadline);
                if (r <= 0)
                        return r;
        }
}

int schedctl_connection_fd(const struct schedctl_connection *c)
{
        return c->poller.fd;
}

const char *schedctl_connection_reply(const struct schedctl_connection *c)
{
        return c->reply;
}

const char *schedctl_connection_error(const struct schedctl_connection *c)
{
        return c->error;
}

int schedctl_connection_continues(const struct schedctl_connection *c)
{
        return c->continues;
}

/* All of it at once. */

int schedctl_call(const char *method, const char *parameters, unsigned flags, char **ret_reply, char **ret_error)
{
        struct schedctl_connection *c;
        int r = schedctl_connection_new(flags, &c);

        if (r < 0)
                return r;
        r = schedctl_connection_call(c, method, parameters, 0);
        while (r == 0 || r == -EINTR)
                r = schedctl_connection_wait(c, -1);
        if (r > 0) {
                r = c->error ? 1 : 0;
                *ret_reply = TAKE(c->reply);
                *ret_error = TAKE(c->error);
        }
        schedctl_connection_free(c);
        return r;
}
