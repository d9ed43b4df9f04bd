/* Kinds of core, decided from what is known of each core. Pure: hw/discover.c and hw/evidence.c gather the facts.
 *
 * 1. Where every core's type is known (hwloc's CoreType, or /sys/devices/cpu_core, cpu_atom and cpu_lowpower), the
 *    kinds are P, E and LP-E; E cores without an L3 on a machine where other cores have one are LP-E.
 * 2. Else the first measure that is known for every core and tells cores apart: capacity, CPPC's highest
 *    performance, maximum frequency. Sorted by it, a new kind begins where a core is more than HW_KINDS_TOLERANCE
 *    below the one before it. Boost bins of one kind of core lie within a few per cent of each other, two kinds of
 *    core never do on the machines known; comparing neighbours keeps a long row of bins in one kind.
 * 3. Else hwloc's own ranking, where no measure says that all cores are alike.
 * 4. Else all cores are alike.
 *
 * CPPC is not believed against the frequencies: on AMD processors with preferred cores it is a rank among like cores.
 *
 * A kind's speed is its mean capacity or CPPC performance over the fastest kind's; by frequency alone, an E core
 * counts for HW_KINDS_E_PER_CLOCK of a P core at equal clock. Where no measure tells the types apart:
 * HW_KINDS_E_SPEED and HW_KINDS_LP_SPEED, and by rank alone the same for the second and the further ones.
 */
#pragma once

#include "core/machine.h"

#define HW_KINDS_TOLERANCE 0.10

/* Linux's intel_pstate counts a performance level as 78,741 kHz of an Alder Lake P core and 100,000 kHz of an E core,
 * so an E core does 0.787 of a P core's work per clock (0.80 on Meteor Lake, 0.87 on Lunar Lake); the least of these is
 * assumed for all. */
#define HW_KINDS_E_PER_CLOCK 0.787

/* Typical of the frequencies and the factor above: 3.9 of 5.1 GHz, and 2.5 of 4.8 GHz. */
#define HW_KINDS_E_SPEED  0.60
#define HW_KINDS_LP_SPEED 0.40

enum hw_core_type {
        HW_CORE_UNKNOWN,
        HW_CORE_P,
        HW_CORE_E,
        HW_CORE_LP,
        HW_CORE_TYPES,
};

/* In the order in which they are believed. The unit does not matter; 0 is unknown. */
enum hw_measure {
        HW_CAPACITY,     /* cpu_capacity: Linux's own "work per second", 1024 the fastest */
        HW_HIGHEST_PERF, /* acpi_cppc/highest_perf */
        HW_MAX_FREQUENCY,
        HW_MEASURES,
};

struct hw_core {
        enum hw_core_type type;
        unsigned measure[HW_MEASURES];
        int rank; /* hwloc's efficiency, higher is faster; -1 unknown */
        bool has_l3;
};

/* Writes the kinds, fastest first (n_cores left 0), and each core's kind. n_cores > 0; -ENOMEM. */
int hw_kinds_decide(const struct hw_core *cores, unsigned n_cores, struct machine_kind ret_kinds[MACHINE_KINDS_MAX],
                    unsigned *ret_n_kinds, unsigned *ret_kind_of_core);
