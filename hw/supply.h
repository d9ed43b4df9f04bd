/* What the machine runs on: power_supply (Documentation/ABI/testing/sysfs-class-power).
 *
 * Batteries of scope "Device" are a mouse's or a keyboard's and do not count. The machine is on battery where no mains
 * (or USB, wireless) supply is online and a battery discharges; where batteries do not say what they do, an offline
 * supply is enough. Charge is weighted by what each battery holds when full; a charge that is none (above 100, as some
 * gauges say while they calibrate) is computed from energy or charge where these are known, else left out.
 */
#pragma once

#include "core/readings.h"
#include "hw/notes.h"

enum {
        HW_SUPPLIES_MAX = 16,
        HW_SUPPLY_NAME_MAX = 64,
};

struct hw_supplies {
        struct {
                char name[HW_SUPPLY_NAME_MAX];
                bool is_battery;
        } supply[HW_SUPPLIES_MAX]; /* by name */
        unsigned n;
};

/* Notes may be NULL. */
void hw_supplies_find(const char *root, struct hw_supplies *ret_supplies, struct hw_notes *notes);

/* Sets supply_error, on_battery and battery_percent. */
void hw_supplies_read(const char *root, const struct hw_supplies *supplies, struct readings *readings);
