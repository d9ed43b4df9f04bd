/* What history says of an item, and how a new measurement changes it. Pure; plain data that the caller stores.
 *
 * The update is a median of three (the estimate, the previous sample, this one) followed half-way: one odd run, on
 * a busy machine say, moves nothing, and a test that really became slower is believed the second time it is seen.
 * The second sample of all replaces the first where it is shorter: a first run pays for compiling and cold caches.
 *
 * A time that was imported is replaced by the first measurement, and one of wall time alone by the first that has CPU
 * time too. What a measurement of wall time alone does not say is taken from the estimate: it is no wait, nor none.
 * Where the test's file has changed since the estimate was made, a measurement that differs by more than noise does is
 * believed at once.
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
        double wall;         /* seconds alone on a fast core, group set-ups not counted */
        double cpu;          /* CPU seconds on a fast core, reaped children included; < 0: never measured */
        double spread;       /* mean absolute deviation of wall */
        double last;         /* the previous sample's wall */
        double last_cpu;     /* its CPU seconds, as measured; 0: they were not */
        double last_speed;   /* of the PU that it ran on; 0: not known */
        uint32_t last_class; /* of that PU, as core/speeds.h numbers them; 0: not known */
        uint64_t rss;        /* KiB, peak; rises at once and falls slowly */
        uint64_t source; /* the test's file when it was last measured: a number that changes with it; 0: not known */
        enum estimate_outcome outcome;
};

struct estimate_sample {
        double wall, cpu; /* seconds as measured; cpu < 0: it was not */
        uint64_t rss;     /* KiB; 0 not measured */
        double speed;     /* of the PU it ran on, relative to a fast core alone: (0, 1] */
        uint32_t class;   /* of that PU; 0: not known */
        uint64_t source;  /* as the estimate's */
        enum estimate_outcome outcome;
};

/* Wall seconds as they would have been on a PU of one's own, where `stretch` (>= 1) workers took turns on each. Waiting
 * for a PU cannot be told from waiting for something else; in a fair share it is at most stretch - 1 times the CPU
 * seconds, and that much is taken off: exact for what only computes and for what only waits, too little between. */
double estimate_alone(double wall, double cpu, double stretch);
/* Seconds that a measurement would have taken on a fast core: only the part that used the CPU scales. */
double estimate_on_fast_core(double wall, double cpu, double speed);

void estimate_update(struct estimate *e, const struct estimate_sample *sample);

/* Whether the test's file has changed since: what is known of it may not hold any more. */
bool estimate_is_stale(const struct estimate *e, uint64_t source);
/* Spread of the next run's wall time: wider where the test's file has changed. */
double estimate_spread(const struct estimate *e, uint64_t source);
/* Whether it comes from a run here, and was not only imported. */
bool estimate_is_measured(const struct estimate *e);
/* Share of the wall time in which no CPU is used: [0, 1]; 0 where that was never measured. */
double estimate_waits(const struct estimate *e);

/* Items and what is known of their times, for guesses about the others. */
struct estimate_suite {
        const char *const *ids;
        const uint32_t *group; /* per item its innermost group (class, module…), or ESTIMATE_NO_GROUP */
        uint32_t n_items;
        const uint32_t *parent; /* per group the enclosing one (a lower index), or ESTIMATE_NO_GROUP */
        uint32_t n_groups;
};

/* Fills the unknown ones of `seconds` (< 0) with the median of the nearest neighbours that are known, and their
 * `spread` with these neighbours' mean absolute deviation from it. Neighbours are the other parameters of the same test
 * (ids that are equal up to the bracket), its class, the enclosing groups (module, package), all items; nothing known:
 * they stay unknown. -ENOMEM: nothing has changed. */
int estimate_guess(const struct estimate_suite *suite, double *seconds, double *spread);
