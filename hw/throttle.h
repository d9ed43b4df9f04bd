/* Thermal throttling as Intel's processors count it, in thermal_throttle/ of each CPU (Linux shows times since 5.6;
 * Documentation/admin-guide/thermal/intel_thermal_throttle.rst).
 *
 * A package's events are counted by each of its CPUs, so one of them is asked. A core's are counted by both siblings:
 * one of them too. Where that CPU goes offline another one is asked, whose counter has another value; and counters
 * start anew when a CPU comes back. What is told therefore never goes back: only what a counter gains while it is the
 * one that is asked adds to it. Opening anew starts from the kernel's values.
 *
 * A sample reads two files a package and one a core.
 */
#pragma once

#include "core/machine.h"
#include "core/readings.h"

struct hw_throttle;

/* -ENOMEM. The machine is not kept. */
int hw_throttle_open(const char *root, const struct machine *machine, struct hw_throttle **ret_throttle);
void hw_throttle_close(struct hw_throttle *throttle);

/* Sets the packages' throttle_error, throttled_ms, throttle_events and core_throttled_ms; what a kernel does not count
 * stays 0. -ENOENT where it counts none of them, as on other makers' processors. */
void hw_throttle_read(const char *root, struct hw_throttle *throttle, struct readings *readings);
