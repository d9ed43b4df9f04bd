/* What a run would get away from by moving into a scope of its own: somebody may have set limits for the unit that it
 * was started in (AllowedCPUs=, CPUQuota=, MemoryMax= of a service, of systemd-run, of a CI job). Such a run stays
 * there. Version 2's hierarchy; pids.max is left out, since every service has one and so has a scope.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether a group of this process limits anything that the units of the manager are not below; then ret_why says which.
 * manager: its PID, as a text. False also where that cannot be told. */
bool run_scope_leaves(const char *root, const char *manager, size_t size, char *ret_why);
/* The same of the manager with that PID; true also of 0: it is outside of this process's namespace of PIDs, and a
 * container's limits cannot be seen from within. */
bool run_scope_leaves_for(pid_t manager, size_t size, char *ret_why);
