#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_options.h"
#include "cli/verbs.h"
#include "include/schedctl.h"
#include "lib/params.h"
#include "lib/util.h"

/* How reading options went, as options_read() has it: to go on, or the exit status + 1. */
enum {
        GO_ON = 0,
        HELPED = 1,
        REFUSED = VERB_USAGE + 1,
};

enum {
        OPT_MIN = 256,
        OPT_MAX,
        OPT_START,
        OPT_NO_PIN,
        OPT_LABEL,
        OPT_ENGINE,
        OPT_ITEM_TIMEOUT,
        OPT_CONFIRM_FAILURES,
        OPT_MAX_WORKERS,
        OPT_MAX_ITEMS,
        OPT_MAX_WORKER_MEMORY,
        OPT_DRY_RUN,
        OPT_PRIORITY,
        OPT_WEIGHT,
        OPT_SCOPE,
        OPT_SHARD,
        OPT_JSON,
        OPT_NO_COUNTS,
        OPT_JOBSERVER
};

static const struct option long_options[] = {
        {"workers", required_argument, NULL, 'w'},
        {"max-workers", required_argument, NULL, OPT_MAX_WORKERS},
        {"max-items-per-worker", required_argument, NULL, OPT_MAX_ITEMS},
        {"max-worker-memory", required_argument, NULL, OPT_MAX_WORKER_MEMORY},
        {"dry-run", no_argument, NULL, OPT_DRY_RUN},
        {"min", required_argument, NULL, OPT_MIN},
        {"max", required_argument, NULL, OPT_MAX},
        {"priority", required_argument, NULL, OPT_PRIORITY},
        {"weight", required_argument, NULL, OPT_WEIGHT},
        {"start", required_argument, NULL, OPT_START},
        {"no-pin", no_argument, NULL, OPT_NO_PIN},
        {"no-counts", no_argument, NULL, OPT_NO_COUNTS},
        {"label", required_argument, NULL, OPT_LABEL},
        {"engine", required_argument, NULL, OPT_ENGINE},
        {"scope", required_argument, NULL, OPT_SCOPE},
        {"jobserver", required_argument, NULL, OPT_JOBSERVER},
        {"shard", required_argument, NULL, OPT_SHARD},
        {"item-timeout", required_argument, NULL, OPT_ITEM_TIMEOUT},
        {"confirm-failures", no_argument, NULL, OPT_CONFIRM_FAILURES},
        {"verbose", no_argument, NULL, 'v'},
        {"quiet", no_argument, NULL, 'q'},
        {"json", required_argument, NULL, OPT_JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
};

/* The environment's name for an option; --no-pin is SCHEDCTL_PIN=0, --no-counts SCHEDCTL_COUNTS=0. */
static const struct {
        const char *variable;
        int option;
} equivalents[] = {
        {"SCHEDCTL_WORKERS", 'w'},
        {"SCHEDCTL_MAX_WORKERS", OPT_MAX_WORKERS},
        {"SCHEDCTL_MAX_ITEMS_PER_WORKER", OPT_MAX_ITEMS},
        {"SCHEDCTL_MAX_WORKER_MEMORY", OPT_MAX_WORKER_MEMORY},
        {"SCHEDCTL_DRY_RUN", OPT_DRY_RUN},
        {"SCHEDCTL_MIN", OPT_MIN},
        {"SCHEDCTL_MAX", OPT_MAX},
        {"SCHEDCTL_PRIORITY", OPT_PRIORITY},
        {"SCHEDCTL_WEIGHT", OPT_WEIGHT},
        {"SCHEDCTL_START", OPT_START},
        {"SCHEDCTL_PIN", OPT_NO_PIN},
        {"SCHEDCTL_COUNTS", OPT_NO_COUNTS},
        {"SCHEDCTL_LABEL", OPT_LABEL},
        {"SCHEDCTL_ENGINE", OPT_ENGINE},
        {"SCHEDCTL_SCOPE", OPT_SCOPE},
        {"SCHEDCTL_JOBSERVER", OPT_JOBSERVER},
        {"SCHEDCTL_SHARD", OPT_SHARD},
        {"SCHEDCTL_VERBOSE", 'v'},
        {"SCHEDCTL_QUIET", 'q'},
        {"SCHEDCTL_JSON", OPT_JSON},
        {"SCHEDCTL_ITEM_TIMEOUT", OPT_ITEM_TIMEOUT},
        {"SCHEDCTL_CONFIRM_FAILURES", OPT_CONFIRM_FAILURES},
};

static const char *const start_texts[] = {
        [RUN_START_AUTO] = "auto",
        [RUN_START_FORK] = "fork",
        [RUN_START_SPAWN] = "spawn",
};

static const char *const engine_texts[] = {
        [RUN_ENGINE_SCHEDCTL] = "schedctl",
        [RUN_ENGINE_XDIST] = "xdist",
};

static const char *const scope_texts[] = {
        [RUN_SCOPE_AUTO] = "auto",
        [RUN_SCOPE_YES] = "yes",
        [RUN_SCOPE_NO] = "no",
};

static const char *const jobserver_texts[] = {
        [RUN_JOBSERVER_AUTO] = "auto",
        [RUN_JOBSERVER_FIFO] = "fifo",
        [RUN_JOBSERVER_PIPE] = "pipe",
        [RUN_JOBSERVER_NO] = "no",
};

const char *run_options_verb(const struct run_options *o)
{
        return o->attach ? "attach" : "run";
}

const char *run_start_text(enum run_start start)
{
        return start_texts[start];
}

const char *run_engine_text(enum run_engine engine)
{
        return engine_texts[engine];
}

static void print_help(void)
{
        puts("usage: schedctl run [options] [--] COMMAND [argument…]\n"
             "\n"
             "Runs COMMAND on borrowed CPUs; any pytest in it runs its tests in parallel.\n"
             "\n"
             "  -w, --workers N        N workers a suite, on however many CPUs (1: in pytest itself)\n"
             "      --max-workers N    at most N of them, also while tests only wait\n"
             "      --max-items-per-worker N\n"
             "                         a new worker after N tests\n"
             "      --max-worker-memory SIZE\n"
             "                         a new one when it has needed more than that (512M, 2G)\n"
             "      --dry-run          collect, and say what would run where\n"
             "      --min N            ask for at least N CPUs\n"
             "      --max N            borrow at most N CPUs\n"
             "      --priority WHICH   interactive, normal or batch (takes what others leave);\n"
             "                         otherwise interactive while it is short\n"
             "      --weight N         its share against your other runs, 100 by default\n"
             "      --start HOW        start workers by fork (after collection) or spawn\n"
             "                         (afresh); auto, the default, forks where that is safe\n"
             "      --no-pin           set nobody's CPU affinity\n"
             "      --no-counts        set none of the variables by which programs count CPUs\n"
             "      --label TEXT       shown by 'schedctl status'; otherwise COMMAND\n"
             "      --engine WHICH     who deals the tests: schedctl, the default, or xdist\n"
             "      --scope WHICH      a systemd scope of the run's own: auto, the default, where there\n"
             "                         is a user manager, yes or no\n"
             "      --jobserver STYLE  how make and others that build take part: auto, the default,\n"
             "                         fifo, pipe or no\n"
             "      --shard I/N        run the Ith of N parts of each suite, on one of N nodes; auto, the\n"
             "                         default, and ci: as CI says; no: all of it\n"
             "      --item-timeout S   end a worker whose test takes more than S seconds\n"
             "      --confirm-failures run tests that failed once more, each alone, at the end\n"
             "      --json FILE        write the summary as JSON, a line per suite\n"
             "  -v, --verbose          say more at the end, and why\n"
             "  -q, --quiet            no summary line\n"
             "  -h, --help             print this\n"
             "\n"
             "Options have environment variables, SCHEDCTL_WORKERS=N and so on; the command\n"
             "line wins. 'man schedctl-run' explains all of them.");
}

static void print_attach_help(void)
{
        puts("usage: schedctl attach [options]\n"
             "\n"
             "Borrows CPUs for the process that starts it, and says so in a line of JSON. What it\n"
             "has borrowed goes back when its standard input ends. For programs: pytest's plugin\n"
             "runs it for 'pytest -n auto'.\n"
             "\n"
             "  -w, --workers N        N workers a suite, on however many CPUs\n"
             "      --max-workers N    at most N of them\n"
             "      --min N            ask for at least N CPUs\n"
             "      --max N            borrow at most N CPUs\n"
             "      --priority WHICH   interactive, normal or batch (takes what others leave);\n"
             "                         otherwise interactive while it is short\n"
             "      --weight N         its share against your other runs, 100 by default\n"
             "      --no-pin           set nobody's CPU affinity\n"
             "      --no-counts        hand on none of the variables by which programs count CPUs\n"
             "      --label TEXT       shown by 'schedctl status'; otherwise the process's command\n"
             "      --json FILE        write the summary as JSON, a line per suite\n"
             "  -v, --verbose          a summary at the end\n"
             "  -q, --quiet            none, and not a word about waiting\n"
             "  -h, --help             print this\n"
             "\n"
             "Options have environment variables as those of 'schedctl run' have. 'man\n"
             "schedctl-attach' explains all of them.");
}

static bool parse_number(const char *text, unsigned least, unsigned most, unsigned *ret_number)
{
        unsigned long value;
        char *end;

        if (*text < '0' || *text > '9')
                return false;
        errno = 0;
        value = strtoul(text, &end, 10);
        if (errno || *end || value < least || value > most)
                return false;
        *ret_number = (unsigned)value;
        return true;
}

static bool parse_count(const char *text, unsigned *ret_count)
{
        return parse_number(text, 1, RUN_COUNT_MAX, ret_count);
}

/* 512M, 1.5G, 2GiB, or a number of MiB; rounded up to these. */
static bool parse_memory(const char *text, unsigned *ret_mib)
{
        static const char units[] = "KMGT";
        static const double mib[] = {1.0 / 1024, 1, 1024, 1024.0 * 1024};
        const char *unit;
        double value;
        char *end;

        if (*text < '0' || *text > '9' || strpbrk(text, "xXeE"))
                return false;
        value = strtod(text, &end);
        unit = *end ? strchr(units, *end) : NULL;
        if (unit) {
                value *= mib[unit - units];
                end++;
                if (strcmp(end, "B") == 0 || strcmp(end, "iB") == 0)
                        end += strlen(end);
        }
        if (*end || !(value <= (double)RUN_MEMORY_MAX))
                return false;
        *ret_mib = (unsigned)ceil(value);
        return true;
}

static bool parse_choice(const char *text, const char *const *texts, size_t n, unsigned *ret_choice)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(text, texts[i]) == 0) {
                        *ret_choice = (unsigned)i;
                        return true;
                }
        }
        return false;
}

bool run_start_parse(const char *text, enum run_start *ret_start)
{
        unsigned choice;

        if (!parse_choice(text, start_texts, ELEMENTSOF(start_texts), &choice))
                return false;
        *ret_start = (enum run_start)choice;
        return true;
}

static bool parse_seconds(const char *text, double *ret_seconds)
{
        double value;
        char *end;

        if (*text < '0' || *text > '9')
                return false;
        value = strtod(text, &end);
        if (*end || !(value <= RUN_ITEM_TIMEOUT_MAX))
                return false;
        *ret_seconds = value;
        return true;
}

/* A switch: value is NULL on the command line; "1" or "0" in the environment. */
static bool parse_switch(const char *value, bool *ret_on)
{
        if (value && strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
                return false;
        *ret_on = !value || *value == '1';
        return true;
}

static bool parse_label(const char *text, const char **ret_label)
{
        if (strlen(text) > RUN_LABEL_MAX)
                return false;
        *ret_label = text;
        return true;
}

/* Applies one option; false where the value is not one of it. `from_environment` turns SCHEDCTL_PIN and SCHEDCTL_COUNTS
 * around. */
static bool apply(struct run_options *o, int option, const char *value, bool from_environment)
{
        unsigned choice = 0;
        bool ok = true;

        switch (option) {
        case 'w':
                return parse_count(value, &o->workers);
        case OPT_MAX_WORKERS:
                return parse_count(value, &o->max_workers);
        case OPT_MAX_ITEMS:
                o->max_items_given = true;
                return parse_number(value, 0, RUN_TURNS_MAX, &o->max_items);
        case OPT_MAX_WORKER_MEMORY:
                o->max_worker_memory_given = true;
                return parse_memory(value, &o->max_worker_memory);
        case OPT_DRY_RUN:
                return parse_switch(value, &o->dry_run);
        case OPT_MIN:
                return parse_count(value, &o->min);
        case OPT_MAX:
                return parse_count(value, &o->max);
        case OPT_PRIORITY:
                ok = parse_choice(value, params_priorities, SCHEDCTL_INTERACTIVE + 1, &choice);
                o->priority = (int)choice;
                o->priority_given = true;
                return ok;
        case OPT_WEIGHT:
                return parse_number(value, 1, RUN_WEIGHT_MAX, &o->weight);
        case OPT_START:
                o->start_given = true;
                return run_start_parse(value, &o->start);
        case OPT_ITEM_TIMEOUT:
                o->item_timeout_given = true;
                return parse_seconds(value, &o->item_timeout);
        case OPT_CONFIRM_FAILURES:
                o->confirm_failures_given = true;
                return parse_switch(value, &o->confirm_failures);
        case OPT_ENGINE:
                ok = parse_choice(value, engine_texts, ELEMENTSOF(engine_texts), &choice);
                o->engine = (enum run_engine)choice;
                return ok;
        case OPT_SCOPE:
                ok = parse_choice(value, scope_texts, ELEMENTSOF(scope_texts), &choice);
                o->scope = (enum run_scope_wish)choice;
                return ok;
        case OPT_JOBSERVER:
                ok = parse_choice(value, jobserver_texts, ELEMENTSOF(jobserver_texts), &choice);
                o->jobserver = (enum run_jobserver)choice;
                return ok;
        case OPT_SHARD:
                return run_shard_parse(value, from_environment ? "SCHEDCTL_SHARD" : RUN_SHARD_OPTION, &o->shard);
        case OPT_NO_PIN:
                ok = parse_switch(value, &o->no_pin);
                o->no_pin ^= from_environment;
                return ok;
        case OPT_NO_COUNTS:
                ok = parse_switch(value, &o->no_counts);
                o->no_counts ^= from_environment;
                return ok;
        case OPT_LABEL:
                return parse_label(value, &o->label);
        case 'v':
                return parse_switch(value, &o->verbose);
        case 'q':
                return parse_switch(value, &o->quiet);
        case OPT_JSON:
                o->json = value;
                return true;
        default:
                return false;
        }
}

static const char *option_name(int option)
{
        for (const struct option *o = long_options; o->name; o++)
                if (o->val == option)
                        return o->name;
        return "?";
}

/* What it takes, where that is easily mistaken. */
static const char *hint(int option)
{
        return option == OPT_SHARD ? ": 1/3 is the first of three shards, 3/3 the last; or auto, ci, no" : "";
}

/* Of a COMMAND, or of workers that are the run's own. */
static bool needs_command(int option)
{
        static const int options[] = {
                OPT_MAX_ITEMS, OPT_MAX_WORKER_MEMORY, OPT_DRY_RUN,          OPT_START,    OPT_ENGINE,
                OPT_SCOPE,     OPT_ITEM_TIMEOUT,      OPT_CONFIRM_FAILURES, OPT_JOBSERVER};

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i] == option)
                        return true;
        return false;
}

/* What concerns others does not disturb. */
static bool read_environment(const char *verb, bool attach, struct run_options *o)
{
        for (size_t i = 0; i < ELEMENTSOF(equivalents); i++) {
                const char *value = getenv(equivalents[i].variable);

                if (!value || !*value || (attach && needs_command(equivalents[i].option)))
                        continue;
                if (!apply(o, equivalents[i].option, value, true)) {
                        fprintf(stderr, "schedctl %s: %s is '%s', which --%s does not take%s\n", verb,
                                equivalents[i].variable, value, option_name(equivalents[i].option),
                                hint(equivalents[i].option));
                        return false;
                }
        }
        return true;
}

static bool check_numbers(const char *verb, const struct run_options *o)
{
        if (o->max && o->min > o->max)
                fprintf(stderr, "schedctl %s: --min %u is above --max %u\n", verb, o->min, o->max);
        else if (o->max_workers && o->workers > o->max_workers)
                fprintf(stderr, "schedctl %s: --workers %u is above --max-workers %u\n", verb, o->workers,
                        o->max_workers);
        else if (o->workers && o->min > o->workers)
                fprintf(stderr, "schedctl %s: --min %u is above --workers %u\n", verb, o->min, o->workers);
        else
                return true;
        return false;
}

/* What is wrong with the option that getopt_long() has just looked at. */
static int complain(const char *verb, int option, char *const *argv)
{
        const char *word = argv[optind - 1];

        if (option == ':')
                fprintf(stderr, "schedctl %s: %s needs a value\n", verb, word);
        else if (option == '?')
                fprintf(stderr, "schedctl %s: option '%s' is not known; see 'schedctl %s --help'\n", verb, word, verb);
        else
                fprintf(stderr, "schedctl %s: --%s does not take '%s'%s\n", verb, option_name(option), optarg,
                        hint(option));
        return REFUSED;
}

static int read_command_line(const char *verb, bool attach, int argc, char **argv, struct run_options *o)
{
        int option;

        optind = 0; /* glibc: start over, whoever parsed before */
        opterr = 0;
        while ((option = getopt_long(argc, argv, "+:w:vqh", long_options, NULL)) != -1) {
                if (option == 'h') {
                        attach ? print_attach_help() : print_help();
                        return HELPED;
                }
                if (attach && needs_command(option)) {
                        fprintf(stderr, "schedctl attach: --%s is for runs of a command\n", option_name(option));
                        return REFUSED;
                }
                if (option == ':' || option == '?' || !apply(o, option, optarg, false))
                        return complain(verb, option, argv);
        }
        o->command = argv + optind;
        return GO_ON;
}

static int parse(const char *verb, bool attach, int argc, char **argv, struct run_options *ret_options)
{
        struct run_options o = {0};
        int r;

        if (!read_environment(verb, attach, &o))
                return REFUSED;
        r = read_command_line(verb, attach, argc, argv, &o);
        if (r != GO_ON)
                return r;
        if (!attach && !*o.command) {
                fputs("schedctl run: no COMMAND; see 'schedctl run --help'\n", stderr);
                return REFUSED;
        }
        if (attach && *o.command) {
                fprintf(stderr, "schedctl attach: '%s' is not understood\n", *o.command);
                return REFUSED;
        }
        if (!check_numbers(verb, &o))
                return REFUSED;
        *ret_options = o;
        return GO_ON;
}

int run_options_parse(int argc, char **argv, struct run_options *ret_options)
{
        return parse("run", false, argc, argv, ret_options);
}

int run_options_parse_attach(int argc, char **argv, struct run_options *ret_options)
{
        int r = parse("attach", true, argc, argv, ret_options);

        if (r != GO_ON)
                return r;
        ret_options->command = NULL;
        ret_options->scope = RUN_SCOPE_NO; /* it is in one already, or in its user's session */
        return GO_ON;
}
