/* hwloc's kinds of CPU, taken apart into what they say of each core. */
#pragma once

#include <hwloc.h>

#include "hw/kinds.h"

/* Fills type, measures and rank of the cores (pus[i].core indexes them) from hwloc's kinds. Kinds may cover some
 * PUs only, name PUs that the machine does not have, or be missing: what they do not say stays as it is. -ENOMEM. */
int hw_cpukinds_read(hwloc_topology_t topology, const struct machine_pu *pus, unsigned n_pus, struct hw_core *cores);
