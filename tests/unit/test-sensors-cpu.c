/* What the CPUs say: throttle counters, frequencies and their caps, power limits and energy. */
#include <errno.h>

#include "hw/frequency.h"
#include "hw/throttle.h"
#include "lib/util.h"
#include "tests/unit/sensor-sample.h"

#define CPU  "/sys/devices/system/cpu/cpu"
#define RAPL "/sys/class/powercap/"

/* A machine with an open tree; read() is what follows changes to it. */
struct scene {
        struct tree tree;
        struct machine machine;
        struct hw_sensors *sensors;
        struct readings readings;
};

static void scene_begin(struct scene *s, unsigned packages, unsigned cores, unsigned threads,
                        const struct tree_file *files, size_t n)
{
        *s = (struct scene){.machine = tree_machine(packages, cores, threads)};
        tree_make(&s->tree);
        tree_write_all(&s->tree, files, n);
        s->sensors = sample_open(&s->tree, &s->machine);
}

static const struct readings_package *scene_read(struct scene *s)
{
        sample_read(s->sensors, &s->machine, 0, &s->readings);
        return s->readings.packages;
}

static void scene_end(struct scene *s)
{
        hw_sensors_close(s->sensors);
        tree_finish(&s->tree);
        machine_finish(&s->machine);
}

static void write_throttle(struct scene *s, unsigned pu, const char *core, const char *package, const char *events)
{
        tree_print(&s->tree, core, CPU "%u/thermal_throttle/core_throttle_total_time_ms", pu);
        tree_print(&s->tree, package, CPU "%u/thermal_throttle/package_throttle_total_time_ms", pu);
        tree_print(&s->tree, events, CPU "%u/thermal_throttle/package_throttle_count", pu);
}

/* Two cores of two threads: the package once, each core once, and never back. */
static void count_throttling(void)
{
        const struct readings_package *p;
        struct scene s;

        scene_begin(&s, 1, 2, 2, NULL, 0);
        for (unsigned pu = 0; pu < 4; pu++)
                write_throttle(&s, pu, pu < 2 ? "10\n" : "20\n", "100\n", "3\n");
        hw_sensors_close(s.sensors);
        s.sensors = sample_open(&s.tree, &s.machine);
        p = scene_read(&s);
        CHECK_INT(p->throttle_error, 0);
        CHECK_INT(p->throttled_ms, 100);
        CHECK_INT(p->throttle_events, 3);
        CHECK_INT(p->core_throttled_ms, 30);

        for (unsigned pu = 0; pu < 4; pu++)
                write_throttle(&s, pu, "25\n", "150\n", "4\n");
        p = scene_read(&s);
        CHECK_INT(p->throttled_ms, 150);
        CHECK_INT(p->core_throttled_ms, 50);

        /* PU 0 goes offline: the kernel shows an empty file, or none. Its sibling has counted less. */
        write_throttle(&s, 0, "", "", "");
        write_throttle(&s, 1, "5\n", "120\n", "2\n");
        p = scene_read(&s);
        CHECK_INT(p->throttle_error, 0);
        CHECK_INT(p->throttled_ms, 150);
        CHECK_INT(p->throttle_events, 4);
        CHECK_INT(p->core_throttled_ms, 50);
        write_throttle(&s, 1, "8\n", "125\n", "3\n");
        p = scene_read(&s);
        CHECK_INT(p->throttled_ms, 155);
        CHECK_INT(p->core_throttled_ms, 53);

        /* Counters that start anew count from there. */
        write_throttle(&s, 1, "0\n", "0\n", "0\n");
        p = scene_read(&s);
        CHECK_INT(p->throttled_ms, 155);
        write_throttle(&s, 1, "1\n", "1\n", "1\n");
        p = scene_read(&s);
        CHECK_INT(p->throttled_ms, 156);
        CHECK_INT(p->core_throttled_ms, 54);

        /* Back to one that has counted more meanwhile: only what it counts from now on. */
        for (unsigned pu = 1; pu < 4; pu++)
                write_throttle(&s, pu, "", "", "");
        write_throttle(&s, 0, "900\n", "900\n", "900\n");
        p = scene_read(&s);
        CHECK_INT(p->throttled_ms, 156);
        CHECK_INT(p->core_throttled_ms, 54);
        write_throttle(&s, 0, "902\n", "903\n", "904\n");
        p = scene_read(&s);
        CHECK_INT(p->throttled_ms, 159);
        CHECK_INT(p->core_throttled_ms, 56);

        /* None left. */
        for (unsigned pu = 0; pu < 4; pu++)
                write_throttle(&s, pu, "", "", "");
        p = scene_read(&s);
        CHECK_INT(p->throttle_error, -ENODATA);
        CHECK_INT(p->throttled_ms, 159);
        scene_end(&s);
}

/* Kernels before 5.6 count events and no time. */
static void count_events_alone(void)
{
        static const struct tree_file files[] = {
                {CPU "0/thermal_throttle/core_throttle_count", "9\n"},
                {CPU "0/thermal_throttle/package_throttle_count", "12\n"},
        };
        const struct readings_package *p;
        struct scene s;

        scene_begin(&s, 1, 1, 1, files, ELEMENTSOF(files));
        p = scene_read(&s);
        CHECK_INT(p->throttle_error, 0);
        CHECK_INT(p->throttle_events, 12);
        CHECK_INT(p->throttled_ms, 0);
        scene_end(&s);
}

static void write_clock(struct scene *s, unsigned pu, const char *max, const char *allowed, const char *current)
{
        tree_print(&s->tree, max, CPU "%u/cpufreq/cpuinfo_max_freq", pu);
        tree_print(&s->tree, allowed, CPU "%u/cpufreq/scaling_max_freq", pu);
        tree_print(&s->tree, current, CPU "%u/cpufreq/scaling_cur_freq", pu);
}

/* Of the lent PUs alone, one a core. */
static void measure_lent(void)
{
        struct cpuset lent = {0};
        const struct readings_package *p;
        struct scene s;

        scene_begin(&s, 2, 2, 2, NULL, 0);
        for (unsigned pu = 0; pu < 8; pu++) {
                write_clock(&s, pu, "4000000\n", pu < 2 ? "3000000\n" : "4000000\n",
                            pu < 2 ? "1000000\n" : "3000000\n");
                tree_print(&s.tree, "2000000\n", CPU "%u/cpufreq/base_frequency", pu);
        }
        hw_sensors_close(s.sensors);
        s.sensors = sample_open(&s.tree, &s.machine);
        cpuset_add(&lent, 1);
        cpuset_add(&lent, 2);
        cpuset_add(&lent, 3);
        CHECK_INT(hw_sensors_read(s.sensors, &lent, 0, &s.readings), 0);
        p = s.readings.packages;
        CHECK_INT(p[0].frequency_error, 0);
        CHECK_INT(p[0].n_measured, 2);
        CHECK_INT(p[0].n_below_base, 1);
        CHECK_INT(p[0].frequency * 1000, 1000); /* mean of 0.5 and 1.5 */
        CHECK_INT(p[0].cap * 1000, 750);
        CHECK_INT(p[1].frequency_error, 0);
        CHECK_INT(p[1].n_measured, 0);
        CHECK_INT(p[1].cap, 1);
        scene_end(&s);
}

/* What bounds a frequency, and what is none. */
static void measure_oddities(void)
{
        static const struct {
                const char *max, *allowed, *current, *bios, *base, *nominal;
                int error;
                unsigned n_below;
                double frequency, cap;
        } cases[] = {
                {"4000000\n", "4000000\n", "1990000\n", NULL, "2000000\n", NULL, 0, 0, 0.995, 1},
                {"4000000\n", "4000000\n", "1950000\n", NULL, "2000000\n", NULL, 0, 1, 0.975, 1},
                {"4000000\n", "4000000\n", "1500000\n", NULL, NULL, "3000\n", 0, 1, 0.5, 1},
                {"4000000\n", "4000000\n", "3000000\n", NULL, NULL, NULL, 0, 0, 0.75, 1},
                {"4000000\n", "4000000\n", "3000000\n", NULL, "9000000\n", "junk\n", 0, 0, 0.75, 1},
                {"4000000\n", "3000000\n", "2000000\n", "2000000\n", NULL, NULL, 0, 0, 0.5, 0.5},
                {"4000000\n", "3000000\n", "2000000\n", "4000000\n", NULL, NULL, 0, 0, 0.5, 0.75},
                {"4000000\n", "5000000\n", "2000000\n", "0\n", NULL, NULL, 0, 0, 0.5, 1},
                {"4000000\n", "junk\n", "2000000\n", NULL, NULL, NULL, 0, 0, 0.5, 1},
                {"4000000\n", "4000000\n", "<unknown>\n", NULL, NULL, NULL, -EINVAL, 0, 0, 1},
                {"4000000\n", "4000000\n", "0\n", NULL, NULL, NULL, -ERANGE, 0, 0, 1},
                {"4000000\n", "4000000\n", "-1\n", NULL, NULL, NULL, -ERANGE, 0, 0, 1},
                {"4000000\n", "4000000\n", "9000000\n", NULL, NULL, NULL, -ERANGE, 0, 0, 1},
                {"0\n", "4000000\n", "3000000\n", NULL, NULL, NULL, -ENOENT, 0, 0, 0},
                {"junk\n", "4000000\n", "3000000\n", NULL, NULL, NULL, -ENOENT, 0, 0, 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct readings_package *p;
                struct scene s;

                scene_begin(&s, 1, 1, 1, NULL, 0);
                write_clock(&s, 0, cases[i].max, cases[i].allowed, cases[i].current);
                if (cases[i].bios)
                        tree_write(&s.tree, CPU "0/cpufreq/bios_limit", cases[i].bios);
                if (cases[i].base)
                        tree_write(&s.tree, CPU "0/cpufreq/base_frequency", cases[i].base);
                if (cases[i].nominal)
                        tree_write(&s.tree, CPU "0/acpi_cppc/nominal_freq", cases[i].nominal);
                hw_sensors_close(s.sensors);
                s.sensors = sample_open(&s.tree, &s.machine);
                p = scene_read(&s);
                CHECK_INT(p->frequency_error, cases[i].error);
                CHECK_INT(p->n_below_base, cases[i].n_below);
                CHECK_INT(p->frequency * 1000 + 0.5, cases[i].frequency * 1000 + 0.5);
                CHECK_INT(p->cap * 1000 + 0.5, cases[i].cap * 1000 + 0.5);
                scene_end(&s);
        }
}

/* The base that Intel's older processors have in their name, where it makes sense. */
static void read_base_in_name(void)
{
        static const struct {
                const char *cpuinfo;
                double frequency;
        } cases[] = {
                {"processor\t: 0\nmodel name\t: Intel(R) Core(TM) i5-5200U CPU @ 2.20GHz\nflags: a @ 1.00GHz\n", 0.5},
                {"processor\t: 0\nmodel name\t: AMD Ryzen 7\nflags\t: @ 2.20GHz\n", 0.4},
                {"processor\t: 0\nmodel name\t: Intel @ 9.00GHz\n", 0.4},
                {"processor\t: 0\nmodel name\t: Intel @ 2.2GHz\n", 0.4},
                {"processor\t: 0\nmodel name\t: Intel @ 2.20", 0.4},
                {"processor\t: 0\nmodel name\t: Intel @", 0.4},
                {"", 0.4},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct scene s;

                scene_begin(&s, 1, 1, 1, NULL, 0);
                write_clock(&s, 0, "2750000\n", "2750000\n", "1100000\n");
                tree_write(&s.tree, "/proc/cpuinfo", cases[i].cpuinfo);
                hw_sensors_close(s.sensors);
                s.sensors = sample_open(&s.tree, &s.machine);
                CHECK_INT(scene_read(&s)->frequency * 1000 + 0.5, cases[i].frequency * 1000 + 0.5);
                scene_end(&s);
        }
}

/* Many lent cores: some of them speak for all, from the first to near the last. */
static void measure_some(void)
{
        enum {
                CORES = 3 * HW_FREQUENCY_SAMPLES,
        };
        const struct readings_package *p;
        struct scene s;

        scene_begin(&s, 1, CORES, 1, NULL, 0);
        for (unsigned pu = 0; pu < CORES; pu++)
                write_clock(&s, pu, "4000000\n", "4000000\n", pu < CORES / 2 ? "4000000\n" : "2000000\n");
        hw_sensors_close(s.sensors);
        s.sensors = sample_open(&s.tree, &s.machine);
        p = scene_read(&s);
        CHECK_INT(p->n_measured, HW_FREQUENCY_SAMPLES);
        CHECK_INT(p->frequency * 1000, 750);
        scene_end(&s);
}

static void write_zone(struct scene *s, const char *zone, const char *name, const char *energy, const char *long_uw,
                       const char *short_uw)
{
        tree_print(&s->tree, name, RAPL "%s/name", zone);
        tree_print(&s->tree, energy, RAPL "%s/energy_uj", zone);
        tree_print(&s->tree, "1000000\n", RAPL "%s/max_energy_range_uj", zone);
        /* The numbers of constraints say nothing, their names do. */
        tree_print(&s->tree, "short_term\n", RAPL "%s/constraint_0_name", zone);
        tree_print(&s->tree, short_uw, RAPL "%s/constraint_0_power_limit_uw", zone);
        tree_print(&s->tree, "long_term\n", RAPL "%s/constraint_1_name", zone);
        tree_print(&s->tree, long_uw, RAPL "%s/constraint_1_power_limit_uw", zone);
        tree_print(&s->tree, "28000000\n", RAPL "%s/constraint_1_time_window_us", zone);
        tree_print(&s->tree, "peak_power\n", RAPL "%s/constraint_2_name", zone);
}

static void limit_power(void)
{
        const struct readings_package *p;
        struct scene s;

        scene_begin(&s, 2, 1, 1, NULL, 0);
        write_zone(&s, "intel-rapl:0", "package-0\n", "700000\n", "45000000\n", "60000000\n");
        write_zone(&s, "intel-rapl:0:0", "core\n", "1\n", "1000000\n", "1000000\n");
        write_zone(&s, "intel-rapl:1", "psys\n", "1\n", "1000000\n", "1000000\n");
        write_zone(&s, "intel-rapl:2", "package-7\n", "1\n", "1000000\n", "1000000\n"); /* no such package */
        write_zone(&s, "intel-rapl-mmio:0", "package-0\n", "700001\n", "15000000\n", "90000000\n");
        write_zone(&s, "intel-rapl:3", "package-1-die-0\n", "800000\n", "100000000\n", "0\n");
        write_zone(&s, "intel-rapl:4", "package-1-die-1\n", "600000\n", "100000000\n", "0\n");
        write_zone(&s, "intel-rapl-mmio:1", "package-1-die-1\n", "1\n", "150000000\n", "0\n");
        hw_sensors_close(s.sensors);
        s.sensors = sample_open(&s.tree, &s.machine);
        p = scene_read(&s);
        CHECK_INT(p[0].limit_error, 0);
        CHECK_INT(p[0].long_limit_uw, 15000000);
        CHECK_INT(p[0].short_limit_uw, 60000000);
        CHECK_INT(p[0].long_window_us, 28000000);
        CHECK_INT(p[0].energy_error, 0);
        CHECK_INT(p[0].energy_uj, 700000);
        CHECK_INT(p[0].energy_range_uj, 1000000);
        CHECK_INT(p[1].long_limit_uw, 200000000);
        CHECK_INT(p[1].short_limit_uw, 0);
        CHECK_INT(p[1].energy_uj, 400000); /* 1,400,000 within the range */

        /* A zone that is off limits nothing; one that says nonsense has an error where no other has a limit. */
        tree_write(&s.tree, RAPL "intel-rapl-mmio:0/enabled", "0\n");
        tree_write(&s.tree, RAPL "intel-rapl:0/enabled", "1\n");
        p = scene_read(&s);
        CHECK_INT(p[0].long_limit_uw, 45000000);
        tree_write(&s.tree, RAPL "intel-rapl:0/constraint_1_power_limit_uw", "lots\n");
        p = scene_read(&s);
        CHECK_INT(p[0].limit_error, -EINVAL);
        CHECK_INT(p[0].energy_error, 0);
        tree_write(&s.tree, RAPL "intel-rapl:0/enabled", "0\n");
        p = scene_read(&s);
        CHECK_INT(p[0].limit_error, -ENOENT);
        tree_write(&s.tree, RAPL "intel-rapl:4/energy_uj", "-4\n");
        p = scene_read(&s);
        CHECK_INT(p[1].energy_error, -ERANGE);
        scene_end(&s);
}

/* AMD's packages have energy and no constraints; a counter without a range cannot be told to have wrapped around. */
static void meter_without_limit(void)
{
        static const struct tree_file files[] = {
                {RAPL "intel-rapl:0/name", "package-0\n"},
                {RAPL "intel-rapl:0/energy_uj", "5\n"},
                {RAPL "intel-rapl:0/max_energy_range_uj", "65532610987\n"},
                {RAPL "intel-rapl:1/name", "package-1\n"},
                {RAPL "intel-rapl:1/energy_uj", "5\n"},
                {RAPL "intel-rapl:1/max_energy_range_uj", "0\n"},
        };
        const struct readings_package *p;
        struct scene s;

        scene_begin(&s, 2, 1, 1, files, ELEMENTSOF(files));
        p = scene_read(&s);
        CHECK_INT(p[0].energy_error, 0);
        CHECK_INT(p[0].limit_error, -ENOENT);
        CHECK_INT(p[1].energy_error, -ENODATA);
        scene_end(&s);
}

/* More packages than readings have room for: the first of them. */
static void read_many_packages(void)
{
        struct scene s;

        scene_begin(&s, READINGS_PACKAGES_MAX + 2, 1, 1, NULL, 0);
        for (unsigned pu = 0; pu < s.machine.n_pus; pu++) {
                write_throttle(&s, pu, "1\n", "2\n", "3\n");
                write_clock(&s, pu, "2000000\n", "2000000\n", "1000000\n");
        }
        hw_sensors_close(s.sensors);
        s.sensors = sample_open(&s.tree, &s.machine);
        CHECK_INT(scene_read(&s)[READINGS_PACKAGES_MAX - 1].throttled_ms, 2);
        CHECK_INT(s.readings.n_packages, READINGS_PACKAGES_MAX);
        scene_end(&s);
}

int main(void)
{
        count_throttling();
        count_events_alone();
        measure_lent();
        measure_oddities();
        read_base_in_name();
        measure_some();
        limit_power();
        meter_without_limit();
        read_many_packages();
        return 0;
}
