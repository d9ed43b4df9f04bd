/* systemd's manager as far as a run needs it: a transient scope for the calling process, changes of what was set, and
 * whether the manager is there at all. Spoken over the manager's own socket (systemd/private below XDG_RUNTIME_DIR), as
 * systemctl does: no bus daemon has to be there.
 *
 * Nothing here waits: what the manager has to say comes by the loop, or never. The interface is
 * org.freedesktop.systemd1(5)'s.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/cpuset.h"

#define RUN_MANAGER_SLICE "schedctl.slice"

enum {
        RUN_MANAGER_UNIT_MAX = 64,   /* bytes of a unit's name */
        RUN_MANAGER_WHY_MAX = 256,   /* of why something is not to be had */
        RUN_MANAGER_STOP_MS = 2000,  /* from SIGTERM to SIGKILL where the manager ends a run */
        RUN_MANAGER_PROBE_MS = 1000, /* that an answer is waited for where somebody only wants to know */
};

/* What a scope is to have; what is UINT64_MAX or 0 stays as the manager has it. */
struct run_manager_limits {
        uint64_t memory_high, memory_max, swap_max; /* bytes; UINT64_MAX none */
        unsigned weight;                            /* of CPU and disk, 100 is everybody's; 0 none */
        struct cpuset pus;                          /* AllowedCPUs; empty: all */
};

struct run_manager_request {
        const char *id;          /* tells its units apart from other runs' */
        const char *description; /* one line */
        const char *held;        /* a file that whoever keeps the run together holds open for writing */
        struct run_manager_limits limits;
};

struct run_manager_events {
        /* The scope is there with this process in it, or (why is not NULL) not to be had. Once a request. */
        void (*settled)(void *context, const char *why);
};

struct run_manager;

/* Where the manager of this user's units listens, "" in ret_path where none does: then ret_why says so. For root
 * without one of its own it is the system's. */
void run_manager_find(char ret_path[static PATH_MAX], char ret_why[static RUN_MANAGER_WHY_MAX]);

/* Connects on the loop, not before the first request is sent. -ENOMEM. */
int run_manager_open(uv_loop_t *loop, const char *path, const struct run_manager_events *events, void *context,
                     struct run_manager **ret_manager);
/* At once, and without a word to the manager. Takes NULL. */
void run_manager_close(struct run_manager *m);

/* The manager's PID; 0 where it has none in this process's namespace. It is asked of the connection that requests go
 * over: the manager logs an error of one that comes and says nothing. What connecting fails with, negative. */
int run_manager_peer(struct run_manager *m, pid_t *ret_pid);

/* The scope's name. */
void run_manager_unit(const char *id, char ret_unit[static RUN_MANAGER_UNIT_MAX]);

/* Moves this process, and what it starts from then on, into a scope that ends with its last process, or when the last
 * descriptor that `held` was opened with for writing is closed. What connecting or sending fails with, negative. */
int run_manager_start_scope(struct run_manager *m, const struct run_manager_request *request);

/* Changes what is not as in `before`; connects again where the manager has gone meanwhile. Nobody hears whether it was
 * done. */
int run_manager_change(struct run_manager *m, const char *unit, const struct run_manager_limits *before,
                       const struct run_manager_limits *limits);

/* Asks the manager at `path` for its version: 0 and its PID, or a negative errno where it does not answer in time. */
int run_manager_probe(const char *path, pid_t *ret_pid);
