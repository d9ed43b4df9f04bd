/* Which tests the inputs have: in a database of its own that spills to the disk, since millions are possible. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct merge_tests;

enum merge_outcome {
        MERGE_PASSED,
        MERGE_FAILED,
        MERGE_ERROR,
        MERGE_SKIPPED,
        MERGE_OUTCOMES,
};
const char *merge_outcome_text(enum merge_outcome outcome);

struct merge_test {
        const char *suite;               /* its name, behind those of the suites around it */
        const char *class, *name, *file; /* the testcase's attributes; "" where there is none */
        enum merge_outcome outcome;
};

/* -EIO where there is no room for it, -ENOMEM. */
int merge_tests_open(struct merge_tests **ret_tests);
void merge_tests_close(struct merge_tests *tests);

int merge_tests_add(struct merge_tests *tests, unsigned input, const struct merge_test *test);
/* Forgets what an input said, since it turned out to be broken. */
int merge_tests_drop(struct merge_tests *tests, unsigned input);

/* Testcases by their outcome, of all inputs. */
int merge_tests_count(struct merge_tests *tests, uint64_t ret_n[MERGE_OUTCOMES]);
/* Different tests that these inputs have (n = 0: all). A testcase that an input has twice (pytest writes one for the
 * test and one for its teardown) is one test. */
int merge_tests_count_different(struct merge_tests *tests, const unsigned *inputs, size_t n, uint64_t *ret_n);
/* The same of one input. */
int merge_tests_count_of(struct merge_tests *tests, unsigned input, uint64_t *ret_n);
/* How many of them are in several of these inputs. */
int merge_tests_count_repeated(struct merge_tests *tests, const unsigned *inputs, size_t n, uint64_t *ret_n);

/* What became of a test in an input. */
struct merge_time {
        unsigned input;
        enum merge_outcome outcome;
};
struct merge_repeated {
        char *suite, *class, *name, *file;
        struct merge_time *times;
        size_t n_times;
};
struct merge_repeats {
        struct merge_repeated *list; /* the first ones */
        size_t n, allocated;
        uint64_t n_all;
};
/* Which other inputs have tests that these have: sets ret_shares, a flag an input, `most` of them. */
int merge_tests_find_sharing(struct merge_tests *tests, const unsigned *inputs, size_t n, size_t most,
                             bool *ret_shares);
/* Tests that are in several inputs, `most` of them at most, by name. */
int merge_tests_find_repeats(struct merge_tests *tests, size_t most, struct merge_repeats *ret_repeats);
void merge_repeats_finish(struct merge_repeats *repeats);
