#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_dir.h"

enum { OPEN_DIRECTORIES_MAX = 4 };

static int create_in(const char *parent, char path[static RUN_DIR_MAX])
{
        if (snprintf(path, RUN_DIR_MAX, "%s/schedctl-XXXXXX", parent) >= RUN_DIR_MAX)
                return -ENAMETOOLONG;
        return mkdtemp(path) ? 0 : -errno;
}

int run_dir_create(char ret_path[static RUN_DIR_MAX])
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char path[RUN_DIR_MAX];
        struct stat st;
        int r = -ENOENT;

        if (runtime && *runtime == '/' && stat(runtime, &st) == 0 && st.st_uid == geteuid())
                r = create_in(runtime, path);
        if (r < 0)
                r = create_in("/tmp", path);
        if (r < 0)
                return r;
        memcpy(ret_path, path, RUN_DIR_MAX);
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
        (void)remove(path); /* what cannot be removed stays: nobody is left to be told */
        return 0;
}

void run_dir_remove(const char *path)
{
        nftw(path, remove_one, OPEN_DIRECTORIES_MAX, FTW_DEPTH | FTW_PHYS);
}
