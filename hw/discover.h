/* Discovery: the machine as hwloc sees it, its kinds of core put right by hw/kinds.h.
 *
 * HWLOC_XMLFILE, HWLOC_SYNTHETIC and HWLOC_FSROOT make hwloc describe another machine; without them a root other
 * than "" makes it read ROOT/sys and ROOT/proc.
 */
#pragma once

#include <stdbool.h>

#include "core/machine.h"
#include "hw/notes.h"

/* Fills *ret_machine (machine_finish() it) with every online PU, those outside the caller's own cgroup too.
 *
 * *ret_lendable is what of them may be lent at all: not isolated PUs. Where a description from an XML file or
 * synthetic string stands in for this system, the real system's files are not asked (unless root is given)
 * and it is the description's allowed set.
 *
 * -ENOMEM; -ENOENT where root has no /sys/devices/system/cpu; -EINVAL where hwloc refuses the description; -EOVERFLOW
 * above CPUSET_MAX PUs. notes may be NULL. */
int hw_discover(const char *root, struct machine *ret_machine, struct cpuset *ret_lendable, struct hw_notes *notes);

/* Whether the environment makes hwloc describe another machine than this one, to which this system's sensors then do
 * not belong. */
bool hw_discover_elsewhere(void);
