#include "tests/sim/plant-sensors.h"
#include "tests/sim/plant-noise.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DIE_LAG         0.5
#define DIE_NOISE       0.7
#define CHASSIS_LAG     6.0
#define CHASSIS_NOISE   0.2
#define PALM_BELOW      4.0  /* K that the palm rest is cooler than the hot spot */
#define POWER_OFF_ABOVE 30.0 /* K from the chassis's passive trip to where the kernel powers off */
#define DRIFT_A_SECOND  0.03
#define FREQUENCY_NOISE 0.01
#define PRESSURE_WINDOW 10.0
#define PRESSURE_ALWAYS 0.02 /* of the time: the system's own threads */
#define MEMORY          (UINT64_C(32) << 30)

static void add(struct plant_sensors *s, struct readings_zone zone, struct plant_sensor sensor)
{
        s->sensors[s->readings.n_zones] = sensor;
        s->readings.zones[s->readings.n_zones++] = zone;
}

static int64_t millicelsius(double celsius)
{
        return isfinite(celsius) ? (int64_t)(celsius * 1000) : READINGS_NONE;
}

static void add_die(struct plant_sensors *s, const struct plant *p, const char *name, unsigned package, double high,
                    double critical)
{
        struct readings_zone zone = {.place = READINGS_DIE, .package = package};

        snprintf(zone.name, sizeof(zone.name), "%s", name);
        zone.passive = millicelsius(high);
        zone.hot = READINGS_NONE;
        zone.critical = millicelsius(critical);
        add(s, zone, (struct plant_sensor){.lag = DIE_LAG, .noise = DIE_NOISE, .value = p->packages[package].die});
}

static void add_chassis(struct plant_sensors *s, const struct plant *p, const char *name, double offset)
{
        double trip = p->model->chassis_trip + offset;
        struct readings_zone zone = {.place = READINGS_CHASSIS, .package = UINT_MAX, .powers_off = true};

        snprintf(zone.name, sizeof(zone.name), "%s", name);
        zone.passive = millicelsius(trip);
        zone.hot = READINGS_NONE;
        zone.critical = millicelsius(trip + POWER_OFF_ABOVE);
        add(s, zone,
            (struct plant_sensor){.lag = CHASSIS_LAG, .noise = CHASSIS_NOISE, .value = p->chassis, .offset = offset});
}

static void add_zones(struct plant_sensors *s, const struct plant *p)
{
        const struct plant_model *model = p->model;

        for (unsigned i = 0; i < model->n_packages; i++) {
                char name[READINGS_NAME_MAX];

                snprintf(name, sizeof(name), "coretemp Package id %u", i);
                if (model->counts_throttling)
                        add_die(s, p, name, i, model->die_high, model->die_limit);
                else
                        add_die(s, p, "k10temp Tctl", i, HUGE_VAL, HUGE_VAL);
        }
        if (model->counts_throttling && model->n_packages == 1)
                add_die(s, p, "thermal zone 9 x86_pkg_temp", 0, HUGE_VAL, HUGE_VAL);
        if (isfinite(model->chassis_trip)) {
                add_chassis(s, p, "thermal zone 1 TSKN", 0);
                add_chassis(s, p, "thermal zone 2 TPLM", -PALM_BELOW);
        }
}

void plant_sensors_init(struct plant_sensors *s, const struct plant *p, uint64_t seed)
{
        const struct plant_model *model = p->model;

        *s = (struct plant_sensors){.random = seed};
        add_zones(s, p);
        s->readings.n_packages = model->n_packages;
        for (unsigned i = 0; i < model->n_packages; i++)
                s->readings.packages[i] = (struct readings_package){
                        .package = i,
                        .throttle_error = model->counts_throttling ? 0 : -ENOENT,
                        .energy_error = -EACCES,
                        .limit_error = model->pl1 > 0 ? 0 : -ENOENT,
                        .long_limit_uw = (uint64_t)(model->pl1 * 1e6),
                        .long_window_us = (uint64_t)(model->window * 1e6),
                        .short_limit_uw = (uint64_t)(model->pl2 * 1e6),
                        .cap = 1,
                };
        s->readings.memory_available = s->readings.memory_total = MEMORY;
        s->readings.supply_error = model->has_supply ? 0 : -ENOENT;
        s->readings.on_battery = model->on_battery;
        s->readings.battery_percent = model->has_supply ? 80 : -1;
        s->readings.profile_error = -ENOENT;
}

unsigned plant_sensors_break(struct plant_sensors *s, const char *name, enum plant_fault fault)
{
        unsigned n = 0;

        for (unsigned i = 0; i < s->readings.n_zones; i++)
                if (strstr(s->readings.zones[i].name, name)) {
                        s->sensors[i].fault = fault;
                        n++;
                }
        return n;
}

static void read_garbage(struct plant_sensors *s, struct readings_zone *zone)
{
        static const int64_t known[] = {0, -1, -273150, INT64_MAX, INT64_MIN + 1, 127000, 255000, -128000};
        uint32_t choice = random_below(&s->random, 12);

        zone->error = choice == 11 ? -EIO : 0;
        if (choice < sizeof(known) / sizeof(known[0]))
                zone->millicelsius = known[choice];
        else
                zone->millicelsius = (int64_t)random_next(&s->random);
}

static void read_zone(struct plant_sensors *s, const struct plant *p, unsigned index, double seconds)
{
        struct plant_sensor *sensor = &s->sensors[index];
        struct readings_zone *zone = &s->readings.zones[index];
        double truth = zone->place == READINGS_DIE ? p->packages[zone->package].die : p->chassis;
        double noise = sensor->noise * noise_normal(&s->random);

        sensor->value += (truth + sensor->offset - sensor->value) * (1 - exp(-seconds / sensor->lag));
        zone->error = sensor->fault == PLANT_VANISHED ? -ENOENT : 0;
        switch (sensor->fault) {
        case PLANT_STUCK:
        case PLANT_VANISHED:
                return;
        case PLANT_GARBAGE:
                read_garbage(s, zone);
                return;
        case PLANT_RISES:
                sensor->drift += DRIFT_A_SECOND * seconds;
                break;
        case PLANT_SINKS:
                sensor->drift -= DRIFT_A_SECOND * seconds;
                break;
        case PLANT_SOUND:
                break;
        }
        zone->millicelsius = (int64_t)floor(sensor->value + noise + sensor->drift) * 1000;
}

static void read_frequency(struct plant_sensors *s, const struct plant *p, const struct plant_load *load,
                           unsigned package)
{
        struct readings_package *r = &s->readings.packages[package];
        double sum = 0;

        r->n_measured = r->n_below_base = 0;
        for (unsigned k = 0; k < p->model->n_kinds; k++) {
                unsigned lent = load->lent[package][k];
                double f = p->packages[package].f[k] * (1 + FREQUENCY_NOISE * noise_normal(&s->random));

                r->n_measured += lent;
                r->n_below_base += f < p->model->kinds[k].f_base ? lent : 0;
                sum += lent * f / p->model->kinds[k].f_base;
        }
        r->frequency_error = r->n_measured > 0 ? 0 : -ENOENT;
        r->frequency = r->n_measured > 0 ? sum / r->n_measured : 0;
}

static void read_package(struct plant_sensors *s, const struct plant *p, const struct plant_load *load,
                         unsigned package)
{
        struct readings_package *r = &s->readings.packages[package];
        unsigned cores = 0;

        for (unsigned k = 0; k < p->model->n_kinds; k++)
                cores += p->model->kinds[k].cores;
        r->throttled_ms = (uint64_t)(p->packages[package].throttled * 1000);
        r->throttle_events = p->packages[package].throttle_events;
        r->core_throttled_ms = r->throttled_ms * cores;
        r->long_limit_uw = (uint64_t)(p->pl1 * 1e6);
        read_frequency(s, p, load, package);
}

void plant_sensors_read(struct plant_sensors *s, const struct plant *p, const struct plant_load *load, uint64_t now,
                        bool resumed)
{
        double seconds = (double)(now - s->readings.now) / 1e6;

        s->readings.now = now;
        s->readings.resumed = resumed;
        for (unsigned i = 0; i < s->readings.n_zones; i++)
                read_zone(s, p, i, seconds);
        for (unsigned i = 0; i < p->model->n_packages; i++)
                read_package(s, p, load, i);
        s->waiting += ((load->waiting > 0 ? 1 : PRESSURE_ALWAYS) - s->waiting) * (1 - exp(-seconds / PRESSURE_WINDOW));
        s->readings.cpu.some10 = 100 * s->waiting;
        s->readings.cpu.some_us += (uint64_t)(s->waiting * seconds * 1e6);
}
