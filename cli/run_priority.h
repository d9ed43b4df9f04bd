/* The priority of a run that was given none: interactive while what it has to do is short, for then somebody waits for
 * it; normal otherwise, and before anything is known. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct run;

enum {
        RUN_SHORT_ITEMS = 20, /* fewer than so many, where their times are not known… */
};
/* …else work of at most so many seconds in all suites that the run has had so far, on one fast core. */
#define RUN_SHORT_SECONDS 30.0

/* All zero: no suite yet. */
struct run_priority {
        double seconds;
        uint32_t n_unknown; /* items of suites whose times are not known */
        int told;           /* as the service has it */
};

/* Of a run with so much to do: SCHEDCTL_INTERACTIVE or SCHEDCTL_NORMAL. */
int run_priority_of(double seconds, uint32_t n_unknown);
/* What it has been given, or was found. */
int run_priority(const struct run *run);
/* Another suite is there: the service hears if that changes the priority. */
void run_priority_add(struct run *run, bool known, double seconds, uint32_t n_items);
