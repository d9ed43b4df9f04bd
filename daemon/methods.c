#include "daemon/methods.h"

#include <errno.h>
#include <string.h>

#include "daemon/connection.h"
#include "daemon/defer.h"
#include "daemon/describe.h"
#include "daemon/grants.h"
#include "daemon/log.h"
#include "daemon/server.h"
#include "daemon/status.h"
#include "lib/params.h"
#include "lib/text.h"
#include "lib/util.h"

#define SCHEDULER   "org.schedctl.Scheduler."
#define SERVICE     "org.varlink.service."
#define ID_MAX      20 /* digits of a lease's number */
#define CGROUP_MAX  4096
#define BOOT_ID_MAX 64

/* A call being answered. Whoever called one-way hears nothing, not even errors. */
struct request {
        struct connection *c;
        struct server *server;
        json_t *parameters;
        bool oneway;
        bool more;
};

/* Answers. */

static void reply(const struct request *q, json_t *parameters)
{
        if (q->oneway)
                json_decref(parameters);
        else
                connection_reply(q->c, parameters);
}

static void fail(const struct request *q, const char *error, json_t *parameters)
{
        if (q->oneway)
                json_decref(parameters);
        else
                connection_error(q->c, error, parameters);
}

static void fail_parameter(const struct request *q, const char *name)
{
        fail(q, VARLINK_INVALID_PARAMETER, json_pack("{s:s}", "parameter", name));
}

void methods_limit_error(struct connection *c, const char *limit, unsigned maximum)
{
        connection_error(c, SCHEDULER "LimitExceeded",
                         json_pack("{s:s, s:i}", "limit", limit, "maximum", (int)maximum));
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

/* What a step of the leases gave, where it is not success. */
static void fail_step(const struct request *q, int r, const struct alloc_request *request)
{
        if (r < 0) {
                log_error("a call of pid %d failed: %s", q->c->pid, strerror(-r));
                connection_close(q->c);
                return;
        }
        if (!q->oneway)
                methods_alloc_error(q->c, (enum alloc_error)r, request);
}

static void finish(const struct request *q, int r)
{
        if (r != 0)
                fail_step(q, r, NULL);
        else
                reply(q, json_object());
}

/* Reads the parameters; false where one is refused, which has been answered. */
static bool read_parameters(const struct request *q, const struct param *table, size_t n, void *values)
{
        const char *bad;

        if (params_read(q->parameters, table, n, values, &bad) == 0)
                return true;
        fail_parameter(q, bad);
        return false;
}

/* Acquire and SuggestWorkers. */

struct ask {
        struct alloc_request request;
        const char *label;
        const char *cgroup;
        const char *boot_id;
};

static struct ask any_ask(const struct request *q)
{
        struct ask ask = {.request = {.uid = q->c->uid, .min = 1, .max = CPUSET_MAX, .weight = ALLOC_WEIGHT_DEFAULT}};

        cpuset_add_range(&ask.request.allowed, 0, CPUSET_MAX - 1);
        return ask;
}

#define ASK(name, type, member) PARAM(name, type, struct ask, member)

/* What both methods take. min above max is the allocator's to refuse. */
#define ASK_COMMON                                                                                                     \
        {ASK("max", PARAM_UNSIGNED, request.max), .least = 1, .most = CPUSET_MAX},                                     \
                {ASK("memoryPerWorker", PARAM_U64, request.memory_per_worker)},                                        \
                {ASK("allowed", PARAM_CPULIST, request.allowed)}, {ASK("quota", PARAM_DOUBLE, request.quota)},         \
        {                                                                                                              \
                ASK("cgroup", PARAM_STRING, cgroup), .most = CGROUP_MAX                                                \
        }

static const struct param suggest_table[] = {ASK_COMMON};

static const struct param acquire_table[] = {
        ASK_COMMON,
        {ASK("min", PARAM_UNSIGNED, request.min), .least = 1, .most = CPUSET_MAX},
        {ASK("weight", PARAM_UNSIGNED, request.weight), .least = ALLOC_WEIGHT_MIN, .most = ALLOC_WEIGHT_MAX},
        {ASK("label", PARAM_STRING, label), .most = LEASE_LABEL_MAX},
        {ASK("priority", PARAM_CHOICE, request.priority), .choices = params_priorities},
        {ASK("bootId", PARAM_STRING, boot_id), .most = BOOT_ID_MAX},
};

static bool read_ask(const struct request *q, const struct param *table, size_t n, struct ask *ask)
{
        if (!read_parameters(q, table, n, ask))
                return false;
        ask->request.quota_group = token_group(q->c->uid, ask->cgroup ? ask->cgroup : "");
        return true;
}

/* Whether lending is another's business: another kernel's, or that of the system's service. */
static bool refuse_elsewhere(const struct request *q, const char *boot_id)
{
        const char *defer_to = q->server->settings->defer_to;

        if (boot_id && strcmp(boot_id, q->server->boot_id) != 0) {
                fail(q, SCHEDULER "OtherKernel", json_pack("{s:s}", "bootId", q->server->boot_id));
                return true;
        }
        if (defer_to && defer_is_answered(defer_to)) {
                fail(q, SCHEDULER "Moved", json_pack("{s:s}", "address", defer_to));
                return true;
        }
        return false;
}

static bool refuse_single(const struct request *q)
{
        if (q->more && !q->oneway)
                return false;
        fail_parameter(q, "more");
        return true;
}

static void method_acquire(const struct request *q)
{
        struct ask ask = any_ask(q);

        if (refuse_single(q) || !read_ask(q, acquire_table, ELEMENTSOF(acquire_table), &ask) ||
            refuse_elsewhere(q, ask.boot_id))
                return;

        CLEANUP_FREE char *label = ask.label ? text_escape(ask.label) : NULL;
        int r = leases_acquire(&q->server->leases, q->c, &(struct lease_ask){.request = ask.request, .label = label});
        if (r != 0)
                fail_step(q, r, &ask.request);
}

static void method_suggest(const struct request *q)
{
        struct ask ask = any_ask(q);
        struct cpuset pus;
        enum alloc_reason reason;

        if (!read_ask(q, suggest_table, ELEMENTSOF(suggest_table), &ask) || refuse_elsewhere(q, NULL))
                return;
        int r = alloc_suggest(q->server->leases.alloc, &ask.request, &pus, &reason);
        if (r != 0) {
                fail_step(q, r, &ask.request);
                return;
        }
        reply(q, json_pack("{s:i, s:o, s:s}", "workers", (int)cpuset_count(&pus), "pus",
                           grants_pus_json(&q->server->leases, &pus), "reason", alloc_reason_text(reason)));
}

/* Claim, Return and Update: of a lease that there is, by who holds it. */

struct about {
        const char *lease;
        const char *token;
        uint64_t generation;
        struct cpuset pus;
        bool unusable;
        double work_rate;
        struct alloc_request request;
};

#define ABOUT(name, type, member) PARAM(name, type, struct about, member)
#define ABOUT_LEASE                                                                                                    \
        {ABOUT("lease", PARAM_STRING, lease), .required = true, .most = ID_MAX},                                       \
        {                                                                                                              \
                ABOUT("token", PARAM_STRING, token), .required = true, .most = TOKEN_DIGITS                            \
        }
#define ABOUT_PUS                                                                                                      \
        {ABOUT("generation", PARAM_U64, generation), .required = true},                                                \
        {                                                                                                              \
                ABOUT("pus", PARAM_PUS, pus), .required = true                                                         \
        }

static struct lease *find_lease(const struct request *q, const struct about *about)
{
        struct lease *lease = leases_find(&q->server->leases, about->lease, about->token, q->c->uid);

        if (!lease)
                fail(q, SCHEDULER "NoSuchLease", NULL);
        return lease;
}

static void method_claim(const struct request *q)
{
        static const struct param table[] = {ABOUT_LEASE, ABOUT_PUS};
        struct about about = {0};
        struct lease *lease;

        if (refuse_single(q) || !read_parameters(q, table, ELEMENTSOF(table), &about) || refuse_elsewhere(q, NULL) ||
            !(lease = find_lease(q, &about)))
                return;
        int r = leases_claim(&q->server->leases, q->c, lease, about.generation, &about.pus);
        if (r != 0)
                fail_step(q, r, NULL);
}

static void method_return(const struct request *q)
{
        static const struct param table[] = {ABOUT_LEASE, ABOUT_PUS, {ABOUT("unusable", PARAM_BOOL, unusable)}};
        struct about about = {0};
        struct lease *lease;

        if (!read_parameters(q, table, ELEMENTSOF(table), &about) || !(lease = find_lease(q, &about)))
                return;
        finish(q, leases_return(&q->server->leases, lease, about.generation, &about.pus, about.unusable));
}

static void method_update(const struct request *q)
{
        static const struct param table[] = {
                ABOUT_LEASE,
                {ABOUT("min", PARAM_UNSIGNED, request.min), .least = 1, .most = CPUSET_MAX},
                {ABOUT("max", PARAM_UNSIGNED, request.max), .least = 1, .most = CPUSET_MAX},
                {ABOUT("weight", PARAM_UNSIGNED, request.weight), .least = ALLOC_WEIGHT_MIN, .most = ALLOC_WEIGHT_MAX},
                {ABOUT("slots", PARAM_UNSIGNED, request.slots), .most = ALLOC_SLOTS_MAX},
                {ABOUT("memoryPerWorker", PARAM_U64, request.memory_per_worker)},
                {ABOUT("workRate", PARAM_DOUBLE, work_rate)},
        };
        struct about about = {0};
        struct alloc_lease_view view;
        struct lease *lease;

        /* Read twice: the lease has to be known before its present values can stand for the absent ones. */
        if (!read_parameters(q, table, ELEMENTSOF(table), &about) || !(lease = find_lease(q, &about)))
                return;
        if (!alloc_lease_find(q->server->leases.alloc, lease->id, &view)) {
                fail(q, SCHEDULER "NoSuchLease", NULL);
                return;
        }
        about.request = *view.request;
        about.work_rate = lease->work_rate;
        if (!read_parameters(q, table, ELEMENTSOF(table), &about))
                return;
        lease->work_rate = about.work_rate;
        finish(q, leases_update(&q->server->leases, lease, &about.request));
}

/* What is. */

static void method_get_machine(const struct request *q)
{
        reply(q, status_machine(&q->server->leases.machine, &q->server->leases.usable));
}

static void method_get_status(const struct request *q)
{
        reply(q, status_of(q->server, q->c->uid));
}

static void method_get_info(const struct request *q)
{
        reply(q, describe_service());
}

static void method_describe(const struct request *q)
{
        static const struct param table[] = {{.name = "interface", .type = PARAM_STRING, .required = true}};
        const char *interface = NULL, *text;

        if (!read_parameters(q, table, ELEMENTSOF(table), &interface))
                return;
        text = describe_interface(interface, strlen(interface));
        if (text)
                reply(q, json_pack("{s:s}", "description", text));
        else
                fail(q, VARLINK_INTERFACE_NOT_FOUND, json_pack("{s:s}", "interface", interface));
}

static const struct method {
        const char *name;
        void (*answer)(const struct request *q);
} methods[] = {
        {SCHEDULER "Acquire", method_acquire},
        {SCHEDULER "Claim", method_claim},
        {SCHEDULER "GetMachine", method_get_machine},
        {SCHEDULER "GetStatus", method_get_status},
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
                fail(q, VARLINK_METHOD_NOT_FOUND, json_pack("{s:s}", "method", method));
        else
                fail(q, VARLINK_INTERFACE_NOT_FOUND, json_pack("{s:s%}", "interface", method, len));
}

void methods_call(struct connection *c, const struct varlink_call *call)
{
        struct request q = {.c = c,
                            .server = c->server,
                            .parameters = call->parameters,
                            .oneway = call->flags & VARLINK_ONEWAY,
                            .more = call->flags & VARLINK_MORE};

        if (call->flags & VARLINK_UPGRADE) {
                fail_parameter(&q, "upgrade");
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
