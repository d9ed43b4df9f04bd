/* Which of the machine's packages a number in sysfs means.
 *
 * The machine numbers packages densely from 0; coretemp's labels and RAPL's names have topology/physical_package_id,
 * whatever the firmware calls them (Documentation/admin-guide/cputopology.rst).
 */
#pragma once

#include "core/machine.h"
#include "core/readings.h"

struct hw_packages {
        unsigned n;                              /* of the machine; READINGS_PACKAGES_MAX at most */
        int64_t physical[READINGS_PACKAGES_MAX]; /* the same as the number where nobody says */
};

/* Only the first READINGS_PACKAGES_MAX packages are looked at. */
void hw_packages_find(const char *root, const struct machine *machine, struct hw_packages *ret_packages);

/* The machine's number; UINT_MAX where no package has that physical one. */
unsigned hw_packages_by_physical(const struct hw_packages *packages, int64_t physical);
