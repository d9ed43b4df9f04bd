/* Mains or battery, and how much of it; and pressure, as text and as trigger. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "hw/pressure.h"
#include "hw/supply.h"
#include "lib/util.h"
#include "tests/unit/sensor-sample.h"

#define SUPPLY "/sys/class/power_supply/"

enum {
        FILES_MAX = 14,
};

/* "AC/online", as the tests have it. */
static void write_supplies(const struct tree *tree, const struct tree_file *files)
{
        for (size_t i = 0; i < FILES_MAX && files[i].path; i++)
                tree_print(tree, files[i].text, SUPPLY "%s", files[i].path);
}

#define AC(online)                                                                                                     \
        {"AC/type", "Mains\n"},                                                                                        \
        {                                                                                                              \
                "AC/online", online                                                                                    \
        }
#define BATTERY(name, status, capacity)                                                                                \
        {name "/type", "Battery\n"}, {name "/status", status},                                                         \
        {                                                                                                              \
                name "/capacity", capacity                                                                             \
        }

static void read_supplies(void)
{
        static const struct {
                struct tree_file files[FILES_MAX];
                int error, percent;
                bool on_battery;
        } cases[] = {
                {{AC("1\n")}, 0, -1, false},
                {{AC("0\n")}, 0, -1, false}, /* a tower that does not know better */
                {{AC("1\n"), BATTERY("BAT0", "Charging\n", "50\n")}, 0, 50, false},
                {{AC("0\n"), BATTERY("BAT0", "Discharging\n", "50\n")}, 0, 50, true},
                /* A charger that is too weak: on mains all the same. */
                {{AC("1\n"), BATTERY("BAT0", "Discharging\n", "50\n")}, 0, 50, false},
                {{BATTERY("BAT0", "Discharging\n", "50\n")}, 0, 50, true},
                {{BATTERY("BAT0", "Full\n", "100\n")}, 0, 100, false},
                {{AC("0\n"), BATTERY("BAT0", "Unknown\n", "50\n")}, 0, 50, true},
                {{AC("0\n"), BATTERY("BAT0", "\n", "50\n")}, 0, 50, true},
                /* A USB port that feeds nothing, while the battery charges through another one. */
                {{{"ucsi/type", "USB\n"}, {"ucsi/online", "0\n"}, BATTERY("BAT0", "Charging\n", "9\n")}, 0, 9, false},
                {{AC("0\n"), {"c/type", "USB_PD\n"}, {"c/online", "2\n"}, BATTERY("BAT0", "Discharging\n", "9\n")},
                 0,
                 9,
                 false},
                /* A mouse, a slot without battery, something else. */
                {{{"mouse/scope", "Device\n"}, BATTERY("mouse", "Discharging\n", "5\n")}, -ENOENT, -1, false},
                {{AC("0\n"), {"BAT1/present", "0\n"}, BATTERY("BAT1", "Discharging\n", "5\n")}, 0, -1, false},
                {{{"x/type", "Fuel cell\n"}, {"x/online", "1\n"}}, -ENOENT, -1, false},
                {{{"x/type", ""}, {"x/online", "1\n"}}, -ENOENT, -1, false},
                {{{"ups/scope", "System\n"}, {"ups/type", "UPS\n"}, {"ups/status", "Discharging\n"}}, 0, -1, true},
                /* Several, by what they hold: 20 and 60 of 80 Wh. */
                {{BATTERY("BAT0", "Full\n", "100\n"),
                  {"BAT0/energy_full", "20000000\n"},
                  BATTERY("BAT1", "Discharging\n", "20\n"),
                  {"BAT1/energy_full", "60000000\n"}},
                 0,
                 40,
                 true},
                {{BATTERY("BAT0", "Full\n", "100\n"),
                  {"BAT0/charge_full", "1000000\n"},
                  BATTERY("BAT1", "Full\n", "20\n"),
                  {"BAT1/charge_full", "3000000\n"}},
                 0,
                 40,
                 false},
                /* Not comparable: each as much as the other. */
                {{BATTERY("BAT0", "Full\n", "100\n"),
                  {"BAT0/energy_full", "20000000\n"},
                  BATTERY("BAT1", "Full\n", "20\n"),
                  {"BAT1/charge_full", "3000000\n"}},
                 0,
                 60,
                 false},
                {{BATTERY("BAT0", "Full\n", "100\n"),
                  {"BAT0/energy_full", "0\n"},
                  BATTERY("BAT1", "Full\n", "20\n"),
                  {"BAT1/energy_full", "-3\n"}},
                 0,
                 60,
                 false},
                /* A charge that is none. */
                {{BATTERY("BAT0", "Discharging\n", "255\n")}, 0, -1, true},
                {{BATTERY("BAT0", "Discharging\n", "-1\n")}, 0, -1, true},
                {{BATTERY("BAT0", "Discharging\n", "full\n")}, 0, -1, true},
                {{BATTERY("BAT0", "Discharging\n", "255\n"), {"BAT0/energy_now", "10\n"}, {"BAT0/energy_full", "40\n"}},
                 0,
                 25,
                 true},
                {{BATTERY("BAT0", "Discharging\n", "\n"), {"BAT0/charge_now", "10\n"}, {"BAT0/charge_full", "40\n"}},
                 0,
                 25,
                 true},
                {{BATTERY("BAT0", "Discharging\n", "\n"), {"BAT0/charge_now", "50\n"}, {"BAT0/charge_full", "40\n"}},
                 0,
                 -1,
                 true},
                {{BATTERY("BAT0", "Full\n", "bad\n"), BATTERY("BAT1", "Full\n", "20\n")}, 0, 20, false},
                /* There is a supply, but nothing about it can be read. */
                {{{"AC/type", "Mains\n"}, {"AC/online", "yes\n"}}, -EINVAL, -1, false},
        };
        struct machine machine = tree_machine(1, 1, 1);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct readings r;
                struct tree tree;

                tree_make(&tree);
                write_supplies(&tree, cases[i].files);
                r = sample_once(&tree, &machine);
                CHECK_INT(r.supply_error, cases[i].error);
                CHECK_INT(r.on_battery, cases[i].on_battery);
                CHECK_INT(r.battery_percent, cases[i].percent);
                tree_finish(&tree);
        }
        machine_finish(&machine);
}

/* Many supplies: so many, in the order of their names. */
static void read_many_supplies(void)
{
        struct machine machine = tree_machine(1, 1, 1);
        struct readings r;
        struct tree tree;

        tree_make(&tree);
        for (unsigned i = 0; i < 3 * HW_SUPPLIES_MAX; i++) {
                tree_print(&tree, "Battery\n", SUPPLY "BAT%u/type", i);
                tree_print(&tree, "50\n", SUPPLY "BAT%u/capacity", i);
        }
        r = sample_once(&tree, &machine);
        CHECK_INT(r.supply_error, 0);
        CHECK_INT(r.battery_percent, 50);
        tree_finish(&tree);
        machine_finish(&machine);
}

static void parse_pressure(void)
{
        static const struct {
                const char *text;
                int result;
                double some, full;
                uint64_t total;
        } cases[] = {
                {"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0, 0, 0, 0},
                {"some avg10=12.34 avg60=0.00 avg300=0.00 total=18446744073709551615\n"
                 "full avg10=99.99 avg60=0.00 avg300=0.00 total=7\n",
                 0, 12.34, 99.99, UINT64_MAX},
                {"some avg10=100 avg60=0.00 avg300=0.00 total=1", 0, 100, 0, 1},
                {"", -EINVAL, 0, 0, 0},
                {"some\n", -EINVAL, 0, 0, 0},
                {"full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", -EINVAL, 0, 0, 0},
                {"some avg10=-1.00 avg60=0.00 avg300=0.00 total=0\n", -EINVAL, 0, 0, 0},
                {"some avg10=101.00 avg60=0.00 avg300=0.00 total=0\n", -EINVAL, 0, 0, 0},
                {"some avg10=999999999999999999999999.00 avg60=0.00 avg300=0.00 total=0\n", -EINVAL, 0, 0, 0},
                {"some avg10=nan avg60=0.00 avg300=0.00 total=0\n", -EINVAL, 0, 0, 0},
                {"some avg10=1,00 avg60=0.00 avg300=0.00 total=0\n", -EINVAL, 0, 0, 0},
                {"some avg10=1.00 avg60=0.00 avg300=0.00 total=-1\n", -EINVAL, 0, 0, 0},
                {"some avg10=1.00 avg60=0.00 avg300=0.00 total=99999999999999999999\n", -EINVAL, 0, 0, 0},
                {"some avg10=1.00 avg60=0.00 avg300=0.00\nfull avg10=0.00 total=5\n", -EINVAL, 0, 0, 0},
                {"some avg10=1.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=junk total=5\n", -EINVAL, 0, 0, 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct readings_pressure p = {0};

                CHECK_INT(hw_pressure_parse(cases[i].text, &p), cases[i].result);
                CHECK_INT(p.some10 * 100 + 0.5, cases[i].some * 100 + 0.5);
                CHECK_INT(p.full10 * 100 + 0.5, cases[i].full * 100 + 0.5);
                CHECK(p.some_us == cases[i].total);
        }
}

/* A made tree's file is left as it is. */
static void trigger_nothing(void)
{
        static const char text[] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        struct tree tree;
        char path[128], buf[sizeof(text)] = "";
        FILE *f;

        tree_make(&tree);
        CHECK_INT(hw_pressure_trigger(tree.root, HW_PRESSURE_CPU, 150000, 2000000), -ENOENT);
        tree_write(&tree, "/proc/pressure/cpu", text);
        CHECK_INT(hw_pressure_trigger(tree.root, HW_PRESSURE_CPU, 150000, 2000000), -EOPNOTSUPP);
        snprintf(path, sizeof(path), "%s/proc/pressure/cpu", tree.root);
        f = fopen(path, "r");
        CHECK(f && fread(buf, 1, sizeof(buf), f) == sizeof(text) - 1);
        CHECK_STR(buf, text);
        fclose(f);
        tree_folder(&tree, "/proc/pressure/memory");
        CHECK_INT(hw_pressure_trigger(tree.root, HW_PRESSURE_MEMORY, 150000, 2000000), -EISDIR);
        tree_finish(&tree);
}

/* This machine's own, as far as the kernel lets us: what it says is what poll() takes. */
static void trigger_here(void)
{
        static const enum hw_pressure all[] = {HW_PRESSURE_CPU, HW_PRESSURE_MEMORY};

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                CLEANUP_CLOSE int fd = hw_pressure_trigger("", all[i], 1900000, 2000000);
                struct pollfd poll_fd = {.fd = fd, .events = POLLPRI};

                if (fd < 0)
                        continue; /* no pressure, or not for us */
                CHECK(poll(&poll_fd, 1, 0) >= 0);
                CHECK(!(poll_fd.revents & (POLLERR | POLLNVAL)));
        }
        CHECK(hw_pressure_trigger("", HW_PRESSURE_CPU, 0, 0) < 0);
        CHECK(hw_pressure_trigger("", HW_PRESSURE_CPU, 3000000, 2000000) < 0);
}

int main(void)
{
        read_supplies();
        read_many_supplies();
        parse_pressure();
        trigger_nothing();
        trigger_here();
        return 0;
}
