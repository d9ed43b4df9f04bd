#include "core/governor_state.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* Share of the time throttled from which work may be lost, and below which it no longer is; and how far below base. */
#define LOST     0.05
#define FOUND    0.02
#define BELOW    0.5  /* of the lent PUs */
#define SLOWER   0.98 /* of base, their mean */
#define LOST_US  (10 * GOVERNOR_SECOND)
#define FOUND_US (60 * GOVERNOR_SECOND)

/* All runs have to say their rates; without for so long there is no cut. */
#define SILENT_US (30 * GOVERNOR_SECOND)

/* What one PU less may cost and yet be kept, of the best rate: less than the half of what a PU does on any machine that
 * the step below is for. The medians' common noise has to be under it (two standard errors), or nothing is concluded.
 */
#define TOLERANCE 0.01
/* A machine's rate is steady when the two halves of what was measured agree to this. */
#define STEADY    0.03
/* One PU in so many is tried: of more PUs one alone is lost in noise. */
enum { STEP_SHARE = 16 };

/* Samples that a median needs at least. */
enum { SAMPLES_MIN = 20 };
/* For the change to be carried out and the die, its cooler and the throttling to follow. */
#define SETTLE_US    (20 * GOVERNOR_SECOND)
/* Between trials: down again after one that was kept; after one that was not, doubled up to the most. */
#define AGAIN_US     (10 * GOVERNOR_SECOND)
#define WAIT_US      (120 * GOVERNOR_SECOND)
#define WAIT_UP_US   (300 * GOVERNOR_SECOND)
#define WAIT_MOST_US (1800 * GOVERNOR_SECOND)

void governor_forget_work(struct governor_work *work)
{
        memset(work, 0, sizeof(*work));
        work->wait_down = WAIT_US;
        work->wait_up = WAIT_UP_US;
}

/* Throttled, and not merely kept from turbo. */
static bool loses(const struct governor_package *p, double share)
{
        return p->throttled > share && p->has_speed && (p->below >= BELOW || p->speed < SLOWER);
}

static void watch_throttling(struct governor *g)
{
        struct governor_work *w = &g->work;
        const struct governor_package *worst = NULL;

        for (unsigned i = 0; i < g->n_packages; i++) {
                const struct governor_package *p = &g->packages[i];

                if (loses(p, w->lost ? FOUND : LOST) && (!worst || p->throttled > worst->throttled))
                        worst = p;
        }
        if (!worst == w->lost || (!w->lost && !worst)) {
                if (worst && !w->lost)
                        w->lost_since = g->now;
                if (!worst && w->lost)
                        w->found_since = g->now;
                w->lost = worst;
        }
        if (worst) {
                w->throttled = worst->throttled;
                w->speed = worst->speed;
                w->package = worst->package;
        }
}

static bool is_lost(const struct governor *g)
{
        return g->work.lost && g->now - g->work.lost_since >= LOST_US;
}

static bool is_found(const struct governor *g)
{
        return !g->work.lost && g->now - g->work.found_since >= FOUND_US;
}

static bool has_rate(const struct governor *g)
{
        return governor_plausible(g->situation->work_rate, 1e-6, 1e6);
}

static unsigned step_of(unsigned n)
{
        return n / STEP_SHARE > 1 ? n / STEP_SHARE : 1;
}

static void enter(struct governor *g, enum governor_phase phase)
{
        g->work.phase = phase;
        g->work.phase_since = g->now;
        g->work.lent = g->n_lent;
        g->work.samples.n = 0;
}

/* What is lent has to stay the same while a rate is measured. */
static bool take_sample(struct governor *g)
{
        struct governor_work *w = &g->work;

        if (g->n_lent != w->lent)
                return false;
        if (has_rate(g) && g->now - w->sampled_at >= GOVERNOR_SECOND / 2) {
                governor_sample(&w->samples, g->situation->work_rate);
                w->sampled_at = g->now;
        }
        return true;
}

static bool is_steady(const struct governor_samples *samples)
{
        struct governor_samples halves[2] = {{.n = 0}, {.n = 0}};
        double first, second;

        for (unsigned i = 0; i < samples->n; i++)
                governor_sample(&halves[2 * i >= samples->n], samples->items[i]);
        first = governor_median(&halves[0]);
        second = governor_median(&halves[1]);
        return fabs(first - second) <=
               fmax(STEADY * first, 2 * hypot(governor_median_error(&halves[0]), governor_median_error(&halves[1])));
}

/* Two standard errors of the difference of both medians, or of twice this one. */
static double noise_of(const struct governor_samples *a, const struct governor_samples *b)
{
        return 2 * hypot(governor_median_error(a), governor_median_error(b));
}

static void fail(struct governor *g)
{
        struct governor_work *w = &g->work;
        uint64_t *wait = w->upward ? &w->wait_up : &w->wait_down;

        w->allowed = w->before;
        w->next_down = g->now + w->wait_down;
        w->next_up = g->now + w->wait_up;
        *wait = *wait * 2 < WAIT_MOST_US ? *wait * 2 : WAIT_MOST_US;
        enter(g, GOVERNOR_WATCH);
}

static void keep(struct governor *g)
{
        struct governor_work *w = &g->work;

        w->next_down = g->now + AGAIN_US;
        w->next_up = g->now + w->wait_up;
        if (w->upward) {
                w->best = 0;
                w->next_down = g->now + w->wait_down;
                w->next_up = g->now + AGAIN_US;
                w->wait_up = WAIT_UP_US;
        } else {
                w->best = fmax(w->best, w->base);
                w->wait_down = WAIT_US;
        }
        if (w->allowed >= g->n_usable)
                w->allowed = 0;
        enter(g, GOVERNOR_WATCH);
}

static void try(struct governor *g)
{
        struct governor_work *w = &g->work;
        unsigned step = step_of(g->n_lent);

        w->before = w->allowed;
        if (w->upward)
                w->allowed = w->allowed + step < g->n_usable ? w->allowed + step : g->n_usable;
        else
                w->allowed = g->n_lent - step > g->floor ? g->n_lent - step : g->floor;
        w->base = governor_median(&w->samples);
        w->base_samples = w->samples;
        enter(g, GOVERNOR_SETTLE);
}

static void watch(struct governor *g)
{
        struct governor_work *w = &g->work;
        bool bites = g->n_lent > 0 && (w->allowed == 0 || g->n_lent >= w->allowed);

        if (w->allowed > 0 && bites && g->now >= w->next_up)
                w->upward = true;
        else if (is_lost(g) && bites && g->n_lent > g->floor && g->now >= w->next_down)
                w->upward = false;
        else
                return;
        enter(g, GOVERNOR_BASE);
}

static void measure_base(struct governor *g)
{
        struct governor_work *w = &g->work;

        if (!take_sample(g) || (!w->upward && !w->lost)) {
                enter(g, GOVERNOR_WATCH);
                return;
        }
        if (w->samples.n < SAMPLES_MIN)
                return;
        if (is_steady(&w->samples) && noise_of(&w->samples, &w->samples) <= TOLERANCE * governor_median(&w->samples)) {
                try(g);
        } else if (g->now - w->phase_since >= 2 * GOVERNOR_SAMPLES_MAX * GOVERNOR_PERIOD_US) {
                w->before = w->allowed;
                fail(g);
        }
}

static void settle(struct governor *g)
{
        if (g->now - g->work.phase_since < SETTLE_US)
                return;
        if (g->work.upward ? g->n_lent > g->work.lent : g->n_lent < g->work.lent)
                enter(g, GOVERNOR_TRIAL);
        else
                fail(g);
}

static void measure_trial(struct governor *g)
{
        struct governor_work *w = &g->work;
        double rate, noise, tolerance;

        if (!take_sample(g)) {
                fail(g);
                return;
        }
        if (w->samples.n < SAMPLES_MIN)
                return;
        rate = governor_median(&w->samples);
        noise = noise_of(&w->samples, &w->base_samples);
        tolerance = TOLERANCE * fmax(w->base, w->best);
        if (noise > tolerance && w->samples.n < GOVERNOR_SAMPLES_MAX)
                return;
        if (w->upward ? rate >= w->base + fmax(noise, tolerance)
                      : noise <= tolerance && rate >= fmax(w->base, w->best) - tolerance)
                keep(g);
        else
                fail(g);
}

static void trial_step(struct governor *g)
{
        switch (g->work.phase) {
        case GOVERNOR_WATCH:
                watch(g);
                break;
        case GOVERNOR_BASE:
                measure_base(g);
                break;
        case GOVERNOR_SETTLE:
                settle(g);
                break;
        case GOVERNOR_TRIAL:
                measure_trial(g);
                break;
        }
}

static void drop_cut(struct governor *g)
{
        g->work.allowed = 0;
        g->work.best = 0;
        enter(g, GOVERNOR_WATCH);
}

static void say(struct governor *g, struct governor_limit *limit, bool reported)
{
        const struct governor_work *w = &g->work;
        double next;

        if (w->lost)
                governor_say(limit->what, "throttled %.0f %% of the time at %.2f of base frequency%s",
                             100 * w->throttled, w->speed,
                             reported ? "" : "; no cut, not all runs say their work rate");
        else
                governor_say(limit->what, "was throttled below base frequency");
        g->hot[GOVERNOR_LOST_WORK] = w->package;
        if (limit->pus >= g->n_usable)
                return;
        limit->next = limit->pus + step_of(limit->pus);
        if (w->phase != GOVERNOR_WATCH) {
                governor_say(limit->until, "less work is done with %u", limit->pus);
                return;
        }
        next = w->next_up > g->now ? (double)(w->next_up - g->now) / (double)GOVERNOR_SECOND : 0;
        governor_say(limit->until, "tried again in %.0f s and more work is done", next);
}

void governor_limit_work(struct governor *g)
{
        struct governor_work *w = &g->work;
        bool reported;

        watch_throttling(g);
        if (has_rate(g))
                w->reported_at = g->now;
        reported = has_rate(g) || (w->reported_at > 0 && g->now - w->reported_at < SILENT_US);
        if (!reported || (w->allowed > 0 && w->phase == GOVERNOR_WATCH && is_found(g) && g->n_lent < w->allowed))
                drop_cut(g);
        else
                trial_step(g);
        if (w->lost || w->allowed > 0)
                say(g, governor_add_limit(g, GOVERNOR_LOST_WORK, w->allowed > 0 ? w->allowed : g->n_usable), reported);
}
