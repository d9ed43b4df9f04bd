/* What a plant's sensors say: readings as hw/ would read them once a second, with noise, lag, 1 °C steps and faults.
 *
 * A die's sensor follows within half a second and jitters by 0.7 K (one sigma: load is uneven at that scale); a
 * thermistor on the chassis takes 6 s to follow and jitters by 0.2 K. Both are rounded down to whole degrees, as
 * coretemp and most ACPI zones give them. Energy can be read by root only, as since 2020 everywhere.
 */
#pragma once

#include "core/readings.h"
#include "tests/sim/plant.h"

enum plant_fault {
        PLANT_SOUND,
        PLANT_STUCK,    /* says what it last said */
        PLANT_RISES,    /* 0.03 K more each second… */
        PLANT_SINKS,    /* …or less */
        PLANT_VANISHED, /* -ENOENT */
        PLANT_GARBAGE,  /* any number, or an error */
};

struct plant_sensor {
        enum plant_fault fault;
        double lag, noise; /* s, K */
        double value;      /* as it lags behind */
        double offset;     /* K of the place from its node */
        double drift;
};

struct plant_sensors {
        struct readings readings; /* the latest */
        struct plant_sensor sensors[READINGS_ZONES_MAX];
        uint64_t random;
        double waiting; /* share of the last ten seconds in which a thread waited for a CPU */
};

void plant_sensors_init(struct plant_sensors *s, const struct plant *p, uint64_t seed);
/* Of all zones that have `name` in theirs; how many there are. */
unsigned plant_sensors_break(struct plant_sensors *s, const char *name, enum plant_fault fault);
/* A second has gone by, or more. */
void plant_sensors_read(struct plant_sensors *s, const struct plant *p, const struct plant_load *load, uint64_t now,
                        bool resumed);
