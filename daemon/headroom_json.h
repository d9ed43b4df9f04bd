/* Headroom as JSON, as the interface has it. */
#pragma once

#include <jansson.h>

#include "core/governor.h"

struct headroom_view {
        enum governor_policy policy;
        const struct governor_decision *decision;
        const struct readings *readings; /* NULL: nothing has been sampled yet */
        const struct readings *before;   /* the sample before, for what is counted up; NULL: none that is near */
        uint64_t age;                    /* µs since the sample */
        int trigger_error;               /* 0: the kernel tells of memory pressure at once; else why it is polled */
};

/* NULL for want of memory. */
json_t *headroom_view_json(const struct headroom_view *view);

/* What energy was used between two readings of a counter, which may have wrapped around once; µJ. */
uint64_t headroom_energy(const struct readings_package *before, const struct readings_package *now);
