#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_dir.h"
#include "lib/text.h"
#include "lib/util.h"

#define PREFIX "schedctl-"
#define HELD   RUN_DIR_HELD /* earlier versions had none, and are not to lose theirs to this one */

enum {
        OPEN_DIRECTORIES_MAX = 4,
        TRIES_MAX = 8, /* at a directory that nobody takes for abandoned before it is held */
};

static void cleanup_closedirp(DIR **d)
{
        if (*d)
                closedir(*d);
}

/* 0, or -EAGAIN where another run was faster and has removed it. */
static int hold(const char *dir, int *ret_held)
{
        char path[RUN_DIR_MAX + sizeof("/" HELD)];
        struct stat st;

        snprintf(path, sizeof(path), "%s/" HELD, dir);
        CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno == ENOENT ? -EAGAIN : -errno;
        if (flock(fd, LOCK_SH) < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (st.st_nlink == 0)
                return -EAGAIN;
        *ret_held = TAKE_FD(fd);
        return 0;
}

static int create_in(const char *parent, char path[static RUN_DIR_MAX], int *ret_held)
{
        int r = -EAGAIN;

        for (unsigned i = 0; i < TRIES_MAX && r == -EAGAIN; i++) {
                if (snprintf(path, RUN_DIR_MAX, "%s/" PREFIX "XXXXXX", parent) >= RUN_DIR_MAX)
                        return -ENAMETOOLONG;
                r = mkdtemp(path) ? hold(path, ret_held) : -errno;
        }
        return r;
}

/* Whether it is ours and no process holds it; *ret_fd keeps others from it until it is closed. */
static bool is_abandoned(int parent, const char *name, int *ret_fd)
{
        CLEANUP_CLOSE int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid())
                return false;
        *ret_fd = openat(dir, HELD, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        return *ret_fd >= 0 && flock(*ret_fd, LOCK_EX | LOCK_NB) == 0;
}

/* Of runs that were killed with all who could have removed them. */
static void remove_abandoned(const char *path)
{
        CLEANUP_FREE char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));
        CLEANUP(cleanup_closedirp) DIR *d = parent ? opendir(parent) : NULL;
        const struct dirent *entry;
        char other[RUN_DIR_MAX];

        while (d && (entry = readdir(d))) {
                CLEANUP_CLOSE int fd = -1;

                if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 &&
                    snprintf(other, sizeof(other), "%s/%s", parent, entry->d_name) < RUN_DIR_MAX &&
                    is_abandoned(dirfd(d), entry->d_name, &fd))
                        run_dir_remove(other);
        }
}

int run_dir_create(char ret_path[static RUN_DIR_MAX], int *ret_held)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char path[RUN_DIR_MAX];
        int r = -ENOENT, held = -1;
        struct stat st;

        if (runtime && *runtime == '/' && text_is_utf8(runtime) && stat(runtime, &st) == 0 && st.st_uid == geteuid())
                r = create_in(runtime, path, &held);
        if (r < 0)
                r = create_in("/tmp", path, &held);
        if (r < 0)
                return r;
        remove_abandoned(path);
        memcpy(ret_path, path, RUN_DIR_MAX);
        *ret_held = held;
        return 0;
}

/* The file that it is held by goes last: whoever is killed meanwhile leaves what the next run knows for abandoned. */
static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
        if (where->level != 1 || strcmp(path + where->base, HELD) != 0)
                (void)remove(path); /* what cannot be removed stays: nobody is left to be told */
        return 0;
}

void run_dir_remove(const char *path)
{
        char held[PATH_MAX];

        nftw(path, remove_one, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS);
        if (snprintf(held, sizeof(held), "%s/" HELD, path) < (int)sizeof(held) && unlink(held) == 0)
                rmdir(path);
}
