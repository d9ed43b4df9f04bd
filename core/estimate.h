/* What history says of an item, and how a new measurement changes it. Pure; plain data that the caller stores.
 *
 * The update is a median of three (the estimate, the previous sample, this one) followed half-way: one odd run, on
 * a busy machine say, moves nothing, and a test that really became slower is believed the second time it is seen.
 * The second sample of all replaces the first where it is shorter: a first run pays for compiling and cold caches.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ESTIMATE_NO_GROUP UINT32_MAX

enum { ESTIMATE_SAMPLES_MAX = 1000000 }; /* the count stays there */

enum estimate_outcome {
        ESTIMATE_UNKNOWN,
        ESTIMATE_PASSED,
        ESTIMATE_FAILED,
        ESTIMATE_SKIPPED,
        ESTIMATE_LOST, /* killed its worker: its times are not learned from */
        ESTIMATE_OUTCOMES,
};

/* All zero: nothing is known. */
struct estimate {
        uint32_t n_samples;
        double wall;   /* seconds alone on a fast core, group set-ups not counted */
        double cpu;    /* CPU seconds on a fast core, reaped children included */
        double spread; /* mean absolute deviation of wall */
        double last;   /* the previous sample's wall */
        uint64_t rss;  /* KiB, peak; rises at once and falls slowly */
        enum estimate_outcome outcome;
};

struct estimate_sample {
        double wall, cpu; /* seconds as measured */
        uint64_t rss;     /* KiB; 0 not measured */
        double speed;     /* of the PU it ran on, relative to a fast core alone: (0, 1] */
        enum estimate_outcome outcome;
};

/* Wall seconds as they would have been on a PU of one's own, where `stretch` (>= 1) workers took turns on each. Waiting
 * for a PU cannot be told from waiting for something else; in a fair share it is at most stretch - 1 times the CPU
 * seconds, and that much is taken off: exact for what only computes and for what only waits, too little between. */
double estimate_alone(double wall, double cpu, double stretch);
/* Seconds that a measurement would have taken on a fast core: only the part that used the CPU scales. */
double estimate_on_fast_core(double wall, double cpu, double speed);

void estimate_update(struct estimate *e, const struct estimate_sample *sample);

/* Fills the unknown ones of `seconds` (< 0) with the median of the nearest group that has known ones: its own
 * (class), the enclosing ones (module, package), all items; nothing known: they stay unknown. `group` is each
 * item's innermost group or ESTIMATE_NO_GROUP, `parent` each group's (a lower index) likewise. -ENOMEM. */
int estimate_guess(double *seconds, const uint32_t *group, uint32_t n_items, const uint32_t *parent, uint32_t n_groups);
