/* Thermal zones: part of hw/temperature.h, which says which ones are left out. */
#pragma once

#include "hw/temperature.h"

/* Adds the zones; ret_types (malloc'ed) has the types of all there are, left out or not. -ENOMEM. */
int hw_thermal_find(const char *root, struct hw_temperatures *temperatures, struct hw_zone_type **ret_types,
                    size_t *ret_n_types, struct hw_notes *notes);

int hw_thermal_read(const char *root, const struct hw_temperature *sensor, int64_t *ret_millicelsius);
