#include "cli/run_xdist_message.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_options.h"
#include "lib/util.h"

int run_xdist_message_asked(const json_t *message, uint32_t *ret_asked)
{
        json_int_t asked;

        if (!json_object_get(message, "xdist")) {
                *ret_asked = RUN_NO_INDEX;
                return 0;
        }
        if (run_message_number(message, "xdist", RUN_COUNT_MAX, &asked) < 0)
                return -EPROTO;
        *ret_asked = (uint32_t)asked;
        return 0;
}

int run_xdist_message_node(const json_t *message, struct run_xdist_node *ret_node)
{
        json_int_t worker, pid;

        if (run_message_number(message, "worker", UINT16_MAX - 1, &worker) < 0 ||
            run_message_number(message, "pid", INT_MAX, &pid) < 0)
                return -EPROTO;
        *ret_node = (struct run_xdist_node){.worker = (uint32_t)worker, .pid = (pid_t)pid};
        return 0;
}

int run_xdist_message_gone(const json_t *message, struct run_xdist_gone *ret_gone)
{
        const json_t *finished = json_object_get(message, "finished");
        json_int_t worker;

        if (run_message_number(message, "worker", UINT16_MAX - 1, &worker) < 0 ||
            (finished && !json_is_boolean(finished)))
                return -EPROTO;
        *ret_gone = (struct run_xdist_gone){.worker = (uint32_t)worker, .finished = json_is_true(finished)};
        return 0;
}

/* Groups: what ends before a "::" of an id, the file's and the classes'. Sorted, so that a group is found by its text,
 * and comes behind those around it. */

enum { DEPTH_MAX = 8 }; /* of groups in each other; those further out are not told apart */

struct span {
        const char *text;
        size_t len;
};

static int compare_spans(const void *a, const void *b)
{
        const struct span *x = a, *y = b;
        int r = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

        return r ? r : (x->len > y->len) - (x->len < y->len);
}

/* The span around this one, or around an item; false where there is none. Parameters, in brackets behind the file's
 * name, may hold anything. */
static bool go_up(struct span *s)
{
        const char *file = memmem(s->text, s->len, "::", 2), *last = NULL;
        const char *end = file ? memchr(file, '[', s->len - (size_t)(file - s->text)) : NULL;
        size_t len = end ? (size_t)(end - s->text) : s->len;

        for (const char *at = file; at; at = memmem(at + 1, len - (size_t)(at + 1 - s->text), "::", 2))
                last = at;
        if (!last || last == s->text)
                return false;
        s->len = (size_t)(last - s->text);
        return true;
}

static size_t list_spans(const struct run_listing *l, struct span *spans)
{
        size_t n = 0;

        for (uint32_t i = 0; i < l->n_items; i++) {
                struct span s = {l->ids[i], strlen(l->ids[i])};

                for (unsigned depth = 0; depth < DEPTH_MAX && go_up(&s); depth++) {
                        if (spans)
                                spans[n] = s;
                        n++;
                }
        }
        return n;
}

static size_t remove_doubles(struct span *spans, size_t n)
{
        size_t kept = 0;

        qsort(spans, n, sizeof(*spans), compare_spans);
        for (size_t i = 0; i < n; i++)
                if (kept == 0 || compare_spans(&spans[kept - 1], &spans[i]) != 0)
                        spans[kept++] = spans[i];
        return kept;
}

static uint32_t find_span(const struct span *spans, size_t n, const struct span *s)
{
        const struct span *found = bsearch(s, spans, n, sizeof(*spans), compare_spans);

        return found ? (uint32_t)(found - spans) : RUN_NO_INDEX;
}

static int copy_texts(struct run_listing *l, const struct span *spans)
{
        size_t size = 1;
        char *at;

        for (uint32_t i = 0; i < l->n_groups; i++)
                size += spans[i].len + 1;
        at = l->made = malloc(size);
        if (!at)
                return -ENOMEM;
        for (uint32_t i = 0; i < l->n_groups; i++) {
                memcpy(at, spans[i].text, spans[i].len);
                at[spans[i].len] = '\0';
                l->group_ids[i] = at;
                at += spans[i].len + 1;
        }
        return 0;
}

static int fill_groups(struct run_listing *l, const struct span *spans)
{
        for (uint32_t i = 0; i < l->n_groups; i++) {
                struct span s = spans[i];

                l->group_parent[i] = go_up(&s) ? find_span(spans, l->n_groups, &s) : RUN_NO_INDEX;
        }
        for (uint32_t i = 0; i < l->n_items; i++) {
                struct span s = {l->ids[i], strlen(l->ids[i])};

                l->group[i] = go_up(&s) ? find_span(spans, l->n_groups, &s) : RUN_NO_INDEX;
        }
        return copy_texts(l, spans);
}

static int make_groups(struct run_listing *l)
{
        size_t n = list_spans(l, NULL);
        CLEANUP_FREE struct span *spans = calloc(n + 1, sizeof(*spans));

        if (!spans)
                return -ENOMEM;
        (void)list_spans(l, spans);
        l->n_groups = (uint32_t)remove_doubles(spans, n);
        l->group_ids = calloc(l->n_groups + (size_t)1, sizeof(*l->group_ids));
        l->group_parent = calloc(l->n_groups + (size_t)1, sizeof(*l->group_parent));
        l->group_loose = calloc(l->n_groups + (size_t)1, sizeof(*l->group_loose));
        if (!l->group_ids || !l->group_parent || !l->group_loose)
                return -ENOMEM;
        return fill_groups(l, spans);
}

static int read_scopes(const json_t *scopes, struct run_listing *l)
{
        if (!scopes)
                return 0;
        if (!json_is_array(scopes) || json_array_size(scopes) != l->n_items)
                return -EPROTO;
        l->serial = calloc(l->n_items + (size_t)1, sizeof(*l->serial));
        if (!l->serial)
                return -ENOMEM;
        for (uint32_t i = 0; i < l->n_items; i++) {
                const json_t *scope = json_array_get(scopes, i);
                json_int_t number = json_integer_value(scope);

                if (!json_is_integer(scope) || number < 0 || number >= (json_int_t)l->n_items)
                        return -EPROTO;
                l->serial[i] = (uint32_t)number + 1;
        }
        return 0;
}

static int read_ids(const json_t *items, struct run_listing *l)
{
        for (uint32_t i = 0; i < l->n_items; i++) {
                l->ids[i] = json_string_value(json_array_get(items, i));
                if (!l->ids[i])
                        return -EPROTO;
        }
        return 0;
}

int run_xdist_message_suite(const json_t *message, struct run_listing *ret_listing)
{
        const json_t *items = json_object_get(message, "items"), *dist = json_object_get(message, "dist");
        CLEANUP(run_listing_finish) struct run_listing l = {.start = "xdist", .why = json_string_value(dist)};
        int r;

        if (!json_is_array(items) || json_array_size(items) > RUN_ITEMS_MAX || !json_is_string(dist))
                return -EPROTO;
        l.n_items = (uint32_t)json_array_size(items);
        l.ids = calloc(l.n_items + (size_t)1, sizeof(*l.ids));
        l.group = calloc(l.n_items + (size_t)1, sizeof(*l.group));
        if (!l.ids || !l.group)
                return -ENOMEM;
        r = read_ids(items, &l);
        if (r == 0)
                r = read_scopes(json_object_get(message, "scopes"), &l);
        if (r == 0)
                r = make_groups(&l);
        if (r < 0)
                return r;
        *ret_listing = l;
        l = (struct run_listing){0};
        return 0;
}

/* Numbered as they come, so that there are no more of them than items. */
static int renumber_scopes(struct run_listing *l, uint32_t n_before)
{
        CLEANUP_FREE uint32_t *number = calloc(n_before + (size_t)1, sizeof(*number));
        uint32_t n = 0;

        if (!number)
                return -ENOMEM;
        for (uint32_t i = 0; l->serial && i < l->n_items; i++) {
                uint32_t *of_scope = &number[l->serial[i]];

                if (*of_scope == 0)
                        *of_scope = ++n;
                l->serial[i] = *of_scope;
        }
        return 0;
}

static void forget_groups(struct run_listing *l)
{
        free(l->group_ids);
        free(l->group_parent);
        free(l->group_loose);
        free(l->made);
        l->group_ids = NULL;
        l->group_parent = NULL;
        l->group_loose = NULL;
        l->made = NULL;
        l->n_groups = 0;
}

int run_xdist_message_narrow(struct run_listing *l, const bool *keep, uint32_t *ret_numbers)
{
        uint32_t n = 0, n_before = l->n_items;
        int r;

        for (uint32_t i = 0; i < n_before; i++)
                if (keep[i]) {
                        l->ids[n] = l->ids[i];
                        if (l->serial)
                                l->serial[n] = l->serial[i];
                        ret_numbers[n++] = i;
                }
        l->n_items = n;
        r = renumber_scopes(l, n_before);
        forget_groups(l);
        return r < 0 ? r : make_groups(l);
}

/* Seconds; false where it is no number of them. */
static bool read_seconds(const json_t *value, double *ret_seconds)
{
        double seconds = json_number_value(value);

        if (!json_is_number(value) || !isfinite(seconds) || seconds < 0)
                return false;
        *ret_seconds = seconds;
        return true;
}

static bool read_below(const json_t *value, json_int_t n, uint32_t *ret_number)
{
        json_int_t number = json_integer_value(value);

        if (!json_is_integer(value) || number < 0 || number >= n)
                return false;
        *ret_number = (uint32_t)number;
        return true;
}

int run_xdist_message_item(const json_t *element, uint32_t n_items, struct run_xdist_item *ret_item)
{
        struct run_xdist_item item = {.cpu = -1};

        if (!json_is_array(element) || !read_below(json_array_get(element, 0), n_items, &item.item) ||
            !read_below(json_array_get(element, 1), UINT16_MAX, &item.worker) ||
            !read_seconds(json_array_get(element, 2), &item.wall) ||
            (json_array_size(element) > 3 && !read_seconds(json_array_get(element, 3), &item.cpu)))
                return -EPROTO;
        *ret_item = item;
        return 0;
}

static uint32_t find_group(const struct run_listing *l, const char *id)
{
        uint32_t low = 0, high = l->n_groups;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                struct span a = {id, strlen(id)}, b = {l->group_ids[middle], strlen(l->group_ids[middle])};
                int r = compare_spans(&a, &b);

                if (r == 0)
                        return middle;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return RUN_NO_INDEX;
}

int run_xdist_message_setup(const json_t *element, const struct run_listing *l, struct run_xdist_setup *ret_setup)
{
        const char *id = json_string_value(json_array_get(element, 0));
        struct run_xdist_setup setup = {.group = RUN_NO_INDEX};

        if (!id || !read_below(json_array_get(element, 1), UINT16_MAX, &setup.worker) ||
            !read_seconds(json_array_get(element, 2), &setup.wall))
                return -EPROTO;
        if (*id) {
                setup.group = find_group(l, id);
                if (setup.group == RUN_NO_INDEX)
                        return -ENOENT;
        }
        *ret_setup = setup;
        return 0;
}
