/* What processes have used of the CPUs, and how idle CPUs were, as /proc says it at one moment.
 *
 * CPU time alone falls where processes take turns, and who asked it for the demand would start ever more of them. So
 * the time in which a thread was ready and waited for a CPU counts as used: the first two numbers of
 * /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst). A kernel without that file has only the
 * times of /proc/PID/stat.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/cpuset.h"

enum {
        RUN_SAMPLE_PROCESSES_MAX = 64, /* of one tree, and threads of one process: the rest is not looked at */
};

/* Seconds that a process and all below it have run or were ready to run since they began, in all their threads; those
 * of threads that have ended and of children that were waited for included, as far as these ran. -ESRCH it is gone. */
int run_sample_used(const char *root, pid_t pid, double *ret_seconds);

/* Seconds that a process's first thread has run, and that it was ready to run and waited. -ENOENT it is gone, or the
 * kernel does not say. */
int run_sample_thread(const char *root, pid_t pid, double *ret_ran, double *ret_waited);

/* Seconds in which these PUs had nothing to do since the system started, summed up; in clock ticks of 10 ms, mostly.
 * `nice`: or had only to do what gives way to others, as its nice value is above 0. -ENOENT where the system does not
 * say; -EINVAL where what it says cannot be understood. */
int run_sample_idle(const char *root, const struct cpuset *pus, bool nice, double *ret_seconds);

/* Bytes of memory that a process has for itself alone, in memory and swapped out (smaps_rollup, Linux 4.14); 0 where it
 * is gone, or the kernel does not say. It costs some 0.1 ms, and 1 ms for each 100 MB or so. */
uint64_t run_sample_private(const char *root, pid_t pid);
/* Bytes of memory that a process has now, those it shares included; 0 where it is gone. */
uint64_t run_sample_resident(const char *root, pid_t pid);
