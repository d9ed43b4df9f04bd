/* schedctl merge: what several CI nodes have left, JUnit files, histories, coverage, becomes one of each. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/merge_coverage.h"
#include "cli/merge_history.h"
#include "cli/merge_inputs.h"
#include "cli/merge_junit.h"
#include "cli/merge_output.h"
#include "cli/merge_report.h"
#include "cli/merge_shards.h"
#include "cli/merge_tests.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "lib/text.h"
#include "lib/util.h"

enum { MERGE_INCOMPLETE = 3 }; /* exit status: joined, but not every test ran once */

static const char usage[] =
        "usage: schedctl merge [--junit FILE] [--history FILE] [--coverage FILE] INPUT...\n"
        "\n"
        "Joins what CI nodes have left, and says whether all shards are there. An INPUT is a file,\n"
        "or a directory with all files in it: JUnit's XML, histories (exported, or databases), data\n"
        "files of coverage.py; what is in a file says what it is. Without an output it only says\n"
        "what is there.\n"
        "\n"
        "      --junit FILE     write all JUnit files as one; -: to standard output\n"
        "      --keep-suites    keep suites of the same name apart\n"
        "      --history FILE   write all histories as one, as 'schedctl history export' does; -: likewise\n"
        "      --project DIR    of a history that knows several projects the one at or above DIR (.)\n"
        "      --coverage FILE  let coverage.py combine its data files to FILE\n"
        "      --json           say it for programs\n"
        "  -h, --help           print this\n"
        "\n"
        "Exit status: 0; 1 there is no input, or one cannot be read or an output not be written, all\n"
        "others were; 3 all was joined, but shards are missing or do not belong together, or tests ran\n"
        "twice or never.\n";

struct merge {
        const char *junit, *history, *coverage, *project;
        bool keep_suites, json;

        struct merge_inputs inputs;
        struct merge_suites suites;
        struct merge_tests *tests;
        struct merge_shards shards;
        struct merge_repeats repeats;
        struct merge_histories histories;
        struct history_import history_of_all;
        struct merge_texts errors; /* that are no input's */
        struct merge_report report;
        FILE *spool;
};

static void finish(struct merge *m)
{
        merge_inputs_finish(&m->inputs);
        merge_suites_finish(&m->suites);
        merge_tests_close(m->tests);
        merge_shards_finish(&m->shards);
        merge_repeats_finish(&m->repeats);
        merge_histories_finish(&m->histories);
        history_import_finish(&m->history_of_all);
        merge_texts_finish(&m->errors);
        if (m->spool)
                fclose(m->spool);
}

/* Reading */

static int read_junit(struct merge *m, unsigned index)
{
        CLEANUP(merge_suites_finish) struct merge_suites suites = {0};
        struct merge_input *input = &m->inputs.list[index];
        CLEANUP_FCLOSE FILE *file = fopen(input->path, "re");
        CLEANUP_FREE char *error = NULL;
        int r;

        if (!file)
                return merge_input_fail(input, "%s: %s", input->path, strerror(errno));
        r = merge_junit_read(file, m->spool, m->tests, index, &suites, &error);
        if (r == -EINVAL) {
                r = merge_tests_drop(m->tests, index);
                return r < 0 ? r : merge_input_fail(input, "%s: %s", input->path, error);
        }
        if (r == 0)
                r = merge_shards_add(&m->shards, index, &suites);
        if (r == 0)
                r = merge_suites_join(&m->suites, &suites, m->keep_suites);
        return r;
}

static int read_input(struct merge *m, unsigned index)
{
        struct merge_input *input = &m->inputs.list[index];
        enum merge_kind kind = input->kind;
        int r = 0;

        if (kind == MERGE_JUNIT)
                r = read_junit(m, index);
        else if (kind == MERGE_COVERAGE)
                r = merge_coverage_check(input);
        else if (kind != MERGE_UNKNOWN)
                r = merge_histories_read(&m->histories, input, m->project);
        if (kind != MERGE_UNKNOWN && !input->error)
                m->report.n_files[kind == MERGE_HISTORY_DATABASE ? MERGE_HISTORY_EXPORT : kind]++;
        return r;
}

/* Where nothing is written of what the JUnit files say they are read all the same. */
static int open_spool(struct merge *m)
{
        int r = 0;

        if (m->junit)
                r = merge_spool_open(m->junit, &m->spool);
        if (r < 0) {
                r = merge_texts_add(&m->errors, "%s: %s", m->junit, strerror(-r));
                m->junit = NULL;
        }
        if (r == 0 && !m->spool)
                m->spool = fopen("/dev/null", "we");
        return r == 0 && !m->spool ? -errno : r;
}

static int read_all(struct merge *m)
{
        CLEANUP_FREE const char **paths = calloc(m->inputs.n + 1, sizeof(*paths));
        int r = paths ? merge_tests_open(&m->tests) : -ENOMEM;

        for (unsigned i = 0; i < m->inputs.n && r == 0; i++) {
                paths[i] = m->inputs.list[i].path;
                r = read_input(m, i);
        }
        if (r == 0)
                r = merge_shards_judge(&m->shards, m->tests, paths);
        if (r == 0)
                r = merge_tests_find_repeats(m->tests, MERGE_REPEATS_LISTED, &m->repeats);
        if (r == 0)
                r = merge_tests_count(m->tests, m->report.n_testcases);
        if (r == 0)
                r = merge_tests_count_different(m->tests, NULL, 0, &m->report.n_different);
        if (r == 0)
                r = merge_histories_unite(&m->histories, &m->history_of_all);
        m->report.n_history = m->history_of_all.n_items;
        return r;
}

/* Writing. Each output by itself: one that cannot be written is said, and does not keep the others from being it. */

static int write_output(struct merge *m, const char *path, int (*write)(struct merge *m, FILE *to), bool *ret_wrote)
{
        CLEANUP(merge_output_finish) struct merge_output output = {0};
        int r = merge_output_open(&output, path);

        if (r == 0)
                r = write(m, output.file);
        if (r == -ENOMEM)
                return r;
        if (output.file)
                r = merge_output_end(&output, r);
        *ret_wrote = r == 0;
        return r < 0 ? merge_texts_add(&m->errors, "%s: %s", path, strerror(-r)) : 0;
}

static int put_junit(struct merge *m, FILE *to)
{
        return merge_junit_write(&m->suites, m->spool, to);
}

static int put_history(struct merge *m, FILE *to)
{
        return merge_history_write(&m->history_of_all, time(NULL), to);
}

static int put_coverage(struct merge *m)
{
        CLEANUP_FREE char *text = NULL;
        int r = merge_coverage_combine(&m->inputs, m->coverage, &text);

        m->report.wrote_coverage = r == 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return merge_texts_add(&m->errors, "%s", text);
        if (text)
                merge_report_complain(text);
        return 0;
}

/* Whether there is something to write; if not, that is an error. */
static bool has_files(struct merge *m, const char *path, enum merge_kind kind, const char *what, int *ret_r)
{
        if (!path || *ret_r < 0)
                return false;
        if (m->report.n_files[kind] > 0)
                return true;
        *ret_r = merge_texts_add(&m->errors, "%s is not written: there is no %s to join", path, what);
        return false;
}

static int write_all(struct merge *m)
{
        int r = 0;

        if (m->inputs.n == 0 && !m->junit && !m->history && !m->coverage)
                return merge_texts_add(&m->errors, "there is nothing to join: no JUnit file, history or data file of "
                                                   "coverage");
        if (has_files(m, m->junit, MERGE_JUNIT, "JUnit file", &r))
                r = write_output(m, m->junit, put_junit, &m->report.wrote_junit);
        if (has_files(m, m->history, MERGE_HISTORY_EXPORT, "history", &r))
                r = write_output(m, m->history, put_history, &m->report.wrote_history);
        if (has_files(m, m->coverage, MERGE_COVERAGE, "data file of coverage", &r))
                r = put_coverage(m);
        return r;
}

static int tell(struct merge *m)
{
        bool is_taken = merge_output_is_stdout(m->junit) || merge_output_is_stdout(m->history);
        FILE *to = is_taken ? stderr : stdout;
        int r = 0;

        m->report.inputs = &m->inputs;
        m->report.suites = &m->suites;
        m->report.shards = &m->shards;
        m->report.repeats = &m->repeats;
        m->report.errors = &m->errors;
        m->report.junit = m->junit;
        m->report.history = m->history;
        m->report.coverage = m->coverage;
        if (m->json)
                r = merge_report_print_json(&m->report, to);
        else
                merge_report_print(&m->report, to);
        if (r == -ENOMEM || (r == 0 && !ferror(to)))
                return r;
        merge_report_complain("the report cannot be written");
        return merge_texts_add(&m->errors, "the report cannot be written");
}

static int merge(struct merge *m, char *const *paths, size_t n)
{
        CLEANUP_FREE char *project = realpath(m->project, NULL);
        const char *const outputs[] = {m->junit, m->history, m->coverage};
        int r;

        if (!project) {
                fprintf(stderr, "schedctl merge: %s: %s\n", m->project, strerror(errno));
                return VERB_FAILED;
        }
        m->project = project;
        r = open_spool(m);
        if (r == 0)
                r = merge_inputs_find(&m->inputs, paths, n, outputs, ELEMENTSOF(outputs));
        if (r == 0 && m->inputs.output)
                return options_refuse("merge", "%s cannot be an input and an output", m->inputs.output);
        if (r == 0)
                r = read_all(m);
        if (r == 0)
                r = write_all(m);
        if (r == 0)
                r = tell(m);
        if (r < 0) {
                fprintf(stderr, "schedctl merge: %s\n",
                        r == -EIO ? "temporary files cannot be written; is there room beside the output and in $TMPDIR?"
                                  : strerror(-r));
                return VERB_FAILED;
        }
        if (merge_report_has_errors(&m->report))
                return VERB_FAILED;
        return merge_report_is_complete(&m->report) ? 0 : MERGE_INCOMPLETE;
}

static bool has_twice(const char *const outputs[static 3])
{
        for (unsigned i = 0; i < 3; i++)
                for (unsigned j = 0; j < i; j++)
                        if (outputs[i] && outputs[j] && merge_output_is_same(outputs[i], outputs[j]))
                                return true;
        return false;
}

int verb_merge(int argc, char **argv)
{
        CLEANUP(finish) struct merge m = {.project = "."};
        const struct option_rule rules[] = {
                OPTION_TEXT("junit", 0, &m.junit),       OPTION_FLAG("keep-suites", 0, &m.keep_suites),
                OPTION_TEXT("history", 0, &m.history),   OPTION_TEXT("project", 0, &m.project),
                OPTION_TEXT("coverage", 0, &m.coverage), OPTION_FLAG("json", 0, &m.json),
        };
        int first, r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), &first);

        if (r != 0)
                return r - 1;
        if (first == argc)
                return options_refuse("merge", "no input to merge");
        if (m.coverage && merge_output_is_direct(m.coverage))
                return options_refuse("merge", "--coverage takes a file, and no standard output or device");
        if (has_twice((const char *[]){m.junit, m.history, m.coverage}))
                return options_refuse("merge", "two outputs cannot be the same file");
        return merge(&m, argv + first, (size_t)(argc - first));
}
