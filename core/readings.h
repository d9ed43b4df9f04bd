/* What the machine says of its headroom: one sample of every sensor, as far as there is one.
 *
 * hw/ fills it (hw/sensors.h), the service adds what comes over D-Bus, the governor reads it. Values are raw, in the
 * kernel's units: what is implausible, stuck or gone is the governor's to find out. Everything is optional: `error` is
 * 0 where the values beside it mean something, -ENOENT where there is no such thing, else what reading it failed with.
 * Plain data without pointers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        READINGS_ZONES_MAX = 64, /* temperature sensors; of more the first by name, those of CPUs before others */
        READINGS_PACKAGES_MAX = 16,
        READINGS_NAME_MAX = 48,
};

#define READINGS_NONE INT64_MIN /* no such number */

enum readings_place {
        READINGS_DIE,     /* of the CPU: at its limit by design under load */
        READINGS_CHASSIS, /* chassis or skin: what the user touches, with a time constant of minutes */
        READINGS_OTHER,   /* a disk, a radio, a mainboard: shown and not acted upon, but for a critical trip */
};

struct readings_zone {
        char name[READINGS_NAME_MAX]; /* "coretemp Package id 0", "thermal zone 3 x86_pkg_temp"; the same in every
                                         sample */
        enum readings_place place;
        unsigned package; /* of a die: the machine's number; UINT_MAX not known */
        int error;
        int64_t millicelsius;
        int64_t passive, hot, critical; /* its own trip points, m°C; READINGS_NONE where it has none */
        bool powers_off; /* the kernel powers the machine off at `critical`: a thermal zone's trip. Else (hwmon's crit)
                            it is the hardware's own limit, at which a die runs by design */
};

/* One CPU package. */
struct readings_package {
        unsigned package; /* the machine's number */
        int throttle_error;
        uint64_t throttled_ms;      /* total; thermal_throttle's package counter, which every CPU of it repeats */
        uint64_t throttle_events;   /* total */
        uint64_t core_throttled_ms; /* total; sum over its cores, each counted once */
        int energy_error;           /* -EACCES: only root may read it */
        uint64_t energy_uj;         /* total, wraps around at energy_range_uj */
        uint64_t energy_range_uj;
        int limit_error;
        uint64_t long_limit_uw, long_window_us; /* RAPL's long-term constraint (PL1); of several the lowest */
        uint64_t short_limit_uw;                /* PL2; 0 none */
        int frequency_error;
        unsigned n_measured;   /* lent PUs that the four below are of */
        unsigned n_below_base; /* of these, those that run below their base frequency */
        double frequency;      /* their mean, relative to base (or to the hardware's maximum where base is not known) */
        double cap;            /* the lowest scaling_max_freq, relative to the hardware's maximum: (0, 1] */
};

/* Pressure stall information of the whole system: Documentation/accounting/psi.rst. */
struct readings_pressure {
        int error;
        double some10, full10; /* per cent of the last ten seconds */
        uint64_t some_us;      /* total */
};

enum readings_profile {
        READINGS_PROFILE_UNKNOWN,
        READINGS_PROFILE_POWER_SAVER,
        READINGS_PROFILE_BALANCED,
        READINGS_PROFILE_PERFORMANCE,
};
const char *readings_profile_text(enum readings_profile profile);

struct readings {
        uint64_t now; /* µs, monotonic */
        bool resumed; /* the machine was suspended since the sample before */

        struct readings_zone zones[READINGS_ZONES_MAX];
        unsigned n_zones;
        struct readings_package packages[READINGS_PACKAGES_MAX];
        unsigned n_packages;

        struct readings_pressure cpu, memory;

        int memory_error;
        uint64_t memory_available; /* bytes: MemAvailable, or what the service's memory cgroups leave if that is less */
        uint64_t memory_total;     /* MemTotal, or the lowest limit of these cgroups if that is less */

        int supply_error;    /* -ENOENT: neither mains nor battery is known, as on most servers */
        bool on_battery;     /* of the system's own; peripherals' batteries do not count */
        int battery_percent; /* all of them together, weighted by capacity; -1 not known */

        int profile_error; /* of the power profiles' service */
        enum readings_profile profile;
        char degraded[READINGS_NAME_MAX]; /* why performance is degraded ("lap-detected", …); "" it is not */
};
