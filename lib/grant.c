#include "lib/grant.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/params.h"

enum {
        NICE_MAX = 19, /* setpriority(2) */
};

/* The grant's plain fields as they are on the wire. */
struct fields {
        const char *lease;
        const char *token;
        const char *reason;
        uint64_t generation;
        unsigned position;
        uint64_t expected_ms;
        unsigned nice;
        bool paused;
        struct cpuset shared;
};

/* wanted and lost: both have pus and reason. */
struct part {
        const char *reason;
        unsigned within;
        struct cpuset pus;
};

static int read_fields(json_t *json, struct fields *fields)
{
        static const struct param table[] = {
                {PARAM("lease", PARAM_STRING, struct fields, lease), .required = true, .least = 1},
                {PARAM("token", PARAM_STRING, struct fields, token)},
                {PARAM("reason", PARAM_STRING, struct fields, reason), .required = true},
                {PARAM("generation", PARAM_U64, struct fields, generation), .required = true},
                {PARAM("position", PARAM_UNSIGNED, struct fields, position)},
                {PARAM("expectedMs", PARAM_U64, struct fields, expected_ms)},
                {PARAM("nice", PARAM_UNSIGNED, struct fields, nice), .most = NICE_MAX},
                {PARAM("paused", PARAM_BOOL, struct fields, paused)},
                {PARAM("shared", PARAM_PUS, struct fields, shared)},
        };
        const char *bad;

        return params_read(json, table, ELEMENTSOF(table), fields, &bad) < 0 ? -EPROTO : 0;
}

static int read_part(json_t *json, struct part *part)
{
        static const struct param table[] = {
                {PARAM("reason", PARAM_STRING, struct part, reason), .required = true},
                {PARAM("withinMs", PARAM_UNSIGNED, struct part, within)},
                {PARAM("pus", PARAM_PUS, struct part, pus), .required = true},
        };
        const char *bad;

        if (!json || json_is_null(json))
                return 0;
        if (!json_is_object(json))
                return -EPROTO;
        return params_read(json, table, ELEMENTSOF(table), part, &bad) < 0 ? -EPROTO : 0;
}

/* In the order of the wire: a cpuset would lose "best first". */
static int read_numbers(json_t *json, unsigned **ret_numbers, size_t *ret_n)
{
        size_t n = json_array_size(json), i;
        json_t *item;

        if (!json_is_array(json))
                return -EPROTO;
        CLEANUP_FREE unsigned *numbers = calloc(n + 1, sizeof(*numbers));
        if (!numbers)
                return -ENOMEM;
        json_array_foreach (json, i, item) {
                json_int_t number = json_is_integer(item) ? json_integer_value(item) : -1;

                if (number < 0 || number >= CPUSET_MAX)
                        return -EPROTO;
                numbers[i] = (unsigned)number;
        }
        *ret_numbers = TAKE(numbers);
        *ret_n = n;
        return 0;
}

static int copy_text(const char *text, char **ret_text)
{
        if (!text)
                return 0;
        *ret_text = strdup(text);
        return *ret_text ? 0 : -ENOMEM;
}

static int read_wanted(json_t *json, struct client_grant *grant)
{
        struct part wanted = {0}, lost = {0};
        json_t *wanted_json = json_object_get(json, "wanted");
        int r;

        if ((r = read_part(wanted_json, &wanted)) < 0 || (r = read_part(json_object_get(json, "lost"), &lost)) < 0)
                return r;
        grant->wanted_within = wanted.within;
        grant->lost = lost.pus;
        if ((r = copy_text(wanted.reason, &grant->wanted_reason)) < 0 ||
            (r = copy_text(lost.reason, &grant->lost_reason)) < 0)
                return r;
        if (!wanted.reason)
                return 0;
        return read_numbers(json_object_get(wanted_json, "pus"), &grant->wanted, &grant->n_wanted);
}

static int fill(json_t *json, const struct fields *fields, struct client_grant *grant)
{
        int r;

        grant->generation = fields->generation;
        grant->position = fields->position;
        grant->expected_ms = fields->expected_ms;
        grant->nice = (int)fields->nice;
        grant->paused = fields->paused;
        grant->shared = fields->shared;
        if ((r = read_numbers(json_object_get(json, "pus"), &grant->pus, &grant->n_pus)) < 0 ||
            (r = read_numbers(json_object_get(json, "slots"), &grant->slots, &grant->n_slots)) < 0 ||
            (r = copy_text(fields->reason, &grant->reason)) < 0)
                return r;
        return read_wanted(json, grant);
}

int grant_read(json_t *parameters, struct client_grant *ret_grant, char **ret_lease, char **ret_token)
{
        json_t *json = json_object_get(parameters, "grant");
        struct fields fields = {0};
        CLEANUP(grant_finish) struct client_grant grant = {0};
        CLEANUP_FREE char *lease = NULL, *token = NULL;
        int r;

        if (!json_is_object(json))
                return -EPROTO;
        if ((r = read_fields(json, &fields)) < 0 || (r = fill(json, &fields, &grant)) < 0 ||
            (r = copy_text(fields.lease, &lease)) < 0 || (r = copy_text(fields.token, &token)) < 0)
                return r;
        *ret_grant = grant;
        grant = (struct client_grant){0};
        *ret_lease = TAKE(lease);
        *ret_token = TAKE(token);
        return 0;
}

json_t *grant_numbers(const unsigned *numbers, size_t n)
{
        json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(array, json_integer(numbers[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

void grant_finish(struct client_grant *grant)
{
        free(grant->pus);
        free(grant->slots);
        free(grant->wanted);
        free(grant->wanted_reason);
        free(grant->lost_reason);
        free(grant->reason);
        *grant = (struct client_grant){0};
}
