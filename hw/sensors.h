/* Sensors of headroom: temperatures, throttling, frequencies, power, supply, pressure, memory.
 *
 * Reads hwmon, thermal zones, thermal_throttle, cpufreq, powercap (RAPL), power_supply, pressure stall information and
 * meminfo, every path below the root prefix, and writes nothing. A sensor that is missing, unreadable or odd says so in
 * its own reading and never stops the others. No hwloc. Each kind of sensor has a header of its own that says what is
 * read of it, and why not the rest: temperature.h, throttle.h, frequency.h, rapl.h, supply.h, pressure.h, memory.h.
 *
 * What does not change is read once, when the sensors are opened. A sample opens and reads small files, at 3 us each:
 * some 25 on a laptop (0.1 ms), 315 on a server of 2 packages and 384 PUs, all of them lent, with 48 sensors of disks
 * (1 ms; 7 ms to open), measured on a tmpfs. Drivers that have to ask firmware take longer than that.
 */
#pragma once

#include "core/machine.h"
#include "core/readings.h"
#include "hw/notes.h"

struct hw_sensors;

/* Finds what there is to read: folders, names, trip points, base frequencies. The machine gives packages and PUs and is
 * not kept. Again after a hot-plug. -ENOMEM; notes may be NULL. */
int hw_sensors_open(const char *root, const struct machine *machine, struct hw_sensors **ret_sensors,
                    struct hw_notes *notes);
void hw_sensors_close(struct hw_sensors *sensors);

/* One sample: all of *ret_readings but what comes over D-Bus (profile_error is -ENOENT) and `resumed`. Frequencies are
 * those of the lent PUs, since others idle. A sensor that vanished stays in the list with its error, one that came is
 * found by opening anew. -ENOMEM. */
int hw_sensors_read(struct hw_sensors *sensors, const struct cpuset *lent, uint64_t now, struct readings *ret_readings);

/* PUs that are online, for noticing a hot-plug without hwloc; -ENOENT and the like. */
int hw_online(const char *root, struct cpuset *ret_online);

enum hw_pressure {
        HW_PRESSURE_CPU,
        HW_PRESSURE_MEMORY,
};
/* A descriptor that polls POLLPRI when, within window_us, some task has stalled for stall_us (a pressure trigger);
 * the caller closes it. Unprivileged processes may have windows of whole 2 s only (Linux 6.5). Negative errno where
 * that is not allowed or not there: poll hw_sensors_read() then. */
int hw_pressure_trigger(const char *root, enum hw_pressure what, unsigned stall_us, unsigned window_us);
