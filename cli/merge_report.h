/* What `schedctl merge` says of its work. */
#pragma once

#include <stdbool.h>

#include "cli/merge_history.h"
#include "cli/merge_inputs.h"
#include "cli/merge_junit.h"
#include "cli/merge_shards.h"
#include "cli/merge_tests.h"

enum {
        MERGE_REPEATS_SAID = 10,    /* tests in several inputs that are named for people… */
        MERGE_REPEATS_LISTED = 1000 /* …and in --json */
};

struct merge_report {
        const struct merge_inputs *inputs;
        const struct merge_suites *suites;
        const struct merge_shards *shards;
        const struct merge_repeats *repeats;
        uint64_t n_testcases[MERGE_OUTCOMES], n_different;
        size_t n_files[MERGE_KINDS]; /* of a kind that went into the result */
        size_t n_history;            /* tests in the joined history */
        /* NULL: not asked for */
        const char *junit, *history, *coverage;
        bool wrote_junit, wrote_history, wrote_coverage;
        const struct merge_texts *errors; /* besides the inputs' own */
};

/* Whether each test of each sharded suite ran once. */
bool merge_report_is_complete(const struct merge_report *report);
bool merge_report_has_errors(const struct merge_report *report);

/* "schedctl merge: " and the text, made safe to print, on stderr; more lines of it are indented. */
void merge_report_complain(const char *text);
/* What was written goes to `to`, what is wrong to stderr. */
void merge_report_print(const struct merge_report *report, FILE *to);
/* -ENOMEM, -EIO. */
int merge_report_print_json(const struct merge_report *report, FILE *to);
