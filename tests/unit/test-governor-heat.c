/* Temperature, chassis, power and critical trips: who cuts when, how it comes back, and that it stays calm. */
#include "tests/unit/governor-scene.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

/* A die that follows its load: `value` is its temperature; each lent PU adds 4 K to 36 °C, with 5 s to get there. */
static void heat_die(struct scene *s)
{
        double aim = 36 + 4.0 * cpuset_count(&s->lent);

        s->value += (aim - s->value) * (1 - exp(-1 / 5.0));
        s->readings.zones[0].millicelsius = (int64_t)floor(s->value) * 1000;
}

static void start_die(struct scene *s, enum governor_policy policy)
{
        struct readings_zone *zone;

        scene_init(s, 16, 1, policy);
        zone = scene_zone(s, "coretemp Package id 0", READINGS_DIE, 40);
        zone->passive = 90000;
        zone->critical = 100000;
        s->value = 40;
        s->before = heat_die;
}

/* 16 PUs would be 100 °C. Below 80, as quiet has it, 11 fit: 80. */
static void test_quiet_keeps_below_its_target(void)
{
        struct scene s;

        start_die(&s, GOVERNOR_QUIET);
        scene_run(&s, 300);
        CHECK(s.decision.budget >= 10 && s.decision.budget <= 11);
        CHECK_INT(s.decision.cause, GOVERNOR_TEMPERATURE);
        CHECK(strncmp(s.decision.text, "10 of 16: package at 76 °C of 90 °C; next 12 when below 76 °C", 12) == 0 ||
              s.decision.budget == 11);
        CHECK(s.decision.level >= s.decision.budget - 1 && s.decision.level <= 16);
        CHECK_INT(s.decision.aim, PLACEMENT_EFFICIENT);
        s.n_changes = 0;
        for (unsigned i = 0; i < 1200; i++) {
                scene_run(&s, 1);
                CHECK(s.value < 90);
        }
        CHECK(s.n_changes <= 2);
        scene_finish(&s);
}

/* Exactly what is said, when a steady die is over its target. */
static void test_what_is_said(void)
{
        struct scene s;
        struct readings_zone *zone;

        scene_init(&s, 16, 1, GOVERNOR_QUIET);
        s.follow = false;
        zone = scene_zone(&s, "coretemp Package id 0", READINGS_DIE, 94);
        zone->passive = 100000;
        scene_lend(&s, 6);
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "6 of 16: package at 94 °C of 100 °C; next 7 when below 84 °C");
        CHECK_STR(scene_limit(&s, GOVERNOR_TEMPERATURE)->what, "package at 94 °C of 100 °C");
        CHECK_STR(scene_limit(&s, GOVERNOR_TEMPERATURE)->until, "below 84 °C");
        CHECK_INT(scene_limit(&s, GOVERNOR_TEMPERATURE)->next, 7);
        scene_finish(&s);
}

/* A die at its limit by design: performance and balanced do nothing about it, and say that they do not. */
static void test_at_the_limit_by_design(void)
{
        for (unsigned policy = GOVERNOR_PERFORMANCE; policy <= GOVERNOR_BALANCED; policy++) {
                struct scene s;
                struct readings_package *p;

                start_die(&s, (enum governor_policy)policy);
                s.situation.work_rate = 12;
                p = scene_package(&s);
                p->throttle_error = p->frequency_error = 0;
                p->n_measured = 16;
                p->frequency = 1.4;
                for (unsigned i = 0; i < 1800; i++) {
                        p->throttled_ms += 950;
                        scene_run(&s, 1);
                        CHECK_INT(s.decision.budget, 16);
                }
                CHECK_STR(s.decision.text, "16 of 16: nothing limits");
                CHECK_STR(scene_limit(&s, GOVERNOR_TEMPERATURE)->what,
                          "package at 99 °C of 90 °C, no limit in this policy");
                scene_finish(&s);
        }
}

/* The hottest package's PUs go first; another one a degree hotter for a moment changes nothing. */
static void test_hottest_package(void)
{
        struct scene s;
        struct readings_zone *zones[2];

        scene_init(&s, 16, 2, GOVERNOR_QUIET);
        s.follow = false;
        for (unsigned i = 0; i < 2; i++) {
                zones[i] = scene_zone(&s, i ? "coretemp Package id 1" : "coretemp Package id 0", READINGS_DIE, 80);
                zones[i]->package = i;
                zones[i]->passive = 90000;
        }
        zones[1]->millicelsius = 88000;
        scene_run(&s, 20);
        CHECK_INT(s.decision.aim, PLACEMENT_COOL);
        CHECK_INT(s.decision.hot_package, 1);
        CHECK(strstr(s.decision.text, ": package 1 at 88 °C of 90 °C"));
        zones[0]->millicelsius = 89000;
        scene_run(&s, 20);
        CHECK_INT(s.decision.hot_package, 1);
        zones[0]->millicelsius = 92000;
        scene_run(&s, 20);
        CHECK_INT(s.decision.hot_package, 0);
        zones[0]->package = 77; /* out of the machine's: the other one is left */
        scene_run(&s, 20);
        CHECK_INT(s.decision.hot_package, 1);
        zones[1]->package = UINT_MAX;
        scene_run(&s, 20);
        CHECK_INT(s.decision.aim, PLACEMENT_EFFICIENT);
        scene_finish(&s);
}

/* A chassis that follows power in minutes: each PU adds 1.5 K to 30 °C. */
static void heat_chassis(struct scene *s)
{
        double aim = 30 + 1.5 * cpuset_count(&s->lent);

        s->value += (aim - s->value) * (1 - exp(-1 / 200.0));
        s->readings.zones[0].millicelsius = (int64_t)floor(s->value) * 1000;
}

static void run_chassis(enum governor_policy policy, double most, double least)
{
        struct scene s;

        scene_init(&s, 16, 1, policy);
        scene_zone(&s, "thermal zone 2 skin", READINGS_CHASSIS, 30)->passive = 45000;
        s.value = 30;
        s.before = heat_chassis;
        scene_run(&s, 1500);
        s.n_changes = 0;
        for (unsigned i = 0; i < 1200; i++) {
                scene_run(&s, 1);
                CHECK(s.value <= most);
                CHECK(s.value >= least);
        }
        CHECK(s.n_changes <= 40);
        CHECK_INT(s.decision.cause, GOVERNOR_CHASSIS);
        CHECK(strstr(s.decision.text, " of 16: thermal zone 2 skin at 4"));
        scene_finish(&s);
}

/* Every policy keeps a chassis near its trip; quiet and battery below it. 16 PUs would be 54 °C. */
static void test_chassis(void)
{
        run_chassis(GOVERNOR_PERFORMANCE, 48.5, 43);
        run_chassis(GOVERNOR_BALANCED, 46.5, 42);
        run_chassis(GOVERNOR_QUIET, 45, 40);
        run_chassis(GOVERNOR_BATTERY, 45, 40);
}

static void flicker(struct scene *s)
{
        s->value = fmod(s->value * 7 + 3, 11); /* 0 .. 10 in no visible order */
        s->readings.zones[0].millicelsius = s->value < 5 ? 42000 : 41000;
}

/* A chassis below its target whose sensor flickers by a degree: noise alone brings down no more than
 * one PU for a while. */
static void test_noise_alone_hardly_cuts(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_QUIET);
        scene_zone(&s, "thermal zone 2 skin", READINGS_CHASSIS, 42)->passive = 45000;
        s.value = 1;
        s.before = flicker;
        scene_run(&s, 1800);
        CHECK(s.decision.budget >= 15);
        CHECK(s.n_changes <= 15); /* one in two minutes */
        scene_finish(&s);
}

/* A trip at which the kernel powers off: halved within seconds, in every policy, whatever the sensor is of. */
static void test_critical(enum governor_policy policy, enum readings_place place)
{
        struct scene s;
        struct readings_zone *zone;

        scene_init(&s, 16, 1, policy);
        zone = scene_zone(&s, "thermal zone 1 BOARD", place, 80);
        zone->critical = 105000;
        zone->powers_off = true;
        scene_run(&s, 10);
        if (place == READINGS_OTHER)
                CHECK_INT(s.decision.budget, 16);
        zone->millicelsius = 88000;
        scene_run(&s, 1);
        zone->millicelsius = 95000;
        scene_run(&s, 1);
        zone->millicelsius = 102000;
        scene_run(&s, 1);
        if (place == READINGS_OTHER)
                CHECK_INT(s.decision.budget, 16); /* one reading proves nothing */
        scene_run(&s, 1);
        CHECK(s.decision.budget <= 8);
        CHECK(scene_limit(&s, GOVERNOR_CRITICAL)->pus <= 8);
        zone->millicelsius = 103000;
        scene_run(&s, 20);
        CHECK_INT(s.decision.budget, 1);
        scene_finish(&s);
}

static void test_critical_text_and_back(void)
{
        struct scene s;
        struct readings_zone *zone;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        zone = scene_zone(&s, "nvme Composite", READINGS_OTHER, 83);
        zone->critical = 85000;
        scene_run(&s, 2);
        CHECK_STR(s.decision.text,
                  "8 of 16: nvme Composite at 83 °C of critical 85 °C; next 16 when below 72 °C for 30 s");
        zone->millicelsius = 76000;
        scene_run(&s, 120);
        CHECK_INT(s.decision.budget, 8);
        zone->millicelsius = 70000;
        scene_run(&s, 30);
        CHECK_INT(s.decision.budget, 8);
        scene_run(&s, 2);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        zone->millicelsius = 77000;
        scene_run(&s, 1);
        zone->millicelsius = 83000; /* so soon: the next wait is twice as long */
        scene_run(&s, 2);
        CHECK_STR(s.decision.text,
                  "8 of 16: nvme Composite at 83 °C of critical 85 °C; next 16 when below 72 °C for 60 s");
        scene_finish(&s);
}

static void flutter(struct scene *s)
{
        s->readings.zones[0].millicelsius =
                (int64_t)(s->value * 1000) + (s->readings.now / GOVERNOR_PERIOD_US) % 3 * 500;
}

/* An input of the mainboard that nothing is connected to: no cut cools it down, so it is set aside, and stays so in the
 * runs to come, until it has been cool. Not so one at which the kernel powers the machine off. */
static void test_hot_whatever_is_lent(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        scene_zone(&s, "nct6798 AUXTIN0", READINGS_OTHER, 104)->critical = 100000;
        s.before = flutter;
        s.value = 104;
        scene_run(&s, 60);
        CHECK_INT(s.decision.budget, 1);
        scene_run(&s, 600);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits; ignoring nct6798 AUXTIN0: hot whatever is lent");
        s.readings.now += UINT64_C(3600000000);
        scene_run(&s, 60);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits; ignoring nct6798 AUXTIN0: hot whatever is lent");
        for (s.value = 103; s.value > 80; s.value--)
                scene_run(&s, 1);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        for (; s.value < 99; s.value++)
                scene_run(&s, 1);
        scene_run(&s, 3);
        CHECK_INT(s.decision.cause, GOVERNOR_CRITICAL);
        scene_finish(&s);

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        *scene_zone(&s, "thermal zone 0 acpitz", READINGS_OTHER, 104) = (struct readings_zone){
                .name = "thermal zone 0 acpitz", .place = READINGS_OTHER, .critical = 100000, .powers_off = true};
        s.before = flutter;
        s.value = 104;
        scene_run(&s, 3600);
        CHECK_INT(s.decision.budget, 1);
        scene_finish(&s);
}

/* A disk that is warm by itself, below its trip and yet not cool: that is not waited for without end. */
static void test_warm_whatever_is_lent(void)
{
        struct scene s;
        struct readings_zone *zone;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        zone = scene_zone(&s, "nvme Composite", READINGS_OTHER, 83);
        zone->critical = 85000;
        scene_run(&s, 2);
        CHECK_INT(s.decision.budget, 8);
        zone->millicelsius = 76000;
        scene_run(&s, 290);
        CHECK_INT(s.decision.budget, 8);
        scene_run(&s, 60);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

/* hwmon's crit of a die is where it runs by design. Only well above has the hardware failed. */
static void test_a_dies_own_limit(void)
{
        struct scene s;
        struct readings_zone *zone;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        zone = scene_zone(&s, "coretemp Package id 0", READINGS_DIE, 100);
        zone->critical = 100000;
        scene_run(&s, 600);
        CHECK_INT(s.decision.budget, 16);
        zone->millicelsius = 102000;
        scene_run(&s, 60);
        CHECK_INT(s.decision.budget, 16);
        zone->millicelsius = 104000;
        scene_run(&s, 2);
        CHECK_STR(s.decision.text, "8 of 16: package at 104 °C of critical 100 °C; next 16 when below 101 °C for 30 s");
        zone->millicelsius = 100000;
        scene_run(&s, 32);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

/* One bad second, or ten, lets nothing go; a sensor that stays away lets all go, and says so. */
static void test_a_sensor_that_goes_away(void)
{
        struct scene s;
        unsigned budget;

        start_die(&s, GOVERNOR_QUIET);
        scene_run(&s, 300);
        budget = s.decision.budget;
        s.readings.zones[0].error = -EIO;
        scene_run(&s, 10);
        CHECK_INT(s.decision.budget, budget);
        CHECK(strstr(s.decision.text, "no temperature since 10 s; ignoring coretemp Package id 0: cannot be read"));
        s.readings.zones[0].error = 0;
        scene_run(&s, 10);
        CHECK_INT(s.decision.budget, budget);
        s.readings.zones[0].error = -ENOENT;
        scene_run(&s, 31);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits; ignoring coretemp Package id 0: has vanished");
        scene_finish(&s);
}

/* 2 W a PU and 8 W for the package, of 45 W long-term: quiet may use 75 % of it, battery half. */
static void draw_power(struct scene *s)
{
        double watts = 8 + 2.0 * cpuset_count(&s->lent);
        struct readings_package *p = &s->readings.packages[0];

        p->energy_uj = (p->energy_uj + (uint64_t)(watts * 1e6)) % p->energy_range_uj;
}

static void run_power(enum governor_policy policy, unsigned least, unsigned most, const char *text)
{
        struct scene s;
        struct readings_package *p;

        scene_init(&s, 16, 1, policy);
        p = scene_package(&s);
        p->energy_error = p->limit_error = 0;
        p->energy_range_uj = 262143000; /* wraps around every few seconds */
        p->long_limit_uw = 45000000;
        s.before = draw_power;
        scene_run(&s, 6);
        CHECK(s.decision.budget <= most + 2); /* feed-forward: at once, not by and by */
        scene_run(&s, 300);
        CHECK(s.decision.budget >= least && s.decision.budget <= most);
        if (text)
                CHECK(strstr(s.decision.text, text));
        CHECK_INT(s.decision.n_ignored, 0);
        s.n_changes = 0;
        scene_run(&s, 1200);
        CHECK(s.n_changes <= 8);
        scene_finish(&s);
}

static void test_power(void)
{
        run_power(GOVERNOR_PERFORMANCE, 16, 16, "nothing limits");
        run_power(GOVERNOR_BALANCED, 16, 16, "nothing limits");
        run_power(GOVERNOR_QUIET, 11, 13, " of 16: package power 3");
        run_power(GOVERNOR_BATTERY, 6, 8, " of 16: package power 2");
}

/* A policy that is set holds at once, both ways; a suspend forgets the course of temperatures. */
static void test_policy_and_suspend(void)
{
        struct scene s;

        start_die(&s, GOVERNOR_QUIET);
        scene_run(&s, 120);
        CHECK(s.decision.budget < 16);
        scene_policy(&s, GOVERNOR_BALANCED);
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 16);
        scene_policy(&s, GOVERNOR_QUIET);
        scene_run(&s, 120);
        CHECK(s.decision.budget < 16);
        s.value = 40;
        s.readings.resumed = true;
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

int main(void)
{
        test_quiet_keeps_below_its_target();
        test_what_is_said();
        test_at_the_limit_by_design();
        test_hottest_package();
        test_chassis();
        test_noise_alone_hardly_cuts();
        for (unsigned policy = 0; policy < GOVERNOR_POLICIES; policy++)
                for (unsigned place = 0; place <= READINGS_OTHER; place++)
                        test_critical((enum governor_policy)policy, (enum readings_place)place);
        test_critical_text_and_back();
        test_hot_whatever_is_lent();
        test_warm_whatever_is_lent();
        test_a_dies_own_limit();
        test_a_sensor_that_goes_away();
        test_power();
        test_policy_and_suspend();
        return 0;
}
