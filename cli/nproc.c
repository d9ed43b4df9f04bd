/* schedctl nproc: how many workers a run started now would get, or, below a run, what that holds. */
#include <errno.h>
#include <sched.h>

#include "cli/ask.h"
#include "cli/options.h"
#include "cli/run_ask.h"
#include "cli/verbs.h"
#include "hw/usable.h"
#include "lib/client.h"
#include "lib/text.h"

struct options {
        unsigned max; /* 0: no limit */
        bool json;
};

static const char usage[] = "usage: schedctl nproc [--max N] [--json]\n"
                            "\n"
                            "Prints how many workers a run that starts now would get; within a run, how many it\n"
                            "may have at the moment, and in a worker one.\n"
                            "\n"
                            "      --max N  at most N\n"
                            "      --json   the CPUs and the reason as well\n"
                            "  -h, --help   print this\n";

static int ask(const struct options *options, json_t **ret_answer)
{
        CLEANUP_JSON json_t *facts = NULL, *answer = NULL;
        CLEANUP_FREE char *error = NULL;
        int r = client_facts(&facts);

        if (r < 0)
                return r;
        if (options->max > 0 && json_object_set_new(facts, "max", json_integer(options->max)) < 0)
                return -ENOMEM;
        r = client_call("org.schedctl.Scheduler.SuggestWorkers", facts, 0, &answer, &error);
        if (r < 0)
                return r;
        if (r > 0) {
                CLEANUP_FREE char *escaped = text_escape(error);

                fprintf(stderr, "schedctl nproc: the service answers %s\n", escaped ? escaped : "an error");
                return -EPROTO;
        }
        if (!json_is_integer(json_object_get(answer, "workers")))
                return -EPROTO;
        *ret_answer = TAKE(answer);
        return 0;
}

static unsigned at_most(const struct options *options, unsigned n)
{
        return options->max > 0 && n > options->max ? options->max : n;
}

/* What nproc(1) would say; it is better to build with that than not at all. */
static json_t *count_affinity(const struct options *options, const char *reason)
{
        cpu_set_t set;
        int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);

        return json_pack("{s:i, s:s}", "workers", (int)at_most(options, n < 1 ? 1 : (unsigned)n), "reason", reason);
}

static json_t *list_pus(const struct cpuset *pus)
{
        json_t *list = json_array();

        CPUSET_FOREACH (pu, pus) {
                (void)json_array_append_new(list, json_integer(pu));
        }
        return list;
}

/* Below a run: what this process may use of what that holds, by the run's own word, and no more than its mask. */
static int ask_run(const struct options *options, const char *run, json_t **ret_answer)
{
        struct hw_allowance allowance;
        struct cpuset held;
        unsigned workers;
        int r = run_ask_held(run, &workers, &held);

        if (r < 0)
                return r;
        if (hw_allowance_read("", 0, &allowance, NULL) == 0 && cpuset_intersects(&allowance.pus, &held))
                held = cpuset_and(&allowance.pus, &held);
        workers = workers < cpuset_count(&held) ? workers : (unsigned)cpuset_count(&held);
        workers = at_most(options, workers);
        *ret_answer = json_pack("{s:i, s:o, s:s}", "workers", (int)workers, "pus", list_pus(&held), "reason",
                                "held by the run");
        return *ret_answer ? 0 : -ENOMEM;
}

/* A run that does not answer is paused, or busy: COMMAND's mask is what it held last. */
static int answer_in_run(const struct options *options, json_t **ret_answer)
{
        const char *run = getenv("SCHEDCTL_RUN");
        int r = run && *run ? ask_run(options, run, ret_answer) : -ENOENT;

        if (r == -ETIMEDOUT || r == -EAGAIN)
                *ret_answer = count_affinity(options, "the run does not answer: the CPUs of the affinity mask");
        return r == -ETIMEDOUT || r == -EAGAIN ? 0 : r;
}

int verb_nproc(int argc, char **argv)
{
        struct options options = {0};
        CLEANUP_JSON json_t *answer = NULL;
        const struct option_rule rules[] = {
                OPTION_NUMBER("max", 0, &options.max, 1, CPUSET_MAX),
                OPTION_FLAG("json", 0, &options.json),
        };
        int r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), NULL);

        if (r != 0)
                return r - 1;
        r = answer_in_run(&options, &answer);
        if (r < 0)
                r = ask(&options, &answer);
        if (r < 0) {
                fprintf(stderr, "schedctl nproc: no service (%s): counting the affinity mask's CPUs\n", ask_problem(r));
                answer = count_affinity(&options, "no service: the CPUs of the affinity mask");
        }
        if (options.json)
                json_dumpf(answer, stdout, JSON_INDENT(2));
        else
                printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(answer, "workers")));
        putchar('\n');
        return fflush(stdout) == 0 ? 0 : VERB_FAILED;
}
