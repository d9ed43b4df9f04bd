/* What a run does once a second, while suites run or there is a service to be told: it says its work rate and expected
 * end, and what its cgroups allow it from now on, and looks at the memory that is left for its workers, or at
 * how many of them there are. */
#pragma once

#include <stdint.h>
#include <uv.h>

struct run;

enum {
        RUN_FOLLOW_EVERY_MS = 1000,
};

/* All zero but the timer: nothing is known yet. */
struct run_follow {
        uv_timer_t timer;
        uint64_t at; /* µs of the run's clock: when the work was looked at last; 0 not yet */
        double rate; /* seconds of estimated work done per second, lately */
        unsigned n_rates;
};

int run_follow_init(struct run *run);
void run_follow_close(struct run *run);
/* Whether there is something to follow may have changed. */
void run_follow_adjust(struct run *run);
