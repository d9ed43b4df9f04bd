/* The variables by which other programs count CPUs, in one table; docs/numbers.md is the other, and says how each was
 * verified. COMMAND gets the number of CPUs that its run holds as it starts, each worker one.
 *
 * What the user has set is left alone, be it to nothing, and so is what would come before a more general variable that
 * the user has set (OPENBLAS_NUM_THREADS before OMP_NUM_THREADS). What a run that is over has left behind is not the
 * user's.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What workers are told by; docs/run-protocol.md says its form. */
#define RUN_COUNTS_WORKERS "SCHEDCTL_WORKER_ENV"

enum {
        RUN_COUNTS_YIELDS_MAX = 2,
};

struct run_count {
        const char *variable;
        const char *flag;     /* appended with the number to the words that it has; NULL: it is the number alone */
        unsigned most;        /* it takes no larger number; 0: any */
        bool drops_jobserver; /* who is told a number takes no part in a jobserver any more */
        const char *yields[RUN_COUNTS_YIELDS_MAX + 1]; /* the user's word in one of these is not overridden */
};

/* The table; its length. */
size_t run_counts_table(const struct run_count **ret_table);

/* All zero: nothing is set. */
struct run_counts {
        json_t *environ; /* {variable: value} */
        json_t *workers; /* {variable: [that value, a worker's or null, the variables that it yields to…]} */
};
void run_counts_finish(struct run_counts *counts);

/* The whole table for so many CPUs, by this process's environment. `jobserver`: one is offered to COMMAND. -ENOMEM. */
int run_counts_fill(struct run_counts *counts, unsigned n_cpus, bool jobserver);
/* One variable more, whose value is UTF-8: workers are told of it. In a worker it has another value, or is not there
 * (NULL). -ENOMEM. */
int run_counts_put(struct run_counts *counts, const char *variable, const char *value, const char *in_worker);
/* {variable: value}, RUN_COUNTS_WORKERS among them; NULL: no memory. */
json_t *run_counts_environ(const struct run_counts *counts);
/* Sets them in this process's environment. -ENOMEM. */
int run_counts_apply(const struct run_counts *counts);
