#include "core/governor_state.h"

#include <errno.h>
#include <string.h>

/* °C. Silicon and its sensors work from -40 to 125; readings beyond 150 come from a register that nobody filled. */
#define LEAST          -40.0
#define MOST           150.0
/* Trip points below are firmware's placeholders (0, 20); a die's is never below 60. */
#define TRIP_LEAST     30.0
#define TRIP_LEAST_DIE 60.0

/* Filters, s: a die's heat comes and goes in seconds, a chassis' in minutes; the sensors' noise is a degree. */
#define SMOOTH_DIE     2.0
#define SMOOTH_CHASSIS 8.0
/* And a slower one; what lies between the two is the rise in the time that lies between them. */
#define SLOW           60.0

/* K within JUMP_US. A die can heat by 60 K from one sample to the next; a chassis cannot by 10. */
#define JUMP_DIE      80.0
#define JUMP_CHASSIS  12.0
#define JUMP_US       (3 * GOVERNOR_SECOND)
#define JUMP_ASIDE_US (30 * GOVERNOR_SECOND)

/* A raw value that did not change for so long while the dies' other sensors moved by so much, or, where there are none,
 * while the number of PUs lent changed by half of them. A steady machine has steady readings: time alone proves
 * nothing. */
#define STUCK_DIE_US     (20 * GOVERNOR_SECOND)
#define STUCK_CHASSIS_US (300 * GOVERNOR_SECOND)
#define STUCK_MOVED      15.0                    /* K */
#define STUCK_LONG_US    (300 * GOVERNOR_SECOND) /* a die's, after which less proves as much */
#define STUCK_MOVED_LONG 4.0                     /* K */
/* What the CPUs do not heat need not follow them. It is stuck only where that matters: so few K below its critical trip
 * that it limits, or that what it has limited does not come back. */
#define STUCK_MATTERS    15.0

/* Deviation from the peers' median, other than usual under this load. */
#define DRIFT       12.0 /* K from the usual deviation */
#define DRIFT_BACK  6.0  /* K: and back */
#define DRIFT_FAR   40.0 /* K from the median, whatever is usual, once half of the PUs are lent */
#define DRIFT_US    (30 * GOVERNOR_SECOND)
#define USUAL_US    (30 * GOVERNOR_SECOND) /* after this under one load the deviation is the usual one */
#define DEVIATION_S 10.0                   /* s, filter */
#define AGREES      6.0                    /* K: another sensor that says the same is a witness */
#define HOTTER      10.0                   /* K that a chassis is hotter than the hottest die */
#define HOTTER_US   (60 * GOVERNOR_SECOND)

static double celsius_of(int64_t millicelsius)
{
        return millicelsius == READINGS_NONE ? GOVERNOR_UNKNOWN : (double)millicelsius / 1000;
}

static double trip_of(const struct readings_zone *reading, int64_t millicelsius)
{
        double trip = celsius_of(millicelsius);
        double least = reading->place == READINGS_DIE ? TRIP_LEAST_DIE : TRIP_LEAST;

        return governor_plausible(trip, least, MOST) ? trip : GOVERNOR_UNKNOWN;
}

static void zone_forget(struct governor_zone *zone)
{
        *zone = (struct governor_zone){
                .jumped_at = UINT64_MAX,
                .odd_since = UINT64_MAX,
                .hotter_since = UINT64_MAX,
                .usual = GOVERNOR_UNKNOWN,
        };
}

void governor_forget_zones(struct governor_sensors *sensors)
{
        for (unsigned i = 0; i < sensors->n_zones; i++) {
                struct governor_zone *zone = &sensors->zones[i], before = *zone;

                zone_forget(zone);
                memcpy(zone->reading.name, before.reading.name, sizeof(zone->reading.name));
                zone->indifferent = before.indifferent;
        }
        memset(&sensors->load, 0, sizeof(sensors->load));
}

/* The course so far of the sensor with this name; each is taken once. */
static void course_take(struct governor_sensors *sensors, unsigned n_before, const char *name,
                        struct governor_zone *ret_zone)
{
        for (unsigned i = 0; i < n_before; i++) {
                struct governor_zone *zone = &sensors->before[i];

                if (zone->reading.name[0] && strcmp(zone->reading.name, name) == 0) {
                        *ret_zone = *zone;
                        zone->reading.name[0] = '\0';
                        return;
                }
        }
        zone_forget(ret_zone);
}

static const char *implausible(const struct governor_zone *zone)
{
        const struct readings_zone *reading = &zone->reading;
        double celsius = celsius_of(reading->millicelsius);

        if (reading->error == -ENOENT || reading->error == -ENODEV || reading->error == -ENXIO)
                return "has vanished";
        if (reading->error == -ENODATA) /* as of a disk that sleeps */
                return "says nothing";
        if (reading->error == -EINVAL || reading->error == -ERANGE)
                return "says no number";
        if (reading->error)
                return "cannot be read";
        if (reading->millicelsius == READINGS_NONE)
                return "says nothing";
        if (celsius < LEAST)
                return "below -40 °C";
        if (celsius > MOST)
                return "above 150 °C";
        return NULL;
}

/* Too far from the value before. Where it stays, that is believed after JUMP_ASIDE_US. */
static bool jumps(struct governor *g, struct governor_zone *zone, double celsius)
{
        double most = zone->reading.place == READINGS_DIE ? JUMP_DIE : JUMP_CHASSIS;

        if (zone->known && g->dt * (double)GOVERNOR_SECOND <= (double)JUMP_US && fabs(celsius - zone->celsius) > most)
                zone->jumped_at = g->now;
        if (zone->jumped_at != UINT64_MAX && g->now - zone->jumped_at >= JUMP_ASIDE_US)
                zone->jumped_at = UINT64_MAX;
        return zone->jumped_at != UINT64_MAX;
}

static void take_value(struct governor *g, struct governor_zone *zone, bool changed)
{
        double celsius = celsius_of(zone->reading.millicelsius);
        double tau = zone->reading.place == READINGS_DIE ? SMOOTH_DIE : SMOOTH_CHASSIS;

        if (jumps(g, zone, celsius)) {
                zone->why = "jumps";
                zone->smooth = zone->slow = celsius;
        } else if (!zone->known) {
                zone->smooth = zone->slow = celsius;
        } else {
                zone->smooth += (celsius - zone->smooth) * governor_smoothing(g->dt, tau);
                zone->slow += (celsius - zone->slow) * governor_smoothing(g->dt, SLOW);
        }
        zone->rise = (zone->smooth - zone->slow) / (SLOW - tau);
        if (!zone->known || changed) {
                zone->still_since = g->now;
                zone->others_low = zone->others_high = GOVERNOR_UNKNOWN;
                zone->lent_low = zone->lent_high = g->n_lent;
                zone->stuck = false;
        }
        zone->celsius = celsius;
        zone->known = true;
}

static void take_zone(struct governor *g, unsigned n_before, const struct readings_zone *reading)
{
        struct governor_zone *zone = &g->sensors.zones[g->sensors.n_zones++];
        char name[READINGS_NAME_MAX];
        bool changed;

        governor_copy_name(name, reading->name);
        course_take(&g->sensors, n_before, name, zone);
        changed = zone->reading.millicelsius != reading->millicelsius;
        zone->reading = *reading;
        memcpy(zone->reading.name, name, sizeof(name));
        zone->passive = trip_of(reading, reading->passive);
        zone->hot = trip_of(reading, reading->hot);
        zone->critical = trip_of(reading, reading->critical);
        zone->why = implausible(zone);
        if (!zone->why)
                take_value(g, zone, changed);
}

static bool is_peer(const struct governor_zone *zone, const struct governor_zone *peer)
{
        return !peer->why && peer->reading.place == zone->reading.place &&
               (peer->reading.place != READINGS_DIE || peer->reading.package == zone->reading.package);
}

/* Median over the believed zones that `zone` is to be compared with; it is one of them where with_itself.
 * dies: with all dies instead of its peers; unless it is a die, which follows in seconds, with what they were over the
 * last minute: a chassis in balance does not move when they do for less. Returns how many. */
static unsigned median_of_others(const struct governor *g, const struct governor_zone *zone, bool dies,
                                 bool with_itself, double *ret_median)
{
        bool slow = dies && zone->reading.place != READINGS_DIE;
        double values[READINGS_ZONES_MAX];
        unsigned n = 0;

        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                const struct governor_zone *other = &g->sensors.zones[i];

                if (other == zone && !with_itself)
                        continue;
                if (dies ? !other->why && other->reading.place == READINGS_DIE && !other->stuck : is_peer(zone, other))
                        values[n++] = slow ? other->slow : other->smooth;
        }
        *ret_median = governor_median(values, n);
        return n;
}

static bool others_moved(const struct governor *g, const struct governor_zone *zone)
{
        bool is_long = zone->reading.place == READINGS_DIE && g->now - zone->still_since >= STUCK_LONG_US;

        if (zone->others_high > zone->others_low)
                return zone->others_high - zone->others_low >= (is_long ? STUCK_MOVED_LONG : STUCK_MOVED);
        return zone->lent_high - zone->lent_low >= (g->n_usable + 1) / 2 && zone->lent_high > zone->lent_low;
}

static void find_stuck(struct governor *g, struct governor_zone *zone)
{
        uint64_t patience = zone->reading.place == READINGS_DIE ? STUCK_DIE_US : STUCK_CHASSIS_US;
        bool matters = zone->reading.place != READINGS_OTHER || zone->celsius >= zone->critical - STUCK_MATTERS;
        double others;

        if (median_of_others(g, zone, true, false, &others) > 0) {
                zone->others_low = fmin(zone->others_low, others);
                zone->others_high = fmax(zone->others_high, others);
        }
        if (g->n_lent < zone->lent_low)
                zone->lent_low = g->n_lent;
        if (g->n_lent > zone->lent_high)
                zone->lent_high = g->n_lent;
        if (matters && g->now - zone->still_since >= patience && others_moved(g, zone))
                zone->stuck = true;
}

/* A sensor that says about the same: a core that is busy alone is as hot as its package. */
static bool has_witness(const struct governor *g, const struct governor_zone *zone)
{
        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                const struct governor_zone *other = &g->sensors.zones[i];

                if (other != zone && is_peer(zone, other) && fabs(other->smooth - zone->smooth) <= AGREES)
                        return true;
        }
        return false;
}

static bool is_odd(const struct governor *g, const struct governor_zone *zone)
{
        double off = zone->drifting ? DRIFT_BACK : DRIFT;

        if (has_witness(g, zone))
                return false;
        if (isfinite(zone->usual) && fabs(zone->deviation - zone->usual) > off)
                return true;
        return fabs(zone->deviation) > DRIFT_FAR && 2 * g->n_lent >= g->n_usable;
}

static void find_drifting(struct governor *g, struct governor_zone *zone)
{
        double median;

        if (median_of_others(g, zone, false, true, &median) < 3) {
                zone->drifting = false;
                zone->usual = GOVERNOR_UNKNOWN;
                zone->odd_since = UINT64_MAX;
                return;
        }
        zone->deviation += (zone->smooth - median - zone->deviation) * governor_smoothing(g->dt, DEVIATION_S);
        if (g->now - g->sensors.load_since < USUAL_US && !zone->drifting)
                zone->usual = GOVERNOR_UNKNOWN;
        else if (!isfinite(zone->usual))
                zone->usual = zone->deviation;
        if (!is_odd(g, zone))
                zone->odd_since = UINT64_MAX;
        else if (zone->odd_since == UINT64_MAX)
                zone->odd_since = g->now;
        zone->drifting = zone->odd_since != UINT64_MAX && g->now - zone->odd_since >= DRIFT_US;
}

static void find_hotter(struct governor *g, struct governor_zone *zone)
{
        double hottest = -GOVERNOR_ENDLESS;

        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                const struct governor_zone *other = &g->sensors.zones[i];

                if (!other->why && other->reading.place == READINGS_DIE)
                        hottest = fmax(hottest, other->smooth);
        }
        if (!isfinite(hottest) || zone->smooth <= hottest + HOTTER)
                zone->hotter_since = UINT64_MAX;
        else if (zone->hotter_since == UINT64_MAX)
                zone->hotter_since = g->now;
}

static void judge(struct governor *g, struct governor_zone *zone)
{
        find_stuck(g, zone);
        if (zone->reading.place != READINGS_OTHER)
                find_drifting(g, zone);
        if (zone->reading.place == READINGS_CHASSIS)
                find_hotter(g, zone);
}

static const char *verdict(const struct governor *g, const struct governor_zone *zone)
{
        if (zone->stuck)
                return "does not change";
        if (zone->drifting)
                return "drifts away from its peers";
        if (zone->hotter_since != UINT64_MAX && g->now - zone->hotter_since >= HOTTER_US)
                return "hotter than the die that heats it";
        return NULL;
}

/* The load is another one when more than a quarter of it has changed. */
static void find_load(struct governor *g)
{
        struct governor_sensors *s = &g->sensors;
        const struct cpuset *lent = g->situation->lent;
        struct cpuset more = cpuset_andnot(lent, &s->load), less = cpuset_andnot(&s->load, lent);

        if (4 * (cpuset_count(&more) + cpuset_count(&less)) <= cpuset_count(&s->load))
                return;
        s->load = *lent;
        s->load_since = g->now;
}

void governor_judge_zones(struct governor *g)
{
        struct governor_sensors *s = &g->sensors;
        unsigned n = g->readings->n_zones < READINGS_ZONES_MAX ? g->readings->n_zones : READINGS_ZONES_MAX;
        unsigned n_before = s->n_zones;

        find_load(g);
        memcpy(s->before, s->zones, n_before * sizeof(s->zones[0]));
        s->n_zones = 0;
        for (unsigned i = 0; i < n; i++)
                take_zone(g, n_before, &g->readings->zones[i]);
        for (unsigned i = 0; i < n; i++)
                if (!s->zones[i].why)
                        judge(g, &s->zones[i]);
        for (unsigned i = 0; i < n; i++) {
                if (!s->zones[i].why)
                        s->zones[i].why = verdict(g, &s->zones[i]);
                if (s->zones[i].why)
                        governor_ignore(g, s->zones[i].reading.name, s->zones[i].why);
        }
}
