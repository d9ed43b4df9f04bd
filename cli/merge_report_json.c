#include <errno.h>
#include <jansson.h>

#include "cli/merge_report.h"
#include "lib/client.h"
#include "lib/text.h"
#include "lib/util.h"

/* Bytes that are no UTF-8, in a path say, are escaped. */
static json_t *text(const char *bytes)
{
        json_t *string = json_string(bytes);
        CLEANUP_FREE char *escaped = string ? NULL : text_escape(bytes);

        return string ? string : escaped ? json_string(escaped) : NULL;
}

static json_t *make_inputs(const struct merge_inputs *inputs)
{
        json_t *array = json_array();

        for (size_t i = 0; i < inputs->n; i++) {
                const struct merge_input *input = &inputs->list[i];
                json_t *o = json_pack("{s:o, s:s}", "path", text(input->path), "kind", merge_kind_text(input->kind));

                if (input->error)
                        json_object_set_new(o, "error", text(input->error));
                json_array_append_new(array, o);
        }
        return array;
}

static json_t *make_junit(const struct merge_report *report)
{
        json_t *o = json_pack("{s:I, s:I, s:I}", "files", (json_int_t)report->n_files[MERGE_JUNIT], "suites",
                              (json_int_t)(report->suites->n ? report->suites->n - 1 : 0), "tests",
                              (json_int_t)report->n_different);

        for (unsigned i = 0; i < MERGE_OUTCOMES; i++)
                json_object_set_new(o, merge_outcome_text(i), json_integer((json_int_t)report->n_testcases[i]));
        if (report->wrote_junit)
                json_object_set_new(o, "path", text(report->junit));
        return o;
}

static json_t *make_file(size_t n, bool wrote, const char *path)
{
        json_t *o = json_pack("{s:I}", "files", (json_int_t)n);

        if (wrote)
                json_object_set_new(o, "path", text(path));
        return o;
}

static json_t *make_shards(const struct merge_report *report)
{
        json_t *array = json_array();

        for (size_t i = 0; i < report->shards->n; i++) {
                const struct merge_shard *s = &report->shards->list[i];

                json_array_append_new(array,
                                      json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:b}", "path",
                                                text(report->inputs->list[s->input].path), "suite", text(s->suite),
                                                "index", (json_int_t)s->index, "count", (json_int_t)s->count, "tests",
                                                (json_int_t)s->tests, "dealt", (json_int_t)s->dealt, "collection",
                                                text(s->collection), "split", text(s->split), "fits", !s->odd));
        }
        return array;
}

static json_t *make_repeats(const struct merge_report *report)
{
        json_t *array = json_array();

        for (size_t i = 0; i < report->repeats->n; i++) {
                const struct merge_repeated *t = &report->repeats->list[i];
                json_t *times = json_array();

                for (size_t j = 0; j < t->n_times; j++)
                        json_array_append_new(times, json_pack("{s:o, s:s}", "path",
                                                               text(report->inputs->list[t->times[j].input].path),
                                                               "outcome", merge_outcome_text(t->times[j].outcome)));
                json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o, s:o}", "suite", text(t->suite),
                                                       "classname", text(t->class), "name", text(t->name), "file",
                                                       text(t->file), "in", times));
        }
        return json_pack("{s:I, s:o}", "count", (json_int_t)report->repeats->n_all, "tests", array);
}

static json_t *make_texts(const struct merge_texts *texts)
{
        json_t *array = json_array();

        for (size_t i = 0; i < texts->n; i++)
                json_array_append_new(array, text(texts->list[i]));
        return array;
}

int merge_report_print_json(const struct merge_report *report, FILE *to)
{
        json_t *history = make_file(report->n_files[MERGE_HISTORY_EXPORT], report->wrote_history, report->history);
        CLEANUP_JSON json_t *o = json_pack(
                "{s:b, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o}", "complete",
                merge_report_is_complete(report), "inputs", make_inputs(report->inputs), "ignored",
                (json_int_t)report->inputs->n_ignored, "junit", make_junit(report), "history", history, "coverage",
                make_file(report->n_files[MERGE_COVERAGE], report->wrote_coverage, report->coverage), "shards",
                make_shards(report), "missing", make_texts(&report->shards->missing), "never",
                (json_int_t)report->shards->n_never, "repeated", make_repeats(report), "problems",
                make_texts(&report->shards->problems), "errors", make_texts(report->errors));

        if (!o)
                return -ENOMEM;
        json_object_set_new(history, "tests", json_integer((json_int_t)report->n_history));
        if (json_dumpf(o, to, JSON_INDENT(2) | JSON_PRESERVE_ORDER) < 0 || fputc('\n', to) == EOF || fflush(to) != 0)
                return -EIO;
        return 0;
}
