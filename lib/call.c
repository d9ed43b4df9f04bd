#include "lib/call.h"

#include <errno.h>
#include <string.h>

#define SCHEDULER "org.schedctl.Scheduler."

enum {
        OPEN_TRIES = 5,
};

static bool is_moved(const struct varlink_reply *reply)
{
        return reply->error && strcmp(reply->error, SCHEDULER "Moved") == 0;
}

static int try_once(struct channel *c, const char *method, json_t *parameters, unsigned varlink_flags, bool no_start,
                    struct varlink_reply *ret_reply)
{
        int r = channel_open(c, no_start);

        if (r < 0)
                return r;
        r = channel_send_call(c, method, parameters, varlink_flags);
        /* A service that refuses a connection says so before it reads, so the reply may be there all the same. */
        if (r == 0 || r == -ENOTCONN)
                r = channel_receive_reply(c, ret_reply);
        return r;
}

int call_open(struct channel *c, const char *method, json_t *parameters, unsigned varlink_flags, bool no_start,
              struct varlink_reply *ret_reply)
{
        int r = -ENOENT;

        for (unsigned i = 0; i < OPEN_TRIES; i++) {
                struct varlink_reply reply = {0};

                r = try_once(c, method, parameters, varlink_flags, no_start, &reply);
                if (r == 0 && (!is_moved(&reply) || i + 1 == OPEN_TRIES)) {
                        *ret_reply = reply;
                        return 0;
                }
                varlink_reply_finish(&reply);
                channel_close(c);
                if (r != 0 && r != -ENOTCONN)
                        return r;
        }
        return r == -ENOTCONN ? -ENOENT : r;
}

int call_over(struct channel *c, const char *method, json_t *parameters, struct varlink_reply *ret_reply)
{
        int r = channel_send_call(c, method, parameters, 0);

        return r < 0 ? r : channel_receive_reply(c, ret_reply);
}

int call_errno(const struct varlink_reply *reply)
{
        static const struct {
                const char *name;
                int error;
        } table[] = {
                {SCHEDULER "NoSuchLease", -ESRCH},    {SCHEDULER "NoUsablePU", -ENODEV},
                {SCHEDULER "LimitExceeded", -EUSERS}, {SCHEDULER "OtherKernel", -EREMOTE},
                {SCHEDULER "Moved", -ENOENT},         {VARLINK_INVALID_PARAMETER, -EINVAL},
                {VARLINK_EXPECTED_MORE, -EINVAL},
        };

        if (!reply->error)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(reply->error, table[i].name) == 0)
                        return table[i].error;
        return -EPROTO;
}

int client_call(const char *method, json_t *parameters, unsigned flags, json_t **ret_parameters, char **ret_error)
{
        struct channel c = CHANNEL_INIT;
        struct varlink_reply reply = {0};
        int r = call_open(&c, method, parameters, 0, flags & CLIENT_NO_START, &reply);

        channel_close(&c);
        if (r < 0)
                return r;
        CLEANUP_FREE char *error = reply.error ? strdup(reply.error) : NULL;
        if (reply.error && !error)
                r = -ENOMEM;
        else {
                *ret_parameters = json_incref(reply.parameters);
                *ret_error = TAKE(error);
                r = *ret_error ? 1 : 0;
        }
        varlink_reply_finish(&reply);
        return r;
}
