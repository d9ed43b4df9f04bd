#include "hw/evidence.h"

#include <limits.h>

#include "hw/root.h"
#include "lib/util.h"

static const char *const measure_file[HW_MEASURES] = {
        [HW_CAPACITY] = "cpu_capacity",
        [HW_HIGHEST_PERF] = "acpi_cppc/highest_perf",
        [HW_MAX_FREQUENCY] = "cpufreq/cpuinfo_max_freq",
};

static const char *const type_file[HW_CORE_TYPES] = {
        [HW_CORE_P] = "/sys/devices/cpu_core/cpus",
        [HW_CORE_E] = "/sys/devices/cpu_atom/cpus",
        [HW_CORE_LP] = "/sys/devices/cpu_lowpower/cpus",
};

/* The performance-monitoring units of a hybrid processor list their PUs. */
static void read_types(const char *root, const unsigned *first_pu, struct hw_core *cores, unsigned n_cores)
{
        struct cpuset pus[HW_CORE_TYPES] = {0}, all = {0};

        for (enum hw_core_type type = HW_CORE_P; type < HW_CORE_TYPES; type++) {
                (void)hw_root_read_cpuset(root, type_file[type], &pus[type]);
                all = cpuset_or(&all, &pus[type]);
        }
        for (unsigned i = 0; i < n_cores; i++)
                if (!cpuset_has(&all, first_pu[i]))
                        return;
        for (enum hw_core_type type = HW_CORE_P; type < HW_CORE_TYPES; type++)
                for (unsigned i = 0; i < n_cores; i++)
                        if (cpuset_has(&pus[type], first_pu[i]))
                                cores[i].type = type;
}

static int read_measure_of(const char *root, unsigned pu, enum hw_measure measure, unsigned *ret_value)
{
        char path[HW_PATH_MAX];
        int64_t value;
        int r;

        (void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/%s", pu, measure_file[measure]);
        r = hw_root_read_number(root, path, &value);
        if (r < 0)
                return r;
        if (value <= 0 || value > INT_MAX)
                return -EINVAL;
        *ret_value = (unsigned)value;
        return 0;
}

static int read_measure(const char *root, const unsigned *first_pu, struct hw_core *cores, unsigned n_cores,
                        enum hw_measure measure)
{
        CLEANUP_FREE unsigned *values = calloc(n_cores, sizeof(*values));

        if (!values)
                return -ENOMEM;
        for (unsigned i = 0; i < n_cores; i++) {
                int r = read_measure_of(root, first_pu[i], measure, &values[i]);

                if (r < 0)
                        return r;
        }
        for (unsigned i = 0; i < n_cores; i++)
                cores[i].measure[measure] = values[i];
        return 0;
}

int hw_evidence_from_sysfs(const char *root, const unsigned *first_pu, struct hw_core *cores, unsigned n_cores)
{
        read_types(root, first_pu, cores, n_cores);
        for (enum hw_measure measure = 0; measure < HW_MEASURES; measure++)
                if (read_measure(root, first_pu, cores, n_cores, measure) == -ENOMEM)
                        return -ENOMEM;
        return 0;
}
