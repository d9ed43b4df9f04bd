/* schedctl plan: what a project's tests would take on some machine, and what would help. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/options.h"
#include "cli/plan.h"
#include "cli/plan_machine.h"
#include "cli/plan_past.h"
#include "cli/run_worth.h"
#include "cli/verbs.h"
#include "lib/client.h"

struct options {
        const char *project, *machine; /* NULL: here */
        struct cpuset cpus;            /* empty: any */
        unsigned workers;              /* 0: one a CPU */
        bool json, schedule;
        char *const *patterns;
};

static const char usage[] = "usage: schedctl plan [options] [PATTERN…]\n"
                            "\n"
                            "Says how long a project's tests would take, by what earlier runs measured, what\n"
                            "the end would wait for, and what would help. Runs nothing. With PATTERNs, of the\n"
                            "tests that they name: ids, their beginnings, or with * and ?.\n"
                            "\n"
                            "      --project DIR   of the project at or above DIR, not the current directory\n"
                            "      --machine FILE  on the machine that FILE describes, an hwloc XML export\n"
                            "  -w, --workers N     on N workers\n"
                            "      --cpus LIST     on these CPUs\n"
                            "      --schedule      which test would run where, and when\n"
                            "      --json          all of it, for programs\n"
                            "  -h, --help          print this\n"
                            "\n"
                            "'man schedctl-plan' explains the figures.\n";

static bool parse_cpus(const char *text, struct cpuset *ret_cpus)
{
        if (cpuset_parse(text, strlen(text), ret_cpus) == 0 && !cpuset_is_empty(ret_cpus))
                return true;
        fputs("schedctl plan: --cpus takes a list such as 0-3,8\n", stderr);
        return false;
}

/* 0 to go on, else the exit status + 1. */
static int parse_options(int argc, char **argv, struct options *o)
{
        const char *cpus = NULL;
        const struct option_rule rules[] = {
                OPTION_TEXT("project", 0, &o->project),
                OPTION_TEXT("machine", 0, &o->machine),
                OPTION_NUMBER("workers", 'w', &o->workers, 1, DISPATCH_WORKERS_MAX),
                OPTION_TEXT("cpus", 0, &cpus),
                OPTION_FLAG("schedule", 0, &o->schedule),
                OPTION_FLAG("json", 0, &o->json),
        };
        int first, r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), &first);

        if (r != 0)
                return r;
        o->patterns = argv + first;
        return !cpus || parse_cpus(cpus, &o->cpus) ? 0 : VERB_USAGE + 1;
}

/* Which of the machine's PUs may be used; false, and said why, where one of those asked for may not. */
static bool choose_cpus(const struct options *o, const struct plan_machine *m, struct cpuset *ret_cpus)
{
        struct cpuset missing = cpuset_andnot(&o->cpus, &m->usable);
        char text[CPUSET_TEXT_MAX] = "", usable[CPUSET_TEXT_MAX] = "";

        if (cpuset_is_empty(&missing)) {
                *ret_cpus = cpuset_is_empty(&o->cpus) ? m->usable : o->cpus;
                return true;
        }
        (void)cpuset_format(&missing, text, sizeof(text));
        (void)cpuset_format(&m->usable, usable, sizeof(usable));
        fprintf(stderr, "schedctl plan: --cpus: %s cannot be used; CPUs %s can\n", text, usable);
        return false;
}

/* What a run that begins now would tell its dispatcher. */
static struct dispatch_params describe_suite(const struct options *o, const struct plan_past *past, uint32_t n_pus)
{
        uint32_t wanted = o->workers < past->n_items ? o->workers : past->n_items, most = run_worth_most_workers(n_pus);

        most = most < past->n_items ? most : past->n_items;

        return (struct dispatch_params){
                .items = past->items,
                .n_items = past->n_items,
                .groups = past->groups,
                .n_groups = past->n_groups,
                .max_workers = wanted > 0 ? wanted : DISPATCH_WORKERS_MAX,
                .min_workers = wanted,
                .extra_workers = wanted == 0 && most > n_pus ? most - n_pus : 0,
                .default_seconds = RUN_DEFAULT_SECONDS,
                .overhead = RUN_SEND_SECONDS,
                .start_cost = RUN_FORK_SECONDS,
                .session_setup = past->list.session_setup,
        };
}

/* Seconds of a run beside its items': the last one's, as far as it had any. One without workers says nothing of it. */
static double seconds_beside(const struct history_project *project)
{
        if (!(project->wall > 0))
                return -1;
        return project->serial < project->wall ? project->serial : project->collection + RUN_FORK_SECONDS;
}

/* "3 h": in the largest unit of which there are two or more. */
static void print_age(int64_t seconds)
{
        static const struct {
                const char *name;
                int64_t seconds;
        } units[] = {{"days", 24 * 3600}, {"h", 3600}, {"min", 60}, {"s", 1}};
        size_t u = 0;

        while (u + 1 < ELEMENTSOF(units) && seconds < 2 * units[u].seconds)
                u++;
        printf("%lld %s", (long long)((seconds < 0 ? 0 : seconds) / units[u].seconds), units[u].name);
}

static void print_project(const struct options *o, const struct plan_past *past)
{
        const struct history_project *project = &past->list.project;

        plan_print_name(past->project, stdout);
        printf(": %llu run%s, the last one of %.2f s, ", (unsigned long long)project->runs,
               project->runs == 1 ? "" : "s", project->wall);
        print_age((int64_t)time(NULL) - past->list.latest);
        puts(" ago");
        if (*o->patterns)
                printf("%u of its %u tests are meant\n", past->n_items, past->n_current);
        putchar('\n');
}

static int print_text(const struct options *o, const struct plan_past *past, const struct plan_input *in,
                      const struct plan_result *plan, const char *why)
{
        int r;

        print_project(o, past);
        r = plan_print(in, plan, o->schedule, stdout);
        if (r == 0 && why)
                printf("\n'schedctl run' would leave these to pytest itself: %s.\n", why);
        return r;
}

static int print_json(const struct options *o, const struct plan_past *past, const struct plan_input *in,
                      const struct plan_result *plan, const char *why)
{
        CLEANUP_JSON json_t *json = plan_json(in, plan, o->schedule);
        const struct history_project *project = &past->list.project;

        if (!json ||
            json_object_update_new(json, json_pack("{s:o, s:I, s:f, s:I, s:s?}", "project", plan_name(past->project),
                                                   "runs", (json_int_t)project->runs, "lastWall", project->wall,
                                                   "latest", (json_int_t)past->list.latest, "inline", why)) < 0)
                return -ENOMEM;
        return json_dumpf(json, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF ? 0 : -EIO;
}

/* Why a run would leave the items to pytest, as far as that can be told beforehand; or NULL. */
static const char *why_inline(const struct plan_input *in, const struct plan_result *plan)
{
        const struct run_worth worth = {
                .items = in->suite->items,
                .n_items = in->suite->n_items,
                .total = plan->serial,
                .n_pus = (uint32_t)in->n_pus,
                .n_extra = in->suite->extra_workers,
                .start_cost = in->suite->start_cost,
        };

        if (in->suite->n_items == 1)
                return "one test";
        if (in->n_pus == 1)
                return run_worth_waiting(&worth) ? NULL : "one CPU";
        return run_worth_nothing(&worth) ? "too short to gain" : NULL;
}

static int plan_and_print(const struct options *o, const struct plan_past *past, const struct plan_machine *m,
                          const struct cpuset *cpus)
{
        unsigned n = o->workers > 0 && o->workers < m->most ? o->workers : m->most;
        CLEANUP(plan_result_finish) struct plan_result plan = {0};
        struct dispatch_params suite;
        struct dispatch_pu pus[CPUSET_MAX];
        struct plan_input in = {
                .suite = &suite,
                .pus = pus,
                .ids = past->ids,
                .group_ids = past->group_ids,
                .machine = &m->of,
                .beside = seconds_beside(&past->list.project),
                .n_known = past->n_known,
        };
        int r;

        in.n_pus = plan_machine_choose(m, cpus, n, pus, &in.spare);
        suite = describe_suite(o, past, (uint32_t)in.n_pus);
        r = plan_predict(&in, &plan);
        if (r < 0)
                return r;
        return (o->json ? print_json : print_text)(o, past, &in, &plan, o->workers ? NULL : why_inline(&in, &plan));
}

static int run(const struct options *o)
{
        CLEANUP(plan_past_finish) struct plan_past past = {0};
        CLEANUP(plan_machine_finish) struct plan_machine machine = {0};
        struct cpuset cpus;
        int r = plan_past_read(o->project ? o->project : ".", o->patterns, &past);

        if (r == 0)
                r = plan_machine_read(o->machine, &machine);
        if (r < 0)
                return VERB_FAILED;
        history_load_speeds(past.history, &machine.of.speeds);
        if (!choose_cpus(o, &machine, &cpus))
                return VERB_USAGE;
        r = plan_and_print(o, &past, &machine, &cpus);
        if (r == -EPROTO)
                fputs("schedctl plan: the simulated run broke off, which is a mistake in schedctl: please report it\n",
                      stderr);
        else if (r < 0)
                fprintf(stderr, "schedctl plan: %s\n", strerror(-r));
        return r == 0 && fflush(stdout) == 0 ? 0 : VERB_FAILED;
}

int verb_plan(int argc, char **argv)
{
        struct options options = {0};
        int r = parse_options(argc, argv, &options);

        return r != 0 ? r - 1 : run(&options);
}
