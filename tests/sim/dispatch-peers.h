/* How long pytest-xdist's ways of dealing tests out take on the simulated machine, with one worker a PU. Its workers
 * are not pinned: the kernel moves who runs on a slow PU to a faster one that is idle, at once. Starting them and
 * passing messages takes no time. Where each is at first is luck: this is the mean of four placements. */
#pragma once

#include "tests/sim/dispatch-world.h"

enum peer {
        PEER_LOAD,
        PEER_WORKSTEAL,
        PEER_LOADSCOPE,
        PEERS,
};

double peer_makespan(const struct world *w, enum peer peer);
