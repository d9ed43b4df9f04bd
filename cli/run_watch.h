/* Notices a pytest that the run could not reach, such as one under `python -I`: it shows in a command line below
 * COMMAND, and yet no suite connects. Looks rarely, and not at all once a suite has come.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

enum {
        RUN_WATCH_FIRST_MS = 300,
        RUN_WATCH_EVERY_MS = 1000,
        RUN_WATCH_CMDLINE_MAX = 4096, /* bytes of a command line that are looked at */
};

struct run_watch {
        uv_timer_t timer;
        bool reached;   /* a suite has come */
        bool unreached; /* a command line was seen that is a pytest's */
};

/* Whether words with NULs between them are the command line of a pytest. */
bool run_watch_is_pytest(const char *words, size_t len);

/* `command` is COMMAND's own words, looked at once; processes below this one are looked at by and by. */
void run_watch_start(struct run_watch *w, uv_loop_t *loop, char *const *command);
/* A pytest connected. */
void run_watch_reached(struct run_watch *w);
void run_watch_stop(struct run_watch *w);
