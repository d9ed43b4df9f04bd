#include "hw/packages.h"

#include <limits.h>

#include "hw/attribute.h"

void hw_packages_find(const char *root, const struct machine *machine, struct hw_packages *ret_packages)
{
        struct hw_packages packages = {.n = machine->n_packages};
        bool known[READINGS_PACKAGES_MAX] = {false};

        if (packages.n > READINGS_PACKAGES_MAX)
                packages.n = READINGS_PACKAGES_MAX;
        for (unsigned i = 0; i < packages.n; i++)
                packages.physical[i] = i;
        for (unsigned i = 0; i < machine->n_pus; i++) {
                const struct machine_pu *pu = &machine->pus[i];
                struct hw_path path = hw_path("/sys/devices/system/cpu/cpu%u/topology/physical_package_id", pu->os);

                if (pu->package >= packages.n || known[pu->package])
                        continue;
                /* The first PU speaks for its package, even if it has nothing to say: virtual machines show -1. */
                known[pu->package] = true;
                if (hw_attribute_signed(root, path.text, &packages.physical[pu->package]) < 0 ||
                    packages.physical[pu->package] < 0)
                        packages.physical[pu->package] = pu->package;
        }
        *ret_packages = packages;
}

unsigned hw_packages_by_physical(const struct hw_packages *packages, int64_t physical)
{
        for (unsigned i = 0; i < packages->n; i++)
                if (packages->physical[i] == physical)
                        return i;
        return UINT_MAX;
}
