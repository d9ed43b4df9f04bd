/* Frequencies of the PUs that are lent, and what caps them: cpufreq's policies (Documentation/admin-guide/pm/
 * cpufreq.rst; base_frequency as in intel_pstate.rst) and ACPI CPPC's nominal_freq, in MHz, where cpufreq knows no base
 * (Documentation/admin-guide/acpi/cppc_sysfs.rst), or else what the processor's name ends in ("@ 2.20GHz").
 *
 * Siblings have one clock, so one PU a core is asked; and of a package's lent cores HW_FREQUENCY_SAMPLES at most,
 * evenly spread: reading a frequency interrupts that CPU, and kernels 4.15 to 5.16 may wait 10 ms for each.
 */
#pragma once

#include "core/machine.h"
#include "core/readings.h"

enum {
        HW_FREQUENCY_SAMPLES = 16, /* of each package */
};

/* A PU counts as below base if it is so by more than this share: what is measured varies by some per mille. */
#define HW_FREQUENCY_TOLERANCE 0.02

struct hw_frequency;

/* -ENOMEM. The machine is not kept. */
int hw_frequency_open(const char *root, const struct machine *machine, struct hw_frequency **ret_frequency);
void hw_frequency_close(struct hw_frequency *frequency);

/* Sets the packages' frequency_error, n_measured, n_below_base, frequency and cap. -ENOENT where there is no cpufreq.
 * Where nothing of a package is lent, n_measured is 0, frequency 0 and cap 1. */
void hw_frequency_read(const char *root, const struct hw_frequency *frequency, const struct cpuset *lent,
                       struct readings *readings);
