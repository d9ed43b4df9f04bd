#include "hw/hwmon.h"

#include <limits.h>
#include <string.h>

#include "hw/attribute.h"
#include "hw/root.h"
#include "lib/util.h"

static const char package_label[] = "Package id ";

struct chip {
        unsigned number; /* of hwmonN */
        bool in_device;
        char name[HW_CHIP_MAX];
};

struct channel {
        unsigned number; /* of tempN_input */
        char label[READINGS_NAME_MAX];
};

static const char *folder_of(bool in_device)
{
        return in_device ? "/device" : "";
}

static struct hw_path file_of(const struct chip *chip, unsigned channel, const char *what)
{
        return hw_path("/sys/class/hwmon/hwmon%u%s/temp%u_%s", chip->number, folder_of(chip->in_device), channel, what);
}

/* Before Linux 3.13 most drivers had their files in the device's folder. */
static int open_chip(const char *root, unsigned number, struct chip *ret_chip)
{
        struct chip chip = {.number = number};
        int r = hw_attribute_text(root, hw_path("/sys/class/hwmon/hwmon%u/name", number).text, chip.name,
                                  sizeof(chip.name));

        if (r == -ENOENT) {
                chip.in_device = true;
                r = hw_attribute_text(root, hw_path("/sys/class/hwmon/hwmon%u/device/name", number).text, chip.name,
                                      sizeof(chip.name));
        }
        if (r >= 0)
                *ret_chip = chip;
        return r;
}

/* The thermal core names the chip that it makes of a zone after the zone's type. */
static bool shows_zone(const struct chip *chip, const struct hw_zone_type *types, size_t n_types)
{
        for (size_t i = 0; i < n_types; i++) {
                const char *type = types[i].name;
                size_t k = 0;

                while (type[k] && chip->name[k] == (type[k] == '-' ? '_' : type[k]))
                        k++;
                if (type[k] == chip->name[k])
                        return true;
        }
        return false;
}

static bool is_package(const char *label)
{
        return strncmp(label, package_label, sizeof(package_label) - 1) == 0;
}

static bool is_tdie(const char *label)
{
        return strcmp(label, "Tdie") == 0;
}

/* Whether the chip has a channel of that label which can be read. */
static bool has_channel(const char *root, const struct chip *chip, const struct channel *channels, size_t n,
                        bool (*is_wanted)(const char *label))
{
        int64_t ignored;

        for (size_t i = 0; i < n; i++)
                if (is_wanted(channels[i].label) &&
                    hw_attribute_signed(root, file_of(chip, channels[i].number, "input").text, &ignored) >= 0)
                        return true;
        return false;
}

static unsigned package_of(const struct hw_packages *packages, const char *label)
{
        char *end;
        long physical;

        if (!is_package(label))
                return UINT_MAX;
        physical = strtol(label + sizeof(package_label) - 1, &end, 10);
        return *end ? UINT_MAX : hw_packages_by_physical(packages, physical);
}

static bool can_suspend(const char *root, const struct chip *chip)
{
        struct hw_path path = hw_path("/sys/class/hwmon/hwmon%u/device/power/runtime_status", chip->number);
        char status[16];

        return hw_attribute_text(root, path.text, status, sizeof(status)) >= 0 && strcmp(status, "unsupported") != 0;
}

static void add_channel(const char *root, const struct hw_packages *packages, const struct chip *chip,
                        const struct channel *channel, struct hw_temperatures *temperatures)
{
        struct hw_temperature sensor = {.instance = chip->number,
                                        .channel = channel->number,
                                        .is_hwmon = true,
                                        .in_device = chip->in_device,
                                        .can_suspend = can_suspend(root, chip)};
        struct readings_zone *zone = &sensor.zone;

        (void)snprintf(sensor.chip, sizeof(sensor.chip), "%s", chip->name);
        if (channel->label[0])
                (void)snprintf(zone->name, sizeof(zone->name), "%s %.*s", chip->name,
                               (int)sizeof(zone->name) - HW_CHIP_MAX - 1, channel->label);
        else
                (void)snprintf(zone->name, sizeof(zone->name), "%s temp%u", chip->name, channel->number);
        zone->place = hw_temperature_place(chip->name, channel->label);
        zone->package = zone->place == READINGS_DIE ? package_of(packages, channel->label) : UINT_MAX;
        zone->passive = hw_temperature_trip(root, file_of(chip, channel->number, "max").text);
        zone->hot = READINGS_NONE;
        zone->critical = hw_temperature_trip(root, file_of(chip, channel->number, "crit").text);
        sensor.has_fault = hw_root_has(root, file_of(chip, channel->number, "fault").text);
        hw_temperatures_add(temperatures, &sensor);
}

static int read_channels(const char *root, const struct chip *chip, struct channel **ret_channels, size_t *ret_n)
{
        struct hw_path folder = hw_path("/sys/class/hwmon/hwmon%u%s", chip->number, folder_of(chip->in_device));
        CLEANUP_FREE unsigned *numbers = NULL;
        struct channel *channels;
        size_t n = 0;
        int r = hw_attribute_numbers(root, folder.text, "temp", "_input", &numbers, &n);

        if (r < 0)
                return r;
        channels = calloc(n + 1, sizeof(*channels));
        if (!channels)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                channels[i].number = numbers[i];
                (void)hw_attribute_text(root, file_of(chip, numbers[i], "label").text, channels[i].label,
                                        sizeof(channels[i].label));
        }
        *ret_channels = channels;
        *ret_n = n;
        return 0;
}

static int find_chip(const char *root, const struct hw_packages *packages, const struct chip *chip,
                     struct hw_temperatures *temperatures)
{
        CLEANUP_FREE struct channel *channels = NULL;
        bool has_package, has_tdie;
        size_t n = 0;
        int r = read_channels(root, chip, &channels, &n);

        if (r < 0)
                return r;
        has_package = has_channel(root, chip, channels, n, is_package);
        has_tdie = has_channel(root, chip, channels, n, is_tdie);
        for (size_t i = 0; i < n; i++) {
                const char *label = channels[i].label;
                bool is_covered =
                        (has_package && strncmp(label, "Core ", 5) == 0) || (has_tdie && strcmp(label, "Tctl") == 0);

                if (!is_covered)
                        add_channel(root, packages, chip, &channels[i], temperatures);
        }
        return 0;
}

int hw_hwmon_find(const char *root, const struct hw_packages *packages, const struct hw_zone_type *zone_types,
                  size_t n_zone_types, struct hw_temperatures *temperatures, struct hw_notes *notes)
{
        CLEANUP_FREE unsigned *numbers = NULL;
        size_t n = 0;
        int r = hw_attribute_numbers(root, "/sys/class/hwmon", "hwmon", "", &numbers, &n);

        if (r < 0 && r != -ENOENT && r != -ENOMEM)
                hw_note(notes, "%s/sys/class/hwmon: %s", root, strerror(-r));
        if (r == -ENOMEM)
                return r;
        for (size_t i = 0; i < n; i++) {
                struct chip chip;

                r = open_chip(root, numbers[i], &chip);
                if (r >= 0 && !shows_zone(&chip, zone_types, n_zone_types))
                        r = find_chip(root, packages, &chip, temperatures);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        hw_note(notes, "hwmon%u: %s; left out", numbers[i], strerror(-r));
        }
        return 0;
}

int hw_hwmon_read(const char *root, const struct hw_temperature *sensor, int64_t *ret_millicelsius)
{
        const struct chip chip = {.number = sensor->instance, .in_device = sensor->in_device};
        struct hw_path status = hw_path("/sys/class/hwmon/hwmon%u/device/power/runtime_status", chip.number);
        uint64_t fault;
        char text[16];

        if (sensor->can_suspend && hw_attribute_text(root, status.text, text, sizeof(text)) >= 0 &&
            strcmp(text, "suspended") == 0)
                return -ENODATA;
        if (sensor->has_fault &&
            hw_attribute_unsigned(root, file_of(&chip, sensor->channel, "fault").text, &fault) >= 0 && fault != 0)
                return -EIO;
        return hw_attribute_signed(root, file_of(&chip, sensor->channel, "input").text, ret_millicelsius);
}
