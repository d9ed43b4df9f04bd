/* Which temperature sensors there are, what they are called, where they are and in which order. */
#include <errno.h>
#include <limits.h>

#include "hw/temperature.h"
#include "lib/util.h"
#include "tests/unit/sensor-sample.h"

#define HWMON "/sys/class/hwmon/hwmon"
#define ZONE  "/sys/class/thermal/thermal_zone"

static struct readings read_files(const struct tree_file *files, size_t n, unsigned packages)
{
        struct machine machine = tree_machine(packages, 1, 1);
        struct readings readings;
        struct tree tree;

        tree_make(&tree);
        tree_write_all(&tree, files, n);
        readings = sample_once(&tree, &machine);
        tree_finish(&tree);
        machine_finish(&machine);
        return readings;
}

static void classify(void)
{
        static const struct {
                const char *chip, *label;
                enum readings_place place;
        } cases[] = {
                {"coretemp", "Package id 0", READINGS_DIE},
                {"k10temp", "Tccd3", READINGS_DIE},
                {"zenpower", "Tdie", READINGS_DIE},
                {"cpu_thermal", "", READINGS_DIE},
                {"cpu-0-1-thermal", "", READINGS_DIE},
                {"soc-thermal", "", READINGS_DIE},
                {"TCPU", "", READINGS_DIE},
                {"x86_pkg_temp", "", READINGS_DIE},
                {"TSKN", "", READINGS_CHASSIS},
                {"tegra-skin", "", READINGS_CHASSIS},
                {"cpu-skin", "", READINGS_CHASSIS},
                {"thinkpad", "Chassis", READINGS_CHASSIS},
                {"acpitz", "", READINGS_OTHER},
                {"SEN1", "", READINGS_OTHER},
                {"nvme", "Composite", READINGS_OTHER},
                {"iwlwifi_1", "", READINGS_OTHER},
                {"nct6775", "CPUTIN", READINGS_OTHER}, /* of the socket, and often not connected */
                {"amdgpu", "edge", READINGS_OTHER},
                {"BAT0", "", READINGS_OTHER},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK_INT(hw_temperature_place(cases[i].chip, cases[i].label), cases[i].place);
}

static void read_old_layout(void)
{
        static const struct tree_file files[] = {
                {HWMON "0/device/name", "coretemp\n"},      {HWMON "0/device/temp1_input", "50000\n"},
                {HWMON "0/device/temp1_label", "Core 0\n"}, {HWMON "0/device/temp1_crit", "100000\n"},
                {HWMON "0/device/temp2_input", "51000\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 1);

        CHECK_INT(r.n_zones, 2);
        CHECK_INT(sample_the_zone(&r, "coretemp Core 0")->critical, 100000);
        CHECK_INT(sample_the_zone(&r, "coretemp temp2")->millicelsius, 51000);
        CHECK_INT(sample_the_zone(&r, "coretemp temp2")->package, 0);
}

/* A package's sensor covers its cores only if it can be read. */
static void read_cores_without_package(void)
{
        static const struct tree_file files[] = {
                {HWMON "0/name", "coretemp\n"},
                {HWMON "0/temp1_input", "hot\n"},
                {HWMON "0/temp1_label", "Package id 0\n"},
                {HWMON "0/temp2_input", "50000\n"},
                {HWMON "0/temp2_label", "Core 0\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 1);

        CHECK_INT(r.n_zones, 2);
        CHECK_INT(sample_the_zone(&r, "coretemp Package id 0")->error, -EINVAL);
        CHECK_INT(sample_the_zone(&r, "coretemp Core 0")->error, 0);
}

static void read_amd(void)
{
        static const struct tree_file files[] = {
                {HWMON "5/name", "k10temp\n"},      {HWMON "5/temp1_input", "95000\n"},
                {HWMON "5/temp1_label", "Tctl\n"},  {HWMON "5/temp2_input", "75000\n"},
                {HWMON "5/temp2_label", "Tdie\n"},  {HWMON "7/name", "k10temp\n"},
                {HWMON "7/temp1_input", "60000\n"}, {HWMON "7/temp1_label", "Tctl\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 2);

        CHECK_INT(r.n_zones, 2);
        CHECK_INT(sample_the_zone(&r, "k10temp Tdie")->package, 0);
        CHECK_INT(sample_the_zone(&r, "k10temp Tctl")->package, 1);
        r = read_files(files, ELEMENTSOF(files), 3); /* two chips for three packages: whose are they? */
        CHECK(sample_the_zone(&r, "k10temp Tdie")->package == UINT_MAX);
}

/* The thermal core shows a zone as hwmon chip: once is enough, whatever is left out of the zones. */
static void read_zone_once(void)
{
        static const struct tree_file files[] = {
                {ZONE "0/type", "cpu-thermal\n"},      {ZONE "0/temp", "61000\n"},
                {ZONE "1/type", "INT3400 Thermal\n"},  {ZONE "1/temp", "20000\n"},
                {HWMON "0/name", "cpu_thermal\n"},     {HWMON "0/temp1_input", "61000\n"},
                {HWMON "1/name", "INT3400 Thermal\n"}, {HWMON "1/temp1_input", "20000\n"},
                {HWMON "2/name", "cpu_thermal_2\n"},   {HWMON "2/temp1_input", "33000\n"},
                {HWMON "3/name", "cpu_therm\n"},       {HWMON "3/temp1_input", "34000\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 1);

        CHECK_INT(r.n_zones, 3);
        CHECK(sample_zone(&r, "thermal zone 0 cpu-thermal"));
        CHECK(sample_zone(&r, "cpu_thermal_2 temp1") && sample_zone(&r, "cpu_therm temp1"));
}

/* x86_pkg_temp stays where coretemp does not speak for every package, without what others set as its trip points. */
static void read_package_zones(void)
{
        static const struct tree_file files[] = {
                {ZONE "0/type", "x86_pkg_temp\n"},
                {ZONE "0/temp", "61000\n"},
                {ZONE "0/trip_point_0_type", "passive\n"},
                {ZONE "0/trip_point_0_temp", "30000\n"},
                {ZONE "1/type", "x86_pkg_temp\n"},
                {ZONE "1/temp", "62000\n"},
                {HWMON "0/name", "coretemp\n"},
                {HWMON "0/temp1_input", "61000\n"},
                {HWMON "0/temp1_label", "Package id 0\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 2);

        CHECK_INT(r.n_zones, 3);
        CHECK_INT(sample_the_zone(&r, "thermal zone 1 x86_pkg_temp")->package, 1);
        CHECK(sample_the_zone(&r, "thermal zone 0 x86_pkg_temp")->passive == READINGS_NONE);
}

static void read_disabled_zone(void)
{
        static const struct tree_file files[] = {
                {ZONE "0/type", "cpu-thermal\n"},        {ZONE "0/temp", "61000\n"},
                {ZONE "0/mode", "disabled\n"},           {ZONE "0/trip_point_0_type", "critical\n"},
                {ZONE "0/trip_point_0_temp", "60000\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 1);

        CHECK_INT(r.n_zones, 1);
        CHECK_INT(r.zones[0].place, READINGS_OTHER);
        CHECK(r.zones[0].critical == READINGS_NONE && !r.zones[0].powers_off);
}

/* Trip points that are unset, garbage or missing leave the others. */
static void read_trips(void)
{
        static const struct tree_file files[] = {
                {ZONE "0/type", "skin\n"},
                {ZONE "0/temp", "40000\n"},
                {ZONE "0/trip_point_0_type", "passive\n"},
                {ZONE "0/trip_point_0_temp", "-274000\n"},
                {ZONE "0/trip_point_1_type", "\377\n"},
                {ZONE "0/trip_point_1_temp", "1\n"},
                {ZONE "0/trip_point_2_type", "passive\n"},
                {ZONE "0/trip_point_3_type", "hot\n"},
                {ZONE "0/trip_point_3_temp", "0\n"},
                {ZONE "0/trip_point_4_type", "passive\n"},
                {ZONE "0/trip_point_4_temp", "45000\n"},
                {ZONE "0/trip_point_5_type", "passive\n"},
                {ZONE "0/trip_point_5_temp", "50000\n"},
                {ZONE "0/trip_point_6_type", "critical\n"},
                {ZONE "0/trip_point_6_temp", "65261850\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 1);

        CHECK_INT(r.zones[0].passive, 45000);
        CHECK(r.zones[0].hot == READINGS_NONE && r.zones[0].critical == READINGS_NONE && !r.zones[0].powers_off);
}

static void read_names(void)
{
        static const struct tree_file files[] = {
                {HWMON "1/name", "nvme\n"},
                {HWMON "1/temp1_input", "41000\n"},
                {HWMON "1/temp1_label", "Composite\n"},
                {HWMON "10/name", "nvme\n"},
                {HWMON "10/temp1_input", "42000\n"},
                {HWMON "10/temp1_label", "Composite\n"},
                {HWMON "11/name", "a name of far more than the twenty bytes that there are\n"},
                {HWMON "11/temp1_input", "1000\n"},
                {HWMON "11/temp1_label", "a label \033[31mthat go on and on and on and on and on\n"},
                {HWMON "12/name", "\n"},
                {HWMON "12/temp1_input", "1000\n"},
                {HWMON "4294967297/name", "nvme\n"}, /* no such number */
                {HWMON "4294967297/temp1_input", "43000\n"},
                {HWMON "013/name", "nvme\n"},
                {HWMON "013/temp1_input", "43000\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 1);

        CHECK_INT(r.n_zones, 3);
        CHECK_INT(sample_the_zone(&r, "nvme Composite (hwmon1 temp1)")->millicelsius, 41000);
        CHECK_INT(sample_the_zone(&r, "nvme Composite (hwmon10 temp1)")->millicelsius, 42000);
        CHECK(sample_zone(&r, "a name of far more than a label ?[31mthat go on"));
}

static void read_fault(void)
{
        static const struct tree_file files[] = {
                {HWMON "1/name", "coretemp\n"}, {HWMON "1/temp1_input", "41000\n"},
                {HWMON "1/temp1_fault", "1\n"}, {HWMON "1/temp2_input", "42000\n"},
                {HWMON "1/temp2_fault", "0\n"}, {HWMON "1/temp3_input", "43000\n"},
                {HWMON "1/temp3_fault", "?\n"},
        };
        struct readings r = read_files(files, ELEMENTSOF(files), 1);

        CHECK_INT(sample_the_zone(&r, "coretemp temp1")->error, -EIO);
        CHECK_INT(sample_the_zone(&r, "coretemp temp2")->millicelsius, 42000);
        CHECK_INT(sample_the_zone(&r, "coretemp temp3")->millicelsius, 43000);
}

/* Sensors that nothing is decided by are read now and then, and not at all while their device sleeps. */
static void read_slowly(void)
{
        static const struct tree_file files[] = {
                {HWMON "0/name", "coretemp\n"},
                {HWMON "0/temp1_input", "50000\n"},
                {HWMON "1/name", "amdgpu\n"},
                {HWMON "1/temp1_input", "60000\n"},
                {HWMON "1/device/power/runtime_status", "active\n"},
        };
        struct machine machine = tree_machine(1, 1, 1);
        struct hw_sensors *sensors;
        struct readings r;
        struct tree tree;

        tree_make(&tree);
        tree_write_all(&tree, files, ELEMENTSOF(files));
        sensors = sample_open(&tree, &machine);
        sample_read(sensors, &machine, 1000000, &r);
        tree_write(&tree, HWMON "0/temp1_input", "51000\n");
        tree_write(&tree, HWMON "1/temp1_input", "61000\n");
        sample_read(sensors, &machine, 1000000 + HW_TEMPERATURE_SLOW_US - 1, &r);
        CHECK_INT(r.zones[0].millicelsius, 51000);
        CHECK_INT(r.zones[1].millicelsius, 60000);
        sample_read(sensors, &machine, 1000000 + HW_TEMPERATURE_SLOW_US, &r);
        CHECK_INT(r.zones[1].millicelsius, 61000);
        tree_write(&tree, HWMON "1/device/power/runtime_status", "suspended\n");
        tree_write(&tree, HWMON "1/temp1_input", "99000\n");
        sample_read(sensors, &machine, 1, &r); /* a clock that was set back does not stop it */
        CHECK_INT(r.zones[1].error, -ENODATA);
        /* One that vanished keeps its place. */
        tree_remove(&tree, HWMON "0");
        sample_read(sensors, &machine, 2, &r);
        CHECK_INT(r.n_zones, 2);
        CHECK_STR(r.zones[0].name, "coretemp temp1");
        CHECK_INT(r.zones[0].error, -ENOENT);
        hw_sensors_close(sensors);
        tree_finish(&tree);
        machine_finish(&machine);
}

/* However many there are, the CPU's are among those that are kept, and those that are left out are told of. */
static void read_thousands(void)
{
        enum {
                CHIPS = 3000,
                PLAIN = READINGS_ZONES_MAX,
        };
        struct machine machine = tree_machine(1, 1, 1);
        struct hw_notes notes = {0};
        struct hw_sensors *sensors;
        struct readings r;
        struct tree tree;

        tree_make(&tree);
        for (unsigned i = 0; i < CHIPS; i++) {
                tree_print(&tree, i == 2500 ? "coretemp\n" : i == 2600 ? "skin\n" : "disk\n", HWMON "%u/name", i);
                tree_print(&tree, "40000\n", HWMON "%u/temp1_input", i);
        }
        CHECK_INT(hw_sensors_open(tree.root, &machine, &sensors, &notes), 0);
        sample_read(sensors, &machine, 0, &r);
        CHECK_INT(r.n_zones, READINGS_ZONES_MAX);
        CHECK_STR(r.zones[0].name, "coretemp temp1");
        CHECK_STR(r.zones[1].name, "skin temp1");
        CHECK_INT(notes.n, 1);
        CHECK_STR(notes.text[0], "2936 temperature sensors of 3000 are left out");
        hw_sensors_close(sensors);
        tree_finish(&tree);
        machine_finish(&machine);
}

int main(void)
{
        classify();
        read_old_layout();
        read_cores_without_package();
        read_amd();
        read_zone_once();
        read_package_zones();
        read_disabled_zone();
        read_trips();
        read_names();
        read_fault();
        read_slowly();
        read_thousands();
        return 0;
}
