/* The methods that open, change and end leases. */
#include "daemon/methods_lease.h"

#include <string.h>

#include "daemon/connection.h"
#include "daemon/defer.h"
#include "daemon/grants.h"
#include "daemon/headroom.h"
#include "daemon/server.h"
#include "lib/text.h"
#include "lib/util.h"

#define ID_MAX         20 /* digits of a lease's number */
#define CGROUP_MAX     4096
#define BOOT_ID_MAX    64
#define ENDS_IN_MS_MAX (UINT64_C(1000) * 86400 * 36500) /* a century */

/* Acquire and SuggestWorkers. */

struct ask {
        struct alloc_request request;
        const char *label;
        const char *cgroup;
        const char *boot_id;
};

static struct ask any_ask(const struct request *q)
{
        struct ask ask = {.request = alloc_request_any(q->c->uid)};

        ask.request.user_weight = config_weight(&q->server->config, q->c->uid);
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

/* No PU at all is allowed, as far as the client can tell. */
static bool refuse_nothing(const struct request *q, const struct alloc_request *asked)
{
        if (!cpuset_is_empty(&asked->allowed))
                return false;
        request_fail_step(q, ALLOC_ERROR_NO_USABLE_PU, asked);
        return true;
}

static bool read_ask(const struct request *q, const struct param *table, size_t n, struct ask *ask)
{
        if (!request_read(q, table, n, ask) || refuse_nothing(q, &ask->request))
                return false;
        ask->request.quota_group = token_group(q->c->uid, ask->cgroup ? ask->cgroup : "");
        return true;
}

/* Whether lending is another's business: another kernel's, or that of the system's service. */
static bool refuse_elsewhere(const struct request *q, const char *boot_id)
{
        const char *defer_to = q->server->settings->defer_to;

        if (boot_id && strcmp(boot_id, q->server->boot_id) != 0) {
                request_fail(q, SCHEDULER "OtherKernel", json_pack("{s:s}", "bootId", q->server->boot_id));
                return true;
        }
        if (defer_to && defer_is_answered(defer_to)) {
                request_fail(q, SCHEDULER "Moved", json_pack("{s:s}", "address", defer_to));
                return true;
        }
        return false;
}

void method_acquire(const struct request *q)
{
        struct ask ask = any_ask(q);

        if (request_refuse_single(q) || !read_ask(q, acquire_table, ELEMENTSOF(acquire_table), &ask) ||
            refuse_elsewhere(q, ask.boot_id))
                return;

        headroom_prepare(q->server->headroom, ask.request.memory_per_worker);
        CLEANUP_FREE char *label = ask.label ? text_escape(ask.label) : NULL;
        int r = leases_acquire(&q->server->leases, q->c, &(struct lease_ask){.request = ask.request, .label = label});
        if (r != 0)
                request_fail_step(q, r, &ask.request);
}

void method_suggest(const struct request *q)
{
        struct ask ask = any_ask(q);
        struct cpuset pus;
        enum alloc_reason reason;

        if (!read_ask(q, suggest_table, ELEMENTSOF(suggest_table), &ask) || refuse_elsewhere(q, NULL))
                return;
        headroom_refresh(q->server->headroom);
        int r = alloc_suggest(q->server->leases.alloc, &ask.request, &pus, &reason);
        if (r != 0) {
                request_fail_step(q, r, &ask.request);
                return;
        }
        request_reply(q, json_pack("{s:i, s:o, s:s}", "workers", (int)cpuset_count(&pus), "pus",
                                   grants_pus_json(&q->server->leases, &pus), "reason", alloc_reason_text(reason)));
}

/* Of a lease that there is, by who holds it. */

struct about {
        const char *lease;
        const char *token;
        uint64_t generation;
        struct cpuset pus;
        bool unusable;
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
                request_fail(q, SCHEDULER "NoSuchLease", NULL);
        return lease;
}

void method_claim(const struct request *q)
{
        static const struct param table[] = {ABOUT_LEASE, ABOUT_PUS};
        struct about about = {0};
        struct lease *lease;

        if (request_refuse_single(q) || !request_read(q, table, ELEMENTSOF(table), &about) ||
            refuse_elsewhere(q, NULL) || !(lease = find_lease(q, &about)))
                return;
        int r = leases_claim(&q->server->leases, q->c, lease, about.generation, &about.pus);
        if (r != 0)
                request_fail_step(q, r, NULL);
}

void method_return(const struct request *q)
{
        static const struct param table[] = {ABOUT_LEASE, ABOUT_PUS, {ABOUT("unusable", PARAM_BOOL, unusable)}};
        struct about about = {0};
        struct lease *lease;

        if (!request_read(q, table, ELEMENTSOF(table), &about) || !(lease = find_lease(q, &about)))
                return;
        request_finish(q, leases_return(&q->server->leases, lease, about.generation, &about.pus, about.unusable), NULL);
}

/* What an update changes of a request that there is. */

struct change {
        struct alloc_request request;
        const char *cgroup;
        const char *unit;
        double work_rate;
        uint64_t ends_in_ms;
};

#define CHANGE(name, type, member) PARAM(name, type, struct change, member)
#define CHANGE_WEIGHT                                                                                                  \
        {CHANGE("weight", PARAM_UNSIGNED, request.weight), .least = ALLOC_WEIGHT_MIN, .most = ALLOC_WEIGHT_MAX},       \
        {                                                                                                              \
                CHANGE("priority", PARAM_CHOICE, request.priority), .choices = params_priorities                       \
        }

static const struct param update_table[] = {
        CHANGE_WEIGHT,
        {CHANGE("min", PARAM_UNSIGNED, request.min), .least = 1, .most = CPUSET_MAX},
        {CHANGE("max", PARAM_UNSIGNED, request.max), .least = 1, .most = CPUSET_MAX},
        {CHANGE("slots", PARAM_UNSIGNED, request.slots), .most = ALLOC_SLOTS_MAX},
        {CHANGE("memoryPerWorker", PARAM_U64, request.memory_per_worker)},
        {CHANGE("workRate", PARAM_DOUBLE, work_rate)},
        {CHANGE("endsInMs", PARAM_U64, ends_in_ms), .most = ENDS_IN_MS_MAX},
        {CHANGE("allowed", PARAM_CPULIST, request.allowed)},
        {CHANGE("quota", PARAM_DOUBLE, request.quota)},
        {CHANGE("cgroup", PARAM_STRING, cgroup), .most = CGROUP_MAX},
        {CHANGE("unit", PARAM_STRING, unit), .most = LEASE_UNIT_MAX},
};

static const struct param control_table[] = {
        CHANGE_WEIGHT,
        {CHANGE("paused", PARAM_BOOL, request.paused)},
};

/* Reads over the lease's present request; false where that was answered. */
static bool read_change(const struct request *q, const struct param *table, size_t n, const struct lease *lease,
                        struct change *ret_change)
{
        struct change change = {.work_rate = -1, .ends_in_ms = UINT64_MAX};
        struct alloc_lease_view view;

        if (!alloc_lease_find(q->server->leases.alloc, lease->id, &view)) {
                request_fail(q, SCHEDULER "NoSuchLease", NULL);
                return false;
        }
        change.request = *view.request;
        if (!request_read(q, table, n, &change) || refuse_nothing(q, &change.request))
                return false;
        if (change.cgroup)
                change.request.quota_group = token_group(q->c->uid, change.cgroup);
        *ret_change = change;
        return true;
}

static void take_report(struct lease *lease, struct change *change)
{
        uint64_t now = server_now();

        if (change->work_rate >= 0) {
                lease->work_rate = change->work_rate;
                lease->reported = now;
        }
        if (change->ends_in_ms < UINT64_MAX)
                lease->ends_at = change->request.ends_at = now + change->ends_in_ms * 1000;
}

void method_update(const struct request *q)
{
        static const struct param table[] = {ABOUT_LEASE};
        struct about about = {0};
        struct change change;
        struct lease *lease;

        if (!request_read(q, table, ELEMENTSOF(table), &about) || !(lease = find_lease(q, &about)) ||
            !read_change(q, update_table, ELEMENTSOF(update_table), lease, &change))
                return;
        take_report(lease, &change);
        alloc_id id = lease->id;
        int r = leases_update(&q->server->leases, lease, &change.request);
        if (r == 0 && change.unit && (lease = leases_by_id(&q->server->leases, id)))
                r = leases_set_unit(&q->server->leases, lease, change.unit);
        request_finish(q, r, &change.request);
}

void method_control(const struct request *q)
{
        static const struct param table[] = {{ABOUT("lease", PARAM_STRING, lease), .required = true, .most = ID_MAX}};
        struct about about = {0};
        struct change change;
        struct lease *lease;

        if (!request_read(q, table, ELEMENTSOF(table), &about))
                return;
        lease = leases_find_own(&q->server->leases, about.lease, q->c->uid);
        if (!lease)
                request_fail(q, SCHEDULER "NoSuchLease", NULL);
        else if (read_change(q, control_table, ELEMENTSOF(control_table), lease, &change))
                request_finish(q, leases_update(&q->server->leases, lease, &change.request), &change.request);
}
