#include "lib/address.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/util.h"

enum {
        CONNECT_TIMEOUT_S = 10, /* where the service's backlog is full */
};

static int set_path(struct address *a, enum address_kind kind, const char *directory, const char *name)
{
        int n = snprintf(a->path, sizeof(a->path), "%s/%s", directory, name);

        a->kind = kind;
        return n < 0 || (size_t)n >= sizeof(a->path) ? -ENAMETOOLONG : 0;
}

int address_from_path(const char *path, struct address *ret_address)
{
        char cwd[PATH_MAX];

        struct address a;
        int r;

        if (!*path || path[strlen(path) - 1] == '/')
                return -EINVAL;
        if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
                return -errno;
        r = path[0] == '/' ? set_path(&a, ADDRESS_EXPLICIT, "", path + 1) : set_path(&a, ADDRESS_EXPLICIT, cwd, path);
        if (r == 0)
                *ret_address = a;
        return r;
}

/* Another user's directory is none, as after `sudo -E` or `su` without `-`. */
static int user_address(struct address *a)
{
        const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
        char private[64];
        struct stat st;

        if (runtime && runtime[0] == '/' && stat(runtime, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid())
                return set_path(a, ADDRESS_USER, runtime, "schedd/schedd.sock");
        snprintf(private, sizeof(private), "/tmp/schedd-%u", (unsigned)geteuid());
        return set_path(a, ADDRESS_USER, private, "schedd.sock");
}

int address_list(struct address ret_list[ADDRESSES_MAX], size_t *ret_n)
{
        const char *path = secure_getenv("SCHEDCTL_SOCKET");
        struct address user;
        int r;

        if (path && *path) {
                r = address_from_path(path, &user);
                if (r < 0)
                        return r;
                ret_list[0] = user;
                *ret_n = 1;
                return 0;
        }
        r = user_address(&user);
        if (r < 0)
                return r;
        ret_list[0] = (struct address){.kind = ADDRESS_SYSTEM, .path = ADDRESS_SYSTEM_PATH};
        ret_list[1] = user;
        *ret_n = 2;
        return 0;
}

/* The directory part of the path; not empty, for the path is absolute. */
static void directory_of(const struct address *a, char directory[static ADDRESS_PATH_MAX])
{
        memcpy(directory, a->path, ADDRESS_PATH_MAX);

        char *slash = strrchr(directory, '/');
        if (slash == directory)
                slash++;
        *slash = '\0';
}

/* A directory that only its owner enters: lstat, so that a planted symlink is seen. */
static int check_private(const char *directory)
{
        struct stat st;

        if (lstat(directory, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
                return -EPERM;
        return 0;
}

/* A directory that the user names may be shared, as /tmp is, if others cannot rename what is in it. */
static int check_shared(const char *directory)
{
        struct stat st;

        if (stat(directory, &st) < 0)
                return -errno;
        if (st.st_uid != geteuid() && st.st_uid != 0)
                return -EPERM;
        if ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))
                return -EPERM;
        return 0;
}

int address_prepare(const struct address *a)
{
        char directory[ADDRESS_PATH_MAX];

        directory_of(a, directory);
        if (a->kind != ADDRESS_USER)
                return check_shared(directory);
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        return check_private(directory);
}

static int check_peer(const struct address *a, int fd)
{
        struct ucred peer;
        socklen_t len = sizeof(peer);
        char directory[ADDRESS_PATH_MAX];
        struct stat st;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        if (peer.uid == 0 || peer.uid == geteuid())
                return 0;
        if (a->kind != ADDRESS_SYSTEM)
                return -EPERM;
        directory_of(a, directory);
        return lstat(directory, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == peer.uid ? 0 : -EPERM;
}

static int connect_socket(const struct address *a, int flags, int *ret_fd)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        struct timeval timeout = {.tv_sec = CONNECT_TIMEOUT_S};
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        int r;

        if (fd < 0)
                return -errno;
        memcpy(sa.sun_path, a->path, sizeof(sa.sun_path));
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;
        do
                r = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return errno == ENOTDIR ? -ENOENT : -errno;
        r = check_peer(a, fd);
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int address_connect(const struct address *a, int *ret_fd)
{
        return connect_socket(a, 0, ret_fd);
}

int address_try(const struct address *a, int *ret_fd)
{
        int r = connect_socket(a, SOCK_NONBLOCK, ret_fd);

        return r == -EAGAIN ? -EBUSY : r;
}

bool address_is_absent(const struct address *a, int r)
{
        return r == -ENOENT || r == -ECONNREFUSED || (a->kind == ADDRESS_SYSTEM && r == -EACCES);
}

int address_beside(const struct address *a, const char *suffix, char **ret_path)
{
        char *path;

        if (asprintf(&path, "%s%s", a->path, suffix) < 0)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}
