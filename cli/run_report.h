/* What schedctl says at the end of a run: a line per suite that ran in workers, more with --verbose, JSON with --json.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct run_jobs;
struct run_suite;
struct run_options;
struct run_usage;
struct run_watch;

enum { RUN_REPORT_CHANGES_MAX = 1000 }; /* of the lease that are told; of more the first ones */

struct run_report {
        const struct run_options *options;
        json_t *suites;  /* objects, in the order of ending; NULL until the first */
        json_t *changes; /* of the number of CPUs: objects, in the order of coming; NULL none */
};

/* Notes that from then on, so many seconds into the run, so many CPUs are held, and why. */
void run_report_change(struct run_report *report, double seconds, unsigned n_pus, const char *reason);

/* Notes a suite that is over. What memory does not allow is left out. */
void run_report_suite(struct run_report *report, struct run_suite *suite);
/* Prints to stderr, and writes the file asked for. */
void run_report_print(struct run_report *report, const struct run_watch *watch, const struct run_usage *usage,
                      const struct run_jobs *jobs);
void run_report_finish(struct run_report *report);
