/* The scheduling weight of a run: the niceness of COMMAND and all below it, and that of the group of tasks that they
 * share with others of their session, so that the machine stays usable beside them. Only ever less weight than there
 * was; nothing needs a privilege. The engine keeps its own: it does little, and workers wait for it.
 *
 * A task's nice value counts only among the tasks of its group. Where the cpu controller has a cgroup for this process,
 * that is its cgroup, whose weight may be set by the user to whom it is delegated (cpu.weight.nice of
 * Documentation/admin-guide/cgroup-v2.rst). Where it is in no such group, and the kernel makes one of every session
 * (sched_autogroup_enabled, see sched(7)), that is the session: the terminal's shell has the same weight while the run
 * lasts. A session of the run's own would take the terminal, and with it job control, away from COMMAND.
 *
 * A run in a scope of its own has that scope's weight instead (run_scope.h), and its shell's group is left alone.
 */
#pragma once

enum { RUN_NICE_PATH_MAX = 4200 };

struct run_nice {
        int wanted;                   /* 0: nothing is to be done */
        int own;                      /* COMMAND's: that, or the user's own where it is more */
        int before;                   /* the group's, while .path is not "" */
        char path[RUN_NICE_PATH_MAX]; /* where the group's was set, and is to be set back; "" where it was not */
};

/* What is to be done, and nothing of it yet. */
void run_nice_init(int nice, struct run_nice *ret_nice);
/* The same, and gives this process's group at least that niceness. What cannot be done stays as it is. `root` is the
 * prefix of what is read and written in /proc and /sys. */
void run_nice_apply(const char *root, int nice, struct run_nice *ret_nice);
/* In the process that is to become COMMAND: for it and what it starts. */
void run_nice_become(const struct run_nice *nice);
/* Sets the group's, or sets it anew where another run has set it back at its end. */
void run_nice_keep(const char *root, struct run_nice *nice);
/* Sets the group's back if nobody has changed it since; once. The process keeps its own. */
void run_nice_restore(struct run_nice *nice);
