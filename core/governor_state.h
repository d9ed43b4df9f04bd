/* What the governor's files share; nobody else includes it.
 *
 * governor.c           the step: time, what is forgotten, the least of the limits
 * governor_sensors.c   which temperatures are believed, and which are set aside and why
 * governor_packages.c  counters of a package to rates: time throttled, watts, share below base frequency
 * governor_limits.c    the plain limits: reserve, profile, battery, pressure of others
 * governor_memory.c    the memory limit, and when nobody may grow
 * governor_heat.c      temperature, chassis and power by a PI law
 * governor_critical.c  the fast way down at a critical trip
 * governor_work.c      lost work: the trial with one PU less
 * governor_samples.c   rates and their noise
 * governor_quantise.c  real levels and sudden changes to whole PUs that stay a while
 * governor_text.c      names and sentences
 *
 * All state is of fixed size; nothing is allocated in a step.
 */
#pragma once

#include "core/governor.h"

#include <math.h>

#define GOVERNOR_SECOND UINT64_C(1000000)

/* libc has them as floats. */
#define GOVERNOR_UNKNOWN ((double)NAN)
#define GOVERNOR_ENDLESS ((double)INFINITY)

/* °C. Of a die that names no trip: what AMD's desktop CPUs run up to; Intel's name theirs. */
#define GOVERNOR_DIE_LIMIT 95.0

/* --- temperatures --- */

/* One sensor's course, known by its name. */
struct governor_zone {
        struct readings_zone reading;   /* the latest, with its name terminated */
        const char *why;                /* set aside; NULL: believed */
        bool known;                     /* celsius and smooth mean something */
        double celsius;                 /* latest plausible value */
        double smooth;                  /* the same, low-pass filtered */
        double slow;                    /* the same, with a longer filter */
        double rise;                    /* K/s */
        double passive, hot, critical;  /* °C, GOVERNOR_UNKNOWN where there is none that makes sense */
        uint64_t still_since;           /* when the raw value last changed */
        double others_low, others_high; /* what the dies' other sensors went through since then */
        unsigned lent_low, lent_high;   /* and how many PUs were lent */
        bool stuck;
        uint64_t jumped_at; /* UINT64_MAX: it did not */
        double deviation;   /* from the median of its peers, smoothed, K */
        double usual;       /* its deviation under this load when the load was new, K; GOVERNOR_UNKNOWN not yet */
        uint64_t odd_since; /* since when it deviates otherwise than usual; UINT64_MAX it does not */
        bool drifting;
        bool indifferent;      /* stayed above its critical trip with less lent; outlives gaps: it is the machine's */
        uint64_t hotter_since; /* a chassis that is hotter than the die that heats it; UINT64_MAX it is not */
};

struct governor_sensors {
        struct governor_zone zones[READINGS_ZONES_MAX];  /* those of the latest sample, in its order */
        struct governor_zone before[READINGS_ZONES_MAX]; /* those of the sample before, while a step takes them over */
        unsigned n_zones;
        struct cpuset load; /* PUs lent when the load was new */
        uint64_t load_since;
};

/* --- packages --- */

/* Rates are over about the last GOVERNOR_RATE_US. */
struct governor_package {
        unsigned package;
        uint64_t counted_at; /* of the throttle counters; 0 not yet */
        uint64_t throttled_ms, throttle_events, core_throttled_ms;
        bool times;          /* the time counters were seen to count */
        double throttled;    /* share of time, 0..1 */
        bool guessed;        /* from the die's temperature: there are no counters */
        uint64_t metered_at; /* of the energy counter; 0 not yet */
        uint64_t energy_uj;
        bool has_watts;
        double watts;
        double limit_watts; /* RAPL's long-term limit; 0 not known */
        bool has_speed;
        double speed; /* relative to base */
        double below; /* share of the lent PUs below base */
};

/* --- whole PUs --- */

/* A real level to whole PUs. */
struct governor_quantiser {
        unsigned n; /* 0: not set */
        uint64_t changed;
};

struct governor_dwell {
        uint64_t up, down; /* µs that a number stays at least before it rises, falls */
};

/* A whole number that falls at once and rises when the reason has lasted. */
struct governor_slow_up {
        bool set;
        unsigned pus;    /* what holds */
        unsigned rising; /* the least that was wished for since `since` */
        uint64_t since;  /* when the wish was last not above pus */
};

/* --- laws --- */

struct governor_loop {
        bool engaged;
        double level;  /* PUs */
        double error;  /* of the sample before, relative */
        uint64_t seen; /* when it last had a reading */
        struct governor_quantiser quantiser;
        uint64_t raised;   /* when the number last rose; 0: it did not, or fell since */
        unsigned patience; /* the wait before it rises is doubled so often */
};

struct governor_critical {
        bool engaged;
        unsigned n;
        uint64_t changed;    /* when n last fell */
        uint64_t raised;     /* when it last rose; 0: it fell since */
        unsigned patience;   /* the wait before it rises is doubled so often */
        uint64_t calm_since; /* UINT64_MAX: not calm */
        double at_cut;       /* °C at the latest cut */
        unsigned in_a_row;   /* samples that were too hot */
        char what[GOVERNOR_TEXT_MAX], until[GOVERNOR_TEXT_MAX];
        unsigned package;
};

enum { GOVERNOR_SAMPLES_MAX = 240 };

struct governor_samples {
        double items[GOVERNOR_SAMPLES_MAX];
        unsigned n;
};

/* The median of samples, and its standard error as their own scatter has it. */
struct governor_rate {
        double median, error;
};

enum governor_phase {
        GOVERNOR_WATCH,  /* no trial under way: measures the rate as it is */
        GOVERNOR_SETTLE, /* the number was changed; lets it have its effect */
        GOVERNOR_TRIAL,  /* measures the rate after the change */
};

struct governor_work {
        bool lost;            /* throttled and below base: work may be lost */
        uint64_t lost_since;  /* since when it is, or is not */
        uint64_t reported_at; /* when all runs last said their rates; 0 never */
        uint64_t sampled_at;
        double throttled, speed; /* of the worst package */
        bool guessed;            /* that it is throttled */
        unsigned package;
        unsigned allowed; /* PUs that the cut leaves; 0 no cut */
        enum governor_phase phase;
        uint64_t phase_since;
        unsigned lent;       /* PUs lent while it measures */
        bool upward;         /* the trial is with more, not with less */
        bool leap;           /* the trial is with a lot less */
        unsigned before;     /* allowed before the trial */
        unsigned trial_from; /* PUs lent before it, where it is with less */
        unsigned too_many;   /* after a leap: so many were found to do less; 0 no leap's end is being looked for */
        unsigned too_few;    /* so many did less than more did */
        double speed_then;   /* when the samples began */
        unsigned n_failed;   /* trials downward in a row */
        struct governor_rate base; /* before the change */
        struct governor_rate best; /* before the first of the cuts that are kept */
        uint64_t wait_down;        /* µs until the next trial; grows while they fail */
        uint64_t wait_up;
        uint64_t next_down, next_up;
        struct governor_samples samples;
};

struct governor_memory {
        struct governor_slow_up room;
        bool pressed;
        uint64_t calm_since;
        unsigned squeezed; /* PUs left under severe pressure; 0 none */
        uint64_t squeezed_at;
};

struct governor_plain {
        struct governor_slow_up profile, supply, pressure;
        int band; /* of charge */
        bool pressed;
        double pressed_for; /* s */
};

struct governor {
        struct governor_settings settings;
        bool started;
        uint64_t now;
        double dt; /* s since the sample before; 0 in the first */
        unsigned n_usable, n_lent, floor;
        const struct governor_situation *situation; /* during a step */
        const struct readings *readings;            /* during a step */
        struct governor_decision *decision;         /* during a step */
        unsigned lossy_package;                     /* that loses most work; UINT_MAX none */
        unsigned hot_package;                       /* the one that PUs were last taken from */

        struct governor_sensors sensors;
        struct governor_package packages[READINGS_PACKAGES_MAX];
        unsigned n_packages;
        double watts_per_pu; /* 0 not known; outlives gaps: it is the machine's */

        struct governor_plain plain;
        struct governor_memory memory;
        struct governor_loop temperature, chassis, power;
        struct governor_critical critical;
        struct governor_work work;
};

/* Each judges a part of the sample. */
void governor_judge_zones(struct governor *g);
void governor_judge_packages(struct governor *g);
/* Each adds its limits to the decision. */
void governor_limit_plainly(struct governor *g);
void governor_limit_memory(struct governor *g);
void governor_limit_heat(struct governor *g);
void governor_limit_power(struct governor *g);
void governor_limit_critical(struct governor *g);
void governor_limit_work(struct governor *g);

/* What was learned of the course of things. */
void governor_forget_zones(struct governor_sensors *sensors);
void governor_forget_work(struct governor_work *work);

/* How much of a low-pass filter's way to go after dt seconds, with time constant tau: 0..1. */
double governor_smoothing(double dt, double tau);
/* Finite and within [least, most]. */
bool governor_plausible(double value, double least, double most);

/* Cuts by a temperature of its own, and prefers work per watt to work. */
static inline bool governor_is_cool(enum governor_policy policy)
{
        return policy == GOVERNOR_QUIET || policy == GOVERNOR_BATTERY;
}

/* governor_quantise.c. Level to whole PUs within [floor, most]: falls when it is GOVERNOR_FALL below the number held,
 * at once where it is more than one PU below; rises by at most `step` where may_rise. */
unsigned governor_quantise(struct governor_quantiser *q, uint64_t now, double level, unsigned least, unsigned most,
                           unsigned step, bool may_rise, const struct governor_dwell *dwell);
/* UINT_MAX: no limit wished for. */
unsigned governor_slow_up(struct governor_slow_up *s, uint64_t now, unsigned wish, uint64_t dwell);

/* governor_samples.c. The least of them first afterwards; 0 of none. */
double governor_median(double *items, unsigned n);
/* Appends; where there are too many the oldest go. */
void governor_sample(struct governor_samples *samples, double value);
void governor_samples_drop(struct governor_samples *samples, unsigned n);
struct governor_rate governor_rate(const struct governor_samples *samples);
/* Whether both halves agree: to a share of their rate, or as far as their noise says. */
bool governor_is_steady(const struct governor_samples *samples, double tolerance);

/* governor_text.c. The new limit of the decision, all 0 but cause and pus (at least 1). */
struct governor_limit *governor_add_limit(struct governor *g, enum governor_cause cause, unsigned pus);
void governor_copy_name(char to[READINGS_NAME_MAX], const char from[READINGS_NAME_MAX]);
void governor_ignore(struct governor *g, const char *name, const char *why);
/* "package", "package 1" where there are several, or a sensor's name. */
const char *governor_zone_text(const struct governor *g, const struct governor_zone *zone, char *buf, size_t size);
__attribute__((format(printf, 2, 3))) void governor_say(char text[GOVERNOR_TEXT_MAX], const char *format, ...);
void governor_tell(struct governor *g); /* the decision's text */
