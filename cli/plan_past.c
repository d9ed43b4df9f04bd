#include "cli/plan_past.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

/* An id may have brackets, which mean something to fnmatch(). */
static bool matches_whole(const char *pattern, const char *id)
{
        CLEANUP_FREE char *escaped = calloc(2, strlen(pattern) + 1);
        char *to = escaped;

        for (const char *from = pattern; escaped && *from; from++) {
                if (*from == '[' || *from == '\\')
                        *to++ = '\\';
                *to++ = *from;
        }
        return escaped && fnmatch(escaped, id, 0) == 0;
}

bool plan_past_matches(const char *pattern, const char *id)
{
        size_t n = strlen(pattern);

        if (strpbrk(pattern, "*?"))
                return matches_whole(pattern, id);
        while (n > 1 && pattern[n - 1] == '/')
                n--;
        if (n == 0 || strncmp(id, pattern, n) != 0)
                return false;
        return id[n] == '\0' || id[n] == '/' || id[n] == '[' || strncmp(id + n, "::", 2) == 0;
}

static bool is_meant(char *const *patterns, const char *id)
{
        if (!*patterns)
                return true;
        for (; *patterns; patterns++)
                if (plan_past_matches(*patterns, id))
                        return true;
        return false;
}

static int reserve(struct plan_past *past)
{
        size_t n = past->list.n_items + (size_t)1, n_groups = past->list.n_groups + (size_t)1;

        past->items = calloc(n, sizeof(*past->items));
        past->ids = calloc(n, sizeof(*past->ids));
        past->groups = calloc(n_groups, sizeof(*past->groups));
        past->group_ids = calloc(n_groups, sizeof(*past->group_ids));
        return past->items && past->ids && past->groups && past->group_ids ? 0 : -ENOMEM;
}

static void add_item(struct plan_past *past, const struct history_listed_item *listed)
{
        const struct estimate *e = &listed->estimate;
        bool known = e->n_samples > 0;

        past->ids[past->n_items] = listed->id;
        past->items[past->n_items++] = (struct dispatch_item){
                .seconds = known ? e->wall : -1,
                .spread = known ? e->spread : 0,
                .waits = known ? estimate_waits(e) : 0,
                .group = listed->group,
        };
        past->n_known += known;
}

static void take_items(struct plan_past *past, char *const *patterns)
{
        for (uint32_t i = 0; i < past->list.n_items; i++) {
                if (!past->list.items[i].current)
                        continue;
                past->n_current++;
                if (is_meant(patterns, past->list.items[i].id))
                        add_item(past, &past->list.items[i]);
        }
}

static void take_groups(struct plan_past *past)
{
        past->n_groups = past->list.n_groups;
        for (uint32_t g = 0; g < past->n_groups; g++) {
                const struct history_listed_group *listed = &past->list.groups[g];

                past->group_ids[g] = listed->id;
                past->groups[g] = (struct dispatch_group){
                        .parent = listed->parent, .setup = listed->setup, .loose = listed->loose};
        }
}

/* As before a run: from neighbours. */
static int guess(struct plan_past *past)
{
        CLEANUP_FREE double *seconds = calloc(past->n_items + (size_t)1, sizeof(*seconds));
        CLEANUP_FREE double *spread = calloc(past->n_items + (size_t)1, sizeof(*spread));
        CLEANUP_FREE uint32_t *group = calloc(past->n_items + (size_t)1, sizeof(*group));
        CLEANUP_FREE uint32_t *parent = calloc(past->n_groups + (size_t)1, sizeof(*parent));
        int r;

        if (!seconds || !spread || !group || !parent)
                return -ENOMEM;
        for (uint32_t i = 0; i < past->n_items; i++) {
                seconds[i] = past->items[i].seconds;
                spread[i] = past->items[i].spread;
                group[i] = past->items[i].group;
        }
        for (uint32_t g = 0; g < past->n_groups; g++)
                parent[g] = past->groups[g].parent;
        r = estimate_guess(&(struct estimate_suite){.ids = past->ids,
                                                    .group = group,
                                                    .n_items = past->n_items,
                                                    .parent = parent,
                                                    .n_groups = past->n_groups},
                           seconds, spread);
        for (uint32_t i = 0; r == 0 && i < past->n_items; i++) {
                past->items[i].seconds = seconds[i];
                past->items[i].spread = spread[i];
        }
        return r;
}

static int load(const char *directory, struct plan_past *past)
{
        CLEANUP_FREE char *warning = NULL, *path = realpath(directory, NULL);
        int r;

        if (!path) {
                r = -errno;
                fprintf(stderr, "schedctl plan: %s: %s\n", directory, strerror(-r));
                return r;
        }
        r = history_open(NULL, &past->history, &warning);
        if (warning)
                fprintf(stderr, "schedctl plan: history: %s\n", warning);
        if (r == 0 && past->history)
                r = history_find_project(past->history, path, &past->project);
        if (r >= 0 && past->project)
                r = history_list(past->history, past->project, &past->list);
        if (r >= 0 && past->list.n_items == 0) {
                fprintf(stderr,
                        "schedctl plan: nothing is known of tests in %s: 'schedctl run -- pytest' there measures "
                        "them\n",
                        past->project ? past->project : path);
                r = -ENODATA;
        }
        return r < 0 ? r : 0;
}

static int fill(struct plan_past *past, char *const *patterns)
{
        int r = reserve(past);

        if (r < 0)
                return r;
        take_items(past, patterns);
        take_groups(past);
        if (past->n_items > 0)
                return guess(past);
        if (*patterns)
                fprintf(stderr, "schedctl plan: none of the %u tests known in %s matches\n", past->n_current,
                        past->project);
        else
                fprintf(stderr, "schedctl plan: %s has no tests any more\n", past->project);
        return -ENODATA;
}

int plan_past_read(const char *directory, char *const *patterns, struct plan_past *ret_past)
{
        struct plan_past past = {0};
        int r = load(directory, &past);

        if (r == 0)
                r = fill(&past, patterns);
        if (r < 0) {
                plan_past_finish(&past);
                return r;
        }
        *ret_past = past;
        return 0;
}

void plan_past_finish(struct plan_past *past)
{
        history_close(past->history);
        history_list_finish(&past->list);
        free(past->project);
        free(past->items);
        free(past->ids);
        free(past->groups);
        free(past->group_ids);
        *past = (struct plan_past){0};
}
