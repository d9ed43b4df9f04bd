#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_message.h"
#include "lib/util.h"

int run_message_number(const json_t *message, const char *field, json_int_t max, json_int_t *ret_number)
{
        const json_t *value = json_object_get(message, field);
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < 0 || number > max)
                return -EPROTO;
        *ret_number = number;
        return 0;
}

const char *run_message_text(const json_t *message, const char *field)
{
        const char *text = json_string_value(json_object_get(message, field));

        return text ? text : "";
}

int run_message_hello(const json_t *message, struct run_hello *ret_hello)
{
        const json_t *settings = json_object_get(message, "settings");
        json_int_t version, pid;

        if (run_message_number(message, "version", INT_MAX, &version) < 0 ||
            run_message_number(message, "pid", INT_MAX, &pid) < 0 || (settings && !json_is_object(settings)))
                return -EPROTO;
        *ret_hello = (struct run_hello){.version = version,
                                        .pid = (pid_t)pid,
                                        .rootdir = run_message_text(message, "rootdir"),
                                        .settings = settings};
        return 0;
}

/* An index below n, or -1. */
static int read_index(const json_t *value, uint32_t n, uint32_t *ret_index)
{
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < -1 || number >= (json_int_t)n)
                return -EPROTO;
        *ret_index = number < 0 ? RUN_NO_INDEX : (uint32_t)number;
        return 0;
}

static int read_groups(const json_t *groups, struct run_listing *l)
{
        for (uint32_t i = 0; i < l->n_groups; i++) {
                const json_t *group = json_array_get(groups, i), *loose = json_object_get(group, "loose");
                uint32_t *parent = &l->group_parent[i];

                l->group_ids[i] = json_string_value(json_object_get(group, "id"));
                if (!l->group_ids[i] || read_index(json_object_get(group, "parent"), i, parent) < 0 ||
                    (loose && !json_is_boolean(loose)))
                        return -EPROTO;
                l->group_loose[i] = json_is_true(loose);
                if (l->group_loose[i] && *parent != RUN_NO_INDEX && !l->group_loose[*parent])
                        return -EPROTO; /* it would be part of what stays together */
        }
        return 0;
}

static int read_items(const json_t *ids, const json_t *group, struct run_listing *l)
{
        for (uint32_t i = 0; i < l->n_items; i++) {
                l->ids[i] = json_string_value(json_array_get(ids, i));
                if (!l->ids[i] || read_index(json_array_get(group, i), l->n_groups, &l->group[i]) < 0)
                        return -EPROTO;
        }
        return 0;
}

static int reserve_listing(struct run_listing *l)
{
        l->ids = calloc(l->n_items + (size_t)1, sizeof(*l->ids));
        l->group = calloc(l->n_items + (size_t)1, sizeof(*l->group));
        l->group_ids = calloc(l->n_groups + (size_t)1, sizeof(*l->group_ids));
        l->group_parent = calloc(l->n_groups + (size_t)1, sizeof(*l->group_parent));
        l->group_loose = calloc(l->n_groups + (size_t)1, sizeof(*l->group_loose));
        return l->ids && l->group && l->group_ids && l->group_parent && l->group_loose ? 0 : -ENOMEM;
}

static int read_items_of(const json_t *message, const char *field, uint32_t n_items, struct run_items *ret_items)
{
        const json_t *list = json_object_get(message, field);
        struct run_items r = {.n = json_array_size(list)};

        if (!json_is_array(list) || r.n > n_items)
                return -EPROTO;
        r.items = calloc(r.n + 1, sizeof(*r.items));
        if (!r.items)
                return -ENOMEM;
        for (size_t i = 0; i < r.n; i++)
                if (read_index(json_array_get(list, i), n_items, &r.items[i]) < 0 || r.items[i] == RUN_NO_INDEX) {
                        free(r.items);
                        return -EPROTO;
                }
        *ret_items = r;
        return 0;
}

/* A list that is absent where it is empty. */
static int read_items_if_any(const json_t *message, const char *field, uint32_t n_items, struct run_items *ret_items)
{
        return json_object_get(message, field) ? read_items_of(message, field, n_items, ret_items) : 0;
}

/* What a suite needs not say: order, and items that must not run beside others. */
static int read_constraints(const json_t *message, struct run_listing *l)
{
        const json_t *ordered = json_object_get(message, "ordered"), *serial = json_object_get(message, "serial");

        if ((ordered && !json_is_boolean(ordered)) ||
            (serial && (!json_is_array(serial) || json_array_size(serial) != l->n_items)))
                return -EPROTO;
        l->ordered = json_is_true(ordered);
        l->serial = serial ? calloc(l->n_items + (size_t)1, sizeof(*l->serial)) : NULL;
        if (serial && !l->serial)
                return -ENOMEM;
        for (uint32_t i = 0; serial && i < l->n_items; i++) {
                if (read_index(json_array_get(serial, i), l->n_items, &l->serial[i]) < 0)
                        return -EPROTO;
                l->serial[i]++; /* RUN_NO_INDEX becomes 0 */
        }
        return 0;
}

/* What there is: items, groups, and who goes together. */
static int read_listing(const json_t *message, struct run_listing *l)
{
        const json_t *ids = json_object_get(message, "items"), *group = json_object_get(message, "group");
        const json_t *groups = json_object_get(message, "groups");
        int r;

        if (!json_is_array(ids) || !json_is_array(group) || !json_is_array(groups) ||
            json_array_size(ids) > RUN_ITEMS_MAX || json_array_size(group) != json_array_size(ids) ||
            json_array_size(groups) > json_array_size(ids) + RUN_ITEMS_MAX)
                return -EPROTO;
        l->n_items = (uint32_t)json_array_size(ids);
        l->n_groups = (uint32_t)json_array_size(groups);
        r = reserve_listing(l);
        if (r == 0)
                r = read_groups(groups, l);
        if (r == 0)
                r = read_items(ids, group, l);
        return r == 0 ? read_constraints(message, l) : r;
}

static int take_listing(int r, struct run_listing *l, struct run_listing *ret_listing)
{
        if (r < 0)
                run_listing_finish(l);
        else
                *ret_listing = *l;
        return r;
}

int run_message_suite(const json_t *message, struct run_listing *ret_listing)
{
        struct run_listing l = {.start = run_message_text(message, "start"), .why = run_message_text(message, "why")};
        int r;

        if (strcmp(l.start, "fork") != 0 && strcmp(l.start, "spawn") != 0)
                return -EPROTO;
        r = read_listing(message, &l);
        if (r == 0)
                r = read_items_if_any(message, "alone", l.n_items, &l.alone);
        if (r == 0)
                r = read_items_if_any(message, "early", l.n_items, &l.early);
        if (r == 0)
                r = run_needs_read(message, l.n_items, &l.needs);
        return take_listing(r, &l, ret_listing);
}

int run_message_collected(const json_t *message, struct run_listing *ret_listing)
{
        struct run_listing l = {.start = "", .why = ""};
        int r = read_listing(message, &l);

        return take_listing(r, &l, ret_listing);
}

void run_listing_finish(struct run_listing *l)
{
        free(l->ids);
        free(l->group);
        free(l->group_ids);
        free(l->group_parent);
        free(l->group_loose);
        free(l->serial);
        free(l->alone.items);
        free(l->early.items);
        run_needs_finish(&l->needs);
        free(l->made);
        *l = (struct run_listing){0};
}

int run_message_item(const json_t *message, uint32_t n_items, uint32_t *ret_item)
{
        uint32_t item;

        if (read_index(json_object_get(message, "item"), n_items, &item) < 0 || item == RUN_NO_INDEX)
                return -EPROTO;
        *ret_item = item;
        return 0;
}

int run_message_exited(const json_t *message, uint32_t n_items, struct run_exited *ret_exited)
{
        struct run_exited e = {0};
        json_int_t worker;
        int r = run_message_number(message, "worker", UINT16_MAX, &worker);

        if (r == 0)
                r = read_index(json_object_get(message, "running"), n_items, &e.running);
        if (r == 0)
                r = read_items_of(message, "finished", n_items, &e.finished);
        if (r < 0)
                return r;
        e.worker = (uint32_t)worker;
        e.status = (int)json_integer_value(json_object_get(message, "status"));
        e.for_memory = json_is_true(json_object_get(message, "memory"));
        *ret_exited = e;
        return 0;
}

void run_exited_finish(struct run_exited *e)
{
        free(e->finished.items);
        *e = (struct run_exited){0};
}

int run_message_result(const json_t *message, uint32_t n_items, struct run_result *ret_result)
{
        CLEANUP(run_result_finish) struct run_result result = {0};
        int r = 0;

        if (run_message_number(message, "exit", INT_MAX, &result.exit) < 0 ||
            run_message_number(message, "passed", INT_MAX, &result.passed) < 0 ||
            run_message_number(message, "failed", INT_MAX, &result.failed) < 0 ||
            run_message_number(message, "skipped", INT_MAX, &result.skipped) < 0 ||
            run_message_number(message, "errors", INT_MAX, &result.errors) < 0)
                return -EPROTO;
        result.has_outcomes = json_object_get(message, "failed_items") != NULL;
        if (result.has_outcomes)
                r = read_items_of(message, "failed_items", n_items, &result.failed_items);
        if (r == 0 && result.has_outcomes)
                r = read_items_of(message, "skipped_items", n_items, &result.skipped_items);
        if (r < 0)
                return r;
        *ret_result = result;
        result = (struct run_result){0};
        return 0;
}

void run_result_finish(struct run_result *result)
{
        free(result->failed_items.items);
        free(result->skipped_items.items);
        *result = (struct run_result){0};
}
