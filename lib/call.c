#include "lib/call.h"

#include <errno.h>
#include <string.h>

#include "lib/exchange.h"

#define SCHEDULER "org.schedctl.Scheduler."

bool call_is_moved(const struct varlink_reply *reply)
{
        return reply->error && strcmp(reply->error, SCHEDULER "Moved") == 0;
}

int call_once(const char *method, json_t *parameters, unsigned varlink_flags, unsigned flags,
              struct varlink_reply *ret_reply)
{
        int64_t deadline = flags & CLIENT_SOON ? poller_now() + CALL_SOON_MS : POLLER_NEVER;
        struct exchange e;
        int r;

        exchange_init(&e, NULL, flags & CLIENT_NO_START);
        r = exchange_call(&e, method, parameters, varlink_flags);
        if (r == 0)
                r = exchange_await(&e, deadline, ret_reply);
        exchange_reset(&e);
        return r;
}

int call_errno(const struct varlink_reply *reply)
{
        static const struct {
                const char *name;
                int error;
        } table[] = {
                {SCHEDULER "NoSuchLease", -ESRCH},      {SCHEDULER "NoUsablePU", -ENODEV},
                {SCHEDULER "LimitExceeded", -EUSERS},   {SCHEDULER "OtherKernel", -EREMOTE},
                {SCHEDULER "Moved", -ENOENT},           {SCHEDULER "NotPermitted", -EACCES},
                {VARLINK_INVALID_PARAMETER, -EINVAL},   {VARLINK_EXPECTED_MORE, -EINVAL},
                {VARLINK_METHOD_NOT_FOUND, -ENOSYS},    {VARLINK_METHOD_NOT_IMPLEMENTED, -ENOSYS},
                {VARLINK_INTERFACE_NOT_FOUND, -ENOSYS},
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
        struct varlink_reply reply = {0};
        int r = call_once(method, parameters, 0, flags, &reply);

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
