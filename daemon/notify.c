#include "daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "lib/util.h"

enum {
        READY_WAIT_S = 10,    /* for the manager to take READY, which it is not told again… */
        RELOADING_WAIT_S = 5, /* …nor this; together they are half of WatchdogSec= */
};

int notify_listen_fd(int *ret_fd)
{
        int n = sd_listen_fds(1);

        if (n < 0)
                return n;
        if (n == 0)
                return -ENOENT;
        if (n > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
                return -EINVAL;
        *ret_fd = SD_LISTEN_FDS_START;
        return 0;
}

bool notify_is_heard(void)
{
        return getenv("NOTIFY_SOCKET") != NULL;
}

/* The manager's socket; a name that begins with @ is in the abstract namespace. */
static int manager_address(struct sockaddr_un *ret_sa, socklen_t *ret_len)
{
        const char *path = getenv("NOTIFY_SOCKET");
        size_t len = path ? strlen(path) : 0;

        if (len == 0 || len >= sizeof(ret_sa->sun_path))
                return -EINVAL;
        *ret_sa = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(ret_sa->sun_path, path, len);
        if (path[0] == '@')
                ret_sa->sun_path[0] = '\0';
        *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
        return 0;
}

static int send_text(const char *text, unsigned wait_s)
{
        struct timeval wait = {.tv_sec = wait_s};
        struct sockaddr_un sa;
        socklen_t len;
        int r = manager_address(&sa, &len);

        if (r < 0)
                return r;
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
            sendto(fd, text, strlen(text), MSG_NOSIGNAL | (wait_s > 0 ? 0 : MSG_DONTWAIT), (struct sockaddr *)&sa,
                   len) < 0)
                return -errno;
        return 0;
}

/* sd_notify() waits where nobody reads, for ever: for a manager that has stopped, or one that was after READY alone. */
__attribute__((format(printf, 2, 3))) static int tell(unsigned wait_s, const char *format, ...)
{
        CLEANUP_FREE char *text = NULL;
        va_list args;

        if (!notify_is_heard())
                return 0;
        va_start(args, format);
        int n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return send_text(text, wait_s);
}

void notify_ready(const char *status)
{
        (void)tell(READY_WAIT_S, "READY=1\nSTATUS=%s", status);
}

int notify_status(const char *status)
{
        return tell(0, "STATUS=%s", status);
}

void notify_reloading(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        (void)tell(RELOADING_WAIT_S, "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

void notify_stopping(void)
{
        (void)tell(0, "STOPPING=1");
}

void notify_watchdog(void)
{
        (void)tell(0, "WATCHDOG=1");
}

uint64_t notify_watchdog_interval(void)
{
        uint64_t allowed;

        return sd_watchdog_enabled(0, &allowed) > 0 ? allowed / 2 : 0;
}
