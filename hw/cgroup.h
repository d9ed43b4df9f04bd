/* What a process's cgroups allow it: cpusets, cpu.max and memory.max, version 1 and 2, also both mounted side by side.
 *
 * /proc/PID/cgroup says in which group of each hierarchy the process is, /proc/PID/mountinfo where the hierarchies
 * are mounted and which part of them: a container may see its own group as the mount's root. Groups above what is
 * mounted cannot be seen, and what they limit neither. Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
 */
#pragma once

#include <stdint.h>

#include "hw/root.h"
#include "hw/usable.h"

/* Sets *cpuset where a cpuset limits, and quota and group of *allowance where a cpu.max does; both stay
 * as they were otherwise. process is "self" or a PID. -ENOMEM. */
int hw_cgroup_read(const char *root, const char *process, struct cpuset *cpuset, struct hw_allowance *allowance,
                   struct hw_notes *notes);

/* Where one controller's files for a process are: the directory of its group, and how much of that path is the mount
 * point, above which nothing can be seen. */
struct hw_cgroup_place {
        char directory[HW_PATH_MAX]; /* "" where there is none */
        size_t mount_length;
        bool v2;
};

/* Where the process's group is that has the controller ("memory", "cpu"; "" is version 2's, whatever it has), for who
 * asks it often. -ENOMEM. */
int hw_cgroup_find(const char *root, const char *process, const char *controller, struct hw_cgroup_place *ret_place);
/* As hw_cgroup_read() has *cpuset, for the caller, but for what the group called `name` itself says: what the groups
 * around it leave. */
int hw_cgroup_cpuset_around(const char *root, const char *name, struct cpuset *cpuset);
/* Steps up to the parent group; false at the mount point. */
bool hw_cgroup_up(struct hw_cgroup_place *place);

/* Bytes that the memory cgroup, or an ancestor, leaves before anything has to be reclaimed, and the lowest of their
 * limits; both UINT64_MAX where none limits it. */
uint64_t hw_cgroup_memory_left(const char *root, const struct hw_cgroup_place *place, uint64_t *ret_limit);
