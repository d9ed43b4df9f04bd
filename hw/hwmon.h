/* The temperature sensors of hwmon chips: part of hw/temperature.h, which says which ones are left out. */
#pragma once

#include "hw/temperature.h"

/* Adds the sensors of all chips but those that show one of the thermal zones. -ENOMEM. */
int hw_hwmon_find(const char *root, const struct hw_packages *packages, const struct hw_zone_type *zone_types,
                  size_t n_zone_types, struct hw_temperatures *temperatures, struct hw_notes *notes);

int hw_hwmon_read(const char *root, const struct hw_temperature *sensor, int64_t *ret_millicelsius);
