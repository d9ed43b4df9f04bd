#include "core/governor_state.h"

#include <string.h>

/* K below a critical trip at which the machine would be switched off, or data be lost. */
#define MARGIN    3.0
/* K above what is a die's own limit: there the hardware itself has failed to keep it. */
#define BEYOND    3.0
/* K further down where it is calm again; at its own limit the hardware keeps a die by itself. */
#define CALM      10.0
#define CALM_OWN  2.0
#define CALM_US   (30 * GOVERNOR_SECOND)
/* A rise that did not hold for so long was wrong: the next one waits twice as long, so many times. */
#define LASTED_US (300 * GOVERNOR_SECOND)
enum { PATIENCE_MOST = 4 };
/* Between halvings, for the last one to show: a sensor's delay and the die's time constant. */
#define HALVE_US (4 * GOVERNOR_SECOND)
/* What neither is a die nor has the machine switched off, and has not become cool in so long since the latest cut, is
 * not heated by what is lent: an input that nothing is connected to, or a disk that is busy by itself. */
#define LEFT_US  (300 * GOVERNOR_SECOND)
/* Samples in a row: one alone may be garbage. */
enum { IN_A_ROW = 2 };

/* Whether critical is the die's own limit, where it runs by design. */
static bool is_own(const struct governor_zone *zone)
{
        return zone->reading.place == READINGS_DIE && !zone->reading.powers_off;
}

static double trigger_of(const struct governor_zone *zone)
{
        return is_own(zone) ? zone->critical + BEYOND : zone->critical - MARGIN;
}

static double calm_of(const struct governor_zone *zone)
{
        return trigger_of(zone) - (is_own(zone) ? CALM_OWN : CALM);
}

static bool may_be_unrelated(const struct governor_zone *zone)
{
        return zone->reading.place == READINGS_OTHER && !zone->reading.powers_off;
}

static void find_indifferent(struct governor *g)
{
        const struct governor_critical *c = &g->critical;

        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                struct governor_zone *zone = &g->sensors.zones[i];

                if (zone->why || !may_be_unrelated(zone) || !isfinite(zone->critical))
                        continue;
                if (zone->celsius <= calm_of(zone))
                        zone->indifferent = false;
                else if (c->engaged && g->now - c->changed >= LEFT_US && zone->celsius >= trigger_of(zone))
                        zone->indifferent = true;
                if (!zone->indifferent)
                        continue;
                zone->why = "hot whatever is lent";
                governor_ignore(g, zone->reading.name, zone->why);
        }
}

/* Cool enough for more to be lent; what may be unrelated, and keeps away from its trip, need not be for ever. */
static bool is_calm(const struct governor *g, const struct governor_zone *zone)
{
        return zone->celsius <= calm_of(zone) || (may_be_unrelated(zone) && g->now - g->critical.changed >= LEFT_US);
}

/* The believed zone that is furthest above its trigger, or least below. */
static const struct governor_zone *hottest(const struct governor *g)
{
        const struct governor_zone *found = NULL;

        for (unsigned i = 0; i < g->sensors.n_zones; i++) {
                const struct governor_zone *zone = &g->sensors.zones[i];

                if (zone->why || !isfinite(zone->critical))
                        continue;
                if (!found || zone->celsius - trigger_of(zone) > found->celsius - trigger_of(found))
                        found = zone;
        }
        return found;
}

static void halve(struct governor *g, const struct governor_zone *zone)
{
        struct governor_critical *c = &g->critical;
        unsigned from = c->engaged && c->n < g->n_usable ? c->n : g->n_usable;

        if (g->n_lent > 0 && g->n_lent < from)
                from = g->n_lent;
        c->n = from / 2 > g->floor ? from / 2 : g->floor;
        if (c->raised > 0)
                c->patience = g->now - c->raised < LASTED_US && c->patience < PATIENCE_MOST ? c->patience + 1 : 0;
        c->raised = 0;
        c->engaged = true;
        c->changed = g->now;
        c->at_cut = zone->celsius;
}

static void too_hot(struct governor *g, const struct governor_zone *zone)
{
        struct governor_critical *c = &g->critical;
        bool again = c->engaged && c->n > g->floor && g->now - c->changed >= HALVE_US && zone->celsius >= c->at_cut;

        c->calm_since = UINT64_MAX;
        if (!c->engaged || again)
                halve(g, zone);
}

/* For so long, before more are lent again. */
static uint64_t calm_us(const struct governor_critical *c)
{
        return CALM_US << c->patience;
}

/* Doubles after every calm_us(); slow up. */
static void cool(struct governor *g, bool calm)
{
        struct governor_critical *c = &g->critical;

        if (!calm)
                c->calm_since = UINT64_MAX;
        else if (c->calm_since == UINT64_MAX)
                c->calm_since = g->now;
        else if (g->now - c->calm_since >= calm_us(c)) {
                c->n = c->n < g->n_usable / 2 ? 2 * c->n : g->n_usable;
                c->calm_since = g->now;
                c->raised = g->now;
        }
        if (c->n >= g->n_usable)
                c->engaged = false;
}

static void say(struct governor *g, const struct governor_zone *zone)
{
        struct governor_critical *c = &g->critical;
        char name[READINGS_NAME_MAX];

        governor_say(c->what, "%s at %ld °C of critical %ld °C", governor_zone_text(g, zone, name, sizeof(name)),
                     lround(zone->celsius), lround(zone->critical));
        governor_say(c->until, "below %ld °C for %u s", lround(calm_of(zone)),
                     (unsigned)(calm_us(c) / GOVERNOR_SECOND));
}

void governor_limit_critical(struct governor *g)
{
        const struct governor_zone *zone;
        struct governor_critical *c = &g->critical;
        struct governor_limit *limit;
        bool beyond;

        find_indifferent(g);
        zone = hottest(g);
        beyond = zone && zone->celsius >= trigger_of(zone);
        c->in_a_row = beyond ? c->in_a_row + 1 : 0;
        if (beyond && c->in_a_row >= IN_A_ROW)
                too_hot(g, zone);
        else if (c->engaged && !beyond)
                cool(g, !zone || is_calm(g, zone));
        if (!c->engaged)
                return;
        if (zone)
                say(g, zone);
        limit = governor_add_limit(g, GOVERNOR_CRITICAL, c->n);
        limit->next = c->n < g->n_usable / 2 ? 2 * c->n : g->n_usable;
        memcpy(limit->what, c->what, sizeof(limit->what));
        memcpy(limit->until, c->until, sizeof(limit->until));
}
