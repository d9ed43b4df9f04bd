#include "hw/rapl.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "hw/attribute.h"
#include "lib/util.h"

enum {
        CONSTRAINTS_MAX = 8, /* the kernel has at most long_term, short_term and peak_power */
};

static const char *const controls[] = {"intel-rapl", "intel-rapl-mmio"}; /* of the first the energy counts */

struct limits {
        uint64_t long_uw, window_us, short_uw;
};

static struct hw_path file_of(const struct hw_rapl_zone *zone, const char *file)
{
        return hw_path("/sys/class/powercap/%s:%u/%s", zone->control, zone->number, file);
}

/* 0 where there is no such constraint. */
static int read_constraint(const char *root, const struct hw_rapl_zone *zone, int constraint, const char *what,
                           uint64_t *ret_value)
{
        struct hw_path path =
                hw_path("/sys/class/powercap/%s:%u/constraint_%d_%s", zone->control, zone->number, constraint, what);

        *ret_value = 0;
        return constraint < 0 ? 0 : hw_attribute_unsigned(root, path.text, ret_value);
}

/* Steps over the key and the number behind it. */
static bool parse_number(const char **text, const char *key, unsigned long *ret_number)
{
        size_t length = strlen(key);
        char *end;

        if (strncmp(*text, key, length) != 0 || !isdigit((unsigned char)(*text)[length]))
                return false;
        *ret_number = strtoul(*text + length, &end, 10);
        *text = end;
        return true;
}

/* "package-1", "package-1-die-0". */
static bool parse_name(const char *name, const struct hw_packages *packages, struct hw_rapl_zone *zone)
{
        unsigned long physical, die = 0;

        if (!parse_number(&name, "package-", &physical) || physical > INT_MAX ||
            (*name && !parse_number(&name, "-die-", &die)) || *name || die >= HW_RAPL_DIES_MAX)
                return false;
        zone->package = hw_packages_by_physical(packages, (int64_t)physical);
        zone->die = (unsigned)die;
        return zone->package != UINT_MAX;
}

static void find_constraints(const char *root, struct hw_rapl_zone *zone)
{
        zone->long_term = zone->short_term = -1;
        for (int i = 0; i < CONSTRAINTS_MAX; i++) {
                struct hw_path path =
                        hw_path("/sys/class/powercap/%s:%u/constraint_%d_name", zone->control, zone->number, i);
                char name[32];

                if (hw_attribute_text(root, path.text, name, sizeof(name)) < 0)
                        continue;
                if (strcmp(name, "long_term") == 0)
                        zone->long_term = i;
                else if (strcmp(name, "short_term") == 0)
                        zone->short_term = i;
        }
}

static bool has_energy_of(const struct hw_rapl *rapl, const struct hw_rapl_zone *zone)
{
        for (unsigned i = 0; i < rapl->n; i++)
                if (rapl->zone[i].package == zone->package && rapl->zone[i].die == zone->die)
                        return true;
        return false;
}

static void find_zone(const char *root, const struct hw_packages *packages, struct hw_rapl_zone zone,
                      struct hw_rapl *rapl, struct hw_notes *notes)
{
        char name[32];
        int r = hw_attribute_text(root, file_of(&zone, "name").text, name, sizeof(name));

        if (r < 0) {
                hw_note(notes, "%s:%u: name: %s; left out", zone.control, zone.number, strerror(-r));
                return;
        }
        if (!parse_name(name, packages, &zone) || rapl->n == HW_RAPL_ZONES_MAX)
                return;
        find_constraints(root, &zone);
        zone.has_energy = !has_energy_of(rapl, &zone);
        (void)hw_attribute_unsigned(root, file_of(&zone, "max_energy_range_uj").text, &zone.energy_range_uj);
        rapl->zone[rapl->n++] = zone;
}

int hw_rapl_find(const char *root, const struct hw_packages *packages, struct hw_rapl *ret_rapl, struct hw_notes *notes)
{
        *ret_rapl = (struct hw_rapl){0};
        for (size_t i = 0; i < ELEMENTSOF(controls); i++) {
                CLEANUP_FREE unsigned *numbers = NULL;
                size_t n = 0;
                int r = hw_attribute_numbers(root, "/sys/class/powercap", hw_path("%s:", controls[i]).text, "",
                                             &numbers, &n);

                if (r == -ENOMEM)
                        return r;
                for (size_t k = 0; k < n; k++)
                        find_zone(root, packages, (struct hw_rapl_zone){.control = controls[i], .number = numbers[k]},
                                  ret_rapl, notes);
        }
        return 0;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
        return a == 0 || (b != 0 && b < a) ? b : a;
}

static bool is_enabled(const char *root, const struct hw_rapl_zone *zone)
{
        uint64_t enabled;

        return hw_attribute_unsigned(root, file_of(zone, "enabled").text, &enabled) < 0 || enabled != 0;
}

static int read_limits(const char *root, const struct hw_rapl_zone *zone, struct limits *limits)
{
        uint64_t long_uw, short_uw, window_us;
        int r;

        if ((zone->long_term < 0 && zone->short_term < 0) || !is_enabled(root, zone))
                return 0;
        r = read_constraint(root, zone, zone->long_term, "power_limit_uw", &long_uw);
        (void)read_constraint(root, zone, zone->long_term, "time_window_us", &window_us);
        (void)read_constraint(root, zone, zone->short_term, "power_limit_uw", &short_uw);
        if (long_uw != 0 && lower(limits->long_uw, long_uw) == long_uw) {
                limits->long_uw = long_uw;
                limits->window_us = window_us;
        }
        limits->short_uw = lower(limits->short_uw, short_uw);
        return r;
}

/* Dies count up independently; their sum, modulo the range, goes on from one sample to the next all the same. */
static int read_energy(const char *root, const struct hw_rapl_zone *zone, struct readings_package *package)
{
        uint64_t energy, range = zone->energy_range_uj;
        int r = hw_attribute_unsigned(root, file_of(zone, "energy_uj").text, &energy);

        if (r < 0)
                return r;
        if (range == 0)
                return -ENODATA; /* no telling when it wraps around */
        package->energy_uj = package->energy_range_uj == 0 ? energy : (package->energy_uj + energy) % range;
        package->energy_range_uj = range;
        return 0;
}

/* Of one zone; an error of any of a package's zones is the package's. */
static void read_zone(const char *root, const struct hw_rapl_zone *zone, struct limits *limits,
                      struct readings_package *package)
{
        int r = read_limits(root, zone, limits);

        if (r < 0)
                package->limit_error = r;
        if (!zone->has_energy)
                return;
        r = read_energy(root, zone, package);
        if (r < 0 || package->energy_error == -ENOENT)
                package->energy_error = r;
}

static void add_limits(const struct limits *dies, struct readings_package *package)
{
        for (unsigned die = 0; die < HW_RAPL_DIES_MAX; die++) {
                package->long_limit_uw += dies[die].long_uw;
                package->short_limit_uw += dies[die].short_uw;
                if (dies[die].window_us > package->long_window_us)
                        package->long_window_us = dies[die].window_us;
        }
        if (package->long_limit_uw > 0)
                package->limit_error = 0;
}

void hw_rapl_read(const char *root, const struct hw_rapl *rapl, struct readings *readings)
{
        struct limits limits[READINGS_PACKAGES_MAX][HW_RAPL_DIES_MAX] = {0};

        for (unsigned i = 0; i < readings->n_packages; i++)
                readings->packages[i].energy_error = readings->packages[i].limit_error = -ENOENT;
        for (unsigned i = 0; i < rapl->n; i++) {
                const struct hw_rapl_zone *zone = &rapl->zone[i];

                read_zone(root, zone, &limits[zone->package][zone->die], &readings->packages[zone->package]);
        }
        for (unsigned i = 0; i < readings->n_packages; i++)
                add_limits(limits[i], &readings->packages[i]);
}
