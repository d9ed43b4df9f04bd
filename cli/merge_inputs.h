/* The files to merge: named ones, and all in named directories, by what is in them and not by their names. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum merge_kind {
        MERGE_JUNIT,
        MERGE_HISTORY_EXPORT,   /* what `schedctl history export` writes */
        MERGE_HISTORY_DATABASE, /* history.db */
        MERGE_COVERAGE,         /* a data file of coverage.py */
        MERGE_KINDS,
        MERGE_UNKNOWN = MERGE_KINDS,
};
/* "junit", "history", "coverage". */
const char *merge_kind_text(enum merge_kind kind);

struct merge_input {
        char *path;
        enum merge_kind kind;
        char *error; /* why it was left out; NULL: it was not */
        dev_t device;
        ino_t inode;
};

struct merge_inputs {
        struct merge_input *list; /* directories' files by name, numbers in names by their value */
        size_t n, allocated;
        size_t n_ignored;   /* files in directories that are none of these */
        const char *output; /* an output that is named as an input too; NULL: none is */
};
void merge_inputs_finish(struct merge_inputs *inputs);

/* Finds all of them below `paths`. What cannot be read, what is named and is none of these, and empty files are there
 * as MERGE_UNKNOWN with an error. A file is there once, however often it is named; `outputs` (an entry may be NULL) are
 * no inputs, and who names one as such is not understood. -ENOMEM. */
int merge_inputs_find(struct merge_inputs *inputs, char *const *paths, size_t n_paths, const char *const *outputs,
                      size_t n_outputs);
/* Says why an input was left out, safe to print. -ENOMEM. */
int merge_input_fail(struct merge_input *input, const char *format, ...) __attribute__((format(printf, 2, 3)));
