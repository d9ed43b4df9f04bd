#include "tests/unit/sensor-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/util.h"
#include "tests/unit/test.h"

struct place {
        char text[512];
};

/* The trees that there are: a test that fails does not leave them behind. */
static struct tree made[8];

static struct place place_of(const struct tree *tree, const char *path)
{
        struct place place;
        int n = snprintf(place.text, sizeof(place.text), "%s%s", tree->root, path);

        CHECK(n > 0 && (size_t)n < sizeof(place.text));
        return place;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

void tree_remove(const struct tree *tree, const char *path)
{
        struct place place = place_of(tree, path);
        struct stat st;

        if (lstat(place.text, &st) == 0)
                CHECK(nftw(place.text, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static void remove_made(void)
{
        for (size_t i = 0; i < ELEMENTSOF(made); i++)
                if (*made[i].root)
                        tree_remove(&made[i], "");
}

void tree_make(struct tree *tree)
{
        const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        static bool is_registered;
        size_t i = 0;

        CHECK(is_registered || atexit(remove_made) == 0);
        is_registered = true;
        snprintf(tree->root, sizeof(tree->root), "%s/test-sensors-XXXXXX", folder);
        CHECK(mkdtemp(tree->root));
        CHECK(chmod(tree->root, 0755) == 0);
        while (i < ELEMENTSOF(made) && *made[i].root)
                i++;
        CHECK(i < ELEMENTSOF(made));
        made[i] = *tree;
}

void tree_finish(struct tree *tree)
{
        tree_remove(tree, "");
        for (size_t i = 0; i < ELEMENTSOF(made); i++)
                if (strcmp(made[i].root, tree->root) == 0)
                        made[i].root[0] = '\0';
}

static void make_parents(char *path)
{
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
}

/* Where the entry is to be, with nothing there. */
static struct place make_room(const struct tree *tree, const char *path)
{
        struct place place = place_of(tree, path);

        tree_remove(tree, path);
        make_parents(place.text);
        return place;
}

void tree_write_bytes(const struct tree *tree, const char *path, const void *bytes, size_t n)
{
        struct place place = make_room(tree, path);
        CLEANUP_CLOSE int fd = open(place.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
}

void tree_write(const struct tree *tree, const char *path, const char *text)
{
        tree_write_bytes(tree, path, text, strlen(text));
}

void tree_print(const struct tree *tree, const char *text, const char *path_format, ...)
{
        char path[256];
        va_list args;

        va_start(args, path_format);
        CHECK(vsnprintf(path, sizeof(path), path_format, args) < (int)sizeof(path));
        va_end(args);
        tree_write(tree, path, text);
}

void tree_write_all(const struct tree *tree, const struct tree_file *files, size_t n)
{
        for (size_t i = 0; i < n; i++)
                tree_write(tree, files[i].path, files[i].text);
}

void tree_fifo(const struct tree *tree, const char *path)
{
        CHECK(mkfifo(make_room(tree, path).text, 0644) == 0);
}

void tree_folder(const struct tree *tree, const char *path)
{
        CHECK(mkdir(make_room(tree, path).text, 0755) == 0);
}

void tree_link(const struct tree *tree, const char *path, const char *target)
{
        CHECK(symlink(target, make_room(tree, path).text) == 0);
}

struct machine tree_machine(unsigned packages, unsigned cores, unsigned threads)
{
        const struct machine_kind kind = {.speed = 1};
        unsigned n = packages * cores * threads;
        struct machine_pu *pus = calloc(n, sizeof(*pus));
        struct machine machine;

        CHECK(pus);
        for (unsigned i = 0; i < n; i++)
                pus[i] = (struct machine_pu){.os = i,
                                             .core = i / threads,
                                             .smt_rank = i % threads,
                                             .package = i / threads / cores,
                                             .node = i / threads / cores,
                                             .cache = i / threads / cores};
        CHECK_INT(machine_init(pus, n, &kind, 1, &machine), 0);
        return machine;
}

#define CPU    "/sys/devices/system/cpu/"
#define HWMON  "/sys/class/hwmon/"
#define ZONE   "/sys/class/thermal/thermal_zone"
#define RAPL   "/sys/class/powercap/"
#define SUPPLY "/sys/class/power_supply/"
#define PRESSURE                                                                                                       \
        "some avg10=1.50 avg60=0.40 avg300=0.10 total=123456\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=789\n"
#define MEMINFO "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"
#define COMMON                                                                                                         \
        {"/proc/meminfo", MEMINFO}, {"/proc/pressure/cpu", PRESSURE},                                                  \
        {                                                                                                              \
                "/proc/pressure/memory", PRESSURE                                                                      \
        }
#define CLOCK(pu, max, current)                                                                                        \
        {CPU "cpu" pu "/cpufreq/cpuinfo_max_freq", max "\n"}, {CPU "cpu" pu "/cpufreq/scaling_max_freq", max "\n"},    \
        {                                                                                                              \
                CPU "cpu" pu "/cpufreq/scaling_cur_freq", current "\n"                                                 \
        }
#define THROTTLE(pu, core, package)                                                                                    \
        {CPU "cpu" pu "/thermal_throttle/core_throttle_total_time_ms", core "\n"},                                     \
                {CPU "cpu" pu "/thermal_throttle/package_throttle_total_time_ms", package "\n"},                       \
        {                                                                                                              \
                CPU "cpu" pu "/thermal_throttle/package_throttle_count", "7\n"                                         \
        }
#define PACKAGE_POWER(zone, name)                                                                                      \
        {RAPL zone "/name", name "\n"}, {RAPL zone "/enabled", "1\n"}, {RAPL zone "/energy_uj", "5000000\n"},          \
                {RAPL zone "/max_energy_range_uj", "262143328850\n"}, {RAPL zone "/constraint_0_name", "long_term\n"}, \
                {RAPL zone "/constraint_0_power_limit_uw", "15000000\n"},                                              \
                {RAPL zone "/constraint_0_time_window_us", "27983872\n"},                                              \
                {RAPL zone "/constraint_1_name", "short_term\n"},                                                      \
        {                                                                                                              \
                RAPL zone "/constraint_1_power_limit_uw", "44000000\n"                                                 \
        }

static const struct tree_file laptop[] = {
        COMMON,
        CLOCK("0", "4000000", "1500000"),
        CLOCK("1", "4000000", "1500000"),
        CLOCK("2", "4000000", "3000000"),
        CLOCK("3", "4000000", "3000000"),
        {CPU "cpu0/cpufreq/base_frequency", "2000000\n"},
        {CPU "cpu1/cpufreq/base_frequency", "2000000\n"},
        {CPU "cpu2/cpufreq/base_frequency", "2000000\n"},
        {CPU "cpu3/cpufreq/base_frequency", "2000000\n"},
        THROTTLE("0", "10", "100"),
        THROTTLE("1", "10", "100"),
        THROTTLE("2", "30", "100"),
        THROTTLE("3", "30", "100"),
        PACKAGE_POWER("intel-rapl:0", "package-0"),
        {HWMON "hwmon0/name", "coretemp\n"},
        {HWMON "hwmon0/temp1_input", "71000\n"},
        {HWMON "hwmon0/temp1_label", "Package id 0\n"},
        {HWMON "hwmon0/temp1_max", "90000\n"},
        {HWMON "hwmon0/temp1_crit", "100000\n"},
        {HWMON "hwmon0/temp2_input", "70000\n"},
        {HWMON "hwmon0/temp2_label", "Core 0\n"},
        {HWMON "hwmon1/name", "acpitz\n"},
        {HWMON "hwmon1/temp1_input", "45000\n"},
        {HWMON "hwmon2/name", "nvme\n"},
        {HWMON "hwmon2/temp1_input", "40000\n"},
        {HWMON "hwmon2/temp1_label", "Composite\n"},
        {ZONE "0/type", "acpitz\n"},
        {ZONE "0/temp", "45000\n"},
        {ZONE "0/trip_point_0_type", "critical\n"},
        {ZONE "0/trip_point_0_temp", "119000\n"},
        {ZONE "1/type", "INT3400 Thermal\n"},
        {ZONE "1/temp", "20000\n"},
        {ZONE "2/type", "TSKN\n"},
        {ZONE "2/temp", "38000\n"},
        {ZONE "2/trip_point_0_type", "passive\n"},
        {ZONE "2/trip_point_0_temp", "47000\n"},
        {ZONE "2/trip_point_1_type", "critical\n"},
        {ZONE "2/trip_point_1_temp", "75000\n"},
        {ZONE "3/type", "x86_pkg_temp\n"},
        {ZONE "3/temp", "71000\n"},
        {SUPPLY "AC/type", "Mains\n"},
        {SUPPLY "AC/online", "0\n"},
        {SUPPLY "BAT0/type", "Battery\n"},
        {SUPPLY "BAT0/status", "Discharging\n"},
        {SUPPLY "BAT0/capacity", "60\n"},
        {SUPPLY "BAT0/energy_full", "50000000\n"},
};

static const struct tree_file desktop[] = {
        COMMON,
        CLOCK("0", "5000000", "4500000"),
        CLOCK("1", "5000000", "4500000"),
        CLOCK("2", "5000000", "4500000"),
        CLOCK("3", "5000000", "4500000"),
        {CPU "cpu0/acpi_cppc/nominal_freq", "3600\n"},
        {CPU "cpu1/acpi_cppc/nominal_freq", "3600\n"},
        {CPU "cpu2/acpi_cppc/nominal_freq", "3600\n"},
        {CPU "cpu3/acpi_cppc/nominal_freq", "3600\n"},
        {RAPL "intel-rapl:0/name", "package-0\n"},
        {RAPL "intel-rapl:0/energy_uj", "9000000\n"},
        {RAPL "intel-rapl:0/max_energy_range_uj", "65532610987\n"},
        {HWMON "hwmon3/name", "k10temp\n"},
        {HWMON "hwmon3/temp1_input", "88000\n"},
        {HWMON "hwmon3/temp1_label", "Tctl\n"},
        {HWMON "hwmon3/temp3_input", "81000\n"},
        {HWMON "hwmon3/temp3_label", "Tccd1\n"},
        {HWMON "hwmon4/name", "nct6775\n"},
        {HWMON "hwmon4/temp1_input", "35000\n"},
        {HWMON "hwmon4/temp1_label", "SYSTIN\n"},
        {HWMON "hwmon4/temp1_max", "0\n"},
        {SUPPLY "hidpp_battery_0/type", "Battery\n"},
        {SUPPLY "hidpp_battery_0/scope", "Device\n"},
        {SUPPLY "hidpp_battery_0/capacity", "5\n"},
        {SUPPLY "hidpp_battery_0/status", "Discharging\n"},
};

static const struct tree_file server[] = {
        COMMON,
        {CPU "cpu0/topology/physical_package_id", "0\n"},
        {CPU "cpu2/topology/physical_package_id", "3\n"},
        CLOCK("0", "3500000", "2100000"),
        CLOCK("2", "3500000", "2100000"),
        THROTTLE("0", "5", "50"),
        THROTTLE("1", "6", "50"),
        THROTTLE("2", "7", "60"),
        THROTTLE("3", "8", "60"),
        PACKAGE_POWER("intel-rapl:0", "package-0"),
        PACKAGE_POWER("intel-rapl:1", "package-3"),
        {HWMON "hwmon0/name", "coretemp\n"},
        {HWMON "hwmon0/temp1_input", "60000\n"},
        {HWMON "hwmon0/temp1_label", "Package id 0\n"},
        {HWMON "hwmon0/temp1_crit", "95000\n"},
        {HWMON "hwmon1/name", "coretemp\n"},
        {HWMON "hwmon1/temp1_input", "65000\n"},
        {HWMON "hwmon1/temp1_label", "Package id 3\n"},
        {HWMON "hwmon1/temp1_crit", "95000\n"},
        {ZONE "0/type", "x86_pkg_temp\n"},
        {ZONE "0/temp", "60000\n"},
        {ZONE "1/type", "x86_pkg_temp\n"},
        {ZONE "1/temp", "65000\n"},
};

static const struct tree_file board[] = {
        COMMON,
        CLOCK("0", "1800000", "1500000"),
        CLOCK("1", "1800000", "1500000"),
        {ZONE "0/type", "cpu-thermal\n"},
        {ZONE "0/temp", "66000\n"},
        {ZONE "0/mode", "enabled\n"},
        {ZONE "0/trip_point_0_type", "active\n"},
        {ZONE "0/trip_point_0_temp", "55000\n"},
        {ZONE "0/trip_point_1_type", "passive\n"},
        {ZONE "0/trip_point_1_temp", "80000\n"},
        {ZONE "0/trip_point_2_type", "passive\n"},
        {ZONE "0/trip_point_2_temp", "75000\n"},
        {ZONE "0/trip_point_3_type", "hot\n"},
        {ZONE "0/trip_point_3_temp", "90000\n"},
        {ZONE "0/trip_point_4_type", "critical\n"},
        {ZONE "0/trip_point_4_temp", "110000\n"},
        {HWMON "hwmon0/name", "cpu_thermal\n"},
        {HWMON "hwmon0/temp1_input", "66000\n"},
};

static const struct {
        const struct tree_file *files;
        size_t n;
        unsigned packages, cores, threads;
} models[TREE_MODELS] = {
        [TREE_LAPTOP] = {laptop, ELEMENTSOF(laptop), 1, 2, 2},
        [TREE_DESKTOP] = {desktop, ELEMENTSOF(desktop), 1, 4, 1},
        [TREE_SERVER] = {server, ELEMENTSOF(server), 2, 2, 1},
        [TREE_BOARD] = {board, ELEMENTSOF(board), 1, 2, 1},
};

const struct tree_file *tree_model_files(enum tree_model model, size_t *ret_n)
{
        *ret_n = models[model].n;
        return models[model].files;
}

struct machine tree_model_machine(enum tree_model model)
{
        return tree_machine(models[model].packages, models[model].cores, models[model].threads);
}
