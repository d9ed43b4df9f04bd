#include "daemon/defer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/util.h"

bool defer_is_answered(const char *path)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};

        /* The usual case, without a socket: there is no system service. */
        size_t len = strlen(path);
        if (len >= sizeof(sa.sun_path) || access(path, F_OK) < 0)
                return false;
        memcpy(sa.sun_path, path, len);

        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        /* EAGAIN: its backlog is full. */
        return fd >= 0 && (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 || errno == EAGAIN);
}
