/* Pressure stall information of the whole system: /proc/pressure (Documentation/accounting/psi.rst). The triggers are
 * in hw/sensors.h. */
#pragma once

#include "core/readings.h"
#include "hw/sensors.h"

/* A kernel that was told not to account for pressure (psi=0) has none: -ENOENT. CPU pressure has no full line before
 * Linux 5.13: full10 is 0 then. -ENOMEM is returned; any other error is the readings'. */
int hw_pressure_read(const char *root, enum hw_pressure what, struct readings_pressure *ret_pressure);

/* Of the file's text. -EINVAL. */
int hw_pressure_parse(const char *text, struct readings_pressure *ret_pressure);
