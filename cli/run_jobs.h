/* The run's jobserver: a FIFO of tokens in the run's directory, which make and others below COMMAND find through
 * MAKEFLAGS. Builds and test suites then use the run's CPUs once; core/jobs.h decides how many tokens there are to be.
 *
 * Named in two ways, both of them the same FIFO: as fifo:PATH, and as two descriptors that COMMAND inherits for a make
 * before 4.4, which knows no path and would die of one. That one reads nothing behind the "--" in MAKEFLAGS but
 * variables; all others take the last jobserver that is named, wherever it stands.
 *
 * The engine looks at the pool now and then: soon where something has changed, seldom where nothing does, and at once
 * where a token comes back that is one too many. (inotify tells more, but to close it takes some 10 ms.) While tokens
 * are out it also looks once a second whether their holders live.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "core/jobs.h"

struct run;
struct run_pids;

enum {
        RUN_JOBS_SOON_MS = 20,     /* from one look to the next; twice as much each time that nothing has changed… */
        RUN_JOBS_BESIDE_MS = 100,  /* …up to this beside a suite… */
        RUN_JOBS_ALONE_MS = 1000,  /* …and to this where there is none */
        RUN_JOBS_COUNT_MS = 1000,  /* from one look at the clients to the next, while tokens are out; … */
        RUN_JOBS_SHARE = 100,      /* …they take at most one part in so many of the time */
        RUN_JOBS_DESCRIPTOR = 100, /* the descriptors that are inherited have at least this number: shells and their
                                      scripts use small ones */
};

#define RUN_JOBS_NAME "jobserver"

enum { RUN_JOBS_PATH_MAX = 108 }; /* RUN_DIR_MAX and that */

/* All zero: none is offered. */
struct run_jobs {
        bool on;
        int pool;         /* the FIFO, both ends; never blocks */
        int inherited[2]; /* to read and to write; -1 where none is handed on */
        uv_poll_t poll;
        uv_timer_t timer;
        bool watched;
        unsigned pause; /* ms until the next look */
        unsigned lying; /* tokens, when it was last looked */
        struct jobs jobs;
        unsigned shared;      /* CPUs set apart when the run was divided last */
        unsigned most;        /* jobs in use at a time, as far as was seen */
        uint64_t count_at;    /* µs: when the clients are to be looked at; JOBS_NEVER */
        char **command;       /* COMMAND without its -j, or NULL */
        char *words;          /* that are new in it */
        const char *style;    /* "fifo", "pipe" or "both" */
        const char *why_none; /* NULL: there is one, or it could not be made */
};

/* Makes the pool, and puts MAKEFLAGS among run->counts. Where there can be none the run goes without. -ENOMEM. */
int run_jobs_open(struct run *run);
/* What is to be executed: COMMAND, without a -j that would make it leave the pool. */
char **run_jobs_command(const struct run *run);
/* Before and after COMMAND is started: it inherits what it is to, and nobody else does. */
void run_jobs_hand_on(struct run *run);
void run_jobs_handed_on(struct run *run);
/* From then on the engine looks after it. */
int run_jobs_watch(struct run *run);
/* While all its clients stand still there is nothing to see. */
void run_jobs_hold(struct run *run, bool held);
void run_jobs_close(struct run *run);
void run_jobs_finish(struct run_jobs *jobs);

/* Puts tokens in and takes them out as the run is now. For run_share(): the jobs that run need min CPUs, and want max.
 * Zero where there is no pool. */
struct jobs_plan run_jobs_look(struct run *run);
/* That was done. */
void run_jobs_shared(struct run *run, const struct jobs_plan *plan);

/* With --verbose, what became of them; nothing where no token was ever out. */
void run_jobs_print(const struct run_jobs *jobs);
/* For --json; NULL where no token was ever out. */
json_t *run_jobs_describe(const struct run_jobs *jobs);

/* Among its files: how many tokens the processes below this one can hold that have the FIFO open, those in `except` and
 * what is below them apart: each as many as it has children and threads beside its first. */
unsigned run_jobs_count_clients(const char *fifo, const struct run_pids *except);
