#include "cli/run_attached.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/run_engine.h"
#include "lib/util.h"

/* What the process is to set for itself and for all that it starts. */
static json_t *environ_of(const struct run *run, unsigned workers)
{
        json_t *variables = run_counts_environ(&run->counts);
        char number[16];

        snprintf(number, sizeof(number), "%u", workers);
        if (variables && json_object_set_new(variables, "PYTEST_XDIST_AUTO_NUM_WORKERS", json_string(number)) == 0)
                return variables;
        json_decref(variables);
        return NULL;
}

static int say(const struct run *run, const char *socket)
{
        unsigned workers = run->options->workers ? run->options->workers : (unsigned)run->lease.n_order;
        json_t *line = json_pack("{s:s, s:i, s:o*}", "run", socket, "workers", (int)workers, "environ",
                                 environ_of(run, workers));
        int r = -ENOMEM;

        errno = EIO; /* where nobody says more */
        if (line)
                r = json_dumpf(line, stdout, JSON_COMPACT) < 0 || fputc('\n', stdout) == EOF || fflush(stdout) != 0
                            ? -errno
                            : 0;
        json_decref(line);
        return r;
}

static void on_input(uv_poll_t *poll, int status, int events)
{
        char bytes[256];
        ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                run_end(poll->data);
}

static void on_process(uv_poll_t *poll, int status, int events)
{
        run_end(poll->data);
}

/* What cannot be waited for has ended: a file, or nothing at all. */
static int watch_input(struct run *run)
{
        struct run_attached *a = &run->attached;
        int r;

        a->input_flags = fcntl(STDIN_FILENO, F_GETFL);
        r = a->input_flags < 0 ? UV_EPERM : uv_poll_init(&run->loop, &a->input, STDIN_FILENO);
        if (r == UV_EPERM) {
                run_end(run);
                return 0;
        }
        if (r < 0)
                return r;
        a->input_watched = true;
        a->input.data = run;
        return uv_poll_start(&a->input, UV_READABLE, on_input);
}

/* Its end of our standard input may be held by what it has started, and outlive it. */
static int watch_process(struct run *run)
{
        struct run_attached *a = &run->attached;
        int r;

        a->process_fd = (int)syscall(SYS_pidfd_open, run->options->attach, 0);
        if (a->process_fd < 0) {
                if (errno == ESRCH)
                        run_end(run);
                return 0; /* else its input has to do */
        }
        r = uv_poll_init(&run->loop, &a->process, a->process_fd);
        if (r < 0) {
                close(a->process_fd);
                a->process_fd = -1;
                return r;
        }
        a->process.data = run;
        return uv_poll_start(&a->process, UV_READABLE, on_process);
}

int run_attached_begin(struct run *run, const char *socket)
{
        int r = watch_process(run);

        if (r == 0)
                r = watch_input(run);
        return r < 0 ? r : say(run, socket);
}

static void on_process_closed(uv_handle_t *handle)
{
        struct run *run = handle->data;

        close(run->attached.process_fd);
}

void run_attached_close(struct run *run)
{
        struct run_attached *a = &run->attached;

        if (a->input_watched) {
                uv_close((uv_handle_t *)&a->input, NULL);
                (void)fcntl(STDIN_FILENO, F_SETFL, a->input_flags);
        }
        if (a->process_fd >= 0)
                uv_close((uv_handle_t *)&a->process, on_process_closed);
}
