#include "hw/supply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/attribute.h"
#include "lib/util.h"

static const char folder[] = "/sys/class/power_supply";

enum {
        ENTRIES_MAX = 1024, /* of the folder, that are looked at */
};

/* The batteries of one sample, all together. */
struct charge {
        double full, now;          /* weighted, in whatever unit all of them have */
        double percent;            /* summed up */
        unsigned n, n_weighted;    /* batteries with a charge; those with a weight too */
        unsigned n_energy;         /* those whose weight is energy */
        bool discharging, settled; /* one of them is; one of them says that it is not */
};

static int read_text(const char *root, const char *name, const char *file, char *buf, size_t size)
{
        return hw_attribute_text(root, hw_path("%s/%s/%s", folder, name, file).text, buf, size);
}

static int read_number(const char *root, const char *name, const char *file, int64_t *ret_number)
{
        return hw_attribute_signed(root, hw_path("%s/%s/%s", folder, name, file).text, ret_number);
}

static bool is_peripheral(const char *root, const char *name)
{
        char scope[16];

        return read_text(root, name, "scope", scope, sizeof(scope)) >= 0 && strcmp(scope, "Device") == 0;
}

/* Mains, USB with all its older subtypes, and wireless feed the machine; a battery and a UPS are fed from. */
static bool classify(const char *type, bool *ret_is_battery)
{
        *ret_is_battery = strcmp(type, "Battery") == 0 || strcmp(type, "UPS") == 0;
        return *ret_is_battery || strcmp(type, "Mains") == 0 || strncmp(type, "USB", 3) == 0 ||
               strcmp(type, "Wireless") == 0;
}

static void find_supply(const char *root, const char *name, struct hw_supplies *supplies, struct hw_notes *notes)
{
        char type[32];
        bool is_battery;
        unsigned at = supplies->n;
        int r = read_text(root, name, "type", type, sizeof(type));

        if (r < 0)
                hw_note(notes, "power supply %s: type: %s; left out", name, strerror(-r));
        if (r < 0 || !classify(type, &is_battery) || is_peripheral(root, name) || supplies->n == HW_SUPPLIES_MAX)
                return;
        for (; at > 0 && strcmp(name, supplies->supply[at - 1].name) < 0; at--)
                supplies->supply[at] = supplies->supply[at - 1];
        (void)snprintf(supplies->supply[at].name, sizeof(supplies->supply[at].name), "%s", name);
        supplies->supply[at].is_battery = is_battery;
        supplies->n++;
}

void hw_supplies_find(const char *root, struct hw_supplies *ret_supplies, struct hw_notes *notes)
{
        CLEANUP(hw_folder_closep) DIR *dir = hw_folder_open(root, folder);
        const struct dirent *entry;

        if (!dir && errno != ENOENT)
                hw_note(notes, "%s%s: %s", root, folder, strerror(errno));
        *ret_supplies = (struct hw_supplies){0};
        for (unsigned i = 0; dir && i < ENTRIES_MAX && (entry = readdir(dir)); i++)
                if (entry->d_name[0] != '.' && strlen(entry->d_name) < HW_SUPPLY_NAME_MAX)
                        find_supply(root, entry->d_name, ret_supplies, notes);
}

/* Per cent; negative where it is not known. */
static double read_percent(const char *root, const char *name)
{
        static const char *const stores[][2] = {{"energy_now", "energy_full"}, {"charge_now", "charge_full"}};
        int64_t percent, now, full;

        if (read_number(root, name, "capacity", &percent) >= 0 && percent >= 0 && percent <= 100)
                return (double)percent;
        for (size_t i = 0; i < ELEMENTSOF(stores); i++)
                if (read_number(root, name, stores[i][0], &now) >= 0 &&
                    read_number(root, name, stores[i][1], &full) >= 0 && full > 0 && now >= 0 && now <= full)
                        return 100 * (double)now / (double)full;
        return -1;
}

/* What it holds when full, in µWh or else in µAh; 0 where it is not known. */
static double read_full(const char *root, const char *name, bool *ret_is_energy)
{
        int64_t full;

        *ret_is_energy = read_number(root, name, "energy_full", &full) >= 0 && full > 0;
        if (*ret_is_energy || (read_number(root, name, "charge_full", &full) >= 0 && full > 0))
                return (double)full;
        return 0;
}

static void read_charge(const char *root, const char *name, struct charge *charge)
{
        double percent = read_percent(root, name), full;
        bool is_energy;

        if (percent < 0)
                return;
        full = read_full(root, name, &is_energy);
        charge->n++;
        charge->n_weighted += full > 0;
        charge->n_energy += is_energy;
        charge->percent += percent;
        charge->full += full;
        charge->now += full * percent;
}

/* 1 of a battery that is there and says what it does, 0 of one that is not there or does not say, or an error. */
static int read_battery(const char *root, const char *name, struct charge *charge)
{
        char status[32];
        int64_t present;
        int r;

        if (read_number(root, name, "present", &present) >= 0 && present == 0)
                return 0;
        read_charge(root, name, charge);
        r = read_text(root, name, "status", status, sizeof(status));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (strcmp(status, "Discharging") == 0)
                charge->discharging = true;
        else if (strcmp(status, "Charging") == 0 || strcmp(status, "Full") == 0 || strcmp(status, "Not charging") == 0)
                charge->settled = true;
        return charge->discharging || charge->settled;
}

/* Weights count where all batteries have them in one unit. */
static int percent_of(const struct charge *charge)
{
        if (charge->n == 0)
                return -1;
        if (charge->n_weighted == charge->n && (charge->n_energy == charge->n || charge->n_energy == 0))
                return (int)(charge->now / charge->full + 0.5);
        return (int)(charge->percent / charge->n + 0.5);
}

void hw_supplies_read(const char *root, const struct hw_supplies *supplies, struct readings *readings)
{
        struct charge charge = {0};
        bool online = false, offline = false;
        int error = -ENOENT;

        for (unsigned i = 0; i < supplies->n; i++) {
                const char *name = supplies->supply[i].name;
                int64_t value = 0;
                int r = supplies->supply[i].is_battery ? read_battery(root, name, &charge)
                                                       : read_number(root, name, "online", &value);

                online = online || (!supplies->supply[i].is_battery && r >= 0 && value > 0);
                offline = offline || (!supplies->supply[i].is_battery && r >= 0 && value == 0);
                error = r < 0 && error == -ENOENT ? r : error;
        }
        readings->battery_percent = percent_of(&charge);
        readings->on_battery = !online && (charge.discharging || (offline && charge.n > 0 && !charge.settled));
        readings->supply_error = online || offline || charge.n > 0 || charge.discharging || charge.settled ? 0 : error;
}
