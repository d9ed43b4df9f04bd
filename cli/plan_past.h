/* A project's history as a suite that can be planned: what its latest whole run had, and what came since. */
#pragma once

#include "cli/history.h"
#include "core/dispatch.h"

struct plan_past {
        struct history *history;
        char *project; /* its root */
        struct history_list list;
        struct dispatch_item *items; /* those that the patterns name, in collection order */
        const char **ids;
        struct dispatch_group *groups;
        const char **group_ids;
        uint32_t n_items, n_groups;
        uint32_t n_known;   /* items whose time is known; the others' are guessed */
        uint32_t n_current; /* items of the project */
};

/* Of the project at or above the directory. patterns: ends with NULL; without any all items are meant. A pattern is an
 * id, the beginning of one up to "/", "::" or "[", or has * or ? in it and names whole ids. Where there is nothing to
 * plan, stderr says why: any negative errno. */
int plan_past_read(const char *directory, char *const *patterns, struct plan_past *ret_past);
void plan_past_finish(struct plan_past *past);

/* Whether a pattern names an id. */
bool plan_past_matches(const char *pattern, const char *id);
