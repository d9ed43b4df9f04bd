/* What schedctl says at the end of a run: a line per suite that ran in workers, more with --verbose, JSON with --json.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct run_suite;
struct run_options;
struct run_watch;

struct run_report {
        const struct run_options *options;
        json_t *suites; /* objects, in the order of ending; NULL until the first */
};

/* Notes a suite that is over. What memory does not allow is left out. */
void run_report_suite(struct run_report *report, struct run_suite *suite);
/* Prints to stderr, and writes the file asked for. */
void run_report_print(struct run_report *report, const struct run_watch *watch);
void run_report_finish(struct run_report *report);
