#include "core/governor_state.h"

#include <limits.h>

/* Hysteresis of the quantiser: half a unit on either side and a quarter of noise. A unit is a PU, on large machines one
 * in UNIT_SHARE of them: what a sensor of 1 °C can tell apart. */
#define FALL   0.75
#define RISE   0.9
/* A level so many units below has no time to wait. */
#define URGENT 1.5
enum { UNIT_SHARE = 32 };

static double unit_of(unsigned n)
{
        return n > UNIT_SHARE ? (double)n / UNIT_SHARE : 1;
}

static unsigned within(unsigned n, unsigned least, unsigned most)
{
        if (n > most)
                n = most;
        return n < least ? least : n;
}

static unsigned whole(double level, unsigned most)
{
        if (!(level > 0))
                return 0;
        return level >= most ? most : (unsigned)level;
}

static bool falls(const struct governor_quantiser *q, uint64_t now, double level, const struct governor_dwell *dwell)
{
        double below = (q->n - level) / unit_of(q->n);

        return below > URGENT || (below > FALL && now - q->changed >= dwell->down);
}

unsigned governor_quantise(struct governor_quantiser *q, uint64_t now, double level, unsigned least, unsigned most,
                           unsigned step, bool may_rise, const struct governor_dwell *dwell)
{
        unsigned before = q->n;

        if (q->n == 0 || falls(q, now, level, dwell)) {
                q->n = whole(level + 0.5, most);
        } else if (may_rise && level >= q->n + RISE * unit_of(q->n) && now - q->changed >= dwell->up) {
                unsigned n = whole(level + 1 - RISE, most);

                q->n = n - q->n > step ? q->n + step : n;
        }
        q->n = within(q->n, least, most);
        if (q->n != before)
                q->changed = now;
        return q->n;
}

unsigned governor_slow_up(struct governor_slow_up *s, uint64_t now, unsigned wish, uint64_t dwell)
{
        if (!s->set || wish <= s->pus) {
                *s = (struct governor_slow_up){.set = true, .pus = wish, .rising = UINT_MAX, .since = now};
                return wish;
        }
        if (wish < s->rising)
                s->rising = wish;
        if (now - s->since >= dwell)
                *s = (struct governor_slow_up){.set = true, .pus = s->rising, .rising = UINT_MAX, .since = now};
        return s->pus;
}
