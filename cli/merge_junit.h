/* Results of tests from many JUnit files, joined into one.
 *
 * JUnit's XML has no standard, only dialects: <testsuites> of <testsuite>s (or one of these alone) that hold
 * <properties>, <testcase>s, more <testsuite>s, <system-out> and <system-err>. Whatever else a runner writes,
 * attributes and elements, CDATA and comments, is kept as it is. Suites that have the same name and the same other
 * attributes become one, in the order in which they first come; of its attributes
 *
 *  - counts and times are summed (tests, failures, errors, skipped, …, time),
 *  - the timestamp is the earliest,
 *  - what else differs (hostname, id; on <testsuites> all other attributes) is listed, with commas between.
 *
 * A property that several parts say alike is written once, and the parts' <system-out> and <system-err> follow each
 * other in one element. Files are read as streams: what is in a suite goes through a file (the *spool*), of which an
 * element here only knows the extents, so memory grows with the number of suites alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "cli/merge_tests.h"

enum {
        MERGE_DEPTH_MAX = 128, /* of elements; a deeper file is refused */
};

struct merge_attribute {
        char *name, *value;
        unsigned n; /* elements that have it */
};
struct merge_attributes {
        struct merge_attribute *list;
        size_t n, allocated;
};

/* What follows each other in a suite, each in the order of the inputs. */
enum merge_part {
        MERGE_CASES, /* and what is not known here */
        MERGE_OUT,   /* inside <system-out> */
        MERGE_ERR,
        MERGE_PARTS,
};
struct merge_extent {
        off_t begin, end; /* bytes of the spool */
};
struct merge_extents {
        struct merge_extent *list;
        size_t n, allocated;
};

struct merge_texts {
        char **list;
        size_t n, allocated;
};

void merge_texts_finish(struct merge_texts *texts);
/* -ENOMEM. */
int merge_texts_add(struct merge_texts *texts, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct merge_suite {
        uint32_t parent;     /* a lower index */
        unsigned n_elements; /* that were joined */
        char *path;          /* its name behind those of the suites around it */
        struct merge_attributes attributes;
        struct merge_attributes marks; /* properties that schedctl wrote, by name */
        struct merge_texts properties; /* elements */
        struct merge_extents parts[MERGE_PARTS];
};

/* list[0] stands for <testsuites>. All zero: empty. */
struct merge_suites {
        struct merge_suite *list;
        uint32_t n;
        size_t allocated;
        unsigned n_files; /* that were joined */
        void *names;      /* where which suite is, for joining */
};
void merge_suites_finish(struct merge_suites *suites);

/* Reads a file; its tests go to `tests` as those of `input`. -EINVAL: *ret_error (malloc'ed, the caller's) says where
 * in the file is what; -EIO: the spool cannot be written; -ENOMEM. What a file that fails has left in the spool nobody
 * refers to. */
int merge_junit_read(FILE *file, FILE *spool, struct merge_tests *tests, unsigned input,
                     struct merge_suites *ret_suites, char **ret_error);
/* Joins what a file has to what others had; empties `from`. keep: every suite stays one of its own. -ENOMEM: `into` can
 * only be finished. */
int merge_suites_join(struct merge_suites *into, struct merge_suites *from, bool keep);
/* Writes the file. -EIO, -ENOMEM. */
int merge_junit_write(const struct merge_suites *suites, FILE *spool, FILE *to);

/* For the files of this room. */

/* Index of a new suite in *ret_index, of which only the parent is set. -ENOMEM. */
int merge_suites_add(struct merge_suites *suites, uint32_t parent, uint32_t *ret_index);
int merge_attributes_add(struct merge_attributes *attributes, const char *name, const char *value);
const char *merge_attributes_find(const struct merge_attributes *attributes, const char *name);
void merge_attributes_finish(struct merge_attributes *attributes);
/* Whether its values are summed, the earliest is taken or they are listed, and so say nothing of which suite it is. */
bool merge_attribute_is_measured(const char *name);
/* -ENOMEM. */
int merge_attributes_join(struct merge_attributes *into, const struct merge_attributes *from);
