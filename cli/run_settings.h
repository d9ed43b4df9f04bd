/* What holds for one suite: the options of `schedctl run` weighed against what the project's own file says. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "cli/run_options.h"

enum {
        RUN_SETTINGS_COMPLAINT_MAX = 512, /* bytes, with the NUL */
};

struct run_settings {
        unsigned workers;           /* 0: as many as PUs, and more while tests wait */
        unsigned max_workers;       /* 0: not said */
        unsigned max_items;         /* that a worker runs; 0: any number */
        unsigned max_worker_memory; /* MiB; 0: any */
        enum run_start start;
        double item_timeout; /* seconds; 0: none */
        bool confirm_failures;
        json_t *of_file; /* what of it the file says: an object with the file's keys; NULL without memory */
};

/* The command line and the environment win over `file`, which is hello's `settings` (NULL: it says nothing). What it
 * says that cannot be is named in ret_complaint ("" where all is well) and does not hold. */
void run_settings_weigh(const struct run_options *options, const json_t *file, struct run_settings *ret_settings,
                        char ret_complaint[static RUN_SETTINGS_COMPLAINT_MAX]);
void run_settings_finish(struct run_settings *settings);
