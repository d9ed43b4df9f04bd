/* All of a project: its items in collection order, with the groups that they are in. */
#include <errno.h>
#include <string.h>

#include "cli/history_rows.h"

void history_list_finish(struct history_list *list)
{
        for (uint32_t i = 0; i < list->n_items; i++)
                free(list->items[i].id);
        for (uint32_t i = 0; i < list->n_groups; i++)
                free(list->groups[i].id);
        free(list->items);
        free(list->groups);
        *list = (struct history_list){0};
}

/* Groups. Sorted by id while they are read, since rows refer to each other by it. */

struct read_group {
        struct history_listed_group group;
        char *parent;
        uint32_t depth;
        uint32_t index; /* in the list */
};

struct read_groups {
        struct read_group *rows; /* by id */
        uint32_t n;
        size_t allocated;
};

static void cleanup_read_groups(struct read_groups *groups)
{
        for (uint32_t i = 0; i < groups->n; i++) {
                free(groups->rows[i].group.id);
                free(groups->rows[i].parent);
        }
        free(groups->rows);
}

static int compare_prefix(const char *id, size_t length, const char *other)
{
        int r = strncmp(id, other, length);

        return r ? r : -(other[length] != '\0');
}

/* The index in the rows of the group whose id is the first `length` bytes, or NO_GROUP. */
static uint32_t find_group(const struct read_groups *groups, const char *id, size_t length)
{
        uint32_t low = 0, high = groups->n;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                int r = compare_prefix(id, length, groups->rows[middle].group.id);

                if (r == 0)
                        return middle;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return ESTIMATE_NO_GROUP;
}

static int add_group(struct read_groups *groups, sqlite3_stmt *s)
{
        const char *id = (const char *)sqlite3_column_text(s, 0), *parent = (const char *)sqlite3_column_text(s, 1);
        struct read_group *row;

        if (groups->n == groups->allocated) {
                size_t wanted = groups->allocated ? 2 * groups->allocated : 64;
                struct read_group *grown = reallocarray(groups->rows, wanted, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                groups->rows = grown;
                groups->allocated = wanted;
        }
        row = &groups->rows[groups->n];
        *row = (struct read_group){.group = {.id = strdup(id ? id : ""),
                                             .loose = sqlite3_column_int(s, 2),
                                             .setup = history_read_time(s, 3),
                                             .seen = sqlite3_column_int64(s, 4)},
                                   .parent = strdup(parent ? parent : "")};
        groups->n++;
        return row->group.id && row->parent ? 0 : -ENOMEM;
}

static int read_groups(struct history *h, int64_t key, struct read_groups *groups)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        int r = 0;

        if (!history_prepare(h,
                             "SELECT id, parent, loose, setup, seen FROM fixture_group WHERE project = ? AND id != '' "
                             "ORDER BY id",
                             &s))
                return 0;
        sqlite3_bind_int64(s, 1, key);
        while (r == 0 && sqlite3_step(s) == SQLITE_ROW)
                r = add_group(groups, s);
        return r;
}

static uint32_t parent_of(const struct read_groups *groups, uint32_t i)
{
        const char *parent = groups->rows[i].parent;

        return *parent ? find_group(groups, parent, strlen(parent)) : ESTIMATE_NO_GROUP;
}

enum { DEPTH_MAX = 64 }; /* deeper ones, and what goes in a circle, have no parent */

/* From 1. */
static uint32_t depth_of(const struct read_groups *groups, uint32_t i)
{
        uint32_t depth = 0;

        for (; i != ESTIMATE_NO_GROUP && depth < DEPTH_MAX; i = parent_of(groups, i))
                depth++;
        return depth;
}

/* Into the list by depth, so that parents come first. */
static void place_groups(struct read_groups *groups, struct history_list *list)
{
        uint32_t deepest = 0;

        for (uint32_t i = 0; i < groups->n; i++) {
                groups->rows[i].depth = depth_of(groups, i);
                deepest = groups->rows[i].depth > deepest ? groups->rows[i].depth : deepest;
        }
        for (uint32_t depth = 1; depth <= deepest; depth++)
                for (uint32_t i = 0; i < groups->n; i++) {
                        struct read_group *row = &groups->rows[i];
                        uint32_t parent = row->depth == depth ? parent_of(groups, i) : ESTIMATE_NO_GROUP;

                        if (row->depth != depth)
                                continue;
                        row->index = list->n_groups;
                        list->groups[list->n_groups] = row->group;
                        list->groups[list->n_groups].id = strdup(row->group.id);
                        list->groups[list->n_groups++].parent =
                                parent != ESTIMATE_NO_GROUP && groups->rows[parent].depth < depth
                                        ? groups->rows[parent].index
                                        : ESTIMATE_NO_GROUP;
                }
}

static int list_groups(struct history *h, const struct history_row *row, struct read_groups *groups,
                       struct history_list *list)
{
        int r = read_groups(h, row->key, groups);

        if (r < 0)
                return r;
        list->groups = calloc(groups->n + (size_t)1, sizeof(*list->groups));
        if (!list->groups)
                return -ENOMEM;
        place_groups(groups, list);
        for (uint32_t i = 0; i < list->n_groups; i++)
                if (!list->groups[i].id)
                        return -ENOMEM;
        return 0;
}

/* Items */

/* The group whose id is the longest part of the item's up to a "::". */
static uint32_t innermost(const struct read_groups *groups, const char *id)
{
        const char *bracket = strstr(id, "::"), *end;

        bracket = bracket ? strchr(bracket, '[') : NULL;
        end = bracket ? bracket : id + strlen(id);
        while (end > id + 1) {
                uint32_t group;

                for (end--; end > id && !(end[0] == ':' && end[1] == ':'); end--)
                        ;
                group = end > id ? find_group(groups, id, (size_t)(end - id)) : ESTIMATE_NO_GROUP;
                if (group != ESTIMATE_NO_GROUP)
                        return groups->rows[group].index;
        }
        return ESTIMATE_NO_GROUP;
}

static int reserve_item(struct history_list *list, size_t *allocated)
{
        size_t wanted = *allocated ? 2 * *allocated : 1024;
        struct history_listed_item *grown;

        if (list->n_items < *allocated)
                return 0;
        grown = reallocarray(list->items, wanted, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        list->items = grown;
        *allocated = wanted;
        return 0;
}

static int list_items(struct history *h, const struct history_row *row, const struct read_groups *groups,
                      struct history_list *list)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        size_t allocated = 0;

        if (!history_prepare(
                    h, "SELECT " HISTORY_ITEM_COLUMNS ", run, seen FROM item WHERE project = ? ORDER BY position, id",
                    &s))
                return 0;
        sqlite3_bind_int64(s, 1, row->key);
        while (sqlite3_step(s) == SQLITE_ROW) {
                const char *id = (const char *)sqlite3_column_text(s, 0);
                struct history_listed_item *item;
                int64_t seen = sqlite3_column_int64(s, HISTORY_N_ITEM_COLUMNS + 1);

                list->latest = seen > list->latest ? seen : list->latest;
                if (!id)
                        continue;
                if (reserve_item(list, &allocated) < 0)
                        return -ENOMEM;
                item = &list->items[list->n_items];
                *item = (struct history_listed_item){
                        .id = strdup(id),
                        .group = innermost(groups, id),
                        .seen = seen,
                        .current = sqlite3_column_int64(s, HISTORY_N_ITEM_COLUMNS) >= row->whole_run,
                        .estimate = history_read_estimate(s),
                };
                list->n_items++;
                if (!item->id)
                        return -ENOMEM;
        }
        return 0;
}

int history_list(struct history *h, const char *project, struct history_list *ret_list)
{
        CLEANUP(cleanup_read_groups) struct read_groups groups = {0};
        CLEANUP(history_list_finish) struct history_list list = {0};
        const char *session = HISTORY_SESSION;
        struct history_row row;
        int r;

        *ret_list = list;
        if (!h || history_execute(h, "BEGIN") != SQLITE_OK)
                return 0;
        if (!history_find_row(h, project, &row)) {
                history_execute(h, "ROLLBACK");
                return 0;
        }
        list.project = row.project;
        r = list_groups(h, &row, &groups, &list);
        if (r == 0)
                r = list_items(h, &row, &groups, &list);
        if (r == 0)
                r = history_load_groups(h, project, &session, 1, &list.session_setup);
        history_execute(h, "ROLLBACK");
        if (r < 0)
                return r;
        *ret_list = list;
        list = (struct history_list){0};
        return 1;
}

int history_list_projects(struct history *h, char ***ret_names, size_t *ret_n)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        char **names = NULL;
        size_t n = 0, allocated = 0;
        int r = 0;

        if (!history_prepare(h, "SELECT name FROM project ORDER BY name", &s))
                return 0;
        while (r == 0 && sqlite3_step(s) == SQLITE_ROW) {
                const char *name = (const char *)sqlite3_column_text(s, 0);

                r = array_reserve(&names, n, &allocated, sizeof(*names));
                if (r == 0) {
                        names[n] = strdup(name ? name : "");
                        r = names[n++] ? 0 : -ENOMEM;
                }
        }
        *ret_names = names;
        *ret_n = n;
        return r;
}

int history_find_project(struct history *h, const char *directory, char **ret_project)
{
        CLEANUP_FREE char *path = strdup(directory);
        struct history_row row;

        if (!path)
                return -ENOMEM;
        *ret_project = NULL;
        for (char *slash; h && *path; *slash = '\0') {
                if (history_find_row(h, path, &row)) {
                        *ret_project = TAKE(path);
                        return 0;
                }
                slash = strrchr(path, '/');
                if (!slash)
                        return 0;
                if (slash == path && path[1])
                        *++slash = '\0'; /* last of all the root */
        }
        return 0;
}
