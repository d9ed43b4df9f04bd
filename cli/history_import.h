/* Times that were measured elsewhere, read from the files of other tools or of `schedctl history export`.
 *
 * A reader takes a whole file and gives all of its tests or none. Its error is one sentence (malloc'ed, the caller's)
 * that says where in the file: -EINVAL, or -ENOMEM without one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/history.h"

enum {
        HISTORY_IMPORT_BYTES_MAX = 256 * 1024 * 1024, /* of one file */
        HISTORY_EXPORT_VERSION = 1,
};
#define HISTORY_IMPORT_SECONDS_MAX 1e8 /* some three years: a longer test is none */

enum history_format {
        HISTORY_FORMAT_AUTO, /* what the file looks like */
        HISTORY_FORMAT_PYTEST_SPLIT,
        HISTORY_FORMAT_JUNIT,
        HISTORY_FORMAT_CTEST,
        HISTORY_FORMAT_SCHEDCTL,
};
/* Whether the name is one. */
bool history_format_parse(const char *name, enum history_format *ret_format);

struct history_import_item {
        char *id;
        int64_t seen; /* seconds since the epoch: when it was measured; 0: the file does not say */
        struct estimate estimate;
};

struct history_import_group {
        char *id, *parent; /* parent NULL: none; an id may come twice */
        int64_t seen;      /* as an item's */
        bool loose;
        double setup; /* < 0 unknown */
};

struct history_import {
        struct history_import_item *items; /* no id twice */
        size_t n_items, items_allocated;
        struct history_import_group *groups;
        size_t n_groups, groups_allocated;
        struct history_project project; /* where the file says it, else zero */
        bool exact;                     /* an export: items in collection order, with all that is known of them */
        size_t n_left_out;              /* tests of which the file says no time, or that have no file in the project */
};
void history_import_finish(struct history_import *import);

/* For readers: an item or group more; texts are copied. -ENOMEM. */
int history_import_add_item(struct history_import *import, const char *id, const struct estimate *estimate);
int history_import_add_group(struct history_import *import, const char *id, const char *parent, bool loose,
                             double setup);
/* What a time alone makes known. */
struct estimate history_import_estimate(double seconds, enum estimate_outcome outcome);
/* Makes one item of those that have the same id: their times' sum, and failed if one has. -ENOMEM. */
int history_import_sum(struct history_import *import);
/* Adds the groups that pytest's ids name: modules and classes. -ENOMEM. */
int history_import_group(struct history_import *import);
/* Sets *ret_error, made safe to print. Returns -EINVAL, or -ENOMEM. */
int history_import_fail(char **ret_error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A whole text that is a number of seconds, and nothing else. */
bool history_import_seconds(const char *text, double *ret_seconds);

/* `root`: the project's directory. */
int history_import_json(const char *text, size_t size, enum history_format format, struct history_import *import,
                        char **ret_error);
int history_import_junit(const char *text, size_t size, const char *root, struct history_import *import,
                         char **ret_error);
int history_import_ctest(const char *text, size_t size, struct history_import *import, char **ret_error);

/* Reads a file, or standard input where the path is "-". */
int history_import_read(const char *path, enum history_format format, const char *root,
                        struct history_import *ret_import, char **ret_error);

/* What became of an import's tests. */
struct history_merged {
        size_t n_taken;
        size_t n_kept; /* were measured here */
};

/* Puts imports into a project, one transaction for all of them. What was measured, here or where an export comes from,
 * is replaced only with `replace`; a time alone by any later one. 0, also where nothing could be stored and
 * *ret_warning says why. -ENOMEM. */
int history_merge(struct history *h, const char *project, const struct history_import *imports, size_t n, bool replace,
                  int64_t now, struct history_merged *ret_merged, char **ret_warning);
/* Removes all that is known of a project; as history_merge(). */
int history_forget(struct history *h, const char *project, char **ret_warning);
