/* schedctl run: a command on borrowed CPUs. */
#include <stdio.h>

#include "cli/run_begin.h"
#include "cli/run_env.h"
#include "cli/run_join.h"
#include "cli/run_options.h"
#include "cli/verbs.h"

/* NULL where there is none: COMMAND runs without the plugin. */
static const char *find_python_dir(char *buf, size_t size)
{
        if (run_env_python_dir(buf, size) == 0)
                return buf;
        fputs("schedctl run: its pytest plugin is not installed; tests run serially\n", stderr);
        return NULL;
}

int verb_run(int argc, char **argv)
{
        struct run_options options;
        char python[RUN_PYTHON_DIR_MAX];
        int r = run_options_parse(argc, argv, &options);

        if (r != 0)
                return r - 1;
        if (run_join_is_inside()) {
                run_shard_tell_nested(&options.shard);
                return run_join(options.command);
        }
        if (!run_shard_settle("run", false, &options))
                return VERB_USAGE;
        return run_begin(&options, find_python_dir(python, sizeof(python)));
}
