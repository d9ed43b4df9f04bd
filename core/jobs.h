/* How many tokens of a GNU make jobserver there are to be in a run, so that builds and test suites use its CPUs once.
 *
 * Whoever takes part runs one job for which it needs no token, and one more for every token that it has taken out of
 * the pool. A process that runs a suite in workers is such a job too, and waits meanwhile: jobs in use = tokens out + 1
 * - suites. All that is known is how many tokens lie in the pool; one who waits for a token cannot be seen. Therefore
 * one more lies there than there are CPUs set apart for jobs, as long as these are fewer than their fair share: the
 * bell. Who takes it has one job more than there is a CPU for, until a suite has given one up at the end of an item.
 *
 * The wish of jobs, CPUs to be set apart, rises at once with those in use, and falls to the most that were in use in
 * the JOBS_DWELL_US before. Tokens too many are taken out where they lie, and as they come back. Nothing is asked of a
 * job that runs: suites get its CPU when it ends.
 *
 * The fair share is max-min, suites and all jobs together being one party each (Bertsekas, Gallager, Data Networks,
 * 6.5.2), rounded down, and at least one CPU of several.
 */
#pragma once

#include <stdint.h>

#define JOBS_DWELL_US UINT64_C(500000)
#define JOBS_NEVER    UINT64_MAX

enum { JOBS_TOKENS_MAX = 4096 }; /* what a pipe holds in any case, and CPUSET_MAX */

/* jobs_init() makes one. */
struct jobs {
        unsigned most;     /* jobs that may run at a time, suites among them */
        unsigned issued;   /* tokens that there are, in the pool or out */
        unsigned n_suites; /* when it was last looked */
        unsigned in_use;   /* jobs, likewise */
        unsigned wish;     /* CPUs */
        unsigned peak;     /* the most jobs in use since the dwelling began */
        uint64_t falls_at; /* µs: the dwelling's end; JOBS_NEVER: nothing is to fall */
        unsigned doubtful; /* tokens that nobody could hold when it was last looked, and that are still out */
        unsigned n_lost;   /* tokens that were put back for clients that are gone */
};

struct jobs_facts {
        unsigned n_cpus;   /* of the run, >= 1 */
        unsigned n_suites; /* that run in workers */
        unsigned fair;     /* jobs_fair() of these */
        unsigned lying;    /* tokens found in the pool */
        uint64_t now;      /* µs */
};

struct jobs_plan {
        unsigned put, take; /* tokens, one of them 0; no more are to be taken than lie there */
        unsigned owed;      /* tokens that are out and too many: to be taken when they come back */
        unsigned min, max;  /* CPUs that are to be set apart for jobs, as far as others need not have one; 0: none */
};

/* most: 0 for any number. */
void jobs_init(struct jobs *jobs, unsigned most);

/* CPUs that jobs may have beside n suites, of which each has use for so many. */
unsigned jobs_fair(unsigned n_cpus, const unsigned *of_use, unsigned n);

/* What is to be, as things are; calling it twice changes nothing. */
struct jobs_plan jobs_step(struct jobs *jobs, const struct jobs_facts *facts);
/* What of it was done: so many tokens were put in or taken out. */
void jobs_put(struct jobs *jobs, unsigned n);
void jobs_took(struct jobs *jobs, unsigned n);

/* Clients that live can hold so many tokens at most. Where more are out, twice in a row, the rest is lost with those
 * who held them: jobs_step() then puts others in. Should they come back after all it takes them out. */
void jobs_recount(struct jobs *jobs, unsigned lying, unsigned capacity);
