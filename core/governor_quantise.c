#include "core/governor_state.h"

#include <limits.h>
#include <math.h>

/* Hysteresis of the quantiser, PUs: with less than half a PU on either side, noise of a tenth would pass through. */
#define FALL   0.75
#define RISE   0.9
/* A level so far below has no time to wait. */
#define URGENT 1.5

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
        double below = q->n - level;

        return below > URGENT || (below > FALL && now - q->changed >= dwell->down);
}

unsigned governor_quantise(struct governor_quantiser *q, uint64_t now, double level, unsigned least, unsigned most,
                           unsigned step, bool may_rise, const struct governor_dwell *dwell)
{
        unsigned before = q->n;

        if (q->n == 0) {
                q->n = whole(level + 0.5, most);
        } else if (falls(q, now, level, dwell)) {
                q->n = whole(level + 0.5, most);
        } else if (may_rise && level >= q->n + RISE && now - q->changed >= dwell->up) {
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
