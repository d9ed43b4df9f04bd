/* What the user asked of `schedctl run`: its options and their environment equivalents. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cli/run_shard.h"

enum run_start {
        RUN_START_AUTO,
        RUN_START_FORK,
        RUN_START_SPAWN,
};

enum run_engine {
        RUN_ENGINE_SCHEDCTL,
        RUN_ENGINE_XDIST,
};

enum run_scope_wish {
        RUN_SCOPE_AUTO,
        RUN_SCOPE_YES,
        RUN_SCOPE_NO,
};

enum run_jobserver {
        RUN_JOBSERVER_AUTO,
        RUN_JOBSERVER_FIFO,
        RUN_JOBSERVER_PIPE,
        RUN_JOBSERVER_NO,
};

enum {
        RUN_COUNT_MAX = 4096,               /* of workers or PUs; CPUSET_MAX */
        RUN_LABEL_MAX = 128,                /* bytes; the service's limit */
        RUN_LABEL_RAW_MAX = 132,            /* with room for the whole character that is cut, and a NUL */
        RUN_WEIGHT_MAX = 10000,             /* the service's limit */
        RUN_TURNS_MAX = 1000 * 1000 * 1000, /* items of one worker */
};

/* Seconds; a week. */
#define RUN_ITEM_TIMEOUT_MAX 604800.0
/* MiB; a PiB. */
#define RUN_MEMORY_MAX       1073741824U

/* Texts belong to argv or the environment and live as long as the process. What a project's file may say too has to be
 * known as given or not. */
struct run_options {
        unsigned workers;           /* of each suite; 0: not given */
        unsigned max_workers;       /* of each suite at a time, those beyond one a PU included; 0: not given */
        unsigned max_items;         /* that a worker runs; 0: any number */
        unsigned max_worker_memory; /* MiB that a worker may have needed; 0: any */
        unsigned min, max;          /* PUs of the lease; 0: the service's default */
        unsigned weight;            /* of the lease; 0: the service's default */
        int priority;               /* SCHEDCTL_NORMAL, _BATCH or _INTERACTIVE; not given: run_priority.h's to find */
        enum run_start start;
        enum run_engine engine;
        enum run_scope_wish scope;
        enum run_jobserver jobserver;
        double item_timeout; /* seconds an item may take; 0: any time */
        bool confirm_failures;
        bool start_given, item_timeout_given, confirm_failures_given, max_items_given, max_worker_memory_given;
        bool priority_given;
        bool dry_run; /* say what would run where, and run nothing */
        struct run_shard shard;
        bool no_pin;
        bool no_counts; /* OMP_NUM_THREADS and so on */
        bool verbose;
        bool quiet;
        const char *label; /* NULL: made from COMMAND */
        const char *json;  /* file that the summary goes to; NULL none */
        char **command;    /* NULL-terminated, at least one word; NULL: there is none, as */
        pid_t attach;      /* the run is there for this process; 0: for COMMAND */
};

/* Reads the environment first, then the command line (argv[0] is the verb), which wins. 0 to go on, else the exit
 * status + 1, as of options_read(): the help, or what is not understood, has been printed. */
int run_options_parse(int argc, char **argv, struct run_options *ret_options);
/* The same for `schedctl attach`, which has no COMMAND, and takes those options that make sense without. */
int run_options_parse_attach(int argc, char **argv, struct run_options *ret_options);

/* "run" or "attach", for messages. */
const char *run_options_verb(const struct run_options *options);

/* False where the text is none of them. */
bool run_start_parse(const char *text, enum run_start *ret_start);
const char *run_start_text(enum run_start start);
const char *run_engine_text(enum run_engine engine);
