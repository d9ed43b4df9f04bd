/* What the user asked of `schedctl run`: its options and their environment equivalents. */
#pragma once

#include <stdbool.h>

enum run_start {
        RUN_START_AUTO,
        RUN_START_FORK,
        RUN_START_SPAWN,
};

enum run_engine {
        RUN_ENGINE_SCHEDCTL,
        RUN_ENGINE_XDIST,
};

enum {
        RUN_COUNT_MAX = 4096, /* of workers or PUs; CPUSET_MAX */
        RUN_LABEL_MAX = 128,  /* bytes; the service's limit */
};

/* Texts belong to argv or the environment and live as long as the process. */
struct run_options {
        unsigned workers;  /* most workers a suite may have; 0: as many as PUs */
        unsigned min, max; /* PUs of the lease; 0: the service's default */
        enum run_start start;
        enum run_engine engine;
        bool no_pin;
        bool verbose;
        bool quiet;
        const char *label; /* NULL: made from COMMAND */
        const char *json;  /* file that the summary goes to; NULL none */
        char **command;    /* NULL-terminated, at least one word */
};

enum run_options_result {
        RUN_OPTIONS_OK,
        RUN_OPTIONS_HELP,  /* --help was asked for and printed */
        RUN_OPTIONS_USAGE, /* a message was printed to stderr */
};

/* Reads the environment first, then the command line (argv[0] is the verb), which wins. */
enum run_options_result run_options_parse(int argc, char **argv, struct run_options *ret_options);

const char *run_start_text(enum run_start start);
const char *run_engine_text(enum run_engine engine);
