#include "daemon/headroom_json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"

enum {
        NAME_SIZE = 64,
        DETAIL_SIZE = 192,
};

/* One reading while it is put together. */
struct reading {
        const char *name, *kind, *unit;
        const char *judged; /* what the governor calls what it is made of, where it sets that aside; NULL: the same */
        int error;          /* 0: value means something */
        double value;
        bool has_no_value; /* without an error: the detail says it all */
        char detail[DETAIL_SIZE];
};

static const char *error_text(int error)
{
        switch (-error) {
        case ENOENT:
        case ENODEV:
                return "not there";
        case EACCES:
        case EPERM:
                return "not allowed to be read";
        case EINVAL:
        case ERANGE:
                return "says nothing that makes sense";
        case ENODATA:
                return "says nothing";
        case EINPROGRESS:
                return "not known yet";
        case ENOTCONN:
                return "the bus is gone";
        default:
                return strerror(-error);
        }
}

/* Adds to the detail, after a comma. */
static void say(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct reading *r, const char *format, ...)
{
        size_t len = strlen(r->detail);
        va_list args;

        if (len > 0 && len + 2 < sizeof(r->detail)) {
                memcpy(r->detail + len, ", ", 3);
                len += 2;
        }
        va_start(args, format);
        vsnprintf(r->detail + len, sizeof(r->detail) - len, format, args);
        va_end(args);
}

/* Sensors are not exact to more than a tenth. */
static double rounded(double value)
{
        return round(value * 10) / 10;
}

static const char *ignored_why(const struct governor_decision *d, const char *name)
{
        for (unsigned i = 0; i < d->n_ignored; i++)
                if (strcmp(d->ignored[i].name, name) == 0)
                        return d->ignored[i].why;
        return NULL;
}

static void add(json_t *array, const struct headroom_view *v, struct reading *r)
{
        json_t *json;

        if (r->error < 0)
                say(r, "%s", error_text(r->error));
        json = json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "name", r->name, "kind", r->kind, "unit", r->unit, "detail",
                         *r->detail ? r->detail : NULL, "ignored",
                         ignored_why(v->decision, r->judged ? r->judged : r->name));
        if (r->error == 0 && !r->has_no_value)
                json_object_set_new(json, "value", json_real(rounded(r->value)));
        json_array_append_new(array, json);
}

/* Temperatures. */

static void say_trip(struct reading *r, const char *what, int64_t millicelsius)
{
        if (millicelsius != READINGS_NONE)
                say(r, "%s %.0f °C", what, (double)millicelsius / 1000);
}

static void say_place(struct reading *r, const struct readings_zone *zone)
{
        switch (zone->place) {
        case READINGS_DIE:
                if (zone->package != UINT_MAX)
                        say(r, "die of package %u", zone->package);
                else
                        say(r, "die");
                break;
        case READINGS_CHASSIS:
                say(r, "chassis");
                break;
        case READINGS_OTHER:
                break;
        }
}

static void add_zone(json_t *array, const struct headroom_view *v, const struct readings_zone *zone)
{
        struct reading r = {.name = zone->name,
                            .kind = "temperature",
                            .unit = "C",
                            .error = zone->error,
                            .value = (double)zone->millicelsius / 1000};

        say_place(&r, zone);
        say_trip(&r, "passive", zone->passive);
        say_trip(&r, "hot", zone->hot);
        say_trip(&r, "critical", zone->critical);
        add(array, v, &r);
}

/* Packages. What is counted up is a rate once there are two samples. */

static const struct readings_package *package_before(const struct headroom_view *v, const struct readings_package *now)
{
        for (unsigned i = 0; v->before && i < v->before->n_packages; i++)
                if (v->before->packages[i].package == now->package)
                        return &v->before->packages[i];
        return NULL;
}

static double seconds_between(const struct headroom_view *v)
{
        return v->before && v->readings->now > v->before->now ? (double)(v->readings->now - v->before->now) / 1e6 : 0;
}

static void add_throttling(json_t *array, const struct headroom_view *v, const struct readings_package *p,
                           const char *name)
{
        const struct readings_package *before = package_before(v, p);
        double seconds = seconds_between(v);
        struct reading r = {.name = name, .kind = "throttling", .unit = "%", .error = p->throttle_error};

        if (r.error == 0) {
                say(&r, "of the time");
                say(&r, "%.1f s in %llu times since boot", (double)p->throttled_ms / 1000,
                    (unsigned long long)p->throttle_events);
                if (before && before->throttle_error == 0 && seconds > 0 && p->throttled_ms >= before->throttled_ms)
                        r.value = (double)(p->throttled_ms - before->throttled_ms) / (10 * seconds);
                else
                        r.error = -EINPROGRESS;
        }
        add(array, v, &r);
}

static void add_frequency(json_t *array, const struct headroom_view *v, const struct readings_package *p,
                          const char *name)
{
        struct reading r = {.name = name,
                            .kind = "frequency",
                            .unit = "%",
                            .error = p->frequency_error,
                            .value = 100 * p->frequency};

        if (r.error == 0 && p->n_measured == 0) {
                say(&r, "no CPU of it is lent");
                r.error = -EINPROGRESS;
        } else if (r.error == 0) {
                say(&r, "of base");
                if (p->n_below_base > 0)
                        say(&r, "%u of %u lent CPUs below it", p->n_below_base, p->n_measured);
        }
        if (p->frequency_error == 0 && p->cap < 1)
                say(&r, "capped at %.0f %% of the maximum", 100 * p->cap);
        add(array, v, &r);
}

uint64_t headroom_energy(const struct readings_package *before, const struct readings_package *now)
{
        if (now->energy_uj >= before->energy_uj)
                return now->energy_uj - before->energy_uj;
        return now->energy_range_uj > before->energy_uj ? now->energy_range_uj - before->energy_uj + now->energy_uj : 0;
}

static void say_limits(struct reading *r, const struct readings_package *p)
{
        if (p->limit_error < 0)
                return;
        say(r, "limit %.0f W over %.0f s", (double)p->long_limit_uw / 1e6, (double)p->long_window_us / 1e6);
        if (p->short_limit_uw > 0)
                say(r, "%.0f W at most", (double)p->short_limit_uw / 1e6);
}

static void add_power(json_t *array, const struct headroom_view *v, const struct readings_package *p, const char *name,
                      const char *energy)
{
        const struct readings_package *before = package_before(v, p);
        double seconds = seconds_between(v);
        struct reading r = {.name = name, .judged = energy, .kind = "power", .unit = "W", .error = p->energy_error};

        if (r.error == 0 && before && before->energy_error == 0 && seconds > 0)
                r.value = (double)headroom_energy(before, p) / 1e6 / seconds;
        else if (r.error == 0)
                r.error = -EINPROGRESS;
        say_limits(&r, p);
        add(array, v, &r);
}

static void add_package(json_t *array, const struct headroom_view *v, const struct readings_package *p)
{
        char name[NAME_SIZE], energy[NAME_SIZE];

        snprintf(name, sizeof(name), "package %u throttling", p->package);
        add_throttling(array, v, p, name);
        snprintf(name, sizeof(name), "package %u frequency", p->package);
        add_frequency(array, v, p, name);
        snprintf(name, sizeof(name), "package %u power", p->package);
        snprintf(energy, sizeof(energy), "package %u energy", p->package);
        add_power(array, v, p, name, energy);
}

/* The whole system. */

static void say_trigger(struct reading *r, int error)
{
        switch (-error) {
        case 0:
                say(r, "kernel trigger set");
                break;
        case EINPROGRESS:
                say(r, "read once");
                break;
        case EACCES:
        case EPERM:
                say(r, "polled, kernel trigger not allowed");
                break;
        default:
                say(r, "polled, no kernel trigger");
                break;
        }
}

static void add_pressure(json_t *array, const struct headroom_view *v, const char *name,
                         const struct readings_pressure *p, const int *trigger_error)
{
        struct reading r = {.name = name, .kind = "pressure", .unit = "%", .error = p->error, .value = p->some10};

        if (r.error == 0) {
                say(&r, "some in the last 10 s");
                say(&r, "full %.1f %%", p->full10);
                if (trigger_error)
                        say_trigger(&r, *trigger_error);
        }
        add(array, v, &r);
}

static void add_memory(json_t *array, const struct headroom_view *v)
{
        const struct readings *now = v->readings;
        struct reading r = {.name = "memory available",
                            .judged = "memory",
                            .kind = "memory",
                            .unit = "B",
                            .error = now->memory_error,
                            .value = (double)now->memory_available};

        if (r.error == 0 && now->memory_total > 0)
                say(&r, "of %.1f GiB", (double)now->memory_total / (1 << 30));
        add(array, v, &r);
}

static void add_supply(json_t *array, const struct headroom_view *v)
{
        const struct readings *now = v->readings;
        struct reading r = {.name = "power supply",
                            .kind = "supply",
                            .unit = "%",
                            .error = now->supply_error,
                            .value = now->battery_percent};

        if (r.error == 0) {
                say(&r, now->on_battery ? "on battery" : "on mains");
                r.has_no_value = now->battery_percent < 0;
        }
        add(array, v, &r);
}

/* Its value is a word, which the detail has. */
static void add_profile(json_t *array, const struct headroom_view *v)
{
        const struct readings *now = v->readings;
        struct reading r = {.name = "power profile",
                            .kind = "profile",
                            .unit = "",
                            .error = now->profile_error,
                            .has_no_value = true};

        if (r.error == 0) {
                say(&r, "%s", readings_profile_text(now->profile));
                if (*now->degraded)
                        say(&r, "performance is degraded: %s", now->degraded);
        }
        add(array, v, &r);
}

static json_t *readings_json(const struct headroom_view *v)
{
        json_t *array = json_array();

        if (!v->readings)
                return array;
        for (unsigned i = 0; i < v->readings->n_zones; i++)
                add_zone(array, v, &v->readings->zones[i]);
        for (unsigned i = 0; i < v->readings->n_packages; i++)
                add_package(array, v, &v->readings->packages[i]);
        add_supply(array, v);
        add_profile(array, v);
        add_pressure(array, v, "CPU pressure", &v->readings->cpu, NULL);
        add_pressure(array, v, "memory pressure", &v->readings->memory, &v->trigger_error);
        add_memory(array, v);
        return array;
}

/* The decision. */

static json_t *limits_json(const struct governor_decision *d)
{
        json_t *array = json_array();

        for (unsigned i = 0; i < d->n_limits; i++) {
                const struct governor_limit *limit = &d->limits[i];
                json_t *json =
                        json_pack("{s:s, s:i, s:s, s:s*, s:b}", "cause", governor_cause_text(limit->cause), "pus",
                                  (int)limit->pus, "what", limit->what, "until", *limit->until ? limit->until : NULL,
                                  "binding", (int)(limit->cause == d->cause));

                if (limit->next > 0)
                        json_object_set_new(json, "next", json_integer(limit->next));
                json_array_append_new(array, json);
        }
        return array;
}

json_t *headroom_view_json(const struct headroom_view *v)
{
        const struct governor_decision *d = v->decision;
        json_t *json = json_pack("{s:s, s:i, s:i, s:s, s:f, s:b, s:o, s:o}", "policy", governor_policy_text(v->policy),
                                 "budget", (int)d->budget, "of", (int)d->usable, "reason", d->text, "level", d->level,
                                 "hold", (int)d->hold, "limits", limits_json(d), "readings", readings_json(v));

        if (v->readings)
                json_object_set_new(json, "ageMs", json_integer((json_int_t)(v->age / 1000)));
        return json;
}
