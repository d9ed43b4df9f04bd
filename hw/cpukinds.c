#include "hw/cpukinds.h"

#include <limits.h>
#include <string.h>

#include "lib/util.h"

/* hwloc 3 hands the attributes over in a struct. */
static int get_kind(hwloc_topology_t topology, unsigned index, hwloc_bitmap_t cpuset, int *ret_rank,
                    const struct hwloc_info_s **ret_infos, unsigned *ret_n_infos)
{
#if HWLOC_API_VERSION >= 0x00030000
        struct hwloc_infos_s *infos = NULL;

        if (hwloc_cpukinds_get_info(topology, index, cpuset, ret_rank, &infos, 0) < 0)
                return -errno;
        *ret_infos = infos ? infos->array : NULL;
        *ret_n_infos = infos ? infos->count : 0;
#else
        struct hwloc_info_s *infos = NULL;

        if (hwloc_cpukinds_get_info(topology, index, cpuset, ret_rank, ret_n_infos, &infos, 0) < 0)
                return -errno;
        *ret_infos = infos;
#endif
        return 0;
}

/* CoreType is hwloc's own, by CPUID; LinuxCPUType is the name of the performance-monitoring unit (hwloc 2.10). */
static enum hw_core_type parse_type(const char *value)
{
        if (strcmp(value, "IntelCore") == 0 || strncmp(value, "intel_core", strlen("intel_core")) == 0)
                return HW_CORE_P;
        if (strcmp(value, "IntelAtom") == 0 || strncmp(value, "intel_atom", strlen("intel_atom")) == 0)
                return HW_CORE_E;
        if (strncmp(value, "intel_lowpower", strlen("intel_lowpower")) == 0)
                return HW_CORE_LP;
        return HW_CORE_UNKNOWN;
}

static unsigned parse_measure(const char *value)
{
        char *end;
        unsigned long number = strtoul(value, &end, 10);

        return end != value && *end == '\0' && number <= INT_MAX ? (unsigned)number : 0;
}

/* Whether the attribute is one of those that hw_kinds_decide() weighs itself. */
static bool apply_info(struct hw_core *core, const struct hwloc_info_s *info)
{
        if (strcmp(info->name, "LinuxCapacity") == 0)
                core->measure[HW_CAPACITY] = parse_measure(info->value);
        else if (strcmp(info->name, "FrequencyMaxMHz") == 0)
                core->measure[HW_MAX_FREQUENCY] = parse_measure(info->value);
        else if (strcmp(info->name, "CoreType") == 0 || strcmp(info->name, "LinuxCPUType") == 0)
                core->type = parse_type(info->value);
        else
                return false;
        return true;
}

/* hwloc ranks kinds by their attributes: the rank says more than these only where there are none. */
static void apply_kind(struct hw_core *core, int rank, const struct hwloc_info_s *infos, unsigned n_infos)
{
        bool explained = false;

        for (unsigned i = 0; infos && i < n_infos; i++)
                explained |= apply_info(core, &infos[i]);
        core->rank = explained ? -1 : rank;
}

int hw_cpukinds_read(hwloc_topology_t topology, const struct machine_pu *pus, unsigned n_pus, struct hw_core *cores)
{
        int n_kinds = hwloc_cpukinds_get_nr(topology, 0);
        hwloc_bitmap_t cpuset = hwloc_bitmap_alloc();

        if (!cpuset)
                return -ENOMEM;
        for (int kind = 0; kind < n_kinds; kind++) {
                const struct hwloc_info_s *infos = NULL;
                unsigned n_infos = 0;
                int rank = -1;

                if (get_kind(topology, (unsigned)kind, cpuset, &rank, &infos, &n_infos) < 0)
                        continue;
                for (unsigned i = 0; i < n_pus; i++)
                        if (hwloc_bitmap_isset(cpuset, pus[i].os))
                                apply_kind(&cores[pus[i].core], rank, infos, n_infos);
        }
        hwloc_bitmap_free(cpuset);
        return 0;
}
