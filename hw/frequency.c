#include "hw/frequency.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/attribute.h"
#include "hw/root.h"
#include "lib/util.h"

/* One PU that has a frequency. */
struct clock {
        unsigned pu, core, package;
        double max, base; /* kHz; base 0 where it is not known */
};

struct hw_frequency {
        struct clock *clocks; /* by PU */
        unsigned n;
        bool has_clocks[READINGS_PACKAGES_MAX];
};

/* kHz; 0 where it is not known. */
static double read_khz(const char *root, unsigned pu, const char *file)
{
        uint64_t khz;

        return hw_attribute_unsigned(root, hw_path("/sys/devices/system/cpu/cpu%u/%s", pu, file).text, &khz) < 0
                       ? 0
                       : (double)khz;
}

/* A base above the maximum is none: firmware says such things. */
static bool find_clock(const char *root, const struct machine_pu *pu, struct clock *ret_clock)
{
        struct clock clock = {.pu = pu->os, .core = pu->core, .package = pu->package};

        clock.max = read_khz(root, pu->os, "cpufreq/cpuinfo_max_freq");
        if (!(clock.max > 0))
                return false;
        clock.base = read_khz(root, pu->os, "cpufreq/base_frequency");
        if (!(clock.base > 0))
                clock.base = 1000 * read_khz(root, pu->os, "acpi_cppc/nominal_freq");
        if (clock.base > clock.max)
                clock.base = 0;
        *ret_clock = clock;
        return true;
}

/* "model name	: Intel(R) Core(TM) i5-5200U CPU @ 2.20GHz": how Intel's processors before those whose base cpufreq
 * knows say it. kHz; 0 where it is not said. */
static int read_model_base(const char *root, double *ret_khz)
{
        CLEANUP_FREE char *text = NULL;
        int r = hw_root_read(root, "/proc/cpuinfo", &text, NULL);
        const char *at = r < 0 ? NULL : strstr(text, "\nmodel name");
        unsigned long whole, hundredths;
        char *point, *end;

        *ret_khz = 0;
        if (at)
                at = strpbrk(at + 1, "@\n");
        if (!at || strncmp(at, "@ ", 2) != 0)
                return r == -ENOMEM ? r : 0;
        whole = strtoul(at + 2, &point, 10);
        if (*point != '.' || !isdigit((unsigned char)point[1]))
                return 0;
        hundredths = strtoul(point + 1, &end, 10);
        if (end == point + 3 && strncmp(end, "GHz", 3) == 0)
                *ret_khz = 1e6 * (double)whole + 1e4 * (double)hundredths;
        return 0;
}

static int complete_bases(const char *root, struct hw_frequency *frequency)
{
        double khz = 0;
        bool missing = false;
        int r;

        for (unsigned i = 0; i < frequency->n; i++)
                missing = missing || !(frequency->clocks[i].base > 0);
        r = missing ? read_model_base(root, &khz) : 0;
        for (unsigned i = 0; i < frequency->n; i++) {
                struct clock *clock = &frequency->clocks[i];

                if (!(clock->base > 0) && khz <= clock->max)
                        clock->base = khz;
        }
        return r;
}

int hw_frequency_open(const char *root, const struct machine *machine, struct hw_frequency **ret_frequency)
{
        struct hw_frequency *frequency = calloc(1, sizeof(*frequency));
        int r;

        if (frequency)
                frequency->clocks = calloc(machine->n_pus + 1, sizeof(*frequency->clocks));
        if (!frequency || !frequency->clocks) {
                hw_frequency_close(frequency);
                return -ENOMEM;
        }
        for (unsigned i = 0; i < machine->n_pus; i++) {
                const struct machine_pu *pu = &machine->pus[i];

                if (pu->package >= READINGS_PACKAGES_MAX || !find_clock(root, pu, &frequency->clocks[frequency->n]))
                        continue;
                frequency->n++;
                frequency->has_clocks[pu->package] = true;
        }
        r = complete_bases(root, frequency);
        if (r < 0) {
                hw_frequency_close(frequency);
                return r;
        }
        *ret_frequency = frequency;
        return 0;
}

void hw_frequency_close(struct hw_frequency *frequency)
{
        if (!frequency)
                return;
        free(frequency->clocks);
        free(frequency);
}

/* The lowest of what cpufreq and the firmware allow, relative to the hardware's maximum. */
static double read_cap(const char *root, const struct clock *clock)
{
        static const char *const files[] = {"cpufreq/scaling_max_freq", "cpufreq/bios_limit"};
        double cap = 1;

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                double khz = read_khz(root, clock->pu, files[i]);

                if (khz > 0 && khz / clock->max < cap)
                        cap = khz / clock->max;
        }
        return cap;
}

/* Adds one PU to the package's sums. What no such PU can run at is an error. */
static int measure(const char *root, const struct clock *clock, struct readings_package *package)
{
        struct hw_path path = hw_path("/sys/devices/system/cpu/cpu%u/cpufreq/scaling_cur_freq", clock->pu);
        double reference = clock->base > 0 ? clock->base : clock->max, cap;
        uint64_t khz;
        int r = hw_attribute_unsigned(root, path.text, &khz);

        if (r < 0)
                return r;
        if (khz == 0 || (double)khz > 2 * clock->max)
                return -ERANGE;
        package->n_measured++;
        package->n_below_base += (double)khz < clock->base * (1 - HW_FREQUENCY_TOLERANCE);
        package->frequency += (double)khz / reference;
        cap = read_cap(root, clock);
        package->cap = cap < package->cap ? cap : package->cap;
        return 0;
}

/* The package's clocks that are lent, one a core; returns how many. */
static unsigned choose(const struct hw_frequency *frequency, unsigned package, const struct cpuset *lent,
                       const struct clock **chosen)
{
        struct cpuset cores = {0};
        unsigned n = 0;

        for (unsigned i = 0; i < frequency->n; i++) {
                const struct clock *clock = &frequency->clocks[i];

                if (clock->package != package || !cpuset_has(lent, clock->pu) || cpuset_has(&cores, clock->core))
                        continue;
                cpuset_add(&cores, clock->core);
                chosen[n++] = clock;
        }
        return n;
}

static void read_package(const char *root, const struct hw_frequency *frequency, const struct cpuset *lent,
                         struct readings_package *package)
{
        const struct clock *chosen[CPUSET_MAX];
        unsigned n = choose(frequency, package->package, lent, chosen);
        unsigned n_samples = n < HW_FREQUENCY_SAMPLES ? n : HW_FREQUENCY_SAMPLES;
        int error = 0;

        package->cap = 1;
        for (unsigned i = 0; i < n_samples; i++) {
                int r = measure(root, chosen[i * n / n_samples], package);

                error = r < 0 ? r : error;
        }
        if (package->n_measured > 0)
                package->frequency /= package->n_measured;
        package->frequency_error = package->n_measured > 0 ? 0 : error;
}

void hw_frequency_read(const char *root, const struct hw_frequency *frequency, const struct cpuset *lent,
                       struct readings *readings)
{
        for (unsigned i = 0; i < readings->n_packages; i++) {
                struct readings_package *package = &readings->packages[i];

                package->frequency_error = -ENOENT;
                if (frequency->has_clocks[i])
                        read_package(root, frequency, lent, package);
        }
}
