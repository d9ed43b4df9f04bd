/* schedctl attach: a run beside a process that is there already, for a pytest that somebody started by itself. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/run_begin.h"
#include "cli/run_options.h"
#include "cli/run_tree.h"
#include "cli/verbs.h"

/* The command line of the process that starts us, as much of it as a label has room for. */
static void label_by_parent(pid_t parent, char ret_label[static RUN_LABEL_RAW_MAX])
{
        ssize_t n = run_tree_cmdline(parent, ret_label, RUN_LABEL_RAW_MAX);

        for (ssize_t i = 0; i + 1 < n; i++)
                if (ret_label[i] == '\0')
                        ret_label[i] = ' ';
        if (n <= 0)
                snprintf(ret_label, RUN_LABEL_RAW_MAX, "schedctl attach");
}

int verb_attach(int argc, char **argv)
{
        static char label[RUN_LABEL_RAW_MAX]; /* as long as the run */
        struct run_options options;
        pid_t parent = getppid();
        int r = run_options_parse_attach(argc, argv, &options);

        if (r != 0)
                return r - 1;
        if (!run_shard_settle("attach", true, &options))
                return VERB_USAGE;
        options.attach = parent;
        if (!options.label) {
                label_by_parent(parent, label);
                options.label = label;
        }
        /* Nobody is to wait in the queue for one that is gone; the engine sees to it from then on. */
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                return VERB_FAILED;
        return run_begin(&options, NULL);
}
