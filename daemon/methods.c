#include "daemon/methods.h"

#include <string.h>

#include "daemon/connection.h"
#include "daemon/describe.h"
#include "daemon/headroom.h"
#include "daemon/methods_lease.h"
#include "daemon/monitor.h"
#include "daemon/request.h"
#include "daemon/server.h"
#include "daemon/status.h"
#include "lib/util.h"

enum {
        PROBLEMS_MAX = 100, /* of a configuration, in the reply to Reload; the log has all */
};

static void method_get_machine(const struct request *q)
{
        request_reply(q, status_machine(&q->server->leases.machine, &q->server->leases.usable));
}

static void method_get_status(const struct request *q)
{
        headroom_refresh(q->server->headroom);
        request_reply(q, status_of(q->server, q->c->uid));
}

static void method_get_headroom(const struct request *q)
{
        headroom_refresh(q->server->headroom);
        request_reply(q, json_pack("{s:o}", "headroom", headroom_json(q->server->headroom)));
}

static void method_monitor(const struct request *q)
{
        static const struct param table[] = {
                {.name = "intervalMs", .type = PARAM_UNSIGNED, .least = MONITOR_LEAST_MS, .most = MONITOR_MOST_MS}};
        unsigned interval = MONITOR_DEFAULT_MS;

        if (!request_read(q, table, ELEMENTSOF(table), &interval))
                return;
        if (!q->more || q->oneway) {
                request_reply(q, monitor_report(q->server, q->c->uid));
                return;
        }
        int r = monitor_add(q->c, interval);
        if (r > 0)
                request_fail_limit(q, "monitors per user", MONITORS_PER_UID_MAX);
        else if (r < 0)
                request_fail_step(q, r, NULL);
}

/* What the configuration has that is not understood; NULL: nothing. */
static json_t *list_problems(const struct config *config)
{
        json_t *list = config->n_problems > 0 ? json_array() : NULL;

        for (size_t i = 0; i < config->n_problems && i < PROBLEMS_MAX; i++)
                json_array_append_new(list, json_string(config->problems[i]));
        return list;
}

static void method_reload(const struct request *q)
{
        CLEANUP_FREE char *problem = NULL;

        if (q->c->uid != 0 && q->c->uid != geteuid()) {
                request_fail(q, SCHEDULER "NotPermitted", NULL);
                return;
        }
        int r = server_reload(q->server, &problem);
        if (r < 0)
                request_fail(q, SCHEDULER "BadConfiguration",
                             json_pack("{s:s}", "problem", problem ? problem : strerror(-r)));
        else
                request_reply(q, json_pack("{s:o*}", "problems", list_problems(&q->server->config)));
}

static void method_get_info(const struct request *q)
{
        request_reply(q, describe_service());
}

static void method_describe(const struct request *q)
{
        static const struct param table[] = {{.name = "interface", .type = PARAM_STRING, .required = true}};
        const char *interface = NULL, *text;

        if (!request_read(q, table, ELEMENTSOF(table), &interface))
                return;
        text = describe_interface(interface, strlen(interface));
        if (text)
                request_reply(q, json_pack("{s:s}", "description", text));
        else
                request_fail(q, VARLINK_INTERFACE_NOT_FOUND, json_pack("{s:s}", "interface", interface));
}

static const struct method {
        const char *name;
        void (*answer)(const struct request *q);
} methods[] = {
        {SCHEDULER "Acquire", method_acquire},
        {SCHEDULER "Claim", method_claim},
        {SCHEDULER "Control", method_control},
        {SCHEDULER "GetHeadroom", method_get_headroom},
        {SCHEDULER "GetMachine", method_get_machine},
        {SCHEDULER "GetStatus", method_get_status},
        {SCHEDULER "Monitor", method_monitor},
        {SCHEDULER "Reload", method_reload},
        {SCHEDULER "Return", method_return},
        {SCHEDULER "SuggestWorkers", method_suggest},
        {SCHEDULER "Update", method_update},
        {SERVICE "GetInfo", method_get_info},
        {SERVICE "GetInterfaceDescription", method_describe},
};

static void fail_unknown(const struct request *q, const char *method)
{
        size_t len = varlink_interface_len(method);

        if (describe_interface(method, len))
                request_fail(q, VARLINK_METHOD_NOT_FOUND, json_pack("{s:s}", "method", method));
        else
                request_fail(q, VARLINK_INTERFACE_NOT_FOUND, json_pack("{s:s%}", "interface", method, len));
}

void methods_call(struct connection *c, const struct varlink_call *call)
{
        struct request q = {.c = c,
                            .server = c->server,
                            .parameters = call->parameters,
                            .oneway = call->flags & VARLINK_ONEWAY,
                            .more = call->flags & VARLINK_MORE};

        if (call->flags & VARLINK_UPGRADE) {
                request_fail_parameter(&q, "upgrade");
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(methods[i].name, call->method) == 0) {
                        methods[i].answer(&q);
                        server_update(q.server);
                        return;
                }
        fail_unknown(&q, call->method);
}
