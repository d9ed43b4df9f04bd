#include "cli/merge_report.h"

#include <string.h>

#include "lib/text.h"
#include "lib/util.h"

bool merge_report_is_complete(const struct merge_report *report)
{
        return report->shards->problems.n == 0;
}

bool merge_report_has_errors(const struct merge_report *report)
{
        for (size_t i = 0; i < report->inputs->n; i++)
                if (report->inputs->list[i].error)
                        return true;
        return report->errors->n > 0;
}

/* Names come from files, and from other people's. */
static void print_safely(FILE *to, const char *text)
{
        CLEANUP_FREE char *safe = text_escape(text);

        fputs(safe ? safe : "?", to);
}

static const char *plural(uint64_t n)
{
        return n == 1 ? "" : "s";
}

/* What was written */

static void print_outcomes(const struct merge_report *report, FILE *to)
{
        const char *separator = "";

        for (unsigned i = 0; i < MERGE_OUTCOMES; i++) {
                if (report->n_testcases[i] == 0)
                        continue;
                fprintf(to, "%s%llu %s%s", separator, (unsigned long long)report->n_testcases[i], merge_outcome_text(i),
                        i == MERGE_ERROR ? plural(report->n_testcases[i]) : "");
                separator = ", ";
        }
}

static void print_junit(const struct merge_report *report, FILE *to)
{
        size_t n = report->n_files[MERGE_JUNIT];

        if (n == 0)
                return;
        print_safely(to, report->wrote_junit ? report->junit : "JUnit");
        fprintf(to, ": %llu test%s of %zu file%s", (unsigned long long)report->n_different, plural(report->n_different),
                n, plural(n));
        if (report->n_different) {
                fputs(": ", to);
                print_outcomes(report, to);
        }
        fputc('\n', to);
}

static void print_others(const struct merge_report *report, FILE *to)
{
        size_t n_histories = report->n_files[MERGE_HISTORY_EXPORT], n_coverage = report->n_files[MERGE_COVERAGE];

        if (n_histories) {
                print_safely(to, report->wrote_history ? report->history : "history");
                fprintf(to, ": %zu test%s of %zu histor%s\n", report->n_history, plural(report->n_history), n_histories,
                        n_histories == 1 ? "y" : "ies");
        }
        if (n_coverage) {
                print_safely(to, report->wrote_coverage ? report->coverage : "coverage");
                fprintf(to, ": %zu data file%s\n", n_coverage, plural(n_coverage));
        }
}

/* What is wrong */

void merge_report_complain(const char *text)
{
        CLEANUP_FREE char *copy = strdup(text);
        const char *before = "schedctl merge: ";
        char *rest = NULL;

        for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
                fputs(before, stderr);
                print_safely(stderr, line);
                fputc('\n', stderr);
                before = "  ";
        }
}

static void print_repeated(const struct merge_report *report, const struct merge_repeated *repeated)
{
        fputs("  ", stderr);
        if (*repeated->class) {
                print_safely(stderr, repeated->class);
                fputc(' ', stderr);
        }
        print_safely(stderr, repeated->name);
        for (size_t i = 0; i < repeated->n_times; i++) {
                fprintf(stderr, "%s %s in ", i ? "," : ":", merge_outcome_text(repeated->times[i].outcome));
                print_safely(stderr, report->inputs->list[repeated->times[i].input].path);
        }
        fputc('\n', stderr);
}

static void print_repeats(const struct merge_report *report)
{
        const struct merge_repeats *repeats = report->repeats;
        size_t n = repeats->n < MERGE_REPEATS_SAID ? repeats->n : MERGE_REPEATS_SAID;

        if (repeats->n_all == 0)
                return;
        fprintf(stderr, "schedctl merge: %llu test%s in more than one file; all results are kept:\n",
                (unsigned long long)repeats->n_all, repeats->n_all == 1 ? " is" : "s are");
        for (size_t i = 0; i < n; i++)
                print_repeated(report, &repeats->list[i]);
        if (repeats->n_all > n)
                fprintf(stderr, "  and %llu more (--json lists them)\n", (unsigned long long)(repeats->n_all - n));
}

static void print_left(size_t n, const char *one, const char *several, const char *option)
{
        if (n)
                fprintf(stderr, "schedctl merge: %zu %s not joined: %s FILE does that\n", n, n == 1 ? one : several,
                        option);
}

void merge_report_print(const struct merge_report *report, FILE *to)
{
        print_junit(report, to);
        print_others(report, to);
        fflush(to);
        for (size_t i = 0; i < report->inputs->n; i++)
                if (report->inputs->list[i].error)
                        merge_report_complain(report->inputs->list[i].error);
        for (size_t i = 0; i < report->errors->n; i++)
                merge_report_complain(report->errors->list[i]);
        for (size_t i = 0; i < report->shards->problems.n; i++)
                merge_report_complain(report->shards->problems.list[i]);
        print_repeats(report);
        if (report->junit || report->history || report->coverage) {
                print_left(report->junit ? 0 : report->n_files[MERGE_JUNIT], "JUnit file is", "JUnit files are",
                           "--junit");
                print_left(report->history ? 0 : report->n_files[MERGE_HISTORY_EXPORT], "history is", "histories are",
                           "--history");
                print_left(report->coverage ? 0 : report->n_files[MERGE_COVERAGE], "data file of coverage is",
                           "data files of coverage are", "--coverage");
        }
}
