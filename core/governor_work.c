#include "core/governor_state.h"

#include <string.h>

/* Share of the time throttled from which work may be lost, and below which it no longer is. */
#define LOST     0.05
#define FOUND    0.02
/* And below base: so many of the lent PUs, or their mean so far. */
#define BELOW    0.5
#define SLOWER   0.98
/* For so long, before it counts. */
#define LOST_US  (10 * GOVERNOR_SECOND)
#define FOUND_US (60 * GOVERNOR_SECOND)

/* All runs have to say their rates; without for so long there is no cut. */
#define SILENT_US (30 * GOVERNOR_SECOND)

/* How much of the rate a cut may cost and yet count as costing nothing; a cut is kept only if a greater loss can be
 * excluded (a test of non-inferiority). A third of the 3 % that may be missing to the best constant budget. */
#define MARGIN       0.01
/* Standard errors that a difference is to be sure by. */
#define SURE         2.0
/* The rate as it is has to have halves that agree to this, and frequency, which has less noise and shows a machine that
 * still heats up, not to have changed by more than this since the samples began. */
#define STEADY       0.03
#define STEADY_SPEED 0.05
/* One PU in so many is tried: of more PUs one alone is lost in noise. */
enum { STEP_SHARE = 16 };
/* Below this share of base frequency one PU less changes little, and what is between here and there may do less than
 * either: the first trial is with n sqrt(f / base) PUs, half way (in ratio) to as many as would do the same work at
 * base frequency. From there it goes back up by halves of what is between what was kept and what was not. */
#define LEAP 0.75

/* s of samples at which a trial is looked at. */
static const unsigned looks[] = {60, 120, GOVERNOR_SAMPLES_MAX};
enum { SAMPLES_LEAST = 60 };
/* For the change to be carried out, and for the die and the throttling to follow. */
#define SETTLE_US    (20 * GOVERNOR_SECOND)
/* Between trials: after one that was kept; after one that was not, doubled up to the most. */
#define AGAIN_US     (10 * GOVERNOR_SECOND)
#define WAIT_US      (600 * GOVERNOR_SECOND)
#define WAIT_MOST_US (2400 * GOVERNOR_SECOND)

void governor_forget_work(struct governor_work *work)
{
        memset(work, 0, sizeof(*work));
        work->wait_down = work->wait_up = WAIT_US;
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
        if (w->lost != (worst != NULL)) {
                w->lost = worst;
                w->lost_since = g->now;
        }
        if (worst) {
                w->throttled = worst->throttled;
                w->guessed = worst->guessed;
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
        return !g->work.lost && g->now - g->work.lost_since >= FOUND_US;
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
        g->work.speed_then = g->work.speed;
}

static void take_sample(struct governor *g)
{
        struct governor_work *w = &g->work;

        if (!has_rate(g) || g->now - w->sampled_at < GOVERNOR_SECOND / 2)
                return;
        governor_sample(&w->samples, g->situation->work_rate);
        w->sampled_at = g->now;
}

static void put_off(struct governor *g, uint64_t *wait, uint64_t *ret_next)
{
        *ret_next = g->now + *wait;
        *wait = *wait * 2 < WAIT_MOST_US ? *wait * 2 : WAIT_MOST_US;
}

/* PUs that are tried next when going up. */
static unsigned more_of(const struct governor *g)
{
        const struct governor_work *w = &g->work;
        unsigned n = w->allowed + step_of(w->allowed);

        if (w->too_many > w->allowed + 1)
                n = w->allowed + (w->too_many - w->allowed) / 2;
        return n < g->n_usable ? n : g->n_usable;
}

/* Whether halving has come to an end: what is left between is less than can be told apart. */
static bool is_narrow(const struct governor_work *w)
{
        return w->too_many <= w->allowed + step_of(w->allowed);
}

static void fail_more(struct governor *g)
{
        struct governor_work *w = &g->work;

        if (w->too_many > 0)
                w->too_many = w->allowed;
        w->allowed = w->before;
        w->next_up = g->now + AGAIN_US;
        if (is_narrow(w)) {
                w->too_many = 0;
                put_off(g, &w->wait_up, &w->next_up);
        }
        enter(g, GOVERNOR_WATCH);
}

static void fail_less(struct governor *g)
{
        struct governor_work *w = &g->work;

        w->allowed = w->before;
        w->n_failed++;
        put_off(g, &w->wait_down, &w->next_down);
        enter(g, GOVERNOR_WATCH);
}

static void fail(struct governor *g)
{
        if (g->work.upward)
                fail_more(g);
        else
                fail_less(g);
}

static void keep_more(struct governor *g)
{
        struct governor_work *w = &g->work;

        w->best = (struct governor_rate){0};
        w->too_few = w->before;
        w->wait_up = w->wait_down = WAIT_US;
        w->next_down = g->now + w->wait_down;
        w->next_up = g->now + AGAIN_US;
        if (w->too_many > 0 && is_narrow(w)) {
                w->too_many = 0;
                put_off(g, &w->wait_up, &w->next_up);
        }
        if (w->allowed >= g->n_usable)
                w->allowed = 0;
        enter(g, GOVERNOR_WATCH);
}

static void keep_less(struct governor *g)
{
        struct governor_work *w = &g->work;

        if (w->best.median < w->base.median)
                w->best = w->base;
        w->too_many = w->leap ? w->trial_from : 0;
        w->wait_up = w->wait_down = WAIT_US;
        w->next_down = g->now + (w->leap ? w->wait_down : AGAIN_US);
        w->next_up = g->now + (w->leap ? AGAIN_US : w->wait_up);
        w->n_failed = 0;
        enter(g, GOVERNOR_WATCH);
}

static void keep(struct governor *g)
{
        if (g->work.upward)
                keep_more(g);
        else
                keep_less(g);
}

static void try_more(struct governor *g)
{
        struct governor_work *w = &g->work;

        w->upward = true;
        w->before = w->allowed;
        w->allowed = more_of(g);
}

static void try_less(struct governor *g)
{
        struct governor_work *w = &g->work;
        unsigned n = g->n_lent - step_of(g->n_lent), leap = (unsigned)ceil(g->n_lent * sqrt(w->speed));

        w->upward = false;
        w->leap = w->speed < LEAP && w->n_failed % 2 == 0 && leap > w->too_few && leap < n;
        if (w->leap)
                n = leap;
        w->before = w->allowed;
        w->trial_from = g->n_lent;
        w->allowed = n > g->floor ? n : g->floor;
}

/* Begins a trial when one is due, what is lent is what is allowed, and the rate is known and steady. */
static void watch(struct governor *g)
{
        struct governor_work *w = &g->work;
        bool more = w->allowed > 0 && g->now >= w->next_up, less = is_lost(g) && g->now >= w->next_down;

        if (g->n_lent != w->lent || fabs(w->speed - w->speed_then) > STEADY_SPEED * w->speed)
                enter(g, GOVERNOR_WATCH);
        take_sample(g);
        if ((!more && !less) || g->n_lent < (w->allowed > 0 ? w->allowed : g->floor + 1) ||
            w->samples.n < SAMPLES_LEAST)
                return;
        if (!governor_is_steady(&w->samples, STEADY)) {
                governor_samples_drop(&w->samples, w->samples.n / 2);
                return;
        }
        w->base = governor_rate(&w->samples);
        if (more)
                try_more(g);
        else if (g->n_lent > g->floor)
                try_less(g);
        else
                return;
        enter(g, GOVERNOR_SETTLE);
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

static bool is_look(unsigned n)
{
        for (unsigned i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
                if (n == looks[i])
                        return true;
        return false;
}

/* Less is kept if it is sure to do no less, within the margin. More is kept if it does more, by the margin; where that
 * is not sure by the last look, the better guess is taken, since either mistake costs as much as it is small. */
static void conclude(struct governor *g)
{
        struct governor_work *w = &g->work;
        struct governor_rate base = !w->upward && w->best.median > w->base.median ? w->best : w->base;
        struct governor_rate rate = governor_rate(&w->samples);
        double change = rate.median - base.median, unsure = SURE * hypot(rate.error, base.error);
        double asked = (w->upward ? MARGIN : -MARGIN) * base.median;
        bool last = w->samples.n >= GOVERNOR_SAMPLES_MAX;

        if (change - unsure >= asked || (last && w->upward && change >= asked))
                keep(g);
        else if (change + unsure < asked || last)
                fail(g);
}

static void measure(struct governor *g)
{
        struct governor_work *w = &g->work;
        unsigned n = w->samples.n;

        if (g->n_lent != w->lent) {
                fail(g);
                return;
        }
        take_sample(g);
        if (w->samples.n > n && is_look(w->samples.n))
                conclude(g);
}

static void trial_step(struct governor *g)
{
        switch (g->work.phase) {
        case GOVERNOR_WATCH:
                watch(g);
                break;
        case GOVERNOR_SETTLE:
                settle(g);
                break;
        case GOVERNOR_TRIAL:
                measure(g);
                break;
        }
}

/* Nothing to decide: throttling is gone and less is lent than the cut allows, or less is usable by now. */
static bool is_unused(const struct governor *g)
{
        const struct governor_work *w = &g->work;

        return w->phase == GOVERNOR_WATCH && w->allowed > 0 &&
               ((is_found(g) && g->n_lent < w->allowed) || w->allowed >= g->n_usable);
}

static void drop_cut(struct governor *g)
{
        g->work.allowed = 0;
        g->work.too_many = g->work.too_few = 0;
        g->work.best = (struct governor_rate){0};
        enter(g, GOVERNOR_WATCH);
}

static void say(struct governor *g, struct governor_limit *limit, bool reported)
{
        const struct governor_work *w = &g->work;

        if (w->lost)
                governor_say(limit->what, "%s %.0f %% of the time at %.0f %% of base frequency%s",
                             w->guessed ? "at the die's limit" : "throttled", 100 * w->throttled, 100 * w->speed,
                             reported ? "" : ", no cut since not all runs report work");
        else
                governor_say(limit->what, "was throttled below base frequency");
        g->lossy_package = w->package;
        if (limit->pus >= g->n_usable)
                return;
        limit->next = w->phase == GOVERNOR_WATCH ? more_of(g) : w->upward ? limit->pus : w->trial_from;
        if (w->phase != GOVERNOR_WATCH)
                governor_say(limit->until, "less work is done with %u", limit->pus);
        else
                governor_say(limit->until, "that does more work, tried in %.0f s",
                             w->next_up > g->now ? (double)(w->next_up - g->now) / (double)GOVERNOR_SECOND : 0);
}

void governor_limit_work(struct governor *g)
{
        struct governor_work *w = &g->work;
        bool reported;

        watch_throttling(g);
        if (has_rate(g))
                w->reported_at = g->now;
        reported = w->reported_at > 0 && g->now - w->reported_at < SILENT_US;
        if (!reported || is_unused(g))
                drop_cut(g);
        else
                trial_step(g);
        if (w->lost || w->allowed > 0)
                say(g, governor_add_limit(g, GOVERNOR_LOST_WORK, w->allowed > 0 ? w->allowed : g->n_usable), reported);
}
