/* What sysfs says of each core's kind, for hw/kinds.h: completes and overrides what hwloc told. */
#pragma once

#include "hw/kinds.h"

/* Reads, below root, /sys/devices/{cpu_core,cpu_atom,cpu_lowpower}/cpus and, of each core's first PU, cpu_capacity,
 * acpi_cppc/highest_perf and cpufreq/cpuinfo_max_freq. first_pu has the OS index of each core's first PU.
 * A source that does not speak of every core leaves the cores as they were. -ENOMEM. */
int hw_evidence_from_sysfs(const char *root, const unsigned *first_pu, struct hw_core *cores, unsigned n_cores);
