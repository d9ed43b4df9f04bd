/* The service's headroom: suspends, counters that wrap around, and readings as the interface shows them. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "daemon/headroom_json.h"
#include "daemon/headroom_suspend.h"
#include "tests/unit/test.h"

static void test_suspend(void)
{
        uint64_t suspended = 0;

        headroom_was_suspended(7000000, 5000000, &suspended); /* slept before it was started */
        CHECK(suspended == 2000000);
        CHECK(!headroom_was_suspended(8000000, 6000000, &suspended));
        CHECK(!headroom_was_suspended(9000000 + HEADROOM_SUSPEND_MIN_US - 1, 7000000, &suspended));
        CHECK(headroom_was_suspended(20000000, 8000000, &suspended));
        CHECK(!headroom_was_suspended(21000000, 9000000, &suspended));
        /* Clocks that make no sense are no suspend, and neither is what comes after them unless it is one. */
        CHECK(!headroom_was_suspended(0, 9000000, &suspended));
        CHECK(suspended == 0);
}

static void test_energy(void)
{
        struct readings_package before = {.energy_uj = 900, .energy_range_uj = 1000}, now = before;

        CHECK(headroom_energy(&before, &now) == 0);
        now.energy_uj = 950;
        CHECK(headroom_energy(&before, &now) == 50);
        now.energy_uj = 20; /* wrapped around */
        CHECK(headroom_energy(&before, &now) == 120);
        now.energy_range_uj = 0; /* nobody knows where */
        CHECK(headroom_energy(&before, &now) == 0);
}

static const json_t *find(json_t *headroom, const char *name)
{
        json_t *readings = json_object_get(headroom, "readings"), *reading;
        size_t i;

        json_array_foreach (readings, i, reading)
                if (strcmp(json_string_value(json_object_get(reading, "name")), name) == 0)
                        return reading;
        return NULL;
}

static bool has(const json_t *reading, const char *key, const char *part)
{
        const char *text = json_string_value(json_object_get(reading, key));

        return text && strstr(text, part);
}

static bool is_near(const json_t *reading, double value)
{
        const json_t *number = json_object_get(reading, "value");

        return number && json_number_value(number) > value - 0.01 && json_number_value(number) < value + 0.01;
}

static struct readings two_packages(void)
{
        struct readings r = {.now = 5000000,
                             .n_zones = 2,
                             .n_packages = 2,
                             .supply_error = -ENOENT,
                             .profile_error = -ENOENT,
                             .memory_available = 1 << 30,
                             .memory_total = UINT64_C(4) << 30};

        r.zones[0] = (struct readings_zone){.name = "coretemp Package id 0",
                                            .place = READINGS_DIE,
                                            .package = 0,
                                            .millicelsius = 94250,
                                            .passive = READINGS_NONE,
                                            .hot = READINGS_NONE,
                                            .critical = 100000};
        r.zones[1] = (struct readings_zone){.name = "skin",
                                            .place = READINGS_CHASSIS,
                                            .package = UINT_MAX,
                                            .error = -EIO,
                                            .passive = 48000,
                                            .hot = READINGS_NONE,
                                            .critical = READINGS_NONE};
        r.packages[0] = (struct readings_package){.energy_uj = 999000000,
                                                  .energy_range_uj = 1000000000,
                                                  .long_limit_uw = 28000000,
                                                  .long_window_us = 28000000,
                                                  .throttled_ms = 100,
                                                  .throttle_events = 3,
                                                  .n_measured = 4,
                                                  .n_below_base = 1,
                                                  .frequency = 1.25,
                                                  .cap = 0.8};
        r.packages[1] = (struct readings_package){.package = 1,
                                                  .energy_error = -EACCES,
                                                  .limit_error = -ENOENT,
                                                  .throttle_error = -ENOENT,
                                                  .frequency_error = -ERANGE,
                                                  .cap = 1};
        return r;
}

static void check_readings(json_t *json)
{
        const json_t *die = find(json, "coretemp Package id 0"), *skin = find(json, "skin");

        CHECK(is_near(die, 94.3));
        CHECK(has(die, "detail", "die of package 0") && has(die, "detail", "critical 100 °C"));
        CHECK(!json_object_get(skin, "value") && has(skin, "ignored", "cannot be read"));
        CHECK(has(skin, "detail", "passive 48 °C") && has(skin, "detail", strerror(EIO)));
        CHECK(is_near(find(json, "package 0 power"), 28));
        CHECK(has(find(json, "package 0 power"), "detail", "limit 28 W over 28 s"));
        CHECK(has(find(json, "package 0 power"), "ignored", "too much"));
        CHECK(has(find(json, "memory available"), "ignored", "of no size"));
        CHECK(!json_object_get(find(json, "memory pressure"), "ignored"));
        CHECK(is_near(find(json, "package 0 throttling"), 25));
        CHECK(is_near(find(json, "package 0 frequency"), 125));
        CHECK(has(find(json, "package 0 frequency"), "detail", "1 of 4 lent CPUs below it"));
        CHECK(has(find(json, "package 0 frequency"), "detail", "capped at 80 %"));
        CHECK(has(find(json, "package 1 power"), "detail", "not allowed to be read"));
        CHECK(has(find(json, "package 1 throttling"), "detail", "not there"));
        CHECK(has(find(json, "package 1 frequency"), "detail", "says nothing that makes sense"));
        CHECK(has(find(json, "memory pressure"), "detail", "polled, kernel trigger not allowed"));
        CHECK(is_near(find(json, "memory available"), 1 << 30));
}

static void test_json(void)
{
        struct readings before = two_packages(), now = before;
        struct governor_decision decision = {.budget = 6,
                                             .usable = 8,
                                             .level = 6.4,
                                             .cause = GOVERNOR_CHASSIS,
                                             .limits = {{.cause = GOVERNOR_CHASSIS, .pus = 6, .what = "skin"},
                                                        {.cause = GOVERNOR_MEMORY, .pus = 7, .what = "room"}},
                                             .n_limits = 2,
                                             .ignored = {{.name = "skin", .why = "cannot be read"},
                                                         {.name = "package 0 energy", .why = "too much"},
                                                         {.name = "memory", .why = "of no size"}},
                                             .n_ignored = 3,
                                             .text = "6 of 8: skin"};

        now.now += 2000000;
        now.packages[0].energy_uj = 55000000; /* 56 J, with a wrap-around, in 2 s */
        now.packages[0].throttled_ms += 500;

        json_t *json = headroom_view_json(&(struct headroom_view){.policy = GOVERNOR_BALANCED,
                                                                  .decision = &decision,
                                                                  .readings = &now,
                                                                  .before = &before,
                                                                  .age = 20000,
                                                                  .trigger_error = -EPERM});
        CHECK(json);
        check_readings(json);
        json_t *limits = json_object_get(json, "limits");
        CHECK(json_array_size(limits) == 2);
        CHECK(json_is_true(json_object_get(json_array_get(limits, 0), "binding")));
        CHECK(json_is_false(json_object_get(json_array_get(limits, 1), "binding")));
        CHECK(json_integer_value(json_object_get(json, "ageMs")) == 20);
        json_decref(json);
}

/* Nothing has been sampled: no readings, no age. */
static void test_json_of_nothing(void)
{
        struct governor_decision decision = {.budget = 8, .usable = 8, .level = 8};
        json_t *json = headroom_view_json(&(struct headroom_view){.decision = &decision});

        CHECK(json && json_array_size(json_object_get(json, "readings")) == 0);
        CHECK(!json_object_get(json, "ageMs"));
        json_decref(json);
}

int main(void)
{
        test_suspend();
        test_energy();
        test_json();
        test_json_of_nothing();
        return 0;
}
