#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/run_signals.h"
#include "lib/util.h"

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, SIGUSR1, SIGUSR2};

void run_signals_forwarded(sigset_t *ret_set)
{
        sigemptyset(ret_set);
        sigaddset(ret_set, SIGCHLD);
        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++)
                sigaddset(ret_set, forwarded[i]);
}

/* SIGTTIN and SIGTTOU stay blocked as well: a summary line may be written from the background, and nobody would
 * continue a stopped engine. So do SIGXFSZ and SIGPIPE: a file that may not grow is as a full disk, and whoever reads
 * what is said may leave before all is given back. */
void run_signals_block(sigset_t *ret_before)
{
        sigset_t set;

        run_signals_forwarded(&set);
        sigaddset(&set, SIGTTIN);
        sigaddset(&set, SIGTTOU);
        sigaddset(&set, SIGXFSZ);
        sigaddset(&set, SIGPIPE);
        sigprocmask(SIG_BLOCK, &set, ret_before);
}

static void count(struct run_signals *s, int sig)
{
        if (sigismember(&s->ignored, sig))
                return;
        if (sig == SIGINT || sig == SIGTERM || sig == SIGHUP || sig == SIGQUIT)
                s->events->ending(s->context, sig);
        if (sig == SIGINT || sig == SIGTERM)
                s->events->interrupted(s->context, sig, ++s->interrupts);
}

/* The time for the direct ones is over: what has only come as a copy is for schedctl alone. */
static void on_settled(uv_timer_t *timer)
{
        struct run_signals *s = timer->data;

        for (int sig = 1; sig < RUN_SIGNALS_MAX; sig++) {
                if (!s->pending[sig].copy)
                        continue;
                s->pending[sig].copy = false;
                s->events->forward(s->context, sig);
                count(s, sig);
        }
}

/* Of signals in quick succession the kernel may merge more here than for the guardian: then copies are more than direct
 * ones, and come right behind each other. */
static void take_copy(struct run_signals *s, int sig)
{
        uint64_t direct = s->pending[sig].direct, now = uv_now(s->settle.loop);

        s->pending[sig].direct = 0;
        if (direct && now - direct <= RUN_MATCH_MS) {
                s->pending[sig].direct = now - RUN_MATCH_MS + RUN_MERGED_MS;
                return;
        }
        s->pending[sig].copy = true;
        if (!uv_is_active((uv_handle_t *)&s->settle))
                uv_timer_start(&s->settle, on_settled, RUN_SETTLE_MS, 0);
}

/* COMMAND has got it as well. */
static void take_direct(struct run_signals *s, int sig)
{
        if (s->pending[sig].copy)
                s->pending[sig].copy = false;
        else
                s->pending[sig].direct = uv_now(s->settle.loop);
        count(s, sig);
}

static void take(struct run_signals *s, const struct signalfd_siginfo *info)
{
        int sig = (int)info->ssi_signo;

        if (sig == SIGCHLD)
                s->events->child(s->context);
        else if (info->ssi_code > 0) /* from the kernel: the terminal's, for the whole group, and never copied */
                count(s, sig);
        else if (info->ssi_code == SI_QUEUE && (pid_t)info->ssi_pid == s->guardian)
                take_copy(s, sig);
        else
                take_direct(s, sig);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
        struct run_signals *s = poll->data;
        struct signalfd_siginfo info;

        while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                take(s, &info);
}

static void note_ignored(sigset_t *ret_ignored)
{
        struct sigaction action;

        sigemptyset(ret_ignored);
        for (size_t i = 0; i < ELEMENTSOF(forwarded); i++)
                if (sigaction(forwarded[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
                        sigaddset(ret_ignored, forwarded[i]);
}

int run_signals_start(struct run_signals *s, uv_loop_t *loop, pid_t guardian, const struct run_signals_events *events,
                      void *context)
{
        CLEANUP_CLOSE int fd = -1;
        sigset_t set;
        int r;

        run_signals_forwarded(&set);
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        *s = (struct run_signals){.guardian = guardian, .events = events, .context = context, .fd = fd};
        note_ignored(&s->ignored);
        r = uv_poll_init(loop, &s->poll, fd);
        if (r < 0)
                return r;
        uv_timer_init(loop, &s->settle);
        s->poll.data = s->settle.data = s;
        s->fd = TAKE_FD(fd);
        return uv_poll_start(&s->poll, UV_READABLE, on_readable);
}

static void on_poll_closed(uv_handle_t *handle)
{
        struct run_signals *s = handle->data;

        close(s->fd);
}

void run_signals_stop(struct run_signals *s)
{
        uv_close((uv_handle_t *)&s->poll, on_poll_closed);
        uv_close((uv_handle_t *)&s->settle, NULL);
}
