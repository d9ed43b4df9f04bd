#include "core/governor_state.h"

#include <limits.h>

/* Share of the memory that stays free for others, and for what workers take beyond their measured peak. */
#define SPARE        0.05
/* Per cent of the last ten seconds: from here nobody gets more ... */
#define HOLD_SOME    10.0
#define HOLD_FULL    5.0
/* ... until both were below this for HOLD_US ... */
#define CALM_SOME    4.0
#define CALM_FULL    1.0
#define HOLD_US      (10 * GOVERNOR_SECOND)
/* ... and from here PUs are taken back, one every SQUEEZE_US: time for a worker to reach its item's end. */
#define SQUEEZE_FULL 20.0
#define SQUEEZE_US   (10 * GOVERNOR_SECOND)
/* More workers than before come when there was room for them so long: the last ones have grown by then. */
#define ROOM_US      (10 * GOVERNOR_SECOND)

#define GIB (1024.0 * 1024.0 * 1024.0)

static double pressure_of(struct governor *g, double percent)
{
        if (g->readings->memory.error)
                return 0;
        if (governor_plausible(percent, 0, 100))
                return percent;
        governor_ignore(g, "memory pressure", "not a percentage");
        return 0;
}

static bool has_sizes(struct governor *g)
{
        const struct readings *r = g->readings;

        if (r->memory_error)
                return false;
        if (r->memory_total > 0 && r->memory_available <= r->memory_total)
                return true;
        governor_ignore(g, "memory", r->memory_total > 0 ? "more available than there is" : "of no size");
        return false;
}

/* Bytes that further workers may take. */
static double spare_of(const struct governor *g)
{
        double spare = (double)g->readings->memory_available - SPARE * (double)g->readings->memory_total;

        return spare > 0 ? spare : 0;
}

static void judge_pressure(struct governor *g, double some, double full, bool exhausted)
{
        struct governor_memory *m = &g->memory;

        if (some >= HOLD_SOME || full >= HOLD_FULL || exhausted)
                m->pressed = true;
        if (some >= CALM_SOME || full >= CALM_FULL || exhausted)
                m->calm_since = g->now;
        else if (g->now - m->calm_since >= HOLD_US)
                m->pressed = false;
}

/* PUs left under severe pressure; what was taken comes back when nobody is held any more. */
static void squeeze(struct governor *g, bool severe)
{
        struct governor_memory *m = &g->memory;
        unsigned from = m->squeezed > 0 && m->squeezed < g->n_lent ? m->squeezed : g->n_lent;

        if (!m->pressed)
                m->squeezed = 0;
        if (!severe || from <= g->floor || (m->squeezed > 0 && g->now - m->squeezed_at < SQUEEZE_US))
                return;
        m->squeezed = from - 1;
        m->squeezed_at = g->now;
}

static unsigned room_for_workers(struct governor *g)
{
        double more = spare_of(g) / (double)g->situation->worker_memory;

        return more >= g->n_usable ? UINT_MAX : g->n_lent + (unsigned)more;
}

static void say_pressure(struct governor *g, struct governor_limit *limit, double percent)
{
        governor_say(limit->what, "memory pressure %.0f %%, nobody gets more", percent);
        limit->next = g->n_usable;
        governor_say(limit->until, "below %.0f %% for %u s", CALM_SOME, (unsigned)(HOLD_US / GOVERNOR_SECOND));
}

static void say_exhausted(struct governor *g, struct governor_limit *limit)
{
        const struct readings *r = g->readings;

        governor_say(limit->what, "%.1f GiB of memory available of %.1f GiB, nobody gets more",
                     (double)r->memory_available / GIB, (double)r->memory_total / GIB);
        limit->next = g->n_usable;
        governor_say(limit->until, "above %.1f GiB for %u s", SPARE * (double)r->memory_total / GIB,
                     (unsigned)(HOLD_US / GOVERNOR_SECOND));
}

static void say_room(struct governor *g, struct governor_limit *limit)
{
        const struct readings *r = g->readings;
        double worker = (double)g->situation->worker_memory;
        double more = (double)limit->pus + 1 - fmin(g->n_lent, limit->pus);

        governor_say(limit->what, "%.1f GiB of memory available, a worker takes %.1f GiB",
                     (double)r->memory_available / GIB, worker / GIB);
        limit->next = limit->pus + 1;
        governor_say(limit->until, "above %.1f GiB", (SPARE * (double)r->memory_total + worker * more) / GIB);
}

/* Nobody says any more what a worker takes. */
static void say_freed(struct governor *g, struct governor_limit *limit)
{
        governor_say(limit->what, "memory for more workers has just become free");
        limit->next = g->n_usable;
        governor_say(limit->until, "that has lasted %u s", (unsigned)(ROOM_US / GOVERNOR_SECOND));
}

void governor_limit_memory(struct governor *g)
{
        struct governor_memory *m = &g->memory;
        double some = pressure_of(g, g->readings->memory.some10), full = pressure_of(g, g->readings->memory.full10);
        bool sizes = has_sizes(g), exhausted = sizes && spare_of(g) <= 0;
        bool by_room = sizes && g->situation->worker_memory > 0;
        unsigned room = UINT_MAX, pus;
        struct governor_limit *limit;

        judge_pressure(g, some, full, exhausted);
        squeeze(g, full >= SQUEEZE_FULL);
        if (by_room)
                room = room_for_workers(g);
        room = governor_slow_up(&m->room, g->now, room, ROOM_US);
        g->decision->hold = m->pressed;
        pus = m->squeezed > 0 && m->squeezed < room ? m->squeezed : room;
        if (m->pressed && g->n_lent > 0 && g->n_lent < pus)
                pus = g->n_lent;
        if (pus == UINT_MAX && !m->pressed && !by_room)
                return;
        limit = governor_add_limit(g, GOVERNOR_MEMORY, pus);
        if (exhausted)
                say_exhausted(g, limit);
        else if (m->pressed)
                say_pressure(g, limit, fmax(some, full));
        else if (by_room)
                say_room(g, limit);
        else
                say_freed(g, limit);
}
