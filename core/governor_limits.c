#include "core/governor_state.h"

#include <limits.h>

/* A plain limit that was lowered rises when the reason has been gone for so long. */
#define DWELL_US (10 * GOVERNOR_SECOND)

/* Machines of so many PUs or fewer keep none back: there scheduling weight does it. */
enum { RESERVE_PUS_MIN = 5 };
/* One PU in so many is kept for the desktop, and no more than RESERVE_MOST. */
enum { RESERVE_SHARE = 8, RESERVE_MOST = 4 };

/* Per cent of charge that the bands end at; back up needs BAND_BACK more. */
enum { BAND_LOW = 40, BAND_EMPTY = 15, BAND_BACK = 3 };
enum band { BAND_FINE, BAND_LITTLE, BAND_NEARLY_EMPTY, BANDS };

/* Share of the usable PUs. In balanced only the last eighth goes, which are siblings and come at the highest voltage:
 * on a CPU that its power limit slows down, fewer PUs draw as much and do less (docs/headroom.md). What is low is cut
 * for the time that is left, not for the energy. */
static const double on_battery[GOVERNOR_POLICIES][BANDS] = {
        [GOVERNOR_PERFORMANCE] = {1, 1, 0.5},
        [GOVERNOR_BALANCED] = {0.875, 0.5, 0.25},
        [GOVERNOR_QUIET] = {0.875, 0.5, 0.25},
        [GOVERNOR_BATTERY] = {0.75, 0.375, 0.125},
};

#define POWER_SAVER 0.5  /* share under the profile power-saver */
#define DEGRADED    0.75 /* share while the firmware says that performance is degraded: lap, heat */

/* Per cent of the last ten seconds in which somebody waited for a CPU. */
#define PRESSED   50.0
#define RELAXED   25.0
#define PRESSED_S 10.0

static unsigned share_of(const struct governor *g, double share)
{
        unsigned n = (unsigned)lround(g->n_usable * share);

        return n > 0 ? n : 1;
}

/* The machine's PUs that may not be lent anyway count as kept. */
static unsigned reserve_of(const struct governor *g)
{
        unsigned n = g->situation->machine->n_pus, reserve = n / RESERVE_SHARE;
        unsigned kept = n > g->n_usable ? n - g->n_usable : 0;

        if (g->settings.reserve >= 0)
                return (unsigned)g->settings.reserve;
        if (g->settings.policy == GOVERNOR_PERFORMANCE || !g->situation->desktop || n < RESERVE_PUS_MIN)
                return 0;
        if (reserve > RESERVE_MOST)
                reserve = RESERVE_MOST;
        if (reserve == 0)
                reserve = 1;
        return reserve > kept ? reserve - kept : 0;
}

static void limit_reserve(struct governor *g)
{
        unsigned reserve = reserve_of(g);
        struct governor_limit *limit;

        if (reserve == 0)
                return;
        limit = governor_add_limit(g, GOVERNOR_RESERVE, reserve < g->n_usable ? g->n_usable - reserve : 1);
        reserve = g->n_usable - limit->pus;
        governor_say(limit->what, "%u PU%s kept for %s", reserve, reserve == 1 ? "" : "s",
                     g->settings.reserve >= 0 ? "others" : "the desktop");
        if (g->settings.reserve < 0) {
                limit->next = g->n_usable;
                governor_say(limit->until, "nobody sits at the machine");
        }
}

/* Adds the limit where it limits, or still does until `wish` (UINT_MAX: none) has lasted. NULL where there is none. */
static struct governor_limit *add_slowly(struct governor *g, enum governor_cause cause, struct governor_slow_up *slow,
                                         unsigned wish)
{
        unsigned pus = governor_slow_up(slow, g->now, wish, DWELL_US);
        struct governor_limit *limit;

        if (pus == UINT_MAX)
                return NULL;
        limit = governor_add_limit(g, cause, pus);
        if (wish > pus) {
                limit->next = wish < g->n_usable ? wish : g->n_usable;
                governor_say(limit->until, "that has lasted %u s", (unsigned)(DWELL_US / GOVERNOR_SECOND));
        }
        return limit;
}

static void limit_profile(struct governor *g)
{
        const struct readings *r = g->readings;
        bool heard = !r->profile_error && g->settings.policy != GOVERNOR_PERFORMANCE;
        bool saver = heard && r->profile == READINGS_PROFILE_POWER_SAVER, degraded = heard && r->degraded[0];
        unsigned wish = saver ? share_of(g, POWER_SAVER) : degraded ? share_of(g, DEGRADED) : UINT_MAX;
        struct governor_limit *limit = add_slowly(g, GOVERNOR_PROFILE, &g->plain.profile, wish);
        char why[READINGS_NAME_MAX];

        if (!limit)
                return;
        governor_copy_name(why, r->degraded);
        if (degraded && !saver)
                governor_say(limit->what, "performance is degraded: %s", why);
        else
                governor_say(limit->what, "power profile is %s", readings_profile_text(r->profile));
        if (limit->next == 0) {
                limit->next = g->n_usable;
                governor_say(limit->until, saver ? "it is another" : "it no longer is");
        }
}

static enum band band_of(int percent, enum band before)
{
        int back = before == BAND_NEARLY_EMPTY ? BAND_BACK : 0;

        if (percent < 0 || percent > 100)
                return BAND_FINE;
        if (percent < BAND_EMPTY + back)
                return BAND_NEARLY_EMPTY;
        back = before == BAND_LITTLE || back ? BAND_BACK : 0;
        return percent < BAND_LOW + back ? BAND_LITTLE : BAND_FINE;
}

static void limit_supply(struct governor *g)
{
        const struct readings *r = g->readings;
        bool discharging = !r->supply_error && r->on_battery;
        unsigned wish = UINT_MAX;
        struct governor_limit *limit;

        g->plain.band = discharging ? (int)band_of(r->battery_percent, (enum band)g->plain.band) : BAND_FINE;
        if (discharging)
                wish = share_of(g, on_battery[g->settings.policy][g->plain.band]);
        if (wish >= g->n_usable)
                wish = UINT_MAX;
        limit = add_slowly(g, GOVERNOR_ON_BATTERY, &g->plain.supply, wish);
        if (!limit)
                return;
        if (!discharging)
                governor_say(limit->what, "on mains again");
        else if (r->battery_percent < 0 || r->battery_percent > 100)
                governor_say(limit->what, "on battery");
        else
                governor_say(limit->what, "on battery at %d %%", r->battery_percent);
        if (limit->next == 0) {
                limit->next = g->n_usable;
                governor_say(limit->until, "on mains");
        }
}

/* Others wait for the CPUs: only quiet and battery make room, one PU in RESERVE_SHARE. */
static void limit_pressure(struct governor *g)
{
        const struct readings_pressure *cpu = &g->readings->cpu;
        struct governor_plain *p = &g->plain;
        struct governor_limit *limit;
        unsigned room = g->n_usable / RESERVE_SHARE > 1 ? g->n_usable / RESERVE_SHARE : 1;
        double some = 0;

        if (cpu->error == 0 && !governor_plausible(cpu->some10, 0, 100))
                governor_ignore(g, "CPU pressure", "not a percentage");
        else if (cpu->error == 0)
                some = cpu->some10;
        if (!governor_is_cool(g->settings.policy))
                return;
        p->pressed_for = some >= PRESSED ? p->pressed_for + g->dt : 0;
        if (some < RELAXED)
                p->pressed = false;
        else if (p->pressed_for >= PRESSED_S)
                p->pressed = true;
        limit = add_slowly(g, GOVERNOR_CPU_PRESSURE, &p->pressure,
                           p->pressed && g->n_usable > room ? g->n_usable - room : UINT_MAX);
        if (!limit)
                return;
        governor_say(limit->what, "others wait for a CPU %.0f %% of the time", some);
        if (limit->next == 0) {
                limit->next = g->n_usable;
                governor_say(limit->until, "below %.0f %%", RELAXED);
        }
}

void governor_limit_plainly(struct governor *g)
{
        limit_reserve(g);
        limit_profile(g);
        limit_supply(g);
        limit_pressure(g);
}
