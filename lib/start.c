#include "lib/start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/spawn.h"
#include "lib/util.h"

int start_lock(const struct address *a, bool wait, int *ret_fd)
{
        CLEANUP_FREE char *path = NULL;
        struct stat st;
        int r = address_beside(a, ".lock", &path);

        if (r < 0)
                return r;
        CLEANUP_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno == ELOOP ? -EPERM : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid())
                return -EPERM;
        do
                r = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Removes a socket that nobody listens on any more; only under the lock. */
static int remove_stale(const struct address *a)
{
        struct stat st;

        if (lstat(a->path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;
        if (st.st_uid != geteuid())
                return -EPERM;
        return unlink(a->path) < 0 ? -errno : 0;
}

static int listen_at(const struct address *a, int *ret_fd)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = remove_stale(a);
        if (r < 0)
                return r;
        memcpy(sa.sun_path, a->path, sizeof(sa.sun_path));
        if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        /* Not by umask(), which is the whole process's. Nobody can connect before listen(). */
        if (chmod(a->path, 0600) < 0 || listen(fd, SOMAXCONN) < 0) {
                r = -errno;
                unlink(a->path);
                return r;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Whether a program found by guessing may be run: another user cannot have put it there or change it. */
static bool is_trusted(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid()) &&
               !(st.st_mode & S_IWOTH) && access(path, X_OK) == 0;
}

/* The running program's directory followed by `relative`. */
static bool beside_program(const char *relative, char path[static PATH_MAX])
{
        char program[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

        if (n <= 0)
                return false;
        program[n] = '\0';
        *strrchr(program, '/') = '\0';
        return snprintf(path, PATH_MAX, "%s/%s", program, relative) < PATH_MAX && is_trusted(path);
}

int start_find_schedd(char path[static PATH_MAX])
{
        const char *given = secure_getenv("SCHEDCTL_SCHEDD");

        if (!given || !*given) {
                if (beside_program("../daemon/schedd", path) || beside_program("../libexec/schedd", path))
                        return 0;
                given = SCHEDD_PATH;
        }
        return snprintf(path, PATH_MAX, "%s", given) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Log beside the socket; schedd keeps it small. Where it cannot be had the service is more important. */
static int open_log(const struct address *a)
{
        CLEANUP_FREE char *path = NULL;
        CLEANUP_CLOSE int fd = -1;
        struct stat st;

        if (address_beside(a, ".log", &path) == 0)
                fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        /* What another user has put there he could read. */
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
                return TAKE_FD(fd);
        return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static int launch(const struct address *a, int listen_fd, int *ret_error_fd)
{
        char schedd[PATH_MAX], idle[16];
        char *argv[8] = {schedd, (char *)"--socket", (char *)a->path, (char *)"--idle-exit", idle};
        CLEANUP_CLOSE int log_fd = open_log(a);
        int r = start_find_schedd(schedd);

        if (r < 0)
                return r;
        snprintf(idle, sizeof(idle), "%d", START_IDLE_EXIT_S);
        if (a->kind == ADDRESS_USER) {
                argv[5] = (char *)"--defer-to";
                argv[6] = (char *)ADDRESS_SYSTEM_PATH;
        }
        return spawn_begin(argv, listen_fd, log_fd, ret_error_fd);
}

static int listen_and_launch(const struct address *a, int *ret_error_fd)
{
        CLEANUP_CLOSE int listen_fd = -1;
        int r = listen_at(a, &listen_fd);

        if (r < 0)
                return r;
        r = launch(a, listen_fd, ret_error_fd);
        if (r < 0)
                unlink(a->path);
        return r;
}

/* Takes the lock and tries once more: 1 and a connection where somebody else was first, 0 where nobody answers. */
static int lock_and_try(const struct address *a, bool wait, int *ret_lock, int *ret_fd)
{
        CLEANUP_CLOSE int lock = -1;
        int r = address_prepare(a);

        if (r < 0 || (r = start_lock(a, wait, &lock)) < 0)
                return r;
        r = wait ? address_connect(a, ret_fd) : address_try(a, ret_fd);
        if (r < 0 && r != -ENOENT && r != -ECONNREFUSED)
                return r;
        *ret_lock = TAKE_FD(lock);
        return r == 0;
}

int start_begin(const struct address *a, struct starting *starting, int *ret_fd)
{
        CLEANUP_CLOSE int lock = -1;
        int error_fd, r = lock_and_try(a, false, &lock, ret_fd);

        if (r != 0)
                return r == -EWOULDBLOCK ? -EBUSY : r;
        r = listen_and_launch(a, &error_fd);
        if (r < 0)
                return r;
        *starting = (struct starting){.lock_fd = TAKE_FD(lock), .error_fd = error_fd};
        return 0;
}

int start_finish(const struct address *a, struct starting *starting)
{
        int r = spawn_result(starting->error_fd);

        if (r < 0) {
                unlink(a->path);
                start_abandon(starting);
                return r;
        }
        cleanup_closep(&starting->error_fd);
        starting->error_fd = -1;
        return 0;
}

void start_abandon(struct starting *starting)
{
        cleanup_closep(&starting->error_fd);
        cleanup_closep(&starting->lock_fd);
        *starting = (struct starting)START_INIT;
}

int start_listen(const struct address *a, int *ret_fd)
{
        CLEANUP_CLOSE int lock = -1, other = -1;
        int r = lock_and_try(a, true, &lock, &other);

        if (r != 0)
                return r < 0 ? r : -EADDRINUSE;
        return listen_at(a, ret_fd);
}
