#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cli/run_command.h"
#include "cli/run_env.h"
#include "cli/run_join.h"
#include "lib/util.h"

#define JOIN_MESSAGE "{\"event\":\"join\"}" /* with the NUL that ends it */

static bool is_reachable(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
                return false;
        memcpy(address.sun_path, path, strlen(path) + 1);
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return errno == EAGAIN; /* somebody listens, with a full backlog */
        /* Else the run would take what COMMAND becomes for a pytest that it has reached. */
        (void)send(fd, JOIN_MESSAGE, sizeof(JOIN_MESSAGE), MSG_NOSIGNAL);
        return true;
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
