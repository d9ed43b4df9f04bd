/* How much memory new processes may take. No hwloc: the client links this. */
#pragma once

#include <stdint.h>

/* Bytes: the smaller of what the system has available (MemAvailable of /proc/meminfo, see proc_meminfo(5)) and of what
 * the memory cgroups of process pid (0: the caller) leave. UINT64_MAX where nobody says. -ENOMEM. */
int hw_memory_available(const char *root, int pid, uint64_t *ret_bytes);

/* MemAvailable (Linux 3.14) and MemTotal in bytes; UINT64_MAX what is missing or no number. What reading failed with.
 */
int hw_meminfo_read(const char *root, uint64_t *ret_available, uint64_t *ret_total);

/* SwapFree in bytes; UINT64_MAX where nobody says. */
uint64_t hw_swap_free(const char *root);
