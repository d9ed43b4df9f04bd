#include "hw/temperature.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "hw/attribute.h"
#include "hw/hwmon.h"
#include "hw/thermal.h"
#include "lib/util.h"

/* How sensors of the CPU are called: hwmon chips by their drivers; zones by drivers, ACPI devices (TCPU, B0D4) and
 * device trees ("cpu-thermal", "cpuss0-thermal", "bigcore0-thermal", "soc-thermal"…). */
static const char *const die_names[] = {"coretemp", "k10temp", "k8temp",  "zenpower", "via_cputemp", "x86_pkg_temp",
                                        "cpu",      "soc",     "TCPU",    "B0D4",     "bigcore",     "littlecore",
                                        "big-",     "little-", "cluster", "package",  "ap-cpu-",     "thermal-cpu"};

/* How sensors of what is touched are called, in part of a name. */
static const char *const chassis_names[] = {"skin", "tskn", "chassis", "enclosure", "surface", "palm", "cover"};

/* m°C. NVMe disks say 65262 °C for a trip point that is not set. */
#define TRIP_MAX INT64_C(1000000)

static bool names_chassis(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(chassis_names); i++)
                if (strcasestr(name, chassis_names[i]))
                        return true;
        return false;
}

enum readings_place hw_temperature_place(const char *chip, const char *label)
{
        if (names_chassis(chip) || names_chassis(label))
                return READINGS_CHASSIS;
        for (size_t i = 0; i < ELEMENTSOF(die_names); i++)
                if (strncasecmp(chip, die_names[i], strlen(die_names[i])) == 0)
                        return READINGS_DIE;
        return READINGS_OTHER;
}

int64_t hw_temperature_trip(const char *root, const char *path)
{
        int64_t millicelsius;

        if (hw_attribute_signed(root, path, &millicelsius) < 0 || millicelsius <= 0 || millicelsius > TRIP_MAX)
                return READINGS_NONE;
        return millicelsius;
}

static int compare(const struct hw_temperature *a, const struct hw_temperature *b)
{
        if (a->zone.place != b->zone.place)
                return a->zone.place < b->zone.place ? -1 : 1;
        return strverscmp(a->zone.name, b->zone.name);
}

void hw_temperatures_add(struct hw_temperatures *temperatures, const struct hw_temperature *sensor)
{
        unsigned at = temperatures->n;

        while (at > 0 && compare(sensor, &temperatures->sensor[at - 1]) < 0)
                at--;
        if (temperatures->n == READINGS_ZONES_MAX)
                temperatures->n_left_out++;
        else
                temperatures->n++;
        if (at == READINGS_ZONES_MAX)
                return;
        memmove(&temperatures->sensor[at + 1], &temperatures->sensor[at], (temperatures->n - 1 - at) * sizeof(*sensor));
        temperatures->sensor[at] = *sensor;
}

static unsigned count(const struct hw_temperatures *temperatures, const char *chip)
{
        unsigned n = 0;

        for (unsigned i = 0; i < temperatures->n; i++)
                n += strcmp(temperatures->sensor[i].chip, chip) == 0;
        return n;
}

/* Leaves out the zones of packages that coretemp speaks for. */
static void drop_package_zones(struct hw_temperatures *temperatures)
{
        static const char type[] = "x86_pkg_temp";
        unsigned n_packages = 0, kept = 0;

        for (unsigned i = 0; i < temperatures->n; i++)
                n_packages += strncmp(temperatures->sensor[i].zone.name, "coretemp Package id ", 20) == 0;
        if (n_packages < count(temperatures, type) || n_packages == 0)
                return;
        for (unsigned i = 0; i < temperatures->n; i++)
                if (strcmp(temperatures->sensor[i].chip, type) != 0)
                        temperatures->sensor[kept++] = temperatures->sensor[i];
        temperatures->n = kept;
}

/* How many different chips of the same name there are; those with a lower number than this one in *ret_before. */
static unsigned count_chips(const struct hw_temperatures *temperatures, const struct hw_temperature *sensor,
                            unsigned *ret_before)
{
        unsigned instances[READINGS_ZONES_MAX], n = 0, before = 0;

        for (unsigned i = 0; i < temperatures->n; i++) {
                const struct hw_temperature *other = &temperatures->sensor[i];
                bool seen = strcmp(other->chip, sensor->chip) != 0 || other->is_hwmon != sensor->is_hwmon;

                for (unsigned k = 0; k < n && !seen; k++)
                        seen = instances[k] == other->instance;
                if (seen)
                        continue;
                instances[n++] = other->instance;
                before += other->instance < sensor->instance;
        }
        *ret_before = before;
        return n;
}

/* Where nothing names the package: on a machine of one it is that; else chips that are as many as packages are theirs
 * in order, since drivers come to the packages in order. */
static void assign_packages(struct hw_temperatures *temperatures, const struct hw_packages *packages)
{
        for (unsigned i = 0; i < temperatures->n; i++) {
                struct hw_temperature *sensor = &temperatures->sensor[i];
                unsigned before;

                if (sensor->zone.place != READINGS_DIE || sensor->zone.package != UINT_MAX)
                        continue;
                if (packages->n == 1)
                        sensor->zone.package = 0;
                else if (count_chips(temperatures, sensor, &before) == packages->n)
                        sensor->zone.package = before;
        }
}

/* Cuts the name where that is needed to make room. */
static void append_source(struct hw_temperature *sensor)
{
        char *name = sensor->zone.name, source[40];
        size_t length =
                (size_t)snprintf(source, sizeof(source), " (hwmon%u temp%u)", sensor->instance, sensor->channel);
        size_t kept = strnlen(name, sizeof(sensor->zone.name) - 1 - length);

        memcpy(name + kept, source, length + 1);
}

/* "nvme Composite" and "nvme Composite" become "nvme Composite (hwmon2 temp1)" and so on. */
static void tell_apart(struct hw_temperatures *temperatures)
{
        bool same_as_before = false;

        for (unsigned i = 0; i < temperatures->n; i++) {
                struct hw_temperature *sensor = &temperatures->sensor[i];
                bool same = i + 1 < temperatures->n && strcmp(sensor->zone.name, sensor[1].zone.name) == 0;

                if (same || same_as_before)
                        append_source(sensor);
                same_as_before = same;
        }
}

int hw_temperatures_find(const char *root, const struct hw_packages *packages, struct hw_temperatures *ret_found,
                         struct hw_notes *notes)
{
        CLEANUP_FREE struct hw_zone_type *types = NULL;
        size_t n_types = 0;
        int r;

        *ret_found = (struct hw_temperatures){0};
        r = hw_thermal_find(root, ret_found, &types, &n_types, notes);
        if (r >= 0)
                r = hw_hwmon_find(root, packages, types, n_types, ret_found, notes);
        if (r < 0)
                return r;
        drop_package_zones(ret_found);
        assign_packages(ret_found, packages);
        tell_apart(ret_found);
        if (ret_found->n_left_out > 0)
                hw_note(notes, "%u temperature sensors of %u are left out", ret_found->n_left_out,
                        ret_found->n_left_out + ret_found->n);
        return 0;
}

static void read_sensor(const char *root, struct hw_temperature *sensor)
{
        int64_t millicelsius = 0;
        int r = sensor->is_hwmon ? hw_hwmon_read(root, sensor, &millicelsius)
                                 : hw_thermal_read(root, sensor, &millicelsius);

        sensor->zone.error = r;
        sensor->zone.millicelsius = millicelsius;
}

void hw_temperatures_read(const char *root, struct hw_temperatures *temperatures, uint64_t now,
                          struct readings *readings)
{
        /* A clock that was set back counts as time gone by. */
        bool slow = !temperatures->slow_is_read || now - temperatures->slow_read_at >= HW_TEMPERATURE_SLOW_US;

        for (unsigned i = 0; i < temperatures->n; i++) {
                struct hw_temperature *sensor = &temperatures->sensor[i];

                if (slow || sensor->zone.place != READINGS_OTHER)
                        read_sensor(root, sensor);
                readings->zones[i] = sensor->zone;
        }
        readings->n_zones = temperatures->n;
        if (slow) {
                temperatures->slow_read_at = now;
                temperatures->slow_is_read = true;
        }
}
