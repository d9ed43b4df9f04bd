#include "cli/view.h"

#include <limits.h>
#include <math.h>
#include <pwd.h>
#include <string.h>

#include "lib/params.h"
#include "lib/util.h"

static const char *const reading_kinds[] = {
        "temperature", "throttling", "frequency", "power", "supply", "profile", "pressure", "memory", NULL,
};

static int read_table(json_t *object, const struct param *table, size_t n, void *values)
{
        const char *bad;

        return json_is_object(object) && params_read(object, table, n, values, &bad) == 0 ? 0 : -EPROTO;
}

/* An array of objects, each read by `read` into an element of `size` bytes. */
static int read_array(json_t *array, size_t size, int (*read)(json_t *, void *), void **ret_items, size_t *ret_n)
{
        size_t n = json_array_size(array), i;
        CLEANUP_FREE char *items = NULL;
        json_t *item;
        int r = 0;

        if (!json_is_array(array))
                return -EPROTO;
        items = calloc(n + 1, size);
        if (!items)
                return -ENOMEM;
        json_array_foreach (array, i, item)
                if (r == 0)
                        r = read(item, items + i * size);
        if (r < 0)
                return r;
        *ret_items = TAKE(items);
        *ret_n = n;
        return 0;
}

#define LEASE(name, type, member) PARAM(name, type, struct view_lease, member)

static int read_lease(json_t *object, void *ret)
{
        static const struct param table[] = {
                {LEASE("lease", PARAM_STRING, id), .required = true},
                {LEASE("label", PARAM_STRING, label)},
                {LEASE("unit", PARAM_STRING, unit)},
                {LEASE("reason", PARAM_STRING, reason), .required = true},
                {LEASE("uid", PARAM_UNSIGNED, uid), .required = true},
                {LEASE("pus", PARAM_PUS, pus), .required = true},
                {LEASE("shared", PARAM_PUS, shared)},
                {LEASE("min", PARAM_UNSIGNED, min)},
                {LEASE("max", PARAM_UNSIGNED, max)},
                {LEASE("weight", PARAM_UNSIGNED, weight)},
                {LEASE("priority", PARAM_CHOICE, priority), .choices = params_priorities},
                {LEASE("position", PARAM_UNSIGNED, position)},
                {LEASE("paused", PARAM_BOOL, paused)},
                {LEASE("detached", PARAM_BOOL, detached)},
                {LEASE("ageMs", PARAM_U64, age_ms)},
                {LEASE("endsInMs", PARAM_U64, ends_in_ms)},
                {LEASE("expectedMs", PARAM_U64, expected_ms)},
                {LEASE("workRate", PARAM_DOUBLE, work_rate)},
        };
        struct view_lease *lease = ret;

        *lease = (struct view_lease){.ends_in_ms = VIEW_UNKNOWN, .expected_ms = VIEW_UNKNOWN, .work_rate = -1};
        if (read_table(object, table, ELEMENTSOF(table), lease) < 0)
                return -EPROTO;
        (void)snprintf(lease->user, sizeof(lease->user), "%u", lease->uid);
        return 0;
}

#define READING(name, type, member) PARAM(name, type, struct view_reading, member)

static int read_reading(json_t *object, void *ret)
{
        static const struct param table[] = {
                {READING("name", PARAM_STRING, name), .required = true},
                {READING("kind", PARAM_CHOICE, kind), .required = true, .choices = reading_kinds},
                {READING("unit", PARAM_STRING, unit), .required = true},
                {READING("detail", PARAM_STRING, detail)},
                {READING("ignored", PARAM_STRING, ignored)},
        };
        struct view_reading *reading = ret;
        const json_t *value = json_object_get(object, "value");

        *reading = (struct view_reading){.value = json_is_number(value) ? json_number_value(value) : (double)NAN};
        return read_table(object, table, ELEMENTSOF(table), reading);
}

#define LIMIT(name, type, member) PARAM(name, type, struct view_limit, member)

static int read_limit(json_t *object, void *ret)
{
        static const struct param table[] = {
                {LIMIT("cause", PARAM_STRING, cause), .required = true},
                {LIMIT("pus", PARAM_UNSIGNED, pus), .required = true},
                {LIMIT("what", PARAM_STRING, what), .required = true},
                {LIMIT("until", PARAM_STRING, until)},
                {LIMIT("next", PARAM_UNSIGNED, next)},
                {LIMIT("binding", PARAM_BOOL, binding)},
        };

        return read_table(object, table, ELEMENTSOF(table), ret);
}

#define STATUS(name, type, member) PARAM(name, type, struct view_status, member)

int view_read_status(json_t *object, struct view_status *ret_status)
{
        static const struct param table[] = {
                {STATUS("version", PARAM_STRING, version), .required = true},
                {STATUS("budgetReason", PARAM_STRING, budget_reason), .required = true},
                {STATUS("pid", PARAM_UNSIGNED, pid), .required = true},
                {STATUS("budget", PARAM_UNSIGNED, budget), .required = true},
                {STATUS("usable", PARAM_CPULIST, usable), .required = true},
        };
        struct view_status status = {0};
        void *leases = NULL;
        int r = read_table(object, table, ELEMENTSOF(table), &status);

        if (r == 0)
                r = read_array(json_object_get(object, "leases"), sizeof(*status.leases), read_lease, &leases,
                               &status.n_leases);
        if (r < 0)
                return r;
        status.leases = leases;
        status.source = json_incref(object);
        *ret_status = status;
        return 0;
}

#define HEADROOM(name, type, member) PARAM(name, type, struct view_headroom, member)

static int read_headroom_arrays(json_t *object, struct view_headroom *headroom)
{
        void *limits = NULL, *readings = NULL;
        int r = read_array(json_object_get(object, "limits"), sizeof(*headroom->limits), read_limit, &limits,
                           &headroom->n_limits);

        headroom->limits = limits;
        if (r == 0)
                r = read_array(json_object_get(object, "readings"), sizeof(*headroom->readings), read_reading,
                               &readings, &headroom->n_readings);
        headroom->readings = readings;
        return r;
}

int view_read_headroom(json_t *object, struct view_headroom *ret_headroom)
{
        static const struct param table[] = {
                {HEADROOM("policy", PARAM_STRING, policy), .required = true},
                {HEADROOM("reason", PARAM_STRING, reason), .required = true},
                {HEADROOM("budget", PARAM_UNSIGNED, budget), .required = true},
                {HEADROOM("of", PARAM_UNSIGNED, of), .required = true},
                {HEADROOM("level", PARAM_DOUBLE, level)},
                {HEADROOM("hold", PARAM_BOOL, hold)},
                {HEADROOM("ageMs", PARAM_U64, age_ms)},
        };
        struct view_headroom headroom = {.age_ms = VIEW_UNKNOWN};
        int r = read_table(object, table, ELEMENTSOF(table), &headroom);

        if (r == 0)
                r = read_headroom_arrays(object, &headroom);
        if (r < 0) {
                view_headroom_finish(&headroom);
                return r;
        }
        headroom.source = json_incref(object);
        *ret_headroom = headroom;
        return 0;
}

void view_status_finish(struct view_status *status)
{
        free(status->leases);
        json_decref(status->source);
        *status = (struct view_status){0};
}

void view_headroom_finish(struct view_headroom *headroom)
{
        free(headroom->limits);
        free(headroom->readings);
        json_decref(headroom->source);
        *headroom = (struct view_headroom){0};
}

void view_name_users(struct view_status *status)
{
        for (size_t i = 0; i < status->n_leases; i++) {
                struct view_lease *lease = &status->leases[i];
                /* Mostly they are all one user's. */
                const struct view_lease *before = i > 0 && lease[-1].uid == lease->uid ? &lease[-1] : NULL;
                const struct passwd *user = before ? NULL : getpwuid(lease->uid);

                if (before || user)
                        (void)snprintf(lease->user, sizeof(lease->user), "%s", before ? before->user : user->pw_name);
        }
}

unsigned view_count_lent(const struct view_status *status)
{
        struct cpuset lent = {0};

        for (size_t i = 0; i < status->n_leases; i++)
                cpuset_merge(&lent, &status->leases[i].pus);
        return cpuset_count(&lent);
}

const struct view_lease *view_find_lease(const struct view_status *status, const char *id)
{
        for (size_t i = 0; i < status->n_leases; i++)
                if (strcmp(status->leases[i].id, id) == 0)
                        return &status->leases[i];
        return NULL;
}
