#include "core/governor_state.h"

/* °C. Heat flows into air of about this temperature; a loop's gain is relative to how far above it the target is. */
#define AMBIENT 25.0
/* Relative error above which a loop has no say: a start from cold is not held back. */
#define ENGAGE  0.25
/* A sensor that is gone keeps its loop where it was for so long. */
#define KEEP_US (30 * GOVERNOR_SECOND)

/* A rise that held for so long was right; of others so many double the wait. */
#define LASTED_US (300 * GOVERNOR_SECOND)
enum { PATIENCE_MOST = 4 };

/* A PI law in velocity form on the relative error: (target - reading) / (target - ambient), and on watts the same with
 * 0 W for ambient. So that the plant's gain is about one PU's share of the level, on every machine. */
struct law {
        double gain;  /* of the level, for a relative error of 1 */
        double reset; /* s; Ti */
        double slope; /* of the rise that one PU more is predicted to bring, what has to be free before it comes */
        struct governor_dwell dwell;
};

/* A die follows in seconds, its sensor and filter in two or three more: reset as long as all of that, gain for little
 * overshoot with it (SIMC rules; Skogestad, Simple analytic rules for model reduction and PID controller tuning, 2003).
 */
static const struct law die_law = {
        .gain = 0.5,
        .reset = 10,
        .slope = 0.5,
        .dwell = {.up = 30 * GOVERNOR_SECOND, .down = 5 * GOVERNOR_SECOND},
};
/* A chassis takes 3 to 8 minutes: damped at both ends. Every number is held long enough for two changes a minute, and
 * what lies between two numbers comes from changing between them, which a chassis does not notice. */
static const struct law chassis_law = {
        .gain = 1.5,
        .reset = 100,
        .slope = 0,
        .dwell = {.up = 45 * GOVERNOR_SECOND, .down = 15 * GOVERNOR_SECOND},
};
/* Watts follow at once; RAPL's window and the filter do not. */
static const struct law power_law = {
        .gain = 0.5,
        .reset = 10,
        .slope = 0.5,
        .dwell = {.up = 30 * GOVERNOR_SECOND, .down = 5 * GOVERNOR_SECOND},
};

/* What each policy keeps away from. */
struct margins {
        double passive, critical; /* K below a die's trip; a critical one is higher than a passive one, so more */
        double chassis;           /* K below its trip: performance leaves the trip itself to firmware and kernel */
        double power;             /* share of the long-term power limit that is used */
        double ahead;             /* s that a chassis is looked ahead, of the minutes that it takes to follow: a
                                     derivative part. Little where it may come up to its trip: a rise that ends before
                                     would cost work for nothing */
};
static const struct margins margins[GOVERNOR_POLICIES] = {
        [GOVERNOR_PERFORMANCE] = {.chassis = -2, .ahead = 20},
        [GOVERNOR_BALANCED] = {.chassis = 0, .ahead = 20},
        [GOVERNOR_QUIET] = {.passive = 10, .critical = 15, .chassis = 2, .power = 0.75, .ahead = 180},
        [GOVERNOR_BATTERY] = {.passive = 10, .critical = 15, .chassis = 2, .power = 0.5, .ahead = 180},
};

/* The reading that a loop goes by in this step. */
struct input {
        const struct governor_zone *zone; /* NULL of power */
        double value, target, limit;      /* °C or W */
        double error;                     /* relative: what is left until the target */
};

static double error_of(double value, double target)
{
        return (target - value) / fmax(target - AMBIENT, 10);
}

static bool has_trip(const struct governor_zone *zone)
{
        return isfinite(zone->passive) || isfinite(zone->hot) || isfinite(zone->critical);
}

/* Whether another sensor of the same package names a trip: what one does not know its neighbour does. */
static bool neighbour_has_trip(const struct governor *g, const struct governor_zone *zone)
{
        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                const struct governor_zone *other = &g->sensors.zones[i];

                if (!other->why && other->reading.place == READINGS_DIE &&
                    other->reading.package == zone->reading.package && has_trip(other))
                        return true;
        }
        return false;
}

/* False where the zone has nothing to say to the cause. */
static bool zone_input(const struct governor *g, const struct governor_zone *zone, enum governor_cause cause,
                       struct input *ret_input)
{
        const struct margins *m = &margins[g->settings.policy];
        double trip = fmin(zone->passive, zone->hot), margin = m->passive, value = zone->smooth;

        if (zone->why || zone->reading.place != (cause == GOVERNOR_CHASSIS ? READINGS_CHASSIS : READINGS_DIE))
                return false;
        if (cause == GOVERNOR_CHASSIS) {
                if (!isfinite(trip))
                        return false;
                margin = m->chassis;
                value += m->ahead * zone->rise;
        } else if (!has_trip(zone) && neighbour_has_trip(g, zone)) {
                return false;
        } else if (!isfinite(trip)) {
                trip = isfinite(zone->critical) ? zone->critical : GOVERNOR_DIE_LIMIT;
                margin = m->critical;
        }
        *ret_input = (struct input){
                .zone = zone,
                .value = value,
                .target = trip - margin,
                .limit = trip,
                .error = error_of(value, trip - margin),
        };
        return true;
}

/* The zone with least left. */
static bool worst_zone(const struct governor *g, enum governor_cause cause, struct input *ret_input)
{
        bool found = false;
        struct input input;

        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                if (!zone_input(g, &g->sensors.zones[i], cause, &input))
                        continue;
                if (!found || input.error < ret_input->error)
                        *ret_input = input;
                found = true;
        }
        return found;
}

static unsigned step_of(unsigned n)
{
        return n / 4 > 1 ? n / 4 : 1;
}

/* The value below which `more` PUs more fit, if heat and power grow with the PUs that make it. */
static double room_for(const struct governor *g, const struct law *law, const struct input *in, unsigned more)
{
        double ambient = in->zone ? AMBIENT : 0;
        double each = g->n_lent > 0 ? (in->value - ambient) / g->n_lent : 0;

        return in->target - law->slope * fmax(each, 0) * more;
}

/* Velocity form: the level changes, nothing is summed up, so nothing winds up. It follows what is really lent when it
 * goes down (but for the fraction of a PU, which noise would wear off), and stays within a step of what the loop grants
 * when it goes up. */
static void move_level(struct governor *g, struct governor_loop *loop, const struct law *law, const struct input *in)
{
        double from = loop->level, change;

        change = law->gain * (in->error - loop->error + g->dt / law->reset * in->error);
        if (change < 0 && g->n_lent > 0 && from > g->n_lent + 1)
                from = g->n_lent + (in->error < 0 ? 0 : 1);
        loop->level = from + fmax(from, 1) * change;
        loop->level = fmin(loop->level, loop->quantiser.n + step_of(loop->quantiser.n));
        loop->level = fmax(fmin(loop->level, g->n_usable), g->floor);
}

static void engage(struct governor *g, struct governor_loop *loop, double level)
{
        *loop = (struct governor_loop){.engaged = true, .level = fmax(fmin(level, g->n_usable), g->floor)};
        loop->quantiser = (struct governor_quantiser){.n = g->n_usable, .changed = g->now};
}

/* A rise that had to be taken back soon was wrong: the next one waits twice as long. */
static void learn_patience(struct governor *g, struct governor_loop *loop, unsigned before)
{
        if (loop->quantiser.n > before) {
                loop->raised = g->now;
        } else if (loop->quantiser.n < before && loop->raised > 0) {
                if (g->now - loop->raised >= LASTED_US)
                        loop->patience = 0;
                else if (loop->patience < PATIENCE_MOST)
                        loop->patience++;
                loop->raised = 0;
        }
}

static void quantise(struct governor *g, struct governor_loop *loop, const struct law *law, const struct input *in)
{
        unsigned step = step_of(loop->quantiser.n), before = loop->quantiser.n;
        struct governor_dwell dwell = {.up = law->dwell.up << loop->patience, .down = law->dwell.down};

        while (step > 1 && in->value > room_for(g, law, in, step))
                step--;
        governor_quantise(&loop->quantiser, g->now, loop->level, g->floor, g->n_usable, step,
                          in->value <= room_for(g, law, in, step), &dwell);
        learn_patience(g, loop, before);
        if (loop->quantiser.n >= g->n_usable && loop->level >= g->n_usable && in->error > ENGAGE)
                loop->engaged = false;
}

/* Feed-forward and law. level: what is expected to be right when the loop begins to have a say. */
static void loop_step(struct governor *g, struct governor_loop *loop, const struct law *law, const struct input *in,
                      double level)
{
        if (!loop->engaged && (in->error <= ENGAGE || level < g->n_usable)) {
                engage(g, loop, level);
                loop->error = fmax(in->error, 0);
        }
        if (loop->engaged) {
                move_level(g, loop, law, in);
                quantise(g, loop, law, in);
        }
        loop->error = in->error;
        loop->seen = g->now;
}

/* Without a reading the loop stays for a while: one bad second must not let everything go. */
static bool loop_blind(struct governor *g, struct governor_loop *loop)
{
        if (loop->engaged && g->now - loop->seen >= KEEP_US)
                loop->engaged = false;
        return loop->engaged;
}

static struct governor_limit *add_loop(struct governor *g, struct governor_loop *loop, enum governor_cause cause)
{
        unsigned n = loop->engaged ? loop->quantiser.n : g->n_usable;
        struct governor_limit *limit = governor_add_limit(g, cause, n);

        if (loop->engaged && loop->level < g->decision->level)
                g->decision->level = loop->level;
        if (n < g->n_usable)
                limit->next = n + step_of(n) < g->n_usable ? n + step_of(n) : g->n_usable;
        return limit;
}

static void say_zone(struct governor *g, struct governor_limit *limit, const struct law *law, const struct input *in)
{
        char name[READINGS_NAME_MAX];

        governor_say(limit->what, "%s at %ld °C of %ld °C", governor_zone_text(g, in->zone, name, sizeof(name)),
                     lround(in->zone->celsius), lround(in->limit));
        if (limit->next > 0)
                governor_say(limit->until, "below %ld °C", lround(room_for(g, law, in, limit->next - limit->pus)));
}

static void limit_zones(struct governor *g, struct governor_loop *loop, enum governor_cause cause,
                        const struct law *law)
{
        struct governor_limit *limit;
        struct input in;

        if (worst_zone(g, cause, &in)) {
                loop_step(g, loop, law, &in, g->n_usable);
                limit = add_loop(g, loop, cause);
                say_zone(g, limit, law, &in);
        } else if (loop_blind(g, loop)) {
                limit = add_loop(g, loop, cause);
                governor_say(limit->what, "no temperature since %.0f s",
                             (double)(g->now - loop->seen) / (double)GOVERNOR_SECOND);
        }
}

/* In performance and balanced a die runs up to its limit by design, and nothing is made of it. */
static void show_die(struct governor *g)
{
        struct governor_limit *limit;
        char name[READINGS_NAME_MAX];
        struct input in;

        if (!worst_zone(g, GOVERNOR_TEMPERATURE, &in))
                return;
        limit = governor_add_limit(g, GOVERNOR_TEMPERATURE, g->n_usable);
        governor_say(limit->what, "%s at %ld °C of %ld °C, no limit in this policy",
                     governor_zone_text(g, in.zone, name, sizeof(name)), lround(in.zone->celsius), lround(in.limit));
}

void governor_limit_heat(struct governor *g)
{
        limit_zones(g, &g->chassis, GOVERNOR_CHASSIS, &chassis_law);
        if (governor_is_cool(g->settings.policy))
                limit_zones(g, &g->temperature, GOVERNOR_TEMPERATURE, &die_law);
        else
                show_die(g);
}

/* Watts and limit of all packages together; false where one of them is not known. */
static bool power_input(const struct governor *g, struct input *ret_input)
{
        double watts = 0, limit = 0, target;

        for (unsigned i = 0; i < g->n_packages; i++) {
                if (!g->packages[i].has_watts || g->packages[i].limit_watts <= 0)
                        return false;
                watts += g->packages[i].watts;
                limit += g->packages[i].limit_watts;
        }
        if (limit <= 0)
                return false;
        target = limit * margins[g->settings.policy].power;
        *ret_input = (struct input){
                .value = watts,
                .target = target,
                .limit = limit,
                .error = (target - watts) / target,
        };
        return true;
}

void governor_limit_power(struct governor *g)
{
        struct governor_limit *limit;
        struct input in;

        if (!governor_is_cool(g->settings.policy))
                return;
        if (power_input(g, &in)) {
                loop_step(g, &g->power, &power_law, &in,
                          g->watts_per_pu > 0 ? in.target / g->watts_per_pu : g->n_usable);
                limit = add_loop(g, &g->power, GOVERNOR_POWER);
                governor_say(limit->what, "package power %.0f W of %.0f W", in.value, in.limit);
                if (limit->next > 0)
                        governor_say(limit->until, "below %.0f W",
                                     room_for(g, &power_law, &in, limit->next - limit->pus));
        } else if (loop_blind(g, &g->power)) {
                limit = add_loop(g, &g->power, GOVERNOR_POWER);
                governor_say(limit->what, "no package power since %.0f s",
                             (double)(g->now - g->power.seen) / (double)GOVERNOR_SECOND);
        }
}
