/* Temperature sensors: hwmon's (Documentation/hwmon/sysfs-interface.rst, also the layout of kernels that keep the files
 * in device/) and thermal zones (Documentation/ABI/testing/sysfs-class-thermal), each with its own trip points.
 *
 * Each thing is read once. The thermal core shows most zones as hwmon chips again, under the zone's type: the zone is
 * kept, since only it has all trip points. x86_pkg_temp and coretemp's "Package id" are the same register: coretemp is
 * kept, since it knows the package and the chip's limits; the zone's trip points are thresholds for notifications
 * that any program sets. Where a chip has "Package id", its "Core" sensors are left out: the package's is their
 * maximum, and reading them wakes up idle cores. "Tctl" is "Tdie" plus an offset for fans: left out where both are.
 *
 * What is no temperature of anything (INT3400, which stands for a policy) is left out. A zone whose mode is "disabled"
 * is shown, but its trip points are nobody's concern. hwmon's max counts as passive trip point and its crit as critical
 * one; trip points at or below 0 °C, or above 1000 °C, are unset ones and count as none.
 *
 * Sensors of neither the CPU nor the chassis are slow to change and slow to read (an ACPI method, a command to a disk),
 * so they are read every HW_TEMPERATURE_SLOW_US only; and not while their device is suspended, as that would wake it
 * up: -ENODATA meanwhile.
 */
#pragma once

#include "core/readings.h"
#include "hw/notes.h"
#include "hw/packages.h"

#define HW_TEMPERATURE_SLOW_US UINT64_C(5000000)

enum {
        HW_CHIP_MAX = 24, /* bytes of a chip's name or a zone's type; the kernel's have 20 */
};

struct hw_zone_type {
        char name[HW_CHIP_MAX];
};

struct hw_temperature {
        struct readings_zone zone; /* as read last */
        char chip[HW_CHIP_MAX];    /* hwmon's name or the zone's type */
        unsigned instance;         /* N of hwmonN or thermal_zoneN */
        unsigned channel;          /* N of tempN_input */
        bool is_hwmon;
        bool in_device; /* hwmon: the files are in device/ */
        bool has_fault; /* hwmon: there is tempN_fault */
        bool can_suspend;
};

/* What there is, sorted: those of the CPU first, then the chassis', then others, each by name. */
struct hw_temperatures {
        struct hw_temperature sensor[READINGS_ZONES_MAX];
        unsigned n;
        unsigned n_left_out; /* there was no room for so many */
        bool slow_is_read;
        uint64_t slow_read_at; /* µs */
};

/* -ENOMEM; notes may be NULL. */
int hw_temperatures_find(const char *root, const struct hw_packages *packages, struct hw_temperatures *ret_found,
                         struct hw_notes *notes);

/* Sets the readings' zones. */
void hw_temperatures_read(const char *root, struct hw_temperatures *temperatures, uint64_t now,
                          struct readings *readings);

/* The parts of finding. Adds a sensor in its place among the others, of which the last may fall out. */
void hw_temperatures_add(struct hw_temperatures *temperatures, const struct hw_temperature *sensor);
/* Of a chip's name and a sensor's label (may be ""). */
enum readings_place hw_temperature_place(const char *chip, const char *label);
/* A trip point's temperature as readings have it. */
int64_t hw_temperature_trip(const char *root, const char *path);
