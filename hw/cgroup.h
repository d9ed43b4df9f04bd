/* What a process's cgroups allow it: cpusets, cpu.max and memory.max, version 1 and 2, also both mounted side by side.
 *
 * /proc/PID/cgroup says in which group of each hierarchy the process is, /proc/PID/mountinfo where the hierarchies
 * are mounted and which part of them: a container may see its own group as the mount's root. Groups above what is
 * mounted cannot be seen, and what they limit neither. Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
 */
#pragma once

#include <stdint.h>

#include "hw/usable.h"

/* Sets *cpuset where a cpuset limits, and quota and group of *allowance where a cpu.max does; both stay
 * as they were otherwise. process is "self" or a PID. -ENOMEM. */
int hw_cgroup_read(const char *root, const char *process, struct cpuset *cpuset, struct hw_allowance *allowance,
                   struct hw_notes *notes);

/* Bytes that its memory cgroup, or an ancestor, leaves it before anything has to be reclaimed; UINT64_MAX where none
 * limits it. -ENOMEM. */
int hw_cgroup_memory_left(const char *root, const char *process, uint64_t *ret_bytes);
