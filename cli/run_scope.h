/* The run's scope: a unit of the user's (or, for root, the system's) manager that holds the engine, COMMAND and all
 * below; the guardian stays where its shell is. Session, process group and terminal are as without.
 *
 * docs/containment.md says what it is good for, and what holds a run together where no manager is to be had. The
 * manager is waited for once, before COMMAND starts, for RUN_SCOPE_WAIT_MS at most: a run never depends on it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "cli/run_manager.h"
#include "cli/run_options.h"
#include "cli/run_scope_limits.h"
#include "hw/root.h"

struct run;

enum {
        RUN_SCOPE_WAIT_MS = 2000,        /* for the manager to start it */
        RUN_SCOPE_DESCRIPTION_MAX = 160, /* bytes */
};

enum run_scope_state {
        RUN_SCOPE_NONE,
        RUN_SCOPE_ASKED,
        RUN_SCOPE_THERE,
};

struct run_scope {
        enum run_scope_state state;
        char socket[PATH_MAX];         /* the manager's; "": none, or it is not to be asked */
        char why[RUN_MANAGER_WHY_MAX]; /* there is none; "" where it was not wished for */
        char held[PATH_MAX];           /* the file by which guardian and engine hold the run's directory */
        char description[RUN_SCOPE_DESCRIPTION_MAX];
        char unit[RUN_MANAGER_UNIT_MAX];
        struct run_manager *manager; /* NULL where there is none */
        struct run_manager_request request;
        struct run_manager_limits told;          /* to the manager */
        struct run_scope_bounds bounds;          /* of memory, of which it was told */
        char directory[HW_PATH_MAX];             /* its cgroup's; "" not known */
        bool has_weight, has_memory, has_cpuset; /* controllers that its cgroup has */
        uint64_t memory_most;                    /* seen so far */
        uv_timer_t timer;
};

/* What all of a run has used, as known when it ends. */
struct run_usage {
        double cpu_seconds;
        uint64_t memory_peak; /* bytes; UINT64_MAX not known */
        uint64_t oom_kills;   /* UINT64_MAX not known */
        const char *unit;     /* NULL none */
        const char *why_none; /* NULL it was not wished for */
};

/* Looks for a manager. */
void run_scope_find(const struct run_options *options, struct run_scope *ret_scope);

/* Asks for it on the run's loop. */
void run_scope_begin(struct run *run);
/* Until it is there or not to be had, *run->scope.why says why not, or the run has ended meanwhile. */
void run_scope_wait(struct run *run);
void run_scope_close(struct run *run);

/* Whether the run's weight against everything else is its scope's. */
bool run_scope_weighs(const struct run_scope *scope);

/* Once a second: what memory there is, and how its slice weighs. */
void run_scope_follow(struct run *run);
/* The lease changed. Before anything is moved to PUs that came, and when all have left those that went. */
void run_scope_widen(struct run *run);
void run_scope_narrow(struct run *run);

/* When everything below has ended. */
void run_scope_usage(const struct run *run, struct run_usage *ret_usage);
