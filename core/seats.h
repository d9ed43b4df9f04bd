/* Which worker is on which PU, where workers come, go and stay by somebody else's word (pytest-xdist): one a PU, the
 * best PUs first, and those beyond float over all of them. Who has a PU that is still there keeps it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/dispatch.h"

struct seat {
        bool taken;  /* there is such a worker */
        unsigned pu; /* or DISPATCH_FLOATING */
};

/* By the workers' numbers; PUs best first. Who floats gets the best PU that is free, the lowest number first. */
void seats_settle(struct seat *seats, size_t n, const struct dispatch_pu *pus, size_t n_pus);
