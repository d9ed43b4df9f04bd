/* Shards of one suite, as `schedctl run --shard` marks them in JUnit files: are all of them there, each of the same
 * split, and did each run what it was to run?
 *
 * Where every shard comes equally often, more than once (several pytests in each node's run, under tox say), they are
 * as many sets. Suites of the same name ("pytest", unless the project says another) may be those of several projects:
 * they are told apart by their tests.
 */
#pragma once

#include "cli/merge_junit.h"
#include "cli/merge_tests.h"

struct merge_shard {
        unsigned input;
        char *suite;              /* path of the suite */
        unsigned index, count;    /* from 1 */
        uint64_t tests, dealt;    /* of all shards, and of this one; 0 not said */
        char *collection, *split; /* digests; "" not said */
        unsigned project;         /* once judged: a number, the same where the suite's shards belong together */
        bool odd;                 /* of another split than most are */
};

struct merge_shards {
        struct merge_shard *list; /* once judged, by suite, project and index */
        size_t n, allocated;
        struct merge_texts missing;  /* "3/12" */
        struct merge_texts problems; /* sentences */
        uint64_t n_never;            /* tests that no input has, as far as the shards say how many there are */
};
void merge_shards_finish(struct merge_shards *shards);

/* Adds those that a file's suites are. -ENOMEM. */
int merge_shards_add(struct merge_shards *shards, unsigned input, const struct merge_suites *suites);
/* Looks at all of them together: `paths` are the inputs'. -EIO, -ENOMEM. */
int merge_shards_judge(struct merge_shards *shards, struct merge_tests *tests, const char *const *paths);
