#include "daemon/request.h"

#include <string.h>

#include "daemon/connection.h"
#include "daemon/log.h"
#include "daemon/methods.h"
#include "daemon/server.h"
#include "daemon/status.h"

void request_reply(const struct request *q, json_t *parameters)
{
        if (q->oneway)
                json_decref(parameters);
        else
                connection_reply(q->c, parameters);
}

void request_fail(const struct request *q, const char *error, json_t *parameters)
{
        if (q->oneway)
                json_decref(parameters);
        else
                connection_error(q->c, error, parameters);
}

void request_fail_parameter(const struct request *q, const char *name)
{
        request_fail(q, VARLINK_INVALID_PARAMETER, json_pack("{s:s}", "parameter", name));
}

void methods_limit_error(struct connection *c, const char *limit, unsigned maximum)
{
        connection_error(c, SCHEDULER "LimitExceeded",
                         json_pack("{s:s, s:i}", "limit", limit, "maximum", (int)maximum));
}

void request_fail_limit(const struct request *q, const char *limit, unsigned maximum)
{
        if (!q->oneway)
                methods_limit_error(q->c, limit, maximum);
}

static void no_usable_pu(struct connection *c, const struct alloc_request *request)
{
        struct cpuset none = {0};

        connection_error(c, SCHEDULER "NoUsablePU",
                         json_pack("{s:o, s:o}", "usable", status_cpulist(&c->server->leases.usable), "allowed",
                                   status_cpulist(request ? &request->allowed : &none)));
}

void methods_alloc_error(struct connection *c, enum alloc_error error, const struct alloc_request *request)
{
        switch (error) {
        case ALLOC_ERROR_NONE:
                break;
        case ALLOC_ERROR_NO_SUCH_LEASE:
        case ALLOC_ERROR_EXISTS:
                connection_error(c, SCHEDULER "NoSuchLease", NULL);
                break;
        case ALLOC_ERROR_INVALID:
                /* Each number was in range by itself. */
                connection_error(c, VARLINK_INVALID_PARAMETER, json_pack("{s:s}", "parameter", "max"));
                break;
        case ALLOC_ERROR_NO_USABLE_PU:
                no_usable_pu(c, request);
                break;
        case ALLOC_ERROR_TOO_MANY_LEASES:
                methods_limit_error(c, "leases", ALLOC_LEASES_MAX);
                break;
        case ALLOC_ERROR_TOO_MANY_OF_UID:
                methods_limit_error(c, "leases per user", ALLOC_LEASES_PER_UID_MAX);
                break;
        case ALLOC_ERROR_TOO_MANY_SLOTS:
                methods_limit_error(c, "slots", ALLOC_SLOTS_MAX);
                break;
        }
}

void request_fail_step(const struct request *q, int r, const struct alloc_request *asked)
{
        if (r < 0) {
                log_error("a call of pid %d failed: %s", q->c->pid, strerror(-r));
                connection_close(q->c);
                return;
        }
        if (!q->oneway)
                methods_alloc_error(q->c, (enum alloc_error)r, asked);
}

void request_finish(const struct request *q, int r, const struct alloc_request *asked)
{
        if (r != 0)
                request_fail_step(q, r, asked);
        else
                request_reply(q, json_object());
}

bool request_read(const struct request *q, const struct param *table, size_t n, void *values)
{
        const char *bad;

        if (params_read(q->parameters, table, n, values, &bad) == 0)
                return true;
        request_fail_parameter(q, bad);
        return false;
}

bool request_refuse_single(const struct request *q)
{
        if (q->more && !q->oneway)
                return false;
        request_fail(q, VARLINK_EXPECTED_MORE, NULL);
        return true;
}
