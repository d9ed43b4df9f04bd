/* Which PUs the system leaves to be used: online, not isolated, in a process's affinity mask and its cgroups'
 * cpusets; and how many PUs' worth of time its cgroups' cpu.max allows. No hwloc: the client links this.
 *
 * A file that is missing limits nothing. One that is malformed is skipped with a note.
 */
#pragma once

#include <sys/types.h>

#include "core/cpuset.h"
#include "hw/notes.h"

enum {
        HW_GROUP_MAX = 512, /* bytes of a cgroup path that are kept */
};

/* /sys/devices/system/cpu/online; where it cannot be read, every PU below CPUSET_MAX. */
struct cpuset hw_online(const char *root, struct hw_notes *notes);

/* PUs set apart at boot or by cpuset partitions (isolcpus=: /sys/devices/system/cpu/isolated), which are not to be
 * lent: nothing is balanced onto them, and whoever isolated them has a use for them. nohz_full= PUs that are not
 * isolated too are ordinary ones. */
struct cpuset hw_isolated(const char *root, struct hw_notes *notes);

/* What one process may use. */
struct hw_allowance {
        struct cpuset pus;        /* affinity mask and cgroup cpusets, online or not */
        double quota;             /* PUs' worth of time, the least of all ancestors; 0 unlimited */
        char group[HW_GROUP_MAX]; /* the cgroup that sets it, as its path below the cgroup mount; "" where none */
};

/* Of process pid, 0 for the caller's own. The caller's mask comes from sched_getaffinity() where root is "", else
 * the mask is Cpus_allowed_list of /proc/PID/status. Only -ENOMEM fails. */
int hw_allowance_read(const char *root, pid_t pid, struct hw_allowance *ret_allowance, struct hw_notes *notes);
