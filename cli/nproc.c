/* schedctl nproc: how many workers a run started now would get. */
#include <errno.h>
#include <sched.h>

#include "cli/ask.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "lib/client.h"
#include "lib/text.h"

struct options {
        unsigned max; /* 0: no limit */
        bool json;
};

static const char usage[] = "usage: schedctl nproc [--max N] [--json]\n"
                            "\n"
                            "Prints how many workers a run that starts now would get.\n"
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

/* What nproc(1) would say; it is better to build with that than not at all. */
static json_t *count_affinity(const struct options *options)
{
        cpu_set_t set;
        int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);

        n = n < 1 ? 1 : n;
        if (options->max > 0 && (unsigned)n > options->max)
                n = (int)options->max;
        return json_pack("{s:i, s:s}", "workers", n, "reason", "no service: the CPUs of the affinity mask");
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
        r = ask(&options, &answer);
        if (r < 0) {
                fprintf(stderr, "schedctl nproc: no service (%s): counting the affinity mask's CPUs\n", ask_problem(r));
                answer = count_affinity(&options);
        }
        if (options.json)
                json_dumpf(answer, stdout, JSON_INDENT(2));
        else
                printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(answer, "workers")));
        putchar('\n');
        return fflush(stdout) == 0 ? 0 : VERB_FAILED;
}
