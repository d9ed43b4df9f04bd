/* The processes below this one, as /proc shows them: ending them, pinning them, looking at what they run.
 *
 * The caller is a child subreaper, so whatever its descendants leave behind becomes its child. Nothing here
 * keeps state; a process that vanishes meanwhile is no error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/cpuset.h"

struct run_pids {
        pid_t *items;
        size_t n, allocated;
};
void run_pids_finish(struct run_pids *pids);

int run_pids_add(struct run_pids *pids, pid_t pid); /* 0 or -ENOMEM */
bool run_pids_have(const struct run_pids *pids, pid_t pid);

/* Appends everything below `pid`, parents before children. 0 or -ENOMEM. */
int run_tree_descendants(pid_t pid, struct run_pids *pids);
/* The same without `except` and what is below them. */
int run_tree_descendants_but(pid_t pid, const struct run_pids *except, struct run_pids *pids);
/* The same; cheap, and now and then not complete. */
int run_tree_look_below(pid_t pid, const struct run_pids *except, struct run_pids *pids);

/* To a process below this one; a number that has become somebody else's is left alone. 0, -ESRCH where it is none of
 * ours any more, -EPERM. */
int run_tree_signal(pid_t pid, int sig);
/* The same to one below `root`. */
int run_tree_signal_below(pid_t root, pid_t pid, int sig);
/* Whether it is below `root`. */
bool run_tree_is_below(pid_t root, pid_t pid);

/* Sends SIGTERM to all descendants, SIGKILL to those that are left after `grace_ms` or once a termination signal
 * arrives, and reaps them. Returns when there are none (at once where there were none) or only such as may not be
 * killed. SIGCHLD and the termination signals have to be blocked. */
void run_tree_end(unsigned grace_ms);

/* Its state's letter, as proc_pid_stat(5) has them ('T' stopped, 'Z' waits to be reaped); NUL where it is gone. */
char run_tree_state(pid_t pid);

/* Sets the affinity of every thread of a process, those that are born meanwhile included: 0, -ESRCH it is gone, -EINVAL
 * no such PU may be used, -EPERM. */
int run_tree_pin(pid_t pid, const struct cpuset *pus);
/* The same for everything below a process but `except` and what is below them; children that are born meanwhile
 * included where `thorough`, which costs a look at all of /proc or more. */
void run_tree_pin_below(pid_t pid, const struct run_pids *except, const struct cpuset *pus, bool thorough);

/* Its parent, or 0 where it is gone; and its threads. */
pid_t run_tree_parent(pid_t pid);
size_t run_tree_count_threads(pid_t pid);

/* Whether this process may be pinned to a PU; found out by trying, as cpusets change while we live. */
bool run_tree_may_use(unsigned pu);

/* Reads a process's command line: words with NULs between them, at most size - 1 bytes and a NUL; its length or a
 * negative errno. */
ssize_t run_tree_cmdline(pid_t pid, char *buf, size_t size);
/* The environment that its program was started with, in the same way. */
ssize_t run_tree_environ(pid_t pid, char *buf, size_t size);

/* µs that this thread has computed: what looking at processes costs, however long the machine does something else
 * meanwhile. */
uint64_t run_tree_cost(void);
