/* Which PUs the system leaves to be used: not isolated, in a process's affinity mask and its cgroups' cpusets
 * (hw/discover.h tells which are online); and how many PUs' worth of time its cgroups' cpu.max allows. No hwloc: the
 * client links this.
 *
 * A file that is missing limits nothing. One that is malformed is skipped with a note. notes may be NULL.
 */
#pragma once

#include <sys/types.h>

#include "core/cpuset.h"
#include "hw/notes.h"

enum {
        HW_GROUP_MAX = 512, /* bytes that are kept of a cgroup's path */
};

/* PUs that were set apart (isolcpus=: /sys/devices/system/cpu/isolated) and are not to be lent: the kernel balances
 * nothing onto them, and whoever isolated them has a use for them. nohz_full= alone does not set a PU apart. */
struct cpuset hw_isolated(const char *root, struct hw_notes *notes);

/* What one process may use. */
struct hw_allowance {
        struct cpuset pus;      /* in both of the next two; online or not */
        struct cpuset affinity; /* its mask, which the kernel cuts to what its cpusets leave */
        struct cpuset cpusets;  /* of its cgroups; every PU where none limits it */
        double quota;           /* PUs' worth of time, the least of its cgroup's and all ancestors'; 0 unlimited */
        /* The cgroup that sets it, "PATH#INODE": the inode tells apart what namespaces call by the same path, and is
         * the same number seen from any of them. "" without a quota. */
        char group[HW_GROUP_MAX];
};

/* Of process pid, 0 for the caller. The caller's mask comes from sched_getaffinity() where root is "", any other
 * from /proc/PID/status (PID is "self" for 0). -ENOMEM is the only failure. */
int hw_allowance_read(const char *root, pid_t pid, struct hw_allowance *ret_allowance, struct hw_notes *notes);

/* The caller's cpusets but for what its cgroup itself says, if that is called `name`: of who limits itself in a group
 * of its own. -ENOMEM. */
int hw_cpusets_around(const char *root, const char *name, struct cpuset *ret_cpusets);
