#include "core/governor_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* s. Rates follow the last seconds: long enough for a throttle counter that moves in bursts. */
#define RATE_S     10.0
#define WATTS_S    5.0
/* s. Watts per PU are the machine's and change little. */
#define PER_PU_S   20.0
/* K below its limit where a die is taken to be at it: noise, and the hardware's own margin. */
#define AT_LIMIT   2.0
/* What one package can draw at most; more is a counter that lies. */
#define WATTS_MOST 5000.0
/* Relative to base; turbo reaches three times the base of a mobile CPU, hardly more. */
#define SPEED_MOST 20.0
/* Two readings of a counter closer than that say too little. */
#define APART_US   (GOVERNOR_SECOND / 2)

static struct governor_package *course_of(struct governor *g, unsigned package)
{
        for (unsigned i = 0; i < g->n_packages; i++)
                if (g->packages[i].package == package)
                        return &g->packages[i];
        if (g->n_packages == READINGS_PACKAGES_MAX)
                return NULL;
        g->packages[g->n_packages] = (struct governor_package){.package = package};
        return &g->packages[g->n_packages++];
}

static void ignore(struct governor *g, unsigned package, const char *what, const char *why)
{
        char name[READINGS_NAME_MAX];

        snprintf(name, sizeof(name), "package %u %s", package, what);
        governor_ignore(g, name, why);
}

static void remember_counts(struct governor *g, struct governor_package *p, const struct readings_package *r)
{
        p->counted_at = g->now;
        p->throttled_ms = r->throttled_ms;
        p->core_throttled_ms = r->core_throttled_ms;
        p->throttle_events = r->throttle_events;
}

/* Of the package. Not n_measured, which on large packages is of some of them only. */
static unsigned n_lent_cores(const struct governor *g, unsigned package)
{
        const struct machine *m = g->situation->machine;
        struct cpuset cores = {0};

        for (unsigned i = 0; i < m->n_pus; i++)
                if (m->pus[i].package == package && cpuset_has(g->situation->lent, m->pus[i].os))
                        cpuset_add(&cores, m->pus[i].core);
        return cpuset_count(&cores);
}

/* Share of the time since the last reading, from what the counters went up by; more than 2 where that makes no sense.
 * The cores' is a sum over all of them, of which the lent ones work. Kernels before 5.6 count events only: then a
 * second with an event counts as throttled. */
static double throttled_share(const struct governor *g, struct governor_package *p, const struct readings_package *r,
                              double ms)
{
        unsigned n_cores = n_lent_cores(g, p->package);
        double package = (double)(r->throttled_ms - p->throttled_ms) / ms;
        double cores = (double)(r->core_throttled_ms - p->core_throttled_ms) / ms;

        if (package > 2 || cores > 2 * CPUSET_MAX)
                return fmax(package, cores);
        if (package > 0 || cores > 0)
                p->times = true;
        if (!p->times)
                return r->throttle_events > p->throttle_events ? 1 : 0;
        return fmin(fmax(package, n_cores > 0 ? cores / n_cores : 0), 1);
}

/* Whether a believed die of the package is where its hardware begins to slow down. */
static bool is_at_limit(const struct governor *g, unsigned package)
{
        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                const struct governor_zone *zone = &g->sensors.zones[i];
                double limit = isfinite(zone->critical) ? zone->critical : fmin(zone->passive, zone->hot);

                if (!zone->why && zone->reading.place == READINGS_DIE && zone->reading.package == package &&
                    zone->smooth >= (isfinite(limit) ? limit : GOVERNOR_DIE_LIMIT) - AT_LIMIT)
                        return true;
        }
        return false;
}

/* CPUs without such counters (AMD's): at its limit the die is taken to be throttled. */
static void guess_throttling(struct governor *g, struct governor_package *p)
{
        double share = is_at_limit(g, p->package) ? 1 : 0;

        p->counted_at = 0;
        p->guessed = true;
        p->throttled += (share - p->throttled) * governor_smoothing(g->dt, RATE_S);
}

static void take_throttling(struct governor *g, struct governor_package *p, const struct readings_package *r)
{
        uint64_t since = g->now - p->counted_at;
        double share;

        if (r->throttle_error) {
                guess_throttling(g, p);
                return;
        }
        p->guessed = false;
        if (p->counted_at && since < APART_US)
                return;
        if (p->counted_at && (r->throttled_ms < p->throttled_ms || r->core_throttled_ms < p->core_throttled_ms ||
                              r->throttle_events < p->throttle_events)) {
                ignore(g, p->package, "throttling", "runs backwards");
        } else if (p->counted_at) {
                share = throttled_share(g, p, r, (double)since / 1000);
                if (share > 2)
                        ignore(g, p->package, "throttling", "more than the time that passed");
                else
                        p->throttled += (share - p->throttled) *
                                        governor_smoothing((double)since / (double)GOVERNOR_SECOND, RATE_S);
        }
        remember_counts(g, p, r);
}

/* Joules since the last reading; GOVERNOR_UNKNOWN where the counter makes no sense. It wraps around at its range. */
static double joules_since(const struct governor_package *p, const struct readings_package *r)
{
        if (r->energy_uj >= p->energy_uj)
                return (double)(r->energy_uj - p->energy_uj) / 1e6;
        if (r->energy_range_uj <= p->energy_uj)
                return GOVERNOR_UNKNOWN;
        return (double)(r->energy_range_uj - p->energy_uj + r->energy_uj) / 1e6;
}

static void take_energy(struct governor *g, struct governor_package *p, const struct readings_package *r)
{
        double seconds = (double)(g->now - p->metered_at) / (double)GOVERNOR_SECOND, watts;

        if (r->energy_error) {
                p->metered_at = 0;
                p->has_watts = false;
                return;
        }
        if (p->metered_at && g->now - p->metered_at < APART_US)
                return;
        if (p->metered_at) {
                watts = joules_since(p, r) / seconds;
                if (!governor_plausible(watts, 0, WATTS_MOST))
                        ignore(g, p->package, "energy", "more than a package can draw");
                else
                        p->watts = p->has_watts ? p->watts + (watts - p->watts) * governor_smoothing(seconds, WATTS_S)
                                                : watts;
                p->has_watts = governor_plausible(watts, 0, WATTS_MOST);
        }
        p->metered_at = g->now;
        p->energy_uj = r->energy_uj;
}

static void take_limit(struct governor *g, struct governor_package *p, const struct readings_package *r)
{
        double watts = (double)r->long_limit_uw / 1e6;

        p->limit_watts = 0;
        if (r->limit_error || r->long_limit_uw == 0)
                return;
        if (watts < 1 || watts > WATTS_MOST)
                ignore(g, p->package, "power limit", "no package's");
        else
                p->limit_watts = watts;
}

static void take_frequency(struct governor *g, struct governor_package *p, const struct readings_package *r)
{
        double way = governor_smoothing(g->dt, RATE_S);

        if (r->frequency_error || r->n_measured == 0) {
                p->has_speed = false;
                return;
        }
        if (!governor_plausible(r->frequency, 1e-3, SPEED_MOST) || r->n_below_base > r->n_measured) {
                ignore(g, p->package, "frequency", "makes no sense");
                p->has_speed = false;
                return;
        }
        if (!p->has_speed) {
                p->has_speed = true;
                way = 1;
        }
        p->speed += (r->frequency - p->speed) * way;
        p->below += ((double)r->n_below_base / r->n_measured - p->below) * way;
}

/* For the feed-forward: what a PU that is lent draws, its share of the package's own draw included. */
static void learn_watts_per_pu(struct governor *g)
{
        double watts = 0;

        for (unsigned i = 0; i < g->n_packages; i++) {
                if (!g->packages[i].has_watts)
                        return;
                watts += g->packages[i].watts;
        }
        if (g->n_packages == 0 || g->n_lent == 0)
                return;
        watts /= g->n_lent;
        if (g->watts_per_pu <= 0)
                g->watts_per_pu = watts;
        else
                g->watts_per_pu += (watts - g->watts_per_pu) * governor_smoothing(g->dt, PER_PU_S);
}

static void drop_absent(struct governor *g, unsigned n)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < g->n_packages; i++)
                for (unsigned j = 0; j < n; j++)
                        if (g->readings->packages[j].package == g->packages[i].package) {
                                g->packages[kept++] = g->packages[i];
                                break;
                        }
        g->n_packages = kept;
}

void governor_judge_packages(struct governor *g)
{
        const struct readings *r = g->readings;
        unsigned n = r->n_packages < READINGS_PACKAGES_MAX ? r->n_packages : READINGS_PACKAGES_MAX;

        drop_absent(g, n);
        for (unsigned i = 0; i < n; i++) {
                struct governor_package *p = course_of(g, r->packages[i].package);

                if (!p)
                        continue;
                take_throttling(g, p, &r->packages[i]);
                take_energy(g, p, &r->packages[i]);
                take_limit(g, p, &r->packages[i]);
                take_frequency(g, p, &r->packages[i]);
        }
        learn_watts_per_pu(g);
}
