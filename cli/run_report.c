#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_jobs.h"
#include "cli/run_report.h"
#include "cli/run_scope.h"
#include "cli/run_suite.h"
#include "cli/run_watch.h"
#include "lib/params.h"
#include "lib/util.h"

static json_t *cpulist(const struct run_measure *m)
{
        char text[CPUSET_TEXT_MAX];
        struct cpuset set = {0};

        for (size_t i = 0; i < m->n_pus; i++)
                cpuset_add(&set, m->pus[i].os);
        return cpuset_format(&set, text, sizeof(text)) < 0 ? NULL : json_string(text);
}

/* Per worker number: the share of the makespan that it was busy. */
static json_t *utilisation(const struct run_suite *s, double makespan)
{
        json_t *list = json_array();

        for (uint32_t i = 0; i < s->n_workers; i++)
                json_array_append_new(list, json_real(makespan > 0 ? s->workers[i].busy / makespan : 0));
        return list;
}

/* From the plan, the use of the history included, to the first worker that could take an item. */
static double seconds_until_ready(const struct run_suite *s)
{
        return s->measure.begun ? (double)(s->measure.begun - s->suite_at) / 1e6 : 0;
}

/* By name, the share of each limited resource that was in use. */
static json_t *describe_resources(const struct run_needs *needs, const double *in_use)
{
        json_t *o = json_object();

        for (uint32_t i = 0; in_use && i < needs->n_resources; i++)
                json_object_set_new(o, i == needs->memory ? "memory" : needs->names[i], json_real(in_use[i]));
        return o;
}

/* What a worker needed, the fewest workers that memory was there for, and those that the kernel killed. */
static json_t *describe_memory(const struct run_suite *s)
{
        json_t *o = json_pack("{s:I, s:O*}", "perWorker", (json_int_t)s->worker_memory, "killed", s->killed);

        if (s->least_limit < UINT32_MAX)
                json_object_set_new(o, "workers", json_integer(s->least_limit));
        return o;
}

static json_t *describe_workers(struct run_suite *s)
{
        const struct dispatch_params limits = {.min_workers = s->n_exact, .extra_workers = s->n_extra};
        CLEANUP(run_measure_figures_finish) struct run_measure_figures f = {0};
        const struct run_measure *m = &s->measure;

        (void)run_measure_figures(&s->measure, &s->listing, &limits, &f);
        return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o*, s:f, s:f, "
                         "s:f, s:f, s:f, s:o, s:o, s:o}",
                         "mode", "workers", "start", s->listing.start, "why", s->listing.why, "items", (int)m->n_items,
                         "done", (int)m->n_done, "estimated", (int)s->n_estimated, "workers", (int)m->n_workers,
                         "extra", (int)m->n_extra, "recycled", (int)m->n_recycled, "samples", (int)s->n_samples,
                         "crashes", (int)m->n_crashes, "lost", (int)m->n_lost, "left", (int)m->n_left, "recalls",
                         (int)m->n_recalls, "confirmed", (int)s->n_confirmed, "pus", cpulist(m), "ready",
                         seconds_until_ready(s), "seconds", f.makespan, "bound", f.bound, "serial", f.serial, "paused",
                         s->stopped, "utilisation", utilisation(s, f.makespan), "resources",
                         describe_resources(&s->listing.needs, f.in_use), "memory", describe_memory(s));
}

/* Of pytest-xdist's. */
static json_t *describe_xdist(struct run_suite *s)
{
        const struct dispatch_params limits = {.min_workers = s->n_exact};
        CLEANUP(run_measure_figures_finish) struct run_measure_figures f = {0};
        const struct run_measure *m = &s->measure;

        (void)run_measure_figures(&s->measure, &s->listing, &limits, &f);
        return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:o, s:f, s:f, s:f, s:f, s:f, s:o}", "mode", "xdist",
                         "dist", s->listing.why, "items", (int)m->n_items, "done", (int)m->n_done, "estimated",
                         (int)s->n_estimated, "workers", (int)s->n_at_once, "crashes", (int)m->n_crashes, "pus",
                         cpulist(m), "ready", seconds_until_ready(s), "seconds", f.makespan, "bound", f.bound, "serial",
                         f.serial, "paused", s->stopped, "utilisation", utilisation(s, f.makespan));
}

static json_t *describe(struct run_suite *s)
{
        if (s->dispatch)
                return describe_workers(s);
        if (s->xdist && s->xdist->planned)
                return describe_xdist(s);
        if (s->dry_text)
                return json_pack("{s:s, s:s, s:s, s:i, s:O}", "mode", "dry", "why", s->why_serial, "text", s->dry_text,
                                 "items", (int)s->listing.n_items, "plan", s->dry);
        if (s->state == RUN_SUITE_SERIAL)
                return json_pack("{s:s, s:s, s:i, s:b, s:b}", "mode", "serial", "why", s->why_serial, "items",
                                 (int)(s->listing.n_items + s->n_theirs), "unfit", s->unfit, "tell", s->tell);
        return json_pack("{s:s, s:s, s:i}", "mode", "serial", "why", "it ended before it named its tests", "items", 0);
}

static void add_result(json_t *o, const struct run_suite *s)
{
        if (s->has_result)
                json_object_set_new(o, "result",
                                    json_pack("{s:I, s:I, s:I, s:I, s:I}", "exit", s->result.exit, "passed",
                                              s->result.passed, "failed", s->result.failed, "skipped",
                                              s->result.skipped, "errors", s->result.errors));
        if (s->rootdir)
                json_object_set(o, "rootdir", s->rootdir);
        json_object_set_new(o, "shard", run_suite_describe_shard(s)); /* nothing where that is NULL */
        if (json_object_size(s->settings.of_file) > 0)
                json_object_set(o, "settings", s->settings.of_file);
}

void run_report_change(struct run_report *report, double seconds, unsigned n_pus, const char *reason)
{
        if (!report->changes)
                report->changes = json_array();
        if (json_array_size(report->changes) < RUN_REPORT_CHANGES_MAX)
                json_array_append_new(report->changes, json_pack("{s:f, s:i, s:s}", "seconds", seconds, "cpus",
                                                                 (int)n_pus, "reason", reason));
}

/* What is the whole run's, as it was when the suite ended. */
static void add_run(const struct run_report *report, json_t *o, const struct run *run)
{
        json_object_set_new(o, "priority", json_string(params_priorities[run_priority(run)]));
        json_object_set_new(o, "cpuChanges", report->changes ? json_copy(report->changes) : json_array());
}

void run_report_suite(struct run_report *report, struct run_suite *suite)
{
        json_t *o;

        if (!suite->hello_at) /* a nested schedctl that looked whether the run is there */
                return;
        if (!report->suites)
                report->suites = json_array();
        o = describe(suite);
        if (o) {
                add_result(o, suite);
                add_run(report, o, suite->run);
        }
        json_array_append_new(report->suites, o);
}

static int number(const json_t *o, const char *field)
{
        return (int)json_integer_value(json_object_get(o, field));
}

static double seconds(const json_t *o, const char *field)
{
        return json_real_value(json_object_get(o, field));
}

static const char *text(const json_t *o, const char *field)
{
        const char *value = json_string_value(json_object_get(o, field));

        return value ? value : "";
}

static const char *plural(int n)
{
        return n == 1 ? "" : "s";
}

static bool is_in_workers(const json_t *o)
{
        return strcmp(text(o, "mode"), "workers") == 0 || strcmp(text(o, "mode"), "xdist") == 0;
}

/* schedctl: 597 tests on 2 workers (CPUs 0-1): 1.01 s, bound 0.93 s (92 %), tests alone serially 1.83 s (1.8x) */
static void print_line(const json_t *o)
{
        double makespan = seconds(o, "seconds"), bound = seconds(o, "bound"), serial = seconds(o, "serial");

        fprintf(stderr, "schedctl: %d test%s on %d %sworker%s (CPU%s %s)", number(o, "done"), plural(number(o, "done")),
                number(o, "workers"), strcmp(text(o, "mode"), "xdist") ? "" : "xdist ", plural(number(o, "workers")),
                strpbrk(text(o, "pus"), ",-") ? "s" : "", text(o, "pus"));
        if (makespan > 0)
                fprintf(stderr, ": %.2f s, bound %.2f s (%.0f %%), tests alone serially %.2f s (%.1fx)", makespan,
                        bound, 100 * bound / makespan, serial, serial / makespan);
        if (number(o, "lost"))
                fprintf(stderr, ", %d killed %s worker%s", number(o, "lost"), number(o, "lost") == 1 ? "its" : "their",
                        plural(number(o, "lost")));
        fputc('\n', stderr);
}

/* schedctl:   18 workers more than CPUs, as tests waited; 3 recycled; in use: db 98 %, memory 40 % */
static void print_limits(const json_t *o)
{
        int extra = number(o, "extra"), recycled = number(o, "recycled");
        json_t *share, *resources = json_object_get(o, "resources");
        const char *name, *separator = extra || recycled ? "; in use: " : "in use: ";

        if (!extra && !recycled && json_object_size(resources) == 0)
                return;
        fputs("schedctl:   ", stderr);
        if (extra)
                fprintf(stderr, "%d worker%s more than CPUs, as tests waited", extra, plural(extra));
        if (recycled)
                fprintf(stderr, "%s%d worker%s recycled", extra ? "; " : "", recycled, plural(recycled));
        json_object_foreach (resources, name, share) {
                fprintf(stderr, "%s%s %.0f %%", separator, name, 100 * json_real_value(share));
                separator = ", ";
        }
        fputc('\n', stderr);
}

/* schedctl:   interactive; CPUs changed: after 1.3 s 1 (fair share), after 2.0 s 2 (grown) */
static void print_lease(const json_t *o)
{
        const json_t *change, *list = json_object_get(o, "cpuChanges");
        const char *separator = "; CPUs changed: ";
        size_t i;

        fprintf(stderr, "schedctl:   priority %s", text(o, "priority"));
        json_array_foreach (list, i, change) {
                fprintf(stderr, "%safter %.1f s %d (%s)", separator, seconds(change, "seconds"), number(change, "cpus"),
                        text(change, "reason"));
                separator = ", ";
        }
        if (seconds(o, "paused") > 0)
                fprintf(stderr, "; paused for %.1f s", seconds(o, "paused"));
        fputc('\n', stderr);
}

/* schedctl:   memory: 120 MB a worker; for at most 3 workers at times */
static void print_memory(const json_t *o)
{
        const json_t *memory = json_object_get(o, "memory");
        json_int_t bytes = json_integer_value(json_object_get(memory, "perWorker"));
        int workers = number(memory, "workers");

        if (bytes == 0 && workers == 0)
                return;
        fprintf(stderr, "schedctl:   memory: %lld MB a worker", (long long)(bytes >> 20));
        if (workers > 0)
                fprintf(stderr, "; at times for no more than %d worker%s", workers, plural(workers));
        fputc('\n', stderr);
}

static void print_busy(const json_t *o)
{
        const json_t *share, *list = json_object_get(o, "utilisation");
        size_t i;

        fputs("schedctl:   busy:", stderr);
        json_array_foreach (list, i, share) {
                fprintf(stderr, " gw%zu %.0f %%", i, 100 * json_real_value(share));
        }
        fputc('\n', stderr);
}

static void print_xdist_details(const json_t *o)
{
        fprintf(stderr, "schedctl:   --dist %s; times known of %d of %d; %d worker%s died\n", text(o, "dist"),
                number(o, "estimated"), number(o, "items"), number(o, "crashes"), plural(number(o, "crashes")));
        print_lease(o);
        print_busy(o);
}

static void print_details(const json_t *o)
{
        fprintf(stderr,
                "schedctl:   workers start by %s%s%s; times known of %d of %d; %d recall%s, %d worker%s died, "
                "%d left to pytest, %d confirmed\n",
                text(o, "start"), *text(o, "why") ? ": " : "", text(o, "why"), number(o, "estimated"),
                number(o, "items"), number(o, "recalls"), plural(number(o, "recalls")), number(o, "crashes"),
                plural(number(o, "crashes")), number(o, "left"), number(o, "confirmed"));
        print_limits(o);
        print_lease(o);
        print_memory(o);
        print_busy(o);
}

/* schedctl:   settings of /home/me/project: workers 4, item-timeout 2.5 */
static void print_settings(const json_t *o)
{
        json_t *value, *settings = json_object_get(o, "settings");
        const char *key, *separator = ": ";

        if (!settings)
                return;
        fprintf(stderr, "schedctl:   settings of %s", text(o, "rootdir"));
        json_object_foreach (settings, key, value) {
                CLEANUP_FREE char *said = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

                fprintf(stderr, "%s%s %s", separator, key, said ? said : "?");
                separator = ", ";
        }
        fputc('\n', stderr);
}

/* schedctl: gw3 was killed by the kernel for want of memory: now 3 workers */
static void print_killed(const json_t *o)
{
        const json_t *killed, *list = json_object_get(json_object_get(o, "memory"), "killed");
        size_t i;

        json_array_foreach (list, i, killed) {
                fprintf(stderr, "schedctl: %s\n", json_string_value(killed));
        }
}

static void print_suite(const json_t *o, bool verbose)
{
        if (strcmp(text(o, "mode"), "workers") == 0) {
                print_line(o);
                print_killed(o);
                if (verbose)
                        print_details(o);
        } else if (strcmp(text(o, "mode"), "xdist") == 0) {
                print_line(o);
                if (verbose)
                        print_xdist_details(o);
        } else if (json_is_true(json_object_get(o, "unfit"))) {
                fprintf(stderr, "schedctl: a pytest ran its tests serially: %s\n", text(o, "why"));
        } else if (verbose || json_is_true(json_object_get(o, "tell"))) {
                fprintf(stderr, "schedctl: %d test%s run by pytest itself: %s\n", number(o, "items"),
                        plural(number(o, "items")), text(o, "why"));
        }
        if (verbose)
                print_settings(o);
}

/* What was asked for, and so on standard output; behind pytest's own. */
static void print_plans(const struct run_report *report)
{
        const json_t *suite;
        size_t i;

        json_array_foreach (report->suites, i, suite) {
                fputs(text(suite, "text"), stdout);
        }
        fflush(stdout);
}

/* schedctl: 3.1 s of CPU time, at most 212 MB of memory at a time */
static void print_usage(const struct run_usage *usage, bool verbose)
{
        fprintf(stderr, "schedctl: %.1f s of CPU time", usage->cpu_seconds);
        if (usage->memory_peak != UINT64_MAX)
                fprintf(stderr, ", at most %llu MB of memory at a time",
                        (unsigned long long)(usage->memory_peak >> 20));
        if (verbose && usage->unit)
                fprintf(stderr, "; in %s", usage->unit);
        else if (verbose && usage->why_none)
                fprintf(stderr, "; in no scope: %s", usage->why_none);
        fputc('\n', stderr);
}

/* What the whole run has used; what is not known is left out. */
static json_t *describe_usage(const struct run_usage *usage, const struct run_jobs *jobs)
{
        json_t *o = json_pack("{s:f, s:s*, s:o*}", "cpuSeconds", usage->cpu_seconds, "unit", usage->unit, "jobs",
                              run_jobs_describe(jobs));

        if (usage->memory_peak != UINT64_MAX)
                json_object_set_new(o, "memoryPeak", json_integer((json_int_t)usage->memory_peak));
        if (usage->oom_kills != UINT64_MAX)
                json_object_set_new(o, "oomKills", json_integer((json_int_t)usage->oom_kills));
        return o;
}

static int write_suites(const struct run_report *report, const struct run_usage *usage, const struct run_jobs *jobs,
                        FILE *to)
{
        json_t *suite;
        size_t i;

        errno = EIO; /* where nobody says more */
        json_array_foreach (report->suites, i, suite) {
                json_object_set_new(suite, "run", describe_usage(usage, jobs));
                if (json_dumpf(suite, to, JSON_COMPACT) < 0 || fputc('\n', to) == EOF)
                        return -errno;
        }
        return fflush(to) == 0 ? 0 : -errno;
}

static void write_json(const struct run_report *report, const struct run_usage *usage, const struct run_jobs *jobs)
{
        CLEANUP_FCLOSE FILE *f = fopen(report->options->json, "we");
        int r = f ? write_suites(report, usage, jobs, f) : -errno;

        if (r < 0)
                fprintf(stderr, "schedctl %s: %s: %s\n", run_options_verb(report->options), report->options->json,
                        strerror(-r));
}

static void print_missed(const struct run_watch *watch, bool sharded)
{
        const char *whole = sharded ? ", and all of them, in each shard" : "";

        for (enum run_missed why = 0; why < RUN_MISSED_N; why++) {
                size_t n = run_watch_missed(watch, why);

                if (n == 1)
                        fprintf(stderr, "schedctl: a pytest could not be reached (%s): its tests ran serially%s\n",
                                run_missed_text(why), whole);
                else if (n > 1)
                        fprintf(stderr, "schedctl: %zu pytests could not be reached (%s): their tests ran serially%s\n",
                                n, run_missed_text(why), whole);
        }
}

static bool any_in_workers(const struct run_report *report)
{
        const json_t *suite;
        size_t i;

        json_array_foreach (report->suites, i, suite) {
                if (is_in_workers(suite))
                        return true;
        }
        return false;
}

void run_report_print(struct run_report *report, const struct run_watch *watch, const struct run_usage *usage,
                      const struct run_jobs *jobs)
{
        const json_t *suite;
        size_t i;

        if (report->options->json)
                write_json(report, usage, jobs);
        if (report->options->dry_run)
                print_plans(report);
        if (report->options->quiet || (report->options->attach && !report->options->verbose))
                return;
        json_array_foreach (report->suites, i, suite) {
                print_suite(suite, report->options->verbose);
        }
        print_missed(watch, report->options->shard.count > 0);
        if (report->options->attach)
                return; /* what it used is nobody's to say who did not start it */
        if (report->options->verbose || any_in_workers(report))
                print_usage(usage, report->options->verbose);
        if (report->options->verbose)
                run_jobs_print(jobs);
        if (report->options->verbose && !watch->reached.n && !watch->n_seen)
                fputs("schedctl: no pytest ran\n", stderr);
}

void run_report_finish(struct run_report *report)
{
        json_decref(report->suites);
        json_decref(report->changes);
        *report = (struct run_report){0};
}
