/* Notices pytests that the run does not reach, such as one under `python -I`: they show in a command line below
 * COMMAND, and yet none of them connects. What is below a pytest is its tests' affair.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include "cli/run_pytest.h"
#include "cli/run_tree.h"

enum {
        RUN_WATCH_FIRST_MS = 300,
        RUN_WATCH_EVERY_MS = 250,        /* at the most often */
        RUN_WATCH_SHARE = 400,           /* looking takes at most one part of so many of the time */
        RUN_WATCH_SEEN_MAX = 64,         /* pytests that are remembered */
        RUN_WATCH_WORDS_MAX = 4096,      /* bytes of a command line that are looked at */
        RUN_WATCH_ENVIRON_MAX = 1 << 20, /* bytes of an environment */
};

/* A pytest that has not connected. */
struct run_watch_seen {
        pid_t pid;
        enum run_missed why;
};

struct run_watch {
        uv_timer_t timer;
        bool on; /* there is a COMMAND */
        struct run_watch_seen seen[RUN_WATCH_SEEN_MAX];
        size_t n_seen;
        struct run_pids reached; /* they connected */
};

/* `pid` runs COMMAND, whose words are looked at now; processes below this one are looked at by and by. Without COMMAND,
 * NULL, nobody is looked at. */
void run_watch_start(struct run_watch *w, uv_loop_t *loop, pid_t pid, char *const *command);
/* While all that could be looked at stands still. */
void run_watch_hold(struct run_watch *w, bool held);
/* A pytest connected. */
void run_watch_reached(struct run_watch *w, pid_t pid);
/* It was no pytest but a schedctl, which now becomes something else. */
void run_watch_joined(struct run_watch *w, pid_t pid);
/* It could not be executed: there was no pytest. */
void run_watch_unexecuted(struct run_watch *w, pid_t pid);
void run_watch_stop(struct run_watch *w);
void run_watch_finish(struct run_watch *w);

/* How many of those that have been seen did not connect for this reason. */
size_t run_watch_missed(const struct run_watch *w, enum run_missed why);
