#include "lib/ask.h"

#include <errno.h>
#include <string.h>

#include "lib/call.h"
#include "lib/params.h"

enum {
        LABEL_MAX = 128,
        REQUEST_SIZE_LEAST = offsetof(struct schedctl_request, no_start) + sizeof(int), /* of the first version */
};

int ask_number(json_t *o, const char *name, uint64_t number)
{
        if (number == 0)
                return 0;
        if (number > INT64_MAX)
                return -EINVAL;
        return json_object_set_new(o, name, json_integer((json_int_t)number)) < 0 ? -ENOMEM : 0;
}

int ask_numbers(json_t *o, const struct schedctl_request *request)
{
        int r;

        if ((r = ask_number(o, "min", request->min)) < 0 || (r = ask_number(o, "max", request->max)) < 0 ||
            (r = ask_number(o, "weight", request->weight)) < 0)
                return r;
        return ask_number(o, "memoryPerWorker", request->memory_per_worker);
}

bool ask_is_priority(int priority)
{
        return priority >= SCHEDCTL_NORMAL && priority <= SCHEDCTL_INTERACTIVE;
}

static bool is_zero(const char *bytes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (bytes[i])
                        return false;
        return true;
}

int ask_take(const struct schedctl_request *given, struct schedctl_request *ret_request)
{
        struct schedctl_request request = {.size = sizeof(request)};

        if (given) {
                size_t size = given->size < sizeof(request) ? given->size : sizeof(request);

                if (given->size < REQUEST_SIZE_LEAST)
                        return -EINVAL;
                if (!is_zero((const char *)given + size, given->size - size))
                        return -E2BIG;
                memcpy(&request, given, size);
        }
        if (!ask_is_priority(request.priority) || (request.label && strlen(request.label) > LABEL_MAX))
                return -EINVAL;
        *ret_request = request;
        return 0;
}

int ask_parameters(const struct schedctl_request *request, const struct facts *facts, json_t **ret_parameters)
{
        CLEANUP_JSON json_t *o = NULL;
        int r = facts_json(facts, &o);

        if (r < 0 || (r = ask_numbers(o, request)) < 0)
                return r;
        if (request->label && json_object_set_new(o, "label", json_string(request->label)) < 0)
                return -EINVAL; /* not UTF-8 */
        if (request->priority &&
            json_object_set_new(o, "priority", json_string(params_priorities[request->priority])) < 0)
                return -ENOMEM;
        *ret_parameters = TAKE(o);
        return 0;
}

int schedctl_suggest(const struct schedctl_request *given, unsigned *ret_workers)
{
        struct schedctl_request request;
        CLEANUP_JSON json_t *parameters = NULL, *reply = NULL;
        CLEANUP_FREE char *error = NULL;
        struct facts facts;
        int r;

        if ((r = ask_take(given, &request)) < 0 || (r = facts_read(&facts)) < 0 ||
            (r = ask_parameters(&request, &facts, &parameters)) < 0)
                return r;
        r = client_call("org.schedctl.Scheduler.SuggestWorkers", parameters, request.no_start ? CLIENT_NO_START : 0,
                        &reply, &error);
        if (r < 0)
                return r;
        if (error)
                return call_errno(&(struct varlink_reply){.error = error});

        json_t *workers = json_object_get(reply, "workers");
        if (!json_is_integer(workers) || json_integer_value(workers) < 0 ||
            json_integer_value(workers) > CPUSET_MAX * (json_int_t)CPUSET_MAX)
                return -EPROTO;
        *ret_workers = (unsigned)json_integer_value(workers);
        return 0;
}
