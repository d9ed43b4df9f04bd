/* The engine's signals: children that ended, and what the terminal or somebody's kill(1) sends.
 *
 * The terminal sends to the whole foreground group, COMMAND included: nothing is to be done then. What is sent to
 * schedctl alone has to be forwarded. schedctl is two processes, so a signal for the group reaches the engine twice,
 * directly and as the guardian's copy, and one for schedctl alone as the copy only. A copy therefore waits
 * RUN_SETTLE_MS for the direct one (which the kernel delivers before the guardian can have run), and is swallowed if
 * that came within the last RUN_MATCH_MS (the guardian may be slow).
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

enum {
        RUN_SETTLE_MS = 5,
        RUN_MATCH_MS = 2000,
        RUN_MERGED_MS = 100,  /* for how long one direct signal may have more copies */
        RUN_SIGNALS_MAX = 65, /* signal numbers; _NSIG */
};

struct run_signals_events {
        void (*child)(void *context);            /* a child changed its state: reap */
        void (*forward)(void *context, int sig); /* COMMAND has not got it */
        void (*ending)(void *context, int sig); /* COMMAND has one of SIGINT, SIGTERM, SIGHUP and SIGQUIT to act upon */
        void (*interrupted)(void *context, int sig, unsigned times); /* SIGINT or SIGTERM, counted from 1 */
};

struct run_signals {
        uv_poll_t poll;
        uv_timer_t settle;
        int fd;
        pid_t guardian;
        unsigned interrupts;
        sigset_t ignored; /* before we came: an ignored SIGINT interrupts nothing */
        struct {
                uint64_t direct; /* when it came directly, ms of the loop; 0: not, or its copy has come too */
                bool copy;       /* the guardian's, waiting to settle */
        } pending[RUN_SIGNALS_MAX];
        const struct run_signals_events *events;
        void *context;
};

/* What the guardian passes on, and SIGCHLD. */
void run_signals_forwarded(sigset_t *ret_set);

/* Blocks what the engine reads from a signalfd; *ret_before is COMMAND's mask. */
void run_signals_block(sigset_t *ret_before);

/* Starts reading; the signals are blocked. `guardian` is the process whose signals are copies. */
int run_signals_start(struct run_signals *s, uv_loop_t *loop, pid_t guardian, const struct run_signals_events *events,
                      void *context);
void run_signals_stop(struct run_signals *s);
