#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_deal.h"
#include "cli/run_dir.h"
#include "lib/util.h"

_Static_assert(sizeof(struct run_deal_record) == 8, "the protocol's size");
_Static_assert(sizeof(struct run_done_record) == 32, "the protocol's size");

/* Opened for both directions: neither waits for the other side, nor is there an end of file. A worker's number, and
 * with it the name, may have been somebody else's before. */
static int make_fifo(const char *dir, const char *name)
{
        CLEANUP_FREE char *path = NULL;
        int fd;

        if (asprintf(&path, "%s/%s", dir, name) < 0)
                return -ENOMEM;
        if ((unlink(path) < 0 && errno != ENOENT) || mkfifo(path, 0600) < 0)
                return -errno;
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int run_deal_open(struct run_deal *d, const char *dir)
{
        int r;

        *d = (struct run_deal){.done = -1, .life = -1};
        d->dir = strdup(dir);
        if (!d->dir)
                return -ENOMEM;
        if (mkdir(dir, 0700) < 0)
                r = -errno;
        else
                r = d->done = make_fifo(dir, "done");
        if (r >= 0)
                r = d->life = make_fifo(dir, "life");
        if (r < 0) {
                run_deal_close(d);
                return r;
        }
        (void)fcntl(d->done, F_SETPIPE_SZ, RUN_DONE_PIPE_SIZE); /* the default does as well, with more waiting */
        return 0;
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

void run_deal_close(struct run_deal *d)
{
        if (!d->dir)
                return;
        close_fd(&d->done);
        close_fd(&d->life);
        for (size_t i = 0; i < d->n_queues; i++)
                close_fd(&d->queues[i]);
        free(d->queues);
        run_dir_remove(d->dir);
        free(d->dir);
        *d = (struct run_deal){.done = -1, .life = -1};
}

static int reserve_queues(struct run_deal *d, size_t n)
{
        int *queues;

        if (n <= d->n_queues)
                return 0;
        queues = realloc(d->queues, n * sizeof(*queues));
        if (!queues)
                return -ENOMEM;
        d->queues = queues;
        while (d->n_queues < n)
                queues[d->n_queues++] = -1;
        return 0;
}

int run_deal_add_worker(struct run_deal *d, uint32_t worker)
{
        char name[32];
        int r = reserve_queues(d, (size_t)worker + 1);

        if (r < 0)
                return r;
        snprintf(name, sizeof(name), "deal-%u", worker);
        r = make_fifo(d->dir, name);
        if (r < 0)
                return r;
        d->queues[worker] = r;
        return 0;
}

void run_deal_drop_worker(struct run_deal *d, uint32_t worker)
{
        if (worker < d->n_queues)
                close_fd(&d->queues[worker]);
}

int run_deal_send(struct run_deal *d, uint32_t worker, const struct run_deal_record *records, size_t n)
{
        if (worker >= d->n_queues || d->queues[worker] < 0)
                return -ENOENT;
        if (write(d->queues[worker], records, n * sizeof(*records)) < 0)
                return -errno;
        return 0;
}

size_t run_deal_recall(struct run_deal *d, uint32_t worker, uint32_t *items, size_t max, bool *ret_end)
{
        struct run_deal_record record;
        size_t n = 0;

        *ret_end = false;
        if (worker >= d->n_queues)
                return 0;
        while (n < max && read(d->queues[worker], &record, sizeof(record)) == (ssize_t)sizeof(record)) {
                if (record.op == RUN_DEAL_END)
                        *ret_end = true;
                else
                        items[n++] = record.item;
        }
        return n;
}

struct state {
        uint32_t item, unused; /* its number + 1; 0 none */
        double began;
};

static int open_state(const struct run_deal *d, uint32_t worker, int flags)
{
        CLEANUP_FREE char *path = NULL;
        int fd;

        if (asprintf(&path, "%s/state-%u", d->dir, worker) < 0)
                return -ENOMEM;
        fd = open(path, flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int run_deal_read_state(const struct run_deal *d, uint32_t worker, uint32_t *ret_item, double *ret_began)
{
        CLEANUP_CLOSE int fd = open_state(d, worker, O_RDONLY);
        struct state state;

        if (fd < 0 || read(fd, &state, sizeof(state)) != (ssize_t)sizeof(state) || !isfinite(state.began))
                return -ENOENT;
        *ret_item = state.item - 1;
        *ret_began = state.began;
        return 0;
}

void run_deal_put_off_state(const struct run_deal *d, uint32_t worker, double seconds)
{
        CLEANUP_CLOSE int fd = open_state(d, worker, O_RDWR);
        struct state state;

        if (fd < 0 || pread(fd, &state, sizeof(state), 0) != (ssize_t)sizeof(state))
                return;
        state.began += seconds;
        (void)!pwrite(fd, &state.began, sizeof(state.began), offsetof(struct state, began));
}

void run_deal_tell_pauses(const struct run_deal *d, double seconds)
{
        CLEANUP_FREE char *path = NULL;
        CLEANUP_CLOSE int fd = -1;

        if (asprintf(&path, "%s/paused", d->dir) < 0)
                return;
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
                (void)!pwrite(fd, &seconds, sizeof(seconds), 0);
}

size_t run_deal_read(struct run_deal *d, struct run_done_record *ret_records)
{
        char *room = (char *)ret_records;
        size_t have = d->n_rest;
        ssize_t n;

        memcpy(room, d->rest, have);
        n = read(d->done, room + have, RUN_DONE_BATCH * sizeof(*ret_records) - have);
        if (n <= 0)
                return 0;
        have += (size_t)n;
        d->n_rest = have % sizeof(*ret_records);
        memcpy(d->rest, room + have - d->n_rest, d->n_rest);
        return have / sizeof(*ret_records);
}
