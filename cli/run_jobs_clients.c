/* Who can hold tokens: as /proc shows it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_jobs.h"
#include "cli/run_tree.h"
#include "lib/util.h"

static void cleanup_closedirp(DIR **d)
{
        if (*d)
                closedir(*d);
}

/* One that does not let itself be looked at, as another user's does not, may have it open. */
static bool has_open(pid_t pid, const struct stat *fifo)
{
        char path[64];
        CLEANUP(cleanup_closedirp) DIR *d = NULL;
        const struct dirent *entry;
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
        d = opendir(path);
        if (!d)
                return errno == EACCES || errno == EPERM;
        while ((entry = readdir(d)))
                if (fstatat(dirfd(d), entry->d_name, &st, 0) == 0 && st.st_ino == fifo->st_ino &&
                    st.st_dev == fifo->st_dev)
                        return true;
        return false;
}

static int list_clients(const struct run_pids *below, const struct stat *fifo, struct run_pids *clients)
{
        int r = 0;

        for (size_t i = 0; i < below->n && r == 0; i++)
                if (has_open(below->items[i], fifo))
                        r = run_pids_add(clients, below->items[i]);
        return r;
}

unsigned run_jobs_count_clients(const char *fifo, const struct run_pids *except)
{
        CLEANUP(run_pids_finish) struct run_pids below = {0}, clients = {0};
        struct stat st;
        size_t n = 0;

        if (stat(fifo, &st) < 0 || run_tree_look_below(getpid(), except, &below) < 0 ||
            list_clients(&below, &st, &clients) < 0)
                return JOBS_TOKENS_MAX; /* nobody knows */
        for (size_t i = 0; i < clients.n; i++) {
                size_t threads = run_tree_count_threads(clients.items[i]);

                n += threads > 0 ? threads - 1 : 0;
        }
        for (size_t i = 0; i < below.n; i++)
                n += run_tree_state(below.items[i]) != 'Z' && run_pids_have(&clients, run_tree_parent(below.items[i]));
        return n < JOBS_TOKENS_MAX ? (unsigned)n : JOBS_TOKENS_MAX;
}
