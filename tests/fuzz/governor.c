/* The governor: one reading after the other becomes any number, and a decision is asked for now and then. Whatever was
 * read, it can be carried out and shown. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/unit/governor-scene.h"

enum { STEPS_MAX = 600, PUS_MAX = 32 };

static int64_t any_temperature(struct input *in)
{
        unsigned byte = input_byte(in);

        return byte < 240 ? byte * INT64_C(500) : byte < 248 ? -(int64_t)byte * 1000 : (int64_t)input_u64(in);
}

static uint64_t any_count(struct input *in)
{
        unsigned byte = input_byte(in);

        return byte < 224 ? byte * UINT64_C(1000) : byte < 248 ? UINT64_C(1) << (byte - 200) : input_u64(in);
}

static double any_double(struct input *in)
{
        static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1e300, -1e300, 5e-324, -0.5, 1};
        unsigned byte = input_byte(in);

        return byte < 240 ? byte / 64.0 : byte < 248 ? odd[byte - 240] : byte * 100;
}

static int any_error(struct input *in)
{
        static const int errors[] = {0, 0, -ENOENT, -EIO, -EACCES, -ENODATA, 0, INT_MIN};

        return errors[input_below(in, 8)];
}

static void set_zone(struct input *in, struct readings *r)
{
        struct readings_zone *zone = &r->zones[input_below(in, READINGS_ZONES_MAX)];
        unsigned number = (unsigned)(zone - r->zones), what = input_below(in, 9);

        if (!*zone->name)
                (void)snprintf(zone->name, sizeof(zone->name), "sensor %u", number);
        switch (what) {
        case 0:
                zone->place = (enum readings_place)input_below(in, 3);
                break;
        case 1:
                zone->package = input_below(in, 4) ? input_below(in, 2) : UINT_MAX;
                break;
        case 2:
                zone->error = any_error(in);
                break;
        case 3:
                zone->passive = any_temperature(in);
                break;
        case 4:
                zone->hot = any_temperature(in);
                break;
        case 5:
                zone->critical = any_temperature(in);
                break;
        case 6:
                zone->powers_off = input_below(in, 2);
                break;
        default:
                zone->millicelsius = any_temperature(in);
                break;
        }
        if (number >= r->n_zones && number < 8)
                r->n_zones = number + 1;
        if (input_below(in, 32) == 31)
                r->n_zones = input_byte(in);
}

static void set_package(struct input *in, struct readings *r)
{
        struct readings_package *p = &r->packages[input_below(in, 4)];

        p->throttle_error = p->energy_error = p->limit_error = p->frequency_error = 0;
        switch (input_below(in, 8)) {
        case 0:
                p->package = input_below(in, 4);
                break;
        case 1:
                p->throttle_error = p->energy_error = any_error(in);
                break;
        case 2:
                p->limit_error = p->frequency_error = any_error(in);
                break;
        case 3:
                p->throttled_ms += any_count(in);
                p->throttle_events++;
                break;
        case 4:
                p->core_throttled_ms += any_count(in);
                break;
        case 5:
                p->energy_uj = any_count(in);
                p->energy_range_uj = any_count(in);
                p->long_limit_uw = any_count(in);
                break;
        case 6:
                p->n_measured = input_below(in, 40);
                p->n_below_base = input_below(in, 40);
                break;
        default:
                p->frequency = any_double(in);
                p->cap = any_double(in);
                break;
        }
        r->n_packages = input_below(in, 64) == 63 ? input_byte(in) : 2;
}

static void set_rest(struct input *in, struct readings *r)
{
        switch (input_below(in, 6)) {
        case 0:
                r->cpu = (struct readings_pressure){any_error(in), any_double(in), any_double(in), any_count(in)};
                break;
        case 1:
                r->memory = (struct readings_pressure){any_error(in), any_double(in), any_double(in), any_count(in)};
                break;
        case 2:
                r->memory_error = any_error(in);
                r->memory_available = any_count(in) << 20;
                r->memory_total = any_count(in) << 20;
                break;
        case 3:
                r->supply_error = any_error(in);
                r->on_battery = input_below(in, 2);
                r->battery_percent = (int)input_below(in, 110) - 5;
                break;
        case 4:
                r->profile_error = any_error(in);
                r->profile = (enum readings_profile)input_below(in, READINGS_PROFILE_PERFORMANCE + 1);
                memset(r->degraded, input_below(in, 4) ? 0 : input_byte(in), sizeof(r->degraded));
                break;
        default:
                r->resumed = input_below(in, 2);
                break;
        }
}

static void set_situation(struct input *in, struct scene *s)
{
        struct governor_situation *situation = &s->situation;

        switch (input_below(in, 7)) {
        case 0:
                situation->n_runs = input_byte(in) == 255 ? UINT_MAX : input_below(in, 5);
                break;
        case 1:
                situation->work_rate = any_double(in);
                break;
        case 2:
                situation->worker_memory = any_count(in) << 16;
                break;
        case 3:
                situation->desktop = input_below(in, 2);
                break;
        case 4:
                scene_lend(s, input_below(in, s->machine.n_pus + 1));
                break;
        case 5:
                cpuset_remove(&s->usable, 1 + input_below(in, s->machine.n_pus));
                break;
        default:
                s->settings.reserve = (int)input_below(in, 20) - 1;
                scene_policy(s, (enum governor_policy)input_below(in, GOVERNOR_POLICIES));
                break;
        }
}

static void decide(struct input *in, struct scene *s)
{
        static const int64_t steps[] = {1000000, 1000000, 1000000, 1000000, 0, 30000000, -3000000, 3600000000};

        s->readings.now += (uint64_t)steps[input_below(in, 8)];
        memset(&s->decision, 0xee, sizeof(s->decision));
        governor_step(s->governor, &s->readings, &s->situation, &s->decision);
        scene_check(s);
        if (input_below(in, 2))
                scene_lend(s, s->decision.budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};
        struct scene s;
        unsigned n_pus = 2 + input_below(&in, PUS_MAX);

        scene_init(&s, n_pus, 1 + input_below(&in, 2), (enum governor_policy)input_below(&in, GOVERNOR_POLICIES));
        for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
                unsigned what = input_below(&in, 8);

                if (what < 2)
                        set_zone(&in, &s.readings);
                else if (what == 2)
                        set_package(&in, &s.readings);
                else if (what == 3)
                        set_rest(&in, &s.readings);
                else if (what == 4)
                        set_situation(&in, &s);
                else
                        decide(&in, &s);
        }
        decide(&in, &s);
        scene_finish(&s);
        return 0;
}
