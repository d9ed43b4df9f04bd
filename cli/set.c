/* schedctl set: a run's priority and weight from outside; pausing it and letting it go on. */
#include <errno.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "core/alloc.h"
#include "lib/params.h"

struct options {
        const char *priority; /* NULL: as it is */
        unsigned weight;      /* 0: as it is */
        bool pause, resume;
};

static const char usage[] =
        "usage: schedctl set LEASE [--priority PRIORITY] [--weight N] [--pause | --resume]\n"
        "\n"
        "Changes a run of yours; 'schedctl status' shows their leases.\n"
        "\n"
        "  -p, --priority PRIORITY  interactive: somebody waits for it, and it is short;\n"
        "                           normal; batch: it takes what others leave\n"
        "  -w, --weight N           its share against your other runs, 1 to 10000; a run begins with 100\n"
        "      --pause              it gives everything back and stands still\n"
        "      --resume             it goes on\n"
        "  -h, --help               print this\n";

static bool is_priority(const char *text)
{
        for (size_t i = 0; params_priorities[i]; i++)
                if (strcmp(text, params_priorities[i]) == 0)
                        return true;
        return false;
}

/* 0 to go on, else the exit status + 1. */
static int parse_options(int argc, char **argv, struct options *o, const char **ret_lease)
{
        const struct option_rule rules[] = {
                OPTION_TEXT("priority", 'p', &o->priority),
                OPTION_NUMBER("weight", 'w', &o->weight, ALLOC_WEIGHT_MIN, ALLOC_WEIGHT_MAX),
                OPTION_FLAG("pause", 0, &o->pause),
                OPTION_FLAG("resume", 0, &o->resume),
        };
        int first, r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), &first);

        if (r != 0)
                return r;
        if (first + 1 != argc)
                return options_refuse("set", first == argc ? "of which lease?" : "one lease at a time") + 1;
        if (o->priority && !is_priority(o->priority))
                return options_refuse("set", "'%s' is no priority", o->priority) + 1;
        if (o->pause && o->resume)
                return options_refuse("set", "--pause and --resume exclude each other") + 1;
        if (!o->priority && o->weight == 0 && !o->pause && !o->resume)
                return options_refuse("set", "nothing to change") + 1;
        *ret_lease = argv[first];
        return 0;
}

static json_t *parameters_of(const struct options *o, const char *lease)
{
        json_t *weight = o->weight > 0 ? json_integer(o->weight) : NULL;
        json_t *paused = o->pause || o->resume ? json_boolean(o->pause) : NULL;

        return json_pack("{s:s, s:s*, s:o*, s:o*}", "lease", lease, "priority", o->priority, "weight", weight, "paused",
                         paused);
}

int verb_set(int argc, char **argv)
{
        CLEANUP_JSON json_t *parameters = NULL, *reply = NULL;
        struct options options = {0};
        const char *lease = NULL;
        int r = parse_options(argc, argv, &options, &lease);

        if (r != 0)
                return r - 1;
        parameters = parameters_of(&options, lease);
        if (!parameters)
                return options_refuse("set", "'%s' cannot be a lease's name", lease);
        r = ask_service("set", ASK_METHOD("Control"), parameters, CLIENT_NO_START, &reply);
        if (r > 0)
                fputs("schedctl set: no service is running: there is no lease\n", stderr);
        return r == 0 ? 0 : VERB_FAILED;
}
