/* A run that is to hold nothing for a while: its processes are stopped, everything is given back, and when CPUs come
 * again they are moved there and go on.
 *
 * SIGSTOP goes to everything below the engine, whatever was stopped before apart, and again until nobody is found
 * running, so that children which are born meanwhile are stopped too. As fg(1) in the user's shell, or anybody else,
 * may continue them, they are looked at again every RUN_PAUSE_EVERY_MS. The run's clock (run_now()) stands still. Of a
 * run that is attached to a pytest what is below that one is stopped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "cli/run_tree.h"

struct run;

enum {
        RUN_PAUSE_EVERY_MS = 1000,
        RUN_PAUSE_LOOKS_MAX = 50, /* in a row, at those that do not stop at once… */
        RUN_PAUSE_LOOK_US = 1000, /* …and so far apart; who sits in the kernel stops when it comes out */
};

/* All zero: not paused. */
struct run_pause {
        bool on;
        bool refused;       /* the user ends the run: no pause any more */
        uint64_t at;        /* µs of the run's clock: where it stands */
        uint64_t sum;       /* µs of all pauses that are over: how far the run's clock is behind */
        struct cpuset held; /* before: what it gave back */
        struct run_pids stopped;
        uv_timer_t timer;
};

int run_pause_init(struct run *run);
void run_pause_close(struct run *run);

/* Stops all, if that is not so yet. The lease is the caller's to return, once this is done. */
void run_pause_begin(struct run *run);
/* The suites' clocks go on: before they hear of the PUs that they have from now on. */
void run_pause_wake_suites(struct run *run);
/* Continues what was stopped. */
void run_pause_end(struct run *run);
/* The user wants the run to end: what is stopped goes on to hear of it, wherever it was, and is not stopped again. */
void run_pause_refuse(struct run *run);
