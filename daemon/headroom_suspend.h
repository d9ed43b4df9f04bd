/* Whether the machine slept: CLOCK_BOOTTIME goes on in a suspend and CLOCK_MONOTONIC does not (clock_gettime(2)). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Two clocks that are read one after the other differ by no more than that for want of a CPU, mostly. */
#define HEADROOM_SUSPEND_MIN_US UINT64_C(500000)

/* Both clocks now, µs. *suspended is how much the machine has slept in all, which the caller keeps from one call to the
 * next; whether it has since the last one. */
bool headroom_was_suspended(uint64_t boottime, uint64_t monotonic, uint64_t *suspended);
