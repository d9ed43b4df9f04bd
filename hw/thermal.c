#include "hw/thermal.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#include "hw/attribute.h"
#include "lib/util.h"

enum {
        TRIPS_MAX = 64, /* the kernel had a limit of 12 for long */
};

static struct hw_path file_of(unsigned zone, const char *name)
{
        return hw_path("/sys/class/thermal/thermal_zone%u/%s", zone, name);
}

/* INT3400 and its successors are no sensors: they stand for the platform's policy and show a constant. */
static bool is_temperature(const char *type)
{
        return strncasecmp(type, "INT3400", 7) != 0;
}

/* The lowest of each sort: fans (active) are none of ours. */
static void read_trip(const char *root, unsigned number, const char *type, struct readings_zone *zone, unsigned trip)
{
        int64_t *lowest = strcmp(type, "passive") == 0    ? &zone->passive
                          : strcmp(type, "hot") == 0      ? &zone->hot
                          : strcmp(type, "critical") == 0 ? &zone->critical
                                                          : NULL;
        int64_t millicelsius;

        if (!lowest)
                return;
        millicelsius = hw_temperature_trip(
                root, hw_path("/sys/class/thermal/thermal_zone%u/trip_point_%u_temp", number, trip).text);
        if (millicelsius != READINGS_NONE && (*lowest == READINGS_NONE || millicelsius < *lowest))
                *lowest = millicelsius;
}

static void read_trips(const char *root, unsigned number, struct readings_zone *zone)
{
        for (unsigned trip = 0; trip < TRIPS_MAX; trip++) {
                char type[16];
                struct hw_path path = hw_path("/sys/class/thermal/thermal_zone%u/trip_point_%u_type", number, trip);
                int r = hw_attribute_text(root, path.text, type, sizeof(type));

                if (r == -ENOENT)
                        break;
                if (r >= 0)
                        read_trip(root, number, type, zone, trip);
        }
        zone->powers_off = zone->critical != READINGS_NONE;
}

static bool is_disabled(const char *root, unsigned number)
{
        char mode[16];

        return hw_attribute_text(root, file_of(number, "mode").text, mode, sizeof(mode)) >= 0 &&
               strcmp(mode, "disabled") == 0;
}

static void find_zone(const char *root, unsigned number, const char *type, struct hw_temperatures *temperatures)
{
        struct hw_temperature sensor = {.instance = number};
        struct readings_zone *zone = &sensor.zone;

        (void)snprintf(sensor.chip, sizeof(sensor.chip), "%s", type);
        (void)snprintf(zone->name, sizeof(zone->name), "thermal zone %u %s", number, type);
        zone->place = hw_temperature_place(type, "");
        zone->package = UINT_MAX;
        zone->passive = zone->hot = zone->critical = READINGS_NONE;
        if (is_disabled(root, number))
                zone->place = READINGS_OTHER;
        else if (strcmp(type, "x86_pkg_temp") != 0)
                read_trips(root, number, zone);
        hw_temperatures_add(temperatures, &sensor);
}

int hw_thermal_find(const char *root, struct hw_temperatures *temperatures, struct hw_zone_type **ret_types,
                    size_t *ret_n_types, struct hw_notes *notes)
{
        CLEANUP_FREE unsigned *numbers = NULL;
        CLEANUP_FREE struct hw_zone_type *types = NULL;
        size_t n_zones = 0, n = 0;
        int r = hw_attribute_numbers(root, "/sys/class/thermal", "thermal_zone", "", &numbers, &n_zones);

        if (r < 0 && r != -ENOENT && r != -ENOMEM)
                hw_note(notes, "%s/sys/class/thermal: %s", root, strerror(-r));
        if (r == -ENOMEM || !(types = calloc(n_zones + 1, sizeof(*types))))
                return -ENOMEM;
        for (size_t i = 0; i < n_zones; i++) {
                char *type = types[n].name;

                r = hw_attribute_text(root, file_of(numbers[i], "type").text, type, sizeof(types[n].name));
                if (r < 0) {
                        hw_note(notes, "thermal zone %u: type: %s; left out", numbers[i], strerror(-r));
                        continue;
                }
                n++;
                if (is_temperature(type))
                        find_zone(root, numbers[i], type, temperatures);
        }
        *ret_types = TAKE(types);
        *ret_n_types = n;
        return 0;
}

int hw_thermal_read(const char *root, const struct hw_temperature *sensor, int64_t *ret_millicelsius)
{
        return hw_attribute_signed(root, file_of(sensor->instance, "temp").text, ret_millicelsius);
}
