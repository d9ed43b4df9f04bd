/* Any numbers at all: whatever is read, the decision is one that can be carried out, and says what was set aside.
 *
 * test-governor-fuzz [SCENES]; each scene is a machine of its own for two minutes, and its number is its seed. */
#include "tests/unit/governor-scene.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

enum {
        SCENES = 400,
        SECONDS = 120,
        PUS_MAX = 64,
};

static uint64_t state;

static uint64_t next(void)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return state;
}

static unsigned below(unsigned n)
{
        return (unsigned)(next() % n);
}

static uint64_t any_number(void)
{
        return next() >> below(64);
}

static int64_t any_temperature(void)
{
        static const int64_t odd[] = {INT64_MAX, INT64_MIN, INT64_MIN + 1, 0, -1, -273150, 127000, 255000};

        if (below(4) == 0)
                return odd[below(sizeof(odd) / sizeof(odd[0]))];
        return below(4) == 0 ? (int64_t)next() : 20000 + (int64_t)below(100000);
}

static double any_double(void)
{
        const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, -1e300, 5e-324, 0, -0.5};

        if (below(3) == 0)
                return odd[below(sizeof(odd) / sizeof(odd[0]))];
        return below(2) ? below(100) : below(3000) / 1000.0;
}

static int any_error(unsigned one_in)
{
        static const int errors[] = {-ENOENT, -EIO, -EACCES, -EINVAL, -ENODATA, -ENODEV, INT_MIN};

        return below(one_in) ? 0 : errors[below(sizeof(errors) / sizeof(errors[0]))];
}

static void fill_name(char name[READINGS_NAME_MAX])
{
        if (below(8))
                snprintf(name, READINGS_NAME_MAX, "sensor %u", below(80));
        else
                memset(name, (int)below(256), READINGS_NAME_MAX);
}

static void fill_zones(struct readings *r, bool start)
{
        if (start || below(30) == 0)
                r->n_zones = below(4) ? below(READINGS_ZONES_MAX + 1) : (unsigned)next();
        for (unsigned i = 0; i < READINGS_ZONES_MAX; i++) {
                struct readings_zone *zone = &r->zones[i];

                if (start) {
                        fill_name(zone->name);
                        zone->place = (enum readings_place)below(3);
                        zone->package = below(4) ? below(2) : (unsigned)next();
                        zone->passive = any_temperature();
                        zone->hot = any_temperature();
                        zone->critical = any_temperature();
                        zone->powers_off = below(2);
                }
                if (start || below(10) == 0) {
                        zone->millicelsius = any_temperature();
                        zone->error = any_error(4);
                } else if (zone->millicelsius > 0 && zone->millicelsius < 110000) {
                        zone->millicelsius += 1000 * ((int64_t)below(3) - 1);
                }
        }
}

static void fill_packages(struct readings *r, bool start, bool wild)
{
        if (start)
                r->n_packages = wild ? (unsigned)any_number() : below(READINGS_PACKAGES_MAX + 1);
        for (unsigned i = 0; i < READINGS_PACKAGES_MAX; i++) {
                struct readings_package *p = &r->packages[i];

                p->package = wild ? (unsigned)next() : i;
                p->throttle_error = any_error(20);
                p->energy_error = any_error(20);
                p->limit_error = any_error(20);
                p->frequency_error = any_error(20);
                p->throttled_ms = wild ? any_number() : p->throttled_ms + below(1000);
                p->core_throttled_ms = wild ? any_number() : p->core_throttled_ms + below(8000);
                p->throttle_events = wild ? any_number() : p->throttle_events + below(5);
                p->energy_uj = wild ? any_number() : (p->energy_uj + below(200000000)) % 262143000;
                p->energy_range_uj = wild ? any_number() : 262143000;
                p->long_limit_uw = wild ? any_number() : 125000000;
                p->n_measured = wild ? (unsigned)any_number() : 8;
                p->n_below_base = wild ? (unsigned)any_number() : below(9);
                p->frequency = wild ? any_double() : 0.2 + below(100) / 100.0;
                p->cap = any_double();
        }
}

static void fill_rest(struct readings *r)
{
        r->cpu = (struct readings_pressure){any_error(3), any_double(), any_double(), next()};
        r->memory = (struct readings_pressure){any_error(3), any_double(), any_double(), next()};
        r->memory_error = any_error(3);
        r->memory_available = any_number();
        r->memory_total = any_number();
        r->supply_error = any_error(2);
        r->on_battery = below(2);
        r->battery_percent = below(2) ? (int)below(120) - 10 : (int)next();
        r->profile_error = any_error(2);
        r->profile = (enum readings_profile)below(READINGS_PROFILE_PERFORMANCE + 1);
        memset(r->degraded, below(10) ? 0 : (int)below(256), sizeof(r->degraded));
        r->resumed = below(60) == 0;
}

static void pass_time(struct readings *r, bool wild)
{
        if (wild && below(30) == 0)
                r->now = next();
        else if (below(20) == 0)
                r->now += below(30000000);
        else if (below(20) == 0)
                r->now -= below(3000000);
        else
                r->now += GOVERNOR_PERIOD_US;
}

static void fill_situation(struct scene *s, bool wild)
{
        struct governor_situation *situation = &s->situation;

        situation->n_runs = below(8) ? below(5) : (unsigned)next();
        situation->work_rate = wild ? any_double() : 5 + below(100) / 1000.0;
        situation->worker_memory = below(2) ? 0 : any_number();
        situation->desktop = below(2);
        if (below(3) == 0)
                scene_lend(s, below(s->machine.n_pus + 1));
        if (below(40) == 0)
                cpuset_remove(&s->usable, 1 + below(s->machine.n_pus));
        if (below(60) == 0) {
                s->settings.reserve = below(2) ? -1 : (int)any_number() & INT_MAX;
                scene_policy(s, (enum governor_policy)below(GOVERNOR_POLICIES));
        }
}

static void play(unsigned number)
{
        struct scene s;
        bool wild;

        state = number * UINT64_C(0x9E3779B97F4A7C15) | 1;
        wild = below(2);
        scene_init(&s, 2 + below(PUS_MAX - 1), 1 + below(2), (enum governor_policy)below(GOVERNOR_POLICIES));
        for (unsigned second = 0; second < SECONDS; second++) {
                pass_time(&s.readings, wild);
                fill_zones(&s.readings, second == 0 || (wild && below(20) == 0));
                fill_packages(&s.readings, second == 0, wild);
                fill_rest(&s.readings);
                fill_situation(&s, wild);
                memset(&s.decision, 0xee, sizeof(s.decision));
                governor_step(s.governor, &s.readings, &s.situation, &s.decision);
                scene_check(&s);
                if (below(2))
                        scene_lend(&s, s.decision.budget);
        }
        scene_finish(&s);
}

int main(int argc, char **argv)
{
        unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : SCENES;

        for (unsigned i = 1; i <= n; i++)
                play(i);
        return 0;
}
