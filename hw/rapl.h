/* Power limits and energy of packages: powercap's intel-rapl and intel-rapl-mmio (Documentation/power/powercap/
 * powercap.rst, Documentation/ABI/testing/sysfs-class-powercap), which AMD's processors have too, without limits.
 *
 * The same package may appear in both: the lowest limit counts, and energy once. A limit counts where its zone is
 * enabled. Zones within a package (core, uncore, dram) and the platform's (psys) are none of a package's limits. Where
 * a package has several dies, limits and energy are their sums. Only root may read energy since Linux 5.10: -EACCES.
 */
#pragma once

#include "core/readings.h"
#include "hw/notes.h"
#include "hw/packages.h"

enum {
        HW_RAPL_ZONES_MAX = 64,
        HW_RAPL_DIES_MAX = 4, /* of a package */
};

struct hw_rapl_zone {
        const char *control; /* "intel-rapl", static */
        unsigned number;
        unsigned package, die;
        int long_term, short_term; /* numbers of its constraints; -1 none */
        bool has_energy;           /* its energy is the one that counts */
        uint64_t energy_range_uj;
};

struct hw_rapl {
        struct hw_rapl_zone zone[HW_RAPL_ZONES_MAX];
        unsigned n;
};

/* -ENOMEM; notes may be NULL. */
int hw_rapl_find(const char *root, const struct hw_packages *packages, struct hw_rapl *ret_rapl,
                 struct hw_notes *notes);

/* Sets the packages' energy and limit fields. */
void hw_rapl_read(const char *root, const struct hw_rapl *rapl, struct readings *readings);
