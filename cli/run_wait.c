#include "cli/run_wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/client.h"
#include "lib/util.h"

enum {
        MINUTES_FROM_MS = 120000,
        PREFIX_MAX = 24, /* bytes */
};

struct waiting {
        struct schedctl_lease *lease;
        char prefix[PREFIX_MAX]; /* "schedctl VERB: " */
        bool quiet, in_place;
        size_t shown; /* bytes in the terminal's line */
        uint64_t since;
        uint64_t gone;                  /* since when there is no service; 0: there is one */
        char reason[RUN_WAIT_TEXT_MAX]; /* as it was said last */
        unsigned position;
};

static uint64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void format_estimate(uint64_t ms, char *buf, size_t size)
{
        if (ms >= MINUTES_FROM_MS)
                snprintf(buf, size, "; about %llu min", (unsigned long long)(ms + 30000) / 60000);
        else
                snprintf(buf, size, "; about %llu s", (unsigned long long)(ms + 999) / 1000);
}

void run_wait_text(const struct client_grant *grant, uint64_t waited_ms, char ret_text[static RUN_WAIT_TEXT_MAX])
{
        char estimate[32] = "", place[64] = "";

        if (grant->expected_ms > waited_ms)
                format_estimate(grant->expected_ms - waited_ms, estimate, sizeof(estimate));
        if (grant->position)
                snprintf(place, sizeof(place), " (place %u in the queue%s)", grant->position, estimate);
        snprintf(ret_text, RUN_WAIT_TEXT_MAX, "waiting for CPUs: %.160s%s", grant->reason, place);
}

/* Bytes that fit into one line of the terminal, behind so many; not within a UTF-8 sequence. */
static size_t fitting(size_t prefix, const char *text)
{
        struct winsize size;
        size_t n = strlen(text), room = 79;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > prefix)
                room = size.ws_col - 1U;
        room -= prefix;
        if (n <= room)
                return n;
        while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
                room--;
        return room;
}

static void show_in_place(struct waiting *w, const char *text)
{
        size_t prefix = strlen(w->prefix), n = fitting(prefix, text);

        if (w->shown > n)
                fprintf(stderr, "\r%*s", (int)(prefix + w->shown), "");
        fprintf(stderr, "\r%s%.*s", w->prefix, (int)n, text);
        w->shown = n;
}

static void show(struct waiting *w)
{
        const struct client_grant *grant = client_lease_grant(w->lease);
        char text[RUN_WAIT_TEXT_MAX];
        bool same = w->position == grant->position && strncmp(w->reason, grant->reason, sizeof(w->reason) - 1) == 0;

        if (w->quiet || (same && !w->in_place))
                return;
        run_wait_text(grant, now_ms() - w->since, text);
        if (w->in_place)
                show_in_place(w, text);
        else
                fprintf(stderr, "%s%s\n", w->prefix, text);
        snprintf(w->reason, sizeof(w->reason), "%s", grant->reason);
        w->position = grant->position;
}

static void end_line(struct waiting *w)
{
        if (w->shown)
                fputc('\n', stderr);
        w->shown = 0;
}

/* Those of the signals that end us and that are not ignored: ret_before is the mask as it was. */
static int catch_signals(sigset_t *ret_before)
{
        static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
        struct sigaction action;
        sigset_t set;
        int fd;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(ending); i++)
                if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                        sigaddset(&set, ending[i]);
        sigprocmask(SIG_BLOCK, &set, ret_before);
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                sigprocmask(SIG_SETMASK, ret_before, NULL); /* they end us all the same, without a word */
        return fd;
}

static bool counts_down(const struct waiting *w)
{
        return w->in_place && !w->quiet && client_lease_grant(w->lease)->expected_ms > 0;
}

/* The lease says when the next claim is due. */
static int without_service(struct waiting *w)
{
        if (client_lease_is_over(w->lease))
                return -ESTALE;
        if (!w->gone)
                w->gone = now_ms();
        return now_ms() - w->gone < RUN_WAIT_SERVICE_MS ? 0 : -ENOTCONN;
}

/* Until something can be read of the lease; the signal is left to who restores the mask. */
static int wait_once(struct waiting *w, int signals)
{
        struct pollfd fds[] = {{.fd = schedctl_lease_fd(w->lease), .events = POLLIN},
                               {.fd = signals, .events = POLLIN}};
        int r;

        if (poll(fds, ELEMENTSOF(fds), counts_down(w) ? RUN_WAIT_EVERY_MS : -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[1].revents)
                return -EINTR;
        if (!fds[0].revents)
                return 0;
        r = schedctl_lease_dispatch(w->lease);
        if (r == -ENOTCONN)
                return without_service(w);
        if (client_lease_is_connected(w->lease))
                w->gone = 0;
        if (r > 0)
                w->since = now_ms();
        return r;
}

int run_wait_first(struct schedctl_lease *lease, const char *verb, bool quiet)
{
        struct waiting w = {
                .lease = lease, .quiet = quiet, .in_place = isatty(STDERR_FILENO), .since = now_ms(), .position = 0};
        CLEANUP_CLOSE int signals = -1;
        sigset_t before;
        int r = 0;

        if (schedctl_lease_n_pus(lease) > 0)
                return 0;
        snprintf(w.prefix, sizeof(w.prefix), "schedctl %s: ", verb);
        signals = catch_signals(&before);
        while (r >= 0 && schedctl_lease_n_pus(lease) == 0) {
                show(&w);
                r = wait_once(&w, signals);
        }
        end_line(&w);
        if (r == -EINTR && !quiet)
                fprintf(stderr, "%sgiven up\n", w.prefix);
        sigprocmask(SIG_SETMASK, &before, NULL); /* a signal that came ends us here */
        return r < 0 ? r : 0;
}
