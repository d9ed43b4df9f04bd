/* A whole sample of whole machines; and what stands in the place of a file that is not a file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/util.h"
#include "tests/unit/sensor-sample.h"

static void read_laptop(void)
{
        struct readings r = sample_model(TREE_LAPTOP);
        const struct readings_zone *die = sample_the_zone(&r, "coretemp Package id 0");
        const struct readings_zone *skin = sample_the_zone(&r, "thermal zone 2 TSKN");
        const struct readings_zone *acpi = sample_the_zone(&r, "thermal zone 0 acpitz");
        const struct readings_zone *disk = sample_the_zone(&r, "nvme Composite");

        /* Neither the core that the package covers, nor acpitz and the package twice, nor INT3400. */
        CHECK_INT(r.n_zones, 4);
        CHECK(die && skin && acpi && disk);
        CHECK(die == &r.zones[0] && skin == &r.zones[1]);
        CHECK_INT(die->place, READINGS_DIE);
        CHECK_INT(die->package, 0);
        CHECK_INT(die->error, 0);
        CHECK_INT(die->millicelsius, 71000);
        CHECK_INT(die->passive, 90000);
        CHECK(die->hot == READINGS_NONE);
        CHECK_INT(die->critical, 100000);
        CHECK(!die->powers_off);
        CHECK_INT(skin->place, READINGS_CHASSIS);
        CHECK_INT(skin->passive, 47000);
        CHECK_INT(skin->critical, 75000);
        CHECK(skin->powers_off);
        CHECK_INT(acpi->place, READINGS_OTHER);
        CHECK_INT(acpi->critical, 119000);
        CHECK_INT(disk->place, READINGS_OTHER);

        CHECK_INT(r.n_packages, 1);
        CHECK_INT(r.packages[0].throttle_error, 0);
        CHECK_INT(r.packages[0].throttled_ms, 100);
        CHECK_INT(r.packages[0].throttle_events, 7);
        CHECK_INT(r.packages[0].core_throttled_ms, 40);
        CHECK_INT(r.packages[0].energy_error, 0);
        CHECK_INT(r.packages[0].energy_uj, 5000000);
        CHECK_INT(r.packages[0].limit_error, 0);
        CHECK_INT(r.packages[0].long_limit_uw, 15000000);
        CHECK_INT(r.packages[0].long_window_us, 27983872);
        CHECK_INT(r.packages[0].short_limit_uw, 44000000);
        CHECK_INT(r.packages[0].frequency_error, 0);
        CHECK_INT(r.packages[0].n_measured, 2);
        CHECK_INT(r.packages[0].n_below_base, 1);
        CHECK_INT(r.packages[0].frequency * 1000, 1125);
        CHECK_INT(r.packages[0].cap * 1000, 1000);

        CHECK_INT(r.cpu.error, 0);
        CHECK_INT(r.cpu.some10 * 100, 150);
        CHECK_INT(r.memory.full10 * 100, 25);
        CHECK_INT(r.memory.some_us, 123456);
        CHECK_INT(r.memory_error, 0);
        CHECK(r.memory_available == UINT64_C(8000000) * 1024 && r.memory_total == UINT64_C(16000000) * 1024);
        CHECK_INT(r.supply_error, 0);
        CHECK(r.on_battery);
        CHECK_INT(r.battery_percent, 60);
        CHECK_INT(r.profile_error, -ENOENT);
}

static void read_others(void)
{
        struct readings r = sample_model(TREE_DESKTOP);

        CHECK_INT(r.supply_error, -ENOENT); /* a mouse's battery is none of the machine's */
        CHECK_INT(r.battery_percent, -1);
        CHECK_INT(r.packages[0].throttle_error, -ENOENT);
        CHECK_INT(r.packages[0].limit_error, -ENOENT);
        CHECK_INT(r.packages[0].energy_error, 0);
        CHECK_INT(r.packages[0].frequency * 1000, 1250);
        CHECK(sample_zone(&r, "k10temp Tctl") && sample_zone(&r, "k10temp Tccd1"));
        CHECK(sample_the_zone(&r, "nct6775 SYSTIN")->passive == READINGS_NONE); /* 0 is no trip point */

        r = sample_model(TREE_SERVER);
        CHECK_INT(r.n_packages, 2);
        CHECK_INT(r.n_zones, 2);
        CHECK_INT(sample_the_zone(&r, "coretemp Package id 3")->package, 1);
        CHECK_INT(r.packages[0].core_throttled_ms, 11);
        CHECK_INT(r.packages[1].core_throttled_ms, 15);
        CHECK_INT(r.packages[1].throttled_ms, 60);
        CHECK_INT(r.packages[1].long_limit_uw, 15000000);

        r = sample_model(TREE_BOARD);
        CHECK_INT(r.n_zones, 1);
        CHECK_INT(r.zones[0].place, READINGS_DIE);
        CHECK_INT(r.zones[0].passive, 75000);
        CHECK_INT(r.zones[0].hot, 90000);
        CHECK_INT(r.zones[0].critical, 110000);
}

static void read_nothing(void)
{
        struct machine machine = tree_machine(1, 2, 1);
        struct readings r;
        struct tree tree;

        tree_make(&tree);
        r = sample_once(&tree, &machine);
        CHECK_INT(r.n_zones, 0);
        CHECK_INT(r.n_packages, 1);
        CHECK_INT(r.packages[0].throttle_error, -ENOENT);
        CHECK_INT(r.packages[0].energy_error, -ENOENT);
        CHECK_INT(r.packages[0].limit_error, -ENOENT);
        CHECK_INT(r.packages[0].frequency_error, -ENOENT);
        CHECK_INT(r.cpu.error, -ENOENT);
        CHECK_INT(r.memory.error, -ENOENT);
        CHECK_INT(r.memory_error, -ENOENT);
        CHECK_INT(r.supply_error, -ENOENT);
        tree_finish(&tree);
        machine_finish(&machine);
}

/* Whatever replaces one file of a sensor: that sensor says so, nothing blocks, the other one is read. */
static void read_oddities(void)
{
        static const char odd[] = "/sys/class/thermal/thermal_zone0/temp";
        static const struct tree_file files[] = {
                {"/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"},
                {"/sys/class/thermal/thermal_zone1/type", "skin\n"},
                {"/sys/class/thermal/thermal_zone1/temp", "41000\n"},
        };
        static const struct {
                const char *text;
                size_t n;
                int error;
                int64_t millicelsius;
        } cases[] = {
                {"55000\n", 6, 0, 55000},
                {"55000", 5, 0, 55000},
                {"55000\r\n", 7, 0, 55000},
                {"-5000\n", 6, 0, -5000},
                {"2147483647\n", 11, 0, 2147483647},
                {"", 0, -ENODATA, 0},
                {"\n", 1, -ENODATA, 0},
                {"warm\n", 5, -EINVAL, 0},
                {"55000 mC\n", 9, -EINVAL, 0},
                {"55000\n56000\n", 12, -EINVAL, 0},
                {"55.5\n", 5, -EINVAL, 0},
                {"0x1f\n", 5, -EINVAL, 0},
                {"55\0000\n", 6, -EINVAL, 0},
                {"\377\376\0005", 4, -EINVAL, 0},
                {"99999999999999999999\n", 21, -ERANGE, 0},
        };
        struct machine machine = tree_machine(1, 1, 1);
        char digits[400], *many = malloc(1 << 20);
        struct hw_sensors *sensors;
        struct readings r;
        struct tree tree;

        CHECK(many);
        memset(many, 'x', 1 << 20);
        memset(digits, '9', sizeof(digits));
        tree_make(&tree);
        tree_write_all(&tree, files, ELEMENTSOF(files));
        sensors = sample_open(&tree, &machine);
#define CHECK_ODD(expected)                                                                                            \
        do {                                                                                                           \
                sample_read(sensors, &machine, 0, &r);                                                                 \
                CHECK_INT(r.n_zones, 2);                                                                               \
                CHECK_INT(r.zones[0].error, expected);                                                                 \
                CHECK_INT(r.zones[1].error, 0);                                                                        \
                CHECK_INT(r.zones[1].millicelsius, 41000);                                                             \
        } while (0)
        CHECK_ODD(-ENOENT);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                tree_write_bytes(&tree, odd, cases[i].text, cases[i].n);
                CHECK_ODD(cases[i].error);
                CHECK_INT(r.zones[0].millicelsius, cases[i].millicelsius);
        }
        tree_write_bytes(&tree, odd, digits, sizeof(digits));
        CHECK_ODD(-EINVAL);
        tree_write_bytes(&tree, odd, many, 1 << 20);
        CHECK_ODD(-EINVAL);
        tree_folder(&tree, odd);
        CHECK_ODD(-EISDIR);
        tree_fifo(&tree, odd);
        CHECK_ODD(-ENODATA);
        tree_link(&tree, odd, "temp");
        CHECK_ODD(-ELOOP);
        tree_link(&tree, odd, "/proc/self/mem"); /* reading its first page fails with EIO */
        CHECK_ODD(-EIO);
        tree_link(&tree, odd, "/dev/zero");
        CHECK_ODD(-EINVAL);
        tree_write(&tree, odd, "56000\n");
        CHECK_ODD(0);
#undef CHECK_ODD
        hw_sensors_close(sensors);
        tree_finish(&tree);
        machine_finish(&machine);
        free(many);
}

/* A FIFO that somebody holds open for writing and says nothing: EAGAIN, not a wait. */
static void read_silent_fifo(void)
{
        static const char path[] = "/sys/class/thermal/thermal_zone0/temp";
        struct machine machine = tree_machine(1, 1, 1);
        struct readings r;
        struct tree tree;
        char full[128];

        tree_make(&tree);
        tree_write(&tree, "/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
        tree_fifo(&tree, path);
        snprintf(full, sizeof(full), "%s%s", tree.root, path);
        {
                CLEANUP_CLOSE int fd = open(full, O_RDWR | O_NONBLOCK | O_CLOEXEC);

                CHECK(fd >= 0);
                r = sample_once(&tree, &machine);
                CHECK_INT(r.zones[0].error, -EAGAIN);
        }
        tree_finish(&tree);
        machine_finish(&machine);
}

/* Root may read everything, so for a while nobody does. */
static void read_forbidden(void)
{
        static const char energy[] = "/sys/class/powercap/intel-rapl:0/energy_uj";
        struct machine machine = tree_model_machine(TREE_LAPTOP);
        bool root = geteuid() == 0;
        struct readings r;
        struct tree tree;
        char full[128];
        size_t n;
        const struct tree_file *files = tree_model_files(TREE_LAPTOP, &n);

        tree_make(&tree);
        tree_write_all(&tree, files, n);
        snprintf(full, sizeof(full), "%s%s", tree.root, energy);
        CHECK(chmod(full, 0) == 0);
        snprintf(full, sizeof(full), "%s/sys/class/hwmon", tree.root);
        CHECK(chmod(full, 0) == 0);
        CHECK(!root || seteuid(65534) == 0);
        r = sample_once(&tree, &machine);
        CHECK(!root || seteuid(0) == 0);
        CHECK(chmod(full, 0755) == 0);
        CHECK_INT(r.packages[0].energy_error, -EACCES);
        CHECK_INT(r.packages[0].limit_error, 0);
        CHECK_INT(r.packages[0].long_limit_uw, 15000000);
        CHECK(!sample_zone(&r, "coretemp Package id 0"));
        CHECK_INT(sample_the_zone(&r, "thermal zone 3 x86_pkg_temp")->millicelsius, 71000); /* now it is the only one */
        tree_finish(&tree);
        machine_finish(&machine);
}

static void read_online(void)
{
        struct cpuset online = {0};
        struct tree tree;
        char text[64];

        tree_make(&tree);
        CHECK_INT(hw_online(tree.root, &online), -ENOENT);
        tree_write(&tree, "/sys/devices/system/cpu/online", "0-2,5\n");
        CHECK_INT(hw_online(tree.root, &online), 0);
        CHECK(cpuset_format(&online, text, sizeof(text)) > 0);
        CHECK_STR(text, "0-2,5");
        tree_write(&tree, "/sys/devices/system/cpu/online", "\n");
        CHECK_INT(hw_online(tree.root, &online), -ENODATA);
        tree_write(&tree, "/sys/devices/system/cpu/online", "many\n");
        CHECK_INT(hw_online(tree.root, &online), -EINVAL);
        CHECK_INT(cpuset_count(&online), 4);
        tree_finish(&tree);
}

static void read_memory(void)
{
        static const struct tree_file files[] = {
                {"/proc/self/cgroup", "0::/a/b\n"},
                {"/proc/self/mountinfo", "1 0 0:1 / /cg rw - cgroup2 cgroup2 rw\n"},
                {"/cg/a/memory.max", "3000000\n"},
                {"/cg/a/memory.current", "1000000\n"},
                {"/cg/a/b/memory.max", "2000\n"}, /* of the service alone */
                {"/cg/a/b/memory.current", "1000\n"},
        };
        struct machine machine = tree_machine(1, 1, 1);
        struct readings r;
        struct tree tree;

        tree_make(&tree);
        tree_write(&tree, "/proc/meminfo", "MemTotal: 9000 kB\nMemAvailable: 4000 kB\n");
        tree_write_all(&tree, files, ELEMENTSOF(files));
        r = sample_once(&tree, &machine);
        CHECK_INT(r.memory_error, 0);
        CHECK_INT(r.memory_available, 2000000);
        CHECK_INT(r.memory_total, 3000000);
        /* A container sees no group above its own. */
        tree_write(&tree, "/proc/self/cgroup", "0::/\n");
        tree_write(&tree, "/cg/memory.max", "2500000\n");
        tree_write(&tree, "/cg/memory.current", "1000000\n");
        r = sample_once(&tree, &machine);
        CHECK_INT(r.memory_available, 1500000);
        tree_write(&tree, "/cg/memory.max", "max\n");
        tree_write(&tree, "/proc/self/cgroup", "0::/a/b\n");
        /* In a container the limit is the machine: a small part of a large host's memory is not nearly nothing. */
        tree_write(&tree, "/cg/a/memory.max", "max\n");
        r = sample_once(&tree, &machine);
        CHECK_INT(r.memory_available, 4000 * 1024);
        CHECK_INT(r.memory_total, 9000 * 1024);
        /* Linux before 3.14 does not say what is available. */
        tree_write(&tree, "/proc/meminfo", "MemTotal: 9000 kB\nMemFree: 10 kB\n");
        r = sample_once(&tree, &machine);
        CHECK_INT(r.memory_error, -ENODATA);
        tree_finish(&tree);
        machine_finish(&machine);
}

int main(void)
{
        read_laptop();
        read_others();
        read_nothing();
        read_oddities();
        read_silent_fifo();
        read_forbidden();
        read_online();
        read_memory();
        return 0;
}
