#include "cli/run_tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_tokens_parse.h"
#include "lib/util.h"

static const char why_closed[] = "its recipe has no '+': make keeps its jobserver from it";

/* An own open file of what a descriptor refers to. */
static int open_again(int fd, int flags)
{
        char path[64];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static bool is_fifo(int fd, struct stat *ret_stat)
{
        return fstat(fd, ret_stat) == 0 && S_ISFIFO(ret_stat->st_mode);
}

/* Whether two descriptors are the ends of one pipe: where make has closed its own, their numbers are somebody else's
 * by now. */
static bool is_pipe(int read_fd, int write_fd)
{
        int read_flags = fcntl(read_fd, F_GETFL), write_flags = fcntl(write_fd, F_GETFL);
        struct stat r, w;

        return read_flags >= 0 && write_flags >= 0 && (read_flags & O_ACCMODE) != O_WRONLY &&
               (write_flags & O_ACCMODE) != O_RDONLY && is_fifo(read_fd, &r) && is_fifo(write_fd, &w) &&
               r.st_dev == w.st_dev && r.st_ino == w.st_ino;
}

static const char *open_pipe(const struct run_tokens_source *source, struct run_tokens *t)
{
        if (!is_pipe(source->read_fd, source->write_fd))
                return why_closed;
        t->read_fd = open_again(source->read_fd, O_RDONLY);
        t->write_fd = open_again(source->write_fd, O_WRONLY);
        return t->read_fd < 0 || t->write_fd < 0 ? strerror(errno) : NULL;
}

/* Open for both it never ends, whoever else is there. Nothing is opened that is no FIFO. */
static const char *open_fifo(const struct run_tokens_source *source, struct run_tokens *t)
{
        CLEANUP_CLOSE int fd = open(source->path, O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return strerror(errno);
        if (!is_fifo(fd, &st))
                return "it is no FIFO";
        t->read_fd = open_again(fd, O_RDWR);
        t->write_fd = t->read_fd < 0 ? -1 : fcntl(t->read_fd, F_DUPFD_CLOEXEC, 0);
        return t->write_fd < 0 ? strerror(errno) : NULL;
}

static void close_files(struct run_tokens *t)
{
        if (t->read_fd >= 0)
                close(t->read_fd);
        if (t->write_fd >= 0)
                close(t->write_fd);
        t->read_fd = t->write_fd = -1;
}

void run_tokens_open(const char *makeflags, struct run_tokens *t, const char **ret_why)
{
        struct run_tokens_source source;

        memset(t, 0, sizeof(*t));
        t->read_fd = t->write_fd = -1;
        *ret_why = NULL;
        run_tokens_parse(makeflags, &source);
        if (source.kind == RUN_TOKENS_NONE)
                return;
        if (source.kind == RUN_TOKENS_CLOSED)
                *ret_why = why_closed;
        else
                *ret_why = source.kind == RUN_TOKENS_FIFO ? open_fifo(&source, t) : open_pipe(&source, t);
        t->is_client = !*ret_why;
        if (!t->is_client)
                close_files(t);
}

bool run_tokens_is_client(const struct run_tokens *t)
{
        return t && t->is_client;
}

/* The byte is in the shared memory as soon as it has left the pipe: whoever dies then, it is not lost. */
bool run_tokens_take(struct run_tokens *t)
{
        ssize_t r;

        if (t->n == RUN_TOKENS_MAX)
                return false;
        do
                r = read(t->read_fd, &t->bytes[t->n], 1);
        while (r < 0 && errno == EINTR);
        if (r != 1)
                return false;
        t->held[t->n++] = true;
        return true;
}

/* Rather one too few than one too many, should this process be killed here. */
static void give_at(struct run_tokens *t, unsigned at)
{
        unsigned char byte = t->bytes[at];

        t->held[at] = false;
        t->bytes[at] = 0;
        while (write(t->write_fd, &byte, 1) < 0 && errno == EINTR)
                ;
}

void run_tokens_give(struct run_tokens *t)
{
        if (t->n > 0)
                give_at(t, --t->n);
}

void run_tokens_close(struct run_tokens *t)
{
        for (unsigned i = 0; t->is_client && i < RUN_TOKENS_MAX; i++)
                if (t->held[i] || t->bytes[i])
                        give_at(t, i);
        t->n = 0;
        t->is_client = false;
        close_files(t);
}
