#include <stdlib.h>

#include "cli/run_ask.h"
#include "cli/run_command.h"
#include "cli/run_env.h"
#include "cli/run_join.h"
#include "lib/util.h"

/* Said at once: else the run would take what COMMAND becomes for a pytest that it has reached. */
static bool is_reachable(const char *path)
{
        CLEANUP_CLOSE int fd = run_ask_send(path, "join");

        return fd >= 0;
}

bool run_join_is_inside(void)
{
        const char *inside = getenv("SCHEDCTL_INSIDE"), *run = getenv("SCHEDCTL_RUN");

        return (inside && *inside) || (run && *run && is_reachable(run));
}

int run_join(char **command)
{
        const char *python_dir = getenv("SCHEDCTL_PYTHONPATH"), *inside = getenv("SCHEDCTL_INSIDE");

        /* Below a test everything stays as the test made it; elsewhere PYTHONPATH may have been set anew. */
        if (python_dir && *python_dir && !(inside && *inside))
                (void)run_env_prepend("PYTHONPATH", python_dir, ':');
        return run_command_exec(command);
}
