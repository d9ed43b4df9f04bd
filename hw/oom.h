/* Where the kernel counts the processes that it has killed for want of memory. No hwloc: the client links this. */
#pragma once

#include <stdint.h>

#include "hw/root.h"

/* The path, below root, of a file that has a line "oom_kill N" for process pid (0: the caller): of its memory cgroup
 * (memory.events of version 2, memory.oom_control of version 1, since Linux 4.13), or /proc/vmstat, which counts the
 * whole system's. "" where there is none. -ENOMEM. */
int hw_oom_counter(const char *root, int pid, char ret_path[static HW_PATH_MAX]);

/* The N of such a file. -ENOENT where there is none, -EINVAL where it is no number. */
int hw_oom_count(const char *root, const char *path, uint64_t *ret_count);
