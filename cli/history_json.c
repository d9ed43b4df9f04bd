/* Times in JSON: pytest-split's .test_durations, and what `schedctl history export` writes. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli/history_export.h"
#include "cli/history_import.h"
#include "lib/client.h"
#include "lib/util.h"

/* pytest-split: {"id": seconds}, or, as its first versions wrote it, [["id", seconds]]. */

static bool is_seconds(const json_t *value)
{
        double seconds = json_number_value(value);

        return json_is_number(value) && seconds >= 0 && seconds <= HISTORY_IMPORT_SECONDS_MAX;
}

static int add_duration(struct history_import *import, const char *id, const json_t *value, char **ret_error)
{
        struct estimate e;

        if (!*id)
                return history_import_fail(ret_error, "a test without a name");
        if (!is_seconds(value))
                return history_import_fail(ret_error, "the value of \"%s\" is no number of seconds", id);
        e = history_import_estimate(json_number_value(value), ESTIMATE_UNKNOWN);
        return history_import_add_item(import, id, &e);
}

static int read_pairs(const json_t *pairs, struct history_import *import, char **ret_error)
{
        const json_t *pair;
        size_t i;
        int r = 0;

        json_array_foreach (pairs, i, pair) {
                const char *id = json_string_value(json_array_get(pair, 0));

                if (json_array_size(pair) != 2 || !id)
                        return history_import_fail(ret_error, "element %zu is not a test's name and its seconds", i);
                r = add_duration(import, id, json_array_get(pair, 1), ret_error);
                if (r < 0)
                        return r;
        }
        return history_import_sum(import);
}

static int read_durations(json_t *durations, struct history_import *import, char **ret_error)
{
        const char *id;
        json_t *value;
        int r = 0;

        if (json_is_array(durations))
                return read_pairs(durations, import, ret_error);
        json_object_foreach (durations, id, value) {
                r = add_duration(import, id, value, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* schedctl's own. history_export.c writes it. */

/* A field of seconds (or any number up to as much), which may be absent where that means `none`. */
static bool read_number(const json_t *object, const char *field, double none, double *ret_number)
{
        const json_t *value = json_object_get(object, field);

        if (value && !is_seconds(value))
                return false;
        *ret_number = value ? json_number_value(value) : none;
        return value || none >= -1;
}

static bool read_integer(const json_t *object, const char *field, json_int_t most, json_int_t *ret_number)
{
        const json_t *value = json_object_get(object, field);

        *ret_number = json_integer_value(value);
        return json_is_integer(value) && *ret_number >= 0 && *ret_number <= most;
}

static bool read_outcome(const json_t *object, enum estimate_outcome *ret_outcome)
{
        const char *text = json_string_value(json_object_get(object, "outcome"));

        for (unsigned i = 0; text && i < ESTIMATE_OUTCOMES; i++)
                if (strcmp(text, history_outcome_text((enum estimate_outcome)i)) == 0) {
                        *ret_outcome = (enum estimate_outcome)i;
                        return true;
                }
        return false;
}

/* Seconds since the epoch; 0: not said. */
static bool read_seen(const json_t *object, int64_t *ret_seen)
{
        json_int_t seen = 0;

        if (json_object_get(object, "seen") && !read_integer(object, "seen", INT64_MAX, &seen))
                return false;
        *ret_seen = seen;
        return true;
}

#define REQUIRED (-2.0)

static int read_item(const json_t *object, size_t index, struct history_import *import, char **ret_error)
{
        const char *id = json_string_value(json_object_get(object, "id"));
        json_int_t samples, rss;
        struct estimate e = {0};
        int64_t seen;
        int r;

        if (!id || !*id || !read_integer(object, "samples", ESTIMATE_SAMPLES_MAX, &samples) ||
            !read_integer(object, "rss", INT64_MAX, &rss) || !read_number(object, "wall", REQUIRED, &e.wall) ||
            !read_number(object, "cpu", -1, &e.cpu) || !read_number(object, "spread", REQUIRED, &e.spread) ||
            !read_number(object, "last", REQUIRED, &e.last) || !read_number(object, "lastCpu", 0, &e.last_cpu) ||
            !read_number(object, "lastSpeed", 0, &e.last_speed) || e.last_speed > 1 || !read_seen(object, &seen) ||
            !read_outcome(object, &e.outcome))
                return history_import_fail(ret_error, "item %zu (%s) lacks a field, or has one that cannot be", index,
                                           id ? id : "no id");
        e.n_samples = (uint32_t)samples;
        e.rss = (uint64_t)rss;
        r = history_import_add_item(import, id, &e);
        if (r == 0)
                import->items[import->n_items - 1].seen = seen;
        return r;
}

static int read_group(const json_t *object, size_t index, struct history_import *import, char **ret_error)
{
        const char *id = json_string_value(json_object_get(object, "id"));
        const json_t *parent = json_object_get(object, "parent"), *loose = json_object_get(object, "loose");
        int64_t seen;
        double setup;
        int r;

        if (!id || (parent && !json_is_string(parent)) || (loose && !json_is_boolean(loose)) ||
            !read_number(object, "setup", -1, &setup) || !read_seen(object, &seen))
                return history_import_fail(ret_error, "group %zu (%s) lacks a field, or has one that cannot be", index,
                                           id ? id : "no id");
        r = history_import_add_group(import, id, json_string_value(parent), json_is_true(loose), setup);
        if (r == 0)
                import->groups[import->n_groups - 1].seen = seen;
        return r;
}

static int read_project(const json_t *object, struct history_import *import, char **ret_error)
{
        struct history_project *p = &import->project;
        json_int_t runs;

        if (!read_integer(object, "runs", INT32_MAX, &runs) || !read_number(object, "wall", REQUIRED, &p->wall) ||
            !read_number(object, "collection", REQUIRED, &p->collection) ||
            !read_number(object, "serial", REQUIRED, &p->serial))
                return history_import_fail(ret_error, "\"runs\", \"wall\", \"collection\" or \"serial\" is not there,"
                                                      " or cannot be");
        p->runs = (uint64_t)runs;
        return 0;
}

static int read_lists(const json_t *items, const json_t *groups, struct history_import *import, char **ret_error)
{
        const json_t *value;
        size_t i, n;
        int r = 0;

        if (!json_is_array(items) || !json_is_array(groups))
                return history_import_fail(ret_error, "\"items\" and \"groups\" are not both lists");
        json_array_foreach (items, i, value) {
                if (r == 0)
                        r = read_item(value, i, import, ret_error);
        }
        json_array_foreach (groups, i, value) {
                if (r == 0)
                        r = read_group(value, i, import, ret_error);
        }
        n = import->n_items;
        if (r == 0)
                r = history_import_sum(import);
        if (r == 0 && import->n_items < n)
                return history_import_fail(ret_error, "two items have the same id");
        return r;
}

static int read_export(const json_t *object, struct history_import *import, char **ret_error)
{
        json_int_t version;
        int r;

        if (!read_integer(object, HISTORY_EXPORT_KEY, INT32_MAX, &version))
                return history_import_fail(ret_error, "\"" HISTORY_EXPORT_KEY "\" is not there, or no version");
        if (version > HISTORY_EXPORT_VERSION)
                return history_import_fail(ret_error, "a newer schedctl wrote it (version %lld)", (long long)version);
        import->exact = true;
        r = read_project(object, import, ret_error);
        return r < 0 ? r
                     : read_lists(json_object_get(object, "items"), json_object_get(object, "groups"), import,
                                  ret_error);
}

int history_import_json(const char *text, size_t size, enum history_format format, struct history_import *import,
                        char **ret_error)
{
        json_error_t error;
        CLEANUP_JSON json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        int r;

        if (!json)
                return history_import_fail(ret_error, "line %d, column %d: %s", error.line, error.column, error.text);
        if (format == HISTORY_FORMAT_AUTO && json_object_get(json, HISTORY_EXPORT_KEY))
                format = HISTORY_FORMAT_SCHEDCTL;
        if (format == HISTORY_FORMAT_SCHEDCTL)
                return read_export(json, import, ret_error);
        r = read_durations(json, import, ret_error);
        return r < 0 ? r : history_import_group(import);
}
