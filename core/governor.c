#include "core/governor_state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* On a machine of so few PUs the desktop is protected by scheduling weight, on a larger one by a reserve. */
enum { NICE_PUS_MAX = 4 };
/* A twentieth of the weight of what runs at 0: Linux's weights change by 1.25 a step (kernel/sched/core.c). With more
 * of it, what wakes up beside two runs on one PU often waits for the end of their slices (docs/headroom.md). */
enum { NICE = 14 };
/* K: more than the noise of two sensors of 1 °C. */
#define HOT_STAYS 3.0

int governor_create(const struct governor_settings *settings, struct governor **ret_governor)
{
        struct governor *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        g->settings = *settings;
        governor_forget_work(&g->work);
        *ret_governor = g;
        return 0;
}

void governor_destroy(struct governor *g)
{
        free(g);
}

/* What the user sets holds at once, with no dwell from the limits of before. */
void governor_set(struct governor *g, const struct governor_settings *settings)
{
        g->settings = *settings;
        memset(&g->plain, 0, sizeof(g->plain));
        memset(&g->temperature, 0, sizeof(g->temperature));
        memset(&g->power, 0, sizeof(g->power));
        memset(&g->chassis, 0, sizeof(g->chassis));
}

double governor_smoothing(double dt, double tau)
{
        return 1 - exp(-dt / tau);
}

bool governor_plausible(double value, double least, double most)
{
        return isfinite(value) && value >= least && value <= most;
}

static void forget(struct governor *g)
{
        governor_forget_zones(&g->sensors);
        governor_forget_work(&g->work);
        g->n_packages = 0;
        memset(&g->plain, 0, sizeof(g->plain));
        memset(&g->memory, 0, sizeof(g->memory));
        memset(&g->temperature, 0, sizeof(g->temperature));
        memset(&g->chassis, 0, sizeof(g->chassis));
        memset(&g->power, 0, sizeof(g->power));
        memset(&g->critical, 0, sizeof(g->critical));
}

static void take_time(struct governor *g, const struct readings *readings)
{
        uint64_t now = readings->now, passed;

        if (!g->started || now < g->now)
                passed = 0;
        else
                passed = now - g->now;
        if (g->started && (passed > GOVERNOR_GAP_US || readings->resumed))
                forget(g);
        if (!g->started || now > g->now)
                g->now = now;
        g->dt = passed > GOVERNOR_GAP_US ? 0 : (double)passed / (double)GOVERNOR_SECOND;
        g->started = true;
}

static void take_situation(struct governor *g, const struct governor_situation *situation)
{
        unsigned usable = cpuset_count(situation->usable);

        g->situation = situation;
        g->n_usable = usable > 0 ? usable : 1;
        g->n_lent = cpuset_count(situation->lent);
        g->floor = situation->n_runs > 1 ? situation->n_runs : 1;
        if (g->floor > g->n_usable)
                g->floor = g->n_usable;
}

/* The tightest first; of equals the one added first. */
static void sort_limits(struct governor_decision *d)
{
        for (unsigned i = 1; i < d->n_limits; i++) {
                struct governor_limit limit = d->limits[i];
                unsigned j = i;

                for (; j > 0 && d->limits[j - 1].pus > limit.pus; j--)
                        d->limits[j] = d->limits[j - 1];
                d->limits[j] = limit;
        }
}

/* A limit that leaves all, or leaves no more next, has no next. */
static void clear_next(struct governor *g)
{
        for (unsigned i = 0; i < g->decision->n_limits; i++) {
                struct governor_limit *limit = &g->decision->limits[i];

                if (limit->next > g->n_usable)
                        limit->next = g->n_usable;
                if (limit->next <= limit->pus) {
                        limit->next = 0;
                        limit->until[0] = '\0';
                }
        }
}

static void decide(struct governor *g)
{
        struct governor_decision *d = g->decision;
        unsigned least;

        clear_next(g);
        sort_limits(d);
        least = d->n_limits > 0 ? d->limits[0].pus : g->n_usable;
        d->budget = least > g->floor ? least : g->floor;
        if (d->budget < d->level)
                d->level = d->budget;
        d->cause = least < g->n_usable || d->hold ? d->limits[0].cause : GOVERNOR_NONE;
        if (g->settings.policy != GOVERNOR_PERFORMANCE && g->situation->machine->n_pus <= NICE_PUS_MAX)
                d->nice = NICE;
}

/* The package with the hottest believed die; the one before stays unless another is hotter by HOT_STAYS. Where no die
 * is known to be of a package, the one that loses most work. False where there is nothing to choose. */
static bool hottest_package(const struct governor *g, unsigned *ret_package)
{
        unsigned n_packages = g->situation->machine->n_packages;
        unsigned hottest = g->lossy_package;
        double most = -GOVERNOR_ENDLESS;

        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                const struct governor_zone *zone = &g->sensors.zones[i];
                double heat = zone->smooth + (zone->reading.package == g->hot_package ? HOT_STAYS : 0);

                if (zone->why || zone->reading.place != READINGS_DIE || zone->reading.package >= n_packages ||
                    heat <= most)
                        continue;
                most = heat;
                hottest = zone->reading.package;
        }
        if (n_packages <= 1 || hottest >= n_packages)
                return false;
        *ret_package = hottest;
        return true;
}

/* Thermal: the hottest package first, where there are several. Else what does least for its watts: heat is power. */
static void choose_aim(struct governor *g)
{
        struct governor_decision *d = g->decision;

        switch (d->cause) {
        case GOVERNOR_TEMPERATURE:
        case GOVERNOR_CHASSIS:
        case GOVERNOR_CRITICAL:
        case GOVERNOR_LOST_WORK:
                if (hottest_package(g, &g->hot_package)) {
                        d->aim = PLACEMENT_COOL;
                        d->hot_package = g->hot_package;
                } else {
                        d->aim = PLACEMENT_EFFICIENT;
                }
                break;
        case GOVERNOR_POWER:
        case GOVERNOR_ON_BATTERY:
        case GOVERNOR_PROFILE:
                d->aim = PLACEMENT_EFFICIENT;
                break;
        case GOVERNOR_NONE:
        case GOVERNOR_RESERVE:
        case GOVERNOR_MEMORY:
        case GOVERNOR_CPU_PRESSURE:
        case GOVERNOR_CAUSES:
                break;
        }
        if (d->aim == PLACEMENT_WORK && g->settings.policy == GOVERNOR_BATTERY)
                d->aim = PLACEMENT_EFFICIENT;
}

void governor_step(struct governor *g, const struct readings *readings, const struct governor_situation *situation,
                   struct governor_decision *ret_decision)
{
        g->readings = readings;
        g->decision = ret_decision;
        take_time(g, readings);
        take_situation(g, situation);
        memset(ret_decision, 0, sizeof(*ret_decision));
        ret_decision->usable = g->n_usable;
        ret_decision->level = g->n_usable;
        g->lossy_package = UINT_MAX;

        governor_judge_zones(g);
        governor_judge_packages(g);
        governor_limit_memory(g); /* first: where nobody may grow, its reason goes before others that leave as much */
        governor_limit_critical(g);
        governor_limit_heat(g);
        governor_limit_power(g);
        governor_limit_work(g);
        governor_limit_plainly(g);

        decide(g);
        choose_aim(g);
        governor_tell(g);
        g->readings = NULL;
        g->situation = NULL;
        g->decision = NULL;
}
