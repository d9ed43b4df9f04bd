/* What the service says of itself, in JSON: the machine, and who holds what. NULL for want of memory. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "core/machine.h"

struct server;

/* GetMachine's reply. */
json_t *status_machine(const struct machine *machine, const struct cpuset *usable);
/* Labels of other users' leases are left out, but not for root. */
json_t *status_of(const struct server *s, uint32_t uid);
json_t *status_cpulist(const struct cpuset *set);
