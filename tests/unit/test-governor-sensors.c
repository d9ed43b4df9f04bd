/* Which temperatures are believed: every way in which a sensor fails is set aside with its reason, and one that fails
 * does not take the others with it. */
#include "tests/unit/governor-scene.h"

#include <errno.h>

/* A die and its chassis under policy quiet; `value` moves the die's believed neighbours. */
static void start(struct scene *s)
{
        scene_init(s, 8, 1, GOVERNOR_QUIET);
        s->follow = false;
        scene_zone(s, "coretemp Package id 0", READINGS_DIE, 60)->passive = 100000;
        scene_zone(s, "coretemp Core 0", READINGS_DIE, 58);
        scene_zone(s, "coretemp Core 1", READINGS_DIE, 59);
        scene_zone(s, "thermal zone 0 acpitz", READINGS_CHASSIS, 35)->passive = 50000;
}

static void check_set_aside(int64_t millicelsius, int error, const char *why)
{
        struct scene s;
        char text[GOVERNOR_TEXT_MAX];

        start(&s);
        scene_run(&s, 2);
        s.readings.zones[3].millicelsius = millicelsius;
        s.readings.zones[3].error = error;
        scene_run(&s, 1);
        CHECK_STR(scene_why(&s, "thermal zone 0 acpitz"), why);
        CHECK_INT(s.decision.n_ignored, 1);
        snprintf(text, sizeof(text), "8 of 8: nothing limits; ignoring thermal zone 0 acpitz: %s", why);
        CHECK_STR(s.decision.text, text);
        CHECK(scene_limit(&s, GOVERNOR_TEMPERATURE));
        CHECK(!scene_limit(&s, GOVERNOR_CHASSIS));
        scene_finish(&s);
}

static void test_values_that_cannot_be(void)
{
        check_set_aside(-40001, 0, "below -40 °C");
        check_set_aside(-273150, 0, "below -40 °C");
        check_set_aside(INT64_MIN + 1, 0, "below -40 °C");
        check_set_aside(150001, 0, "above 150 °C");
        check_set_aside(INT64_MAX, 0, "above 150 °C");
        check_set_aside(READINGS_NONE, 0, "says nothing");
        check_set_aside(70000, 0, "jumps");
        check_set_aside(0, 0, "jumps");
        check_set_aside(35000, -ENODATA, "says nothing");
        check_set_aside(35000, -EIO, "cannot be read");
        check_set_aside(35000, -EACCES, "cannot be read");
        check_set_aside(35000, -EINVAL, "says no number");
        check_set_aside(35000, -ENOENT, "has vanished");
        check_set_aside(35000, -ENODEV, "has vanished");
}

static void test_a_jump_that_lasts_is_believed(void)
{
        struct scene s;

        start(&s);
        scene_run(&s, 2);
        s.readings.zones[3].millicelsius = 49000;
        scene_run(&s, 29);
        CHECK_STR(scene_why(&s, "thermal zone 0 acpitz"), "jumps");
        scene_run(&s, 3);
        CHECK_INT(s.decision.n_ignored, 0);
        CHECK(scene_limit(&s, GOVERNOR_CHASSIS));
        scene_finish(&s);
}

/* A die heats by 45 K from one second to the next when a run starts. */
static void test_a_die_may_heat_at_once(void)
{
        struct scene s;

        start(&s);
        scene_run(&s, 2);
        for (unsigned i = 0; i < 3; i++)
                s.readings.zones[i].millicelsius += 30000;
        scene_run(&s, 1);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_finish(&s);
}

static void warm_up(struct scene *s)
{
        s->value += s->value < 25 ? 1 : 0;
        for (unsigned i = 0; i < 3; i++)
                s->readings.zones[i].millicelsius = (int64_t)(45 + s->value) * 1000;
}

/* A chassis that stays at the same degree while the dies warm up by 25 K for minutes. */
static void test_stuck_chassis(void)
{
        struct scene s;

        start(&s);
        s.before = warm_up;
        scene_run(&s, 280);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_run(&s, 30);
        CHECK_STR(s.decision.text, "8 of 8: nothing limits; ignoring thermal zone 0 acpitz: does not change");
        s.readings.zones[3].millicelsius += 1000;
        scene_run(&s, 1);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_finish(&s);
}

/* The same above its trip: what it cuts comes back when it is found out. */
static void test_stuck_chassis_gives_back(void)
{
        struct scene s;

        start(&s);
        s.before = warm_up;
        s.readings.zones[3].millicelsius = 53000;
        scene_run(&s, 250);
        CHECK_INT(s.decision.cause, GOVERNOR_CHASSIS);
        CHECK(s.decision.budget <= 4);
        scene_run(&s, 100);
        CHECK_STR(scene_why(&s, "thermal zone 0 acpitz"), "does not change");
        CHECK_INT(s.decision.budget, 8);
        scene_finish(&s);
}

/* Tests that come and go. */
static void come_and_go(struct scene *s)
{
        s->value++;
        for (unsigned i = 0; i < 3; i++)
                s->readings.zones[i].millicelsius = (int)(s->value / 10) % 2 ? 80000 : 50000;
}

/* A chassis in balance does not follow dies that are hot for seconds. */
static void test_steady_chassis_is_not_stuck(void)
{
        struct scene s;

        start(&s);
        s.before = come_and_go;
        scene_run(&s, 240);
        s.readings.zones[3].millicelsius = 45000;
        for (unsigned i = 0; i < 1800; i++) {
                scene_run(&s, 1);
                CHECK_INT(s.decision.n_ignored, 0);
        }
        scene_finish(&s);
}

/* A disk or a mainboard that stays as warm as it is is nothing to speak of; but one that limits because it is stuck. */
static void test_stuck_others(void)
{
        struct scene s;

        start(&s);
        s.before = warm_up;
        scene_zone(&s, "nvme Composite", READINGS_OTHER, 40)->critical = 85000;
        s.readings.zones[3].place = READINGS_OTHER;
        scene_run(&s, 1800);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_finish(&s);

        start(&s);
        s.before = warm_up;
        scene_zone(&s, "nvme Composite", READINGS_OTHER, 84)->critical = 85000;
        s.readings.zones[3].place = READINGS_OTHER;
        scene_run(&s, 200);
        CHECK_INT(s.decision.cause, GOVERNOR_CRITICAL);
        scene_run(&s, 200);
        CHECK_STR(scene_why(&s, "nvme Composite"), "does not change");
        CHECK_INT(s.decision.n_ignored, 1);
        scene_run(&s, 200);
        CHECK_STR(s.decision.text, "8 of 8: nothing limits; ignoring nvme Composite: does not change");
        scene_finish(&s);
}

static void warm_up_but_one(struct scene *s)
{
        warm_up(s);
        s->readings.zones[1].millicelsius = 45000;
}

static void test_stuck_die(void)
{
        struct scene s;

        start(&s);
        s.before = warm_up_but_one;
        scene_run(&s, 19);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_run(&s, 5);
        CHECK_STR(scene_why(&s, "coretemp Core 0"), "does not change");
        CHECK_INT(s.decision.n_ignored, 1);
        scene_finish(&s);
}

/* Nothing moves: nothing is stuck. */
static void test_steady_is_not_stuck(void)
{
        struct scene s;

        start(&s);
        scene_run(&s, 3600);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_finish(&s);
}

/* The only sensor there is does not change although half of the PUs came and went. */
static void test_stuck_alone(void)
{
        struct scene s;

        scene_init(&s, 8, 1, GOVERNOR_BALANCED);
        s.follow = false;
        scene_zone(&s, "k10temp Tctl", READINGS_DIE, 95);
        scene_run(&s, 600);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_lend(&s, 2);
        scene_run(&s, 30);
        CHECK_STR(s.decision.text, "8 of 8: nothing limits; ignoring k10temp Tctl: does not change");
        scene_finish(&s);
}

static void drift(struct scene *s)
{
        for (unsigned i = 0; i < 3; i++)
                s->readings.zones[i].millicelsius =
                        60000 + (int64_t)(s->readings.now / GOVERNOR_PERIOD_US + i) % 2 * 1000;
        s->value += 0.03;
        s->readings.zones[1].millicelsius += (int64_t)(s->value * 1000);
}

/* A core that rises by 2 K a minute away from its package and the other core. */
static void test_slow_drift(void)
{
        struct scene s;

        start(&s);
        s.before = drift;
        scene_run(&s, 60);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_run(&s, 540);
        CHECK_STR(s.decision.text, "8 of 8: nothing limits; ignoring coretemp Core 0: drifts away from its peers");
        scene_run(&s, 3000);
        CHECK_INT(s.decision.budget, 8);
        scene_finish(&s);
}

static void heat_one_core(struct scene *s)
{
        bool hot = s->readings.now / GOVERNOR_PERIOD_US % 240 < 120;

        s->readings.zones[0].millicelsius = hot ? 83000 : 60000;
        s->readings.zones[1].millicelsius = hot ? 82000 : 58000;
}

/* A core that alone is busy is as hot as its package: the package is its witness. */
static void test_a_busy_core_does_not_drift(void)
{
        struct scene s;

        start(&s);
        s.before = heat_one_core;
        for (unsigned i = 0; i < 1200; i++) {
                scene_run(&s, 1);
                CHECK_STR(scene_why(&s, "coretemp Core 0"), "");
                CHECK_STR(scene_why(&s, "coretemp Package id 0"), "");
        }
        scene_finish(&s);
}

static void test_chassis_hotter_than_its_die(void)
{
        struct scene s;

        start(&s);
        s.readings.zones[3].millicelsius = 72000;
        s.readings.zones[3].passive = 100000;
        scene_run(&s, 60);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_run(&s, 2);
        CHECK_STR(scene_why(&s, "thermal zone 0 acpitz"), "hotter than the die that heats it");
        scene_finish(&s);
}

/* Sensors that trade places in the list are known by their names; new ones start anew. */
static void test_known_by_name(void)
{
        struct scene s;
        struct readings_zone zone;

        start(&s);
        scene_run(&s, 5);
        zone = s.readings.zones[0];
        s.readings.zones[0] = s.readings.zones[3];
        s.readings.zones[3] = zone;
        scene_run(&s, 5);
        CHECK_INT(s.decision.n_ignored, 0);
        s.readings.n_zones = 1;
        scene_run(&s, 1);
        CHECK_INT(s.decision.n_ignored, 0);
        scene_finish(&s);
}

/* Firmware's placeholders are no trips: nothing is cut for a passive trip of 0 or 20 °C. */
static void test_trips_that_are_none(void)
{
        struct scene s;

        start(&s);
        s.readings.zones[0].passive = 0;
        s.readings.zones[0].hot = INT64_MAX;
        s.readings.zones[0].critical = -273150;
        s.readings.zones[3].passive = 20000;
        s.readings.zones[3].critical = 0;
        scene_run(&s, 300);
        CHECK_STR(s.decision.text, "8 of 8: nothing limits");
        CHECK(!scene_limit(&s, GOVERNOR_CHASSIS));
        scene_finish(&s);
}

/* Names are shown in bytes that terminals and JSON can take, and no more than two of many. */
static void test_names(void)
{
        struct scene s;

        scene_init(&s, 8, 1, GOVERNOR_BALANCED);
        scene_zone(&s, "a\033[31m\xff", READINGS_OTHER, 500);
        scene_zone(&s, "", READINGS_OTHER, 500);
        scene_zone(&s, "b", READINGS_OTHER, -300);
        scene_zone(&s, "c", READINGS_OTHER, -300);
        memset(s.readings.zones[3].name, 'c', sizeof(s.readings.zones[3].name));
        scene_run(&s, 1);
        CHECK_STR(s.decision.text,
                  "8 of 8: nothing limits; ignoring a?[31m?: above 150 °C, a sensor: above 150 °C and 2 more");
        CHECK_INT(s.decision.n_ignored, 4);
        CHECK_INT(strlen(s.decision.ignored[3].name), READINGS_NAME_MAX - 1);
        scene_finish(&s);
}

static void test_counters_that_lie(void)
{
        struct scene s;
        struct readings_package *p;

        scene_init(&s, 8, 1, GOVERNOR_QUIET);
        p = scene_package(&s);
        p->throttle_error = p->energy_error = p->limit_error = p->frequency_error = 0;
        p->energy_range_uj = 1000000;
        p->n_measured = 8;
        p->frequency = 1.2;
        p->throttled_ms = 1000;
        p->long_limit_uw = 45000000;
        scene_run(&s, 1);
        p->throttled_ms = 10;
        p->energy_uj = UINT64_MAX;
        p->frequency = strtod("inf", NULL);
        p->long_limit_uw = UINT64_MAX;
        scene_run(&s, 1);
        CHECK_STR(scene_why(&s, "package 0 throttling"), "runs backwards");
        CHECK_STR(scene_why(&s, "package 0 energy"), "more than a package can draw");
        CHECK_STR(scene_why(&s, "package 0 frequency"), "makes no sense");
        CHECK_STR(scene_why(&s, "package 0 power limit"), "no package's");
        p->throttled_ms = UINT64_MAX;
        scene_run(&s, 1);
        CHECK_STR(scene_why(&s, "package 0 throttling"), "more than the time that passed");
        CHECK_INT(s.decision.budget, 8);
        scene_finish(&s);
}

/* More entries than there is room for, as a broken reader might say. */
static void test_numbers_of_entries(void)
{
        struct scene s;

        scene_init(&s, 8, 1, GOVERNOR_QUIET);
        s.readings.n_zones = s.readings.n_packages = 1000;
        scene_run(&s, 3);
        CHECK_INT(s.decision.budget, 8);
        scene_finish(&s);
}

int main(void)
{
        test_values_that_cannot_be();
        test_a_jump_that_lasts_is_believed();
        test_a_die_may_heat_at_once();
        test_stuck_chassis();
        test_stuck_chassis_gives_back();
        test_stuck_die();
        test_steady_chassis_is_not_stuck();
        test_stuck_others();
        test_steady_is_not_stuck();
        test_stuck_alone();
        test_slow_drift();
        test_a_busy_core_does_not_drift();
        test_chassis_hotter_than_its_die();
        test_known_by_name();
        test_trips_that_are_none();
        test_names();
        test_counters_that_lie();
        test_numbers_of_entries();
        return 0;
}
