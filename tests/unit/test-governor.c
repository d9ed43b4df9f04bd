/* The plain limits, what goes with them, and the words for it all. */
#include "tests/unit/governor-scene.h"

#include <limits.h>

#define GIB (UINT64_C(1) << 30)

static void test_nothing_limits(void)
{
        struct scene s;

        for (unsigned policy = 0; policy < GOVERNOR_POLICIES; policy++) {
                scene_init(&s, 16, 1, (enum governor_policy)policy);
                scene_run(&s, 30);
                CHECK_STR(s.decision.text, "16 of 16: nothing limits");
                CHECK_INT(s.decision.cause, GOVERNOR_NONE);
                CHECK_INT(s.decision.budget, 16);
                CHECK_INT(s.decision.aim, policy == GOVERNOR_BATTERY ? PLACEMENT_EFFICIENT : PLACEMENT_WORK);
                CHECK_INT(s.n_changes, 0);
                scene_finish(&s);
        }
}

static void test_policies_have_names(void)
{
        enum governor_policy policy = GOVERNOR_QUIET;

        for (unsigned i = 0; i < GOVERNOR_POLICIES; i++) {
                CHECK(governor_policy_parse(governor_policy_text((enum governor_policy)i), &policy));
                CHECK_INT(policy, i);
        }
        policy = GOVERNOR_QUIET;
        CHECK(!governor_policy_parse("loud", &policy));
        CHECK(!governor_policy_parse("", &policy));
        CHECK_INT(policy, GOVERNOR_QUIET);
        CHECK_STR(governor_policy_text(GOVERNOR_POLICIES), "unknown");
        for (unsigned i = 0; i < GOVERNOR_CAUSES; i++)
                CHECK(strcmp(governor_cause_text((enum governor_cause)i), "unknown") != 0);
        CHECK_STR(governor_cause_text(GOVERNOR_CAUSES), "unknown");
}

static void test_reserve_is_for_whoever_sits_there(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        s.situation.desktop = true;
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "14 of 16: 2 PUs kept for the desktop; next 16 when nobody sits at the machine");
        CHECK_INT(s.decision.nice, 0);
        scene_policy(&s, GOVERNOR_PERFORMANCE);
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 16);
        scene_policy(&s, GOVERNOR_QUIET);
        s.situation.desktop = false;
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 16);
        s.settings.reserve = 5;
        scene_policy(&s, GOVERNOR_PERFORMANCE);
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "11 of 16: 5 PUs kept for others");
        s.settings.reserve = INT_MAX;
        scene_policy(&s, GOVERNOR_PERFORMANCE);
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "1 of 16: 15 PUs kept for others");
        scene_finish(&s);
}

/* 5 PUs keep one back, 64 no more than four; 4 have niceness instead. */
static void test_reserve_by_size(void)
{
        static const struct {
                unsigned pus, budget;
                int nice;
        } cases[] = {{2, 2, 14}, {4, 4, 14}, {5, 4, 0}, {8, 7, 0}, {24, 21, 0}, {64, 60, 0}};

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct scene s;

                scene_init(&s, cases[i].pus, 1, GOVERNOR_BALANCED);
                s.situation.desktop = true;
                scene_run(&s, 1);
                CHECK_INT(s.decision.budget, cases[i].budget);
                CHECK_INT(s.decision.nice, cases[i].nice);
                scene_policy(&s, GOVERNOR_PERFORMANCE);
                scene_run(&s, 1);
                CHECK_INT(s.decision.budget, cases[i].pus);
                CHECK_INT(s.decision.nice, 0);
                scene_finish(&s);
        }
}

/* PUs that are not lent anyway are there for the desktop. */
static void test_reserve_that_is_there(void)
{
        struct scene s;

        scene_init(&s, 32, 1, GOVERNOR_BALANCED);
        s.situation.desktop = true;
        cpuset_remove(&s.usable, 31);
        scene_run(&s, 1);
        CHECK_INT(s.decision.usable, 31);
        CHECK_INT(s.decision.budget, 28);
        for (unsigned pu = 20; pu < 31; pu++)
                cpuset_remove(&s.usable, pu);
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "20 of 20: nothing limits");
        scene_finish(&s);
}

static void test_profile_halves(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        s.readings.profile_error = 0;
        s.readings.profile = READINGS_PROFILE_POWER_SAVER;
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "8 of 16: power profile is power-saver; next 16 when it is another");
        CHECK_INT(s.decision.aim, PLACEMENT_EFFICIENT);
        s.readings.profile = READINGS_PROFILE_BALANCED;
        scene_run(&s, 5);
        CHECK_STR(s.decision.text, "8 of 16: power profile is balanced; next 16 when that has lasted 10 s");
        scene_run(&s, 6);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        snprintf(s.readings.degraded, sizeof(s.readings.degraded), "lap-detected");
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "12 of 16: performance is degraded: lap-detected; next 16 when it no longer is");
        s.readings.profile = READINGS_PROFILE_POWER_SAVER;
        scene_policy(&s, GOVERNOR_PERFORMANCE);
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

/* A profile that flaps changes the budget once. */
static void test_profile_flaps(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        s.readings.profile_error = 0;
        scene_run(&s, 1);
        for (unsigned i = 0; i < 60; i++) {
                s.readings.profile = i % 4 == 0 ? READINGS_PROFILE_POWER_SAVER : READINGS_PROFILE_BALANCED;
                scene_run(&s, 1);
        }
        CHECK_INT(s.decision.budget, 8);
        CHECK_INT(s.n_changes, 1);
        scene_finish(&s);
}

static unsigned budget_on_battery(enum governor_policy policy, int percent)
{
        struct scene s;
        unsigned budget;

        scene_init(&s, 16, 1, policy);
        s.readings.supply_error = 0;
        s.readings.on_battery = true;
        s.readings.battery_percent = percent;
        scene_run(&s, 1);
        budget = s.decision.budget;
        CHECK(budget == 16 || s.decision.aim == PLACEMENT_EFFICIENT);
        scene_finish(&s);
        return budget;
}

static void test_battery_by_policy_and_charge(void)
{
        static const unsigned expected[GOVERNOR_POLICIES][3] = {
                [GOVERNOR_PERFORMANCE] = {16, 16, 8},
                [GOVERNOR_BALANCED] = {14, 8, 4},
                [GOVERNOR_QUIET] = {14, 8, 4},
                [GOVERNOR_BATTERY] = {12, 6, 2},
        };

        for (unsigned policy = 0; policy < GOVERNOR_POLICIES; policy++) {
                CHECK_INT(budget_on_battery((enum governor_policy)policy, 80), expected[policy][0]);
                CHECK_INT(budget_on_battery((enum governor_policy)policy, -1), expected[policy][0]);
                CHECK_INT(budget_on_battery((enum governor_policy)policy, 30), expected[policy][1]);
                CHECK_INT(budget_on_battery((enum governor_policy)policy, 9), expected[policy][2]);
        }
}

static void test_battery_says_what_it_waits_for(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        s.readings.supply_error = 0;
        s.readings.on_battery = true;
        s.readings.battery_percent = 39;
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "8 of 16: on battery at 39 %; next 16 when on mains");
        s.readings.battery_percent = 41; /* within the band's hysteresis */
        scene_run(&s, 30);
        CHECK_INT(s.decision.budget, 8);
        s.readings.battery_percent = 43;
        scene_run(&s, 11);
        CHECK_INT(s.decision.budget, 14);
        s.readings.on_battery = false;
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "14 of 16: on mains again; next 16 when that has lasted 10 s");
        scene_run(&s, 10);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

static void test_pressure_of_others(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_QUIET);
        s.readings.cpu.error = 0;
        s.readings.cpu.some10 = 70;
        scene_run(&s, 8);
        CHECK_INT(s.decision.budget, 16);
        scene_run(&s, 4);
        CHECK_STR(s.decision.text, "14 of 16: others wait for a CPU 70 % of the time; next 16 when below 25 %");
        s.readings.cpu.some10 = 30;
        scene_run(&s, 60);
        CHECK_INT(s.decision.budget, 14);
        s.readings.cpu.some10 = 10;
        scene_run(&s, 12);
        CHECK_INT(s.decision.budget, 16);
        s.readings.cpu.some10 = 90;
        scene_policy(&s, GOVERNOR_BALANCED);
        scene_run(&s, 60);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

static void test_room_for_workers(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        s.follow = false;
        scene_lend(&s, 4);
        s.readings.memory_error = 0;
        s.readings.memory_total = 20 * GIB;
        s.readings.memory_available = 6 * GIB; /* 5 of them for workers */
        s.situation.worker_memory = 2 * GIB;
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "6 of 16: 6.0 GiB of memory available, a worker takes 2.0 GiB; next 7 when above "
                                   "7.0 GiB");
        CHECK(!s.decision.hold);
        s.readings.memory_available = 12 * GIB;
        scene_run(&s, 8);
        CHECK_INT(s.decision.budget, 6);
        scene_run(&s, 3);
        CHECK_INT(s.decision.budget, 9);
        s.readings.memory_available = 20 * GIB;
        s.situation.worker_memory = 0;
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "9 of 16: memory for more workers has just become free; next 16 when that has "
                                   "lasted 10 s");
        scene_run(&s, 10);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        scene_finish(&s);
}

static void test_memory_pressure_holds(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_PERFORMANCE);
        s.follow = false;
        scene_lend(&s, 9);
        s.readings.memory.error = 0;
        s.readings.memory.some10 = 12;
        scene_run(&s, 1);
        CHECK(s.decision.hold);
        CHECK_STR(s.decision.text, "9 of 16: memory pressure 12 %, nobody gets more; next 16 when below 4 % for 10 s");
        scene_lend(&s, 16);
        scene_run(&s, 1);
        CHECK(s.decision.hold);
        CHECK_INT(s.decision.cause, GOVERNOR_MEMORY);
        CHECK_STR(s.decision.text, "16 of 16: memory pressure 12 %, nobody gets more");
        s.readings.memory.some10 = 6;
        scene_run(&s, 30);
        CHECK(s.decision.hold);
        s.readings.memory.some10 = 1;
        scene_run(&s, 11);
        CHECK(!s.decision.hold);
        scene_finish(&s);
}

static void test_severe_memory_pressure_takes_back(void)
{
        struct scene s;

        scene_init(&s, 8, 1, GOVERNOR_BALANCED);
        s.situation.n_runs = 2;
        s.readings.memory.error = 0;
        s.readings.memory.some10 = 60;
        s.readings.memory.full10 = 40;
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 7);
        scene_run(&s, 10);
        CHECK_INT(s.decision.budget, 6);
        scene_run(&s, 600);
        CHECK_INT(s.decision.budget, 2);
        CHECK(s.decision.hold);
        s.readings.memory.some10 = s.readings.memory.full10 = 0;
        scene_run(&s, 12);
        CHECK_STR(s.decision.text, "8 of 8: nothing limits");
        scene_finish(&s);
}

static void test_memory_used_up(void)
{
        struct scene s;

        scene_init(&s, 8, 1, GOVERNOR_BALANCED);
        s.follow = false;
        scene_lend(&s, 3);
        s.readings.memory_error = 0;
        s.readings.memory_total = 16 * GIB;
        s.readings.memory_available = GIB / 2;
        scene_run(&s, 1);
        CHECK(s.decision.hold);
        CHECK_STR(s.decision.text, "3 of 8: 0.5 GiB of memory available of 16.0 GiB, nobody gets more; next 8 when "
                                   "above 0.8 GiB for 10 s");
        scene_finish(&s);
}

static void test_every_run_keeps_one(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BATTERY);
        s.situation.n_runs = 5;
        s.readings.supply_error = 0;
        s.readings.on_battery = true;
        s.readings.battery_percent = 3;
        scene_run(&s, 1);
        CHECK_STR(s.decision.text, "5 of 16: on battery at 3 % (one PU for each run); next 16 when on mains");
        s.situation.n_runs = 100;
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

static void test_tightest_first(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        s.situation.desktop = true;
        s.readings.profile_error = s.readings.supply_error = 0;
        s.readings.profile = READINGS_PROFILE_POWER_SAVER;
        s.readings.on_battery = true;
        s.readings.battery_percent = 10;
        scene_run(&s, 1);
        CHECK_INT(s.decision.n_limits, 3);
        CHECK_INT(s.decision.limits[0].cause, GOVERNOR_ON_BATTERY);
        CHECK_INT(s.decision.limits[0].pus, 4);
        CHECK_INT(s.decision.limits[1].cause, GOVERNOR_PROFILE);
        CHECK_INT(s.decision.limits[2].cause, GOVERNOR_RESERVE);
        CHECK_INT(s.decision.budget, 4);
        scene_finish(&s);
}

/* A gap, a suspend, a clock that runs backwards, two samples at once: a budget all the same. */
static void test_time(void)
{
        struct scene s;

        scene_init(&s, 16, 1, GOVERNOR_BALANCED);
        s.readings.profile_error = 0;
        s.readings.profile = READINGS_PROFILE_POWER_SAVER;
        scene_run(&s, 3);
        s.readings.profile = READINGS_PROFILE_BALANCED;
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 8);
        s.readings.now += 2 * GOVERNOR_GAP_US;
        scene_step(&s);
        CHECK_INT(s.decision.budget, 16);
        s.readings.now -= 5 * GOVERNOR_GAP_US;
        scene_run(&s, 3);
        scene_step(&s);
        scene_step(&s);
        CHECK_INT(s.decision.budget, 16);
        s.readings.now = 0;
        scene_step(&s);
        s.readings.now = UINT64_MAX;
        scene_step(&s);
        s.readings.resumed = true;
        scene_step(&s);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        scene_finish(&s);
}

static void test_numbers_that_are_none(void)
{
        struct scene s;
        const double nan = strtod("nan", NULL), inf = strtod("inf", NULL);

        scene_init(&s, 16, 1, GOVERNOR_QUIET);
        s.readings.cpu.error = s.readings.memory.error = s.readings.memory_error = 0;
        s.readings.cpu.some10 = nan;
        s.readings.memory.some10 = inf;
        s.readings.memory.full10 = -1e300;
        s.readings.memory_available = UINT64_MAX;
        s.situation.work_rate = nan;
        scene_run(&s, 3);
        CHECK_STR(s.decision.text,
                  "16 of 16: nothing limits; ignoring memory pressure: not a percentage, memory: of no "
                  "size and 1 more");
        CHECK_STR(scene_why(&s, "memory"), "of no size");
        CHECK_STR(scene_why(&s, "CPU pressure"), "not a percentage");
        scene_finish(&s);
}

int main(void)
{
        test_nothing_limits();
        test_policies_have_names();
        test_reserve_is_for_whoever_sits_there();
        test_reserve_by_size();
        test_reserve_that_is_there();
        test_profile_halves();
        test_profile_flaps();
        test_battery_by_policy_and_charge();
        test_battery_says_what_it_waits_for();
        test_pressure_of_others();
        test_room_for_workers();
        test_memory_pressure_holds();
        test_severe_memory_pressure_takes_back();
        test_memory_used_up();
        test_every_run_keeps_one();
        test_tightest_first();
        test_time();
        test_numbers_that_are_none();
        return 0;
}
