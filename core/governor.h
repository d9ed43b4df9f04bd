/* The governor: how many PUs may be lent, from what the sensors say and the policy wants.
 *
 * Pure: readings and the time come in, a decision with its reasons goes out. The aim is work done, not low
 * temperature: a CPU that sits at its limit by design still finishes more with more workers. A temperature cuts by
 * itself only under the policies quiet and battery, and at chassis, skin and critical trips. Else the governor reacts
 * to lost work: time spent throttled together with a frequency below base; it tries one PU less (far below base, half
 * way to where base would be), and keeps the cut only if the work rate that clients report does not fall. Profile,
 * battery, memory and reserve are plain limits with hysteresis. docs/headroom.md states the law and its sources.
 *
 * Call governor_step() once a second while PUs are lent (GOVERNOR_PERIOD_US), and besides whenever something pressing
 * is known, such as memory pressure. Gaps are fine: after one of more than GOVERNOR_GAP_US, or a suspend, what was
 * learned of the course of temperatures is forgotten.
 */
#pragma once

#include "core/machine.h"
#include "core/placement.h"
#include "core/readings.h"

#define GOVERNOR_PERIOD_US UINT64_C(1000000)
#define GOVERNOR_GAP_US    UINT64_C(10000000)

enum governor_policy {
        GOVERNOR_PERFORMANCE,
        GOVERNOR_BALANCED, /* the default */
        GOVERNOR_QUIET,    /* stays below the temperatures at which fans become loud */
        GOVERNOR_BATTERY,  /* most work for the energy */
        GOVERNOR_POLICIES,
};
const char *governor_policy_text(enum governor_policy policy);
/* False where there is none of that name. */
bool governor_policy_parse(const char *name, enum governor_policy *ret_policy);

struct governor_settings {
        enum governor_policy policy;
        int reserve; /* PUs that are never lent, for the desktop; -1: by policy and machine */
};

/* What is lent, and to whom, in so far as headroom depends on it. */
struct governor_situation {
        const struct machine *machine;
        const struct cpuset *usable; /* the PUs that may be lent at all; not empty */
        const struct cpuset *lent;   /* distinct PUs */
        unsigned n_runs;             /* leases: each keeps one PU whatever the readings say */
        double work_rate;            /* seconds of estimated work done per second, all runs' sum; < 0: not all say */
        uint64_t worker_memory;      /* bytes, the least that a run's next worker needs; 0 not known */
        bool desktop;                /* somebody sits at the machine: a graphical session is active on its seat */
};

enum governor_cause {
        GOVERNOR_NONE,         /* nothing limits: every usable PU may be lent */
        GOVERNOR_RESERVE,      /* kept for the desktop */
        GOVERNOR_PROFILE,      /* the power profile, or performance is degraded */
        GOVERNOR_ON_BATTERY,   /* on battery, or it runs low */
        GOVERNOR_MEMORY,       /* no room for more workers, or memory pressure */
        GOVERNOR_CPU_PRESSURE, /* others wait for the CPUs */
        GOVERNOR_POWER,        /* the package's power limit */
        GOVERNOR_LOST_WORK,    /* one PU less does as much: throttled below base frequency */
        GOVERNOR_TEMPERATURE,  /* the policy's own temperature */
        GOVERNOR_CHASSIS,      /* chassis or skin near its trip */
        GOVERNOR_CRITICAL,     /* any sensor near its critical trip */
        GOVERNOR_CAUSES,
};
const char *governor_cause_text(enum governor_cause cause);

enum {
        GOVERNOR_TEXT_MAX = 160,
        GOVERNOR_IGNORED_MAX = READINGS_ZONES_MAX + 8,
};

/* One limit that the readings come to, binding or not. */
struct governor_limit {
        enum governor_cause cause;
        unsigned pus;                  /* of the usable, it leaves so many; >= 1 */
        unsigned next;                 /* and so many next, when `until` holds; 0 not known */
        char what[GOVERNOR_TEXT_MAX];  /* "package at 94 °C of 100 °C" */
        char until[GOVERNOR_TEXT_MAX]; /* "below 88 °C"; "" not known */
};

/* A reading that is set aside. */
struct governor_ignored {
        char name[READINGS_NAME_MAX];
        const char *why; /* static: "does not change", "below -40 °C", "cannot be read"… */
};

struct governor_decision {
        unsigned budget;           /* PUs that may be lent at once: max(1, runs)..usable, the least of the limits */
        unsigned usable;           /* of so many */
        double level;              /* the real-valued budget before it was quantised */
        bool hold;                 /* nobody gets more than they have, whatever the budget: memory pressure */
        enum governor_cause cause; /* of the binding limit */
        struct governor_limit limits[GOVERNOR_CAUSES]; /* the tightest first */
        unsigned n_limits;
        struct governor_ignored ignored[GOVERNOR_IGNORED_MAX];
        unsigned n_ignored;
        enum placement_aim aim;           /* which PUs to take back first */
        unsigned hot_package;             /* with PLACEMENT_COOL */
        int nice;                         /* scheduling weight that new runs are to have: 0..19 */
        char text[2 * GOVERNOR_TEXT_MAX]; /* "6 of 16: package at 94 °C of 100 °C; next 8 when below 88 °C" */
};

struct governor;

/* -ENOMEM. */
int governor_create(const struct governor_settings *settings, struct governor **ret_governor);
void governor_destroy(struct governor *g);
/* Other settings from now on; what was learned stays. */
void governor_set(struct governor *g, const struct governor_settings *settings);

/* Takes a sample. Never fails, and never says fewer than one PU. Times that run backwards count as the latest seen. */
void governor_step(struct governor *g, const struct readings *readings, const struct governor_situation *situation,
                   struct governor_decision *ret_decision);
