/* What a cgroup of version 2 has used: cpu.stat, memory.current, memory.peak (Linux 5.19) and memory.events of
 * Documentation/admin-guide/cgroup-v2.rst, descendants included. No hwloc: the client links this. */
#pragma once

#include <stdint.h>

/* UINT64_MAX: nobody says. */
struct hw_group {
        uint64_t cpu_us;      /* of all its processes, those that have ended included */
        uint64_t memory;      /* bytes charged to it now */
        uint64_t memory_peak; /* the most there ever were */
        uint64_t droppable;   /* of these, files' pages that were not used lately */
        uint64_t oom_kills;   /* its processes that were killed for want of memory */
};

/* `directory` is the group's, below root. */
void hw_group_read(const char *root, const char *directory, struct hw_group *ret_group);
