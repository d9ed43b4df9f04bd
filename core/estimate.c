#include "core/estimate.h"

#include <errno.h>
#include <stdlib.h>

static double median_of_three(double a, double b, double c)
{
        double low = a < b ? a : b, high = a < b ? b : a;

        return c < low ? low : c > high ? high : c;
}

static double distance(double a, double b)
{
        return a < b ? b - a : a - b;
}

double estimate_on_fast_core(double wall, double cpu, double speed)
{
        /* Threads and children can use more CPU seconds than pass. */
        double busy = cpu < wall ? cpu : wall;

        return wall - busy + busy * speed;
}

double estimate_alone(double wall, double cpu, double stretch)
{
        double busy = cpu < wall ? cpu : wall, elsewhere = wall - busy * stretch;

        return busy + (elsewhere > 0 ? elsewhere : 0);
}

/* Memory that was needed once may be needed again: an eighth of the way down a run. */
static void update_rss(struct estimate *e, uint64_t rss)
{
        if (rss >= e->rss)
                e->rss = rss;
        else if (rss > 0)
                e->rss -= (e->rss - rss) / 8;
}

void estimate_update(struct estimate *e, const struct estimate_sample *sample)
{
        double wall, cpu;

        e->outcome = sample->outcome;
        if (sample->outcome == ESTIMATE_LOST || !(sample->wall >= 0) || !(sample->cpu >= 0) || !(sample->speed > 0))
                return;
        wall = estimate_on_fast_core(sample->wall, sample->cpu, sample->speed);
        cpu = sample->cpu * sample->speed;
        update_rss(e, sample->rss);

        if (e->n_samples == 0) {
                e->wall = wall;
                e->cpu = cpu;
        } else if (e->n_samples == 1) {
                e->spread = distance(wall, e->wall) / 2;
                e->wall = wall < e->wall ? wall : e->wall;
                e->cpu = cpu < e->cpu ? cpu : e->cpu;
        } else {
                e->spread += (distance(wall, e->wall) - e->spread) / 4;
                e->wall += (median_of_three(e->wall, e->last, wall) - e->wall) / 2;
                e->cpu += (cpu - e->cpu) / 4;
        }
        e->last = wall;
        if (e->n_samples < ESTIMATE_SAMPLES_MAX)
                e->n_samples++;
}

/* Guesses for unknown items */

struct known {
        uint32_t group; /* of the level looked at */
        double seconds;
};

static int by_group_and_seconds(const void *pa, const void *pb)
{
        const struct known *a = pa, *b = pb;

        if (a->group != b->group)
                return a->group < b->group ? -1 : 1;
        return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

/* Sorts the known items of each group and writes the groups' medians (< 0: none); what has no group at this level
 * shares the last entry. */
static void group_medians(struct known *known, uint32_t n_known, double *medians, uint32_t n_groups)
{
        for (uint32_t g = 0; g <= n_groups; g++)
                medians[g] = -1;
        qsort(known, n_known, sizeof(*known), by_group_and_seconds);
        for (uint32_t first = 0, end; first < n_known; first = end) {
                for (end = first + 1; end < n_known && known[end].group == known[first].group; end++)
                        ;
                medians[known[first].group] = known[first + (end - first) / 2].seconds;
        }
}

/* One level further out; n_groups stands for the whole suite. */
static uint32_t outwards(const uint32_t *parent, uint32_t n_groups, uint32_t group)
{
        return parent[group] == ESTIMATE_NO_GROUP ? n_groups : parent[group];
}

/* The suite is at depth 0, an outermost group at 1. A parent's index is below its children's. */
static uint32_t measure_depths(const uint32_t *parent, uint32_t n_groups, uint32_t *depth)
{
        uint32_t deepest = 0;

        depth[n_groups] = 0;
        for (uint32_t g = 0; g < n_groups; g++) {
                depth[g] = depth[outwards(parent, n_groups, g)] + 1;
                deepest = depth[g] > deepest ? depth[g] : deepest;
        }
        return deepest;
}

static uint32_t collect_known(const double *seconds, const uint32_t *level, uint32_t n_items, struct known *known)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < n_items; i++)
                if (seconds[i] >= 0)
                        known[n++] = (struct known){.group = level[i], .seconds = seconds[i]};
        return n;
}

struct guessing {
        struct known *known;
        uint32_t *level; /* per item: the group around it at the depth looked at */
        double *guesses; /* a copy, so that a guess is never taken for something known further out */
        uint32_t *depth; /* per group, and the suite last */
        double *medians; /* likewise */
};

static void guess_at_depth(struct guessing *w, const double *seconds, uint32_t n_items, uint32_t n_groups,
                           uint32_t depth)
{
        group_medians(w->known, collect_known(seconds, w->level, n_items, w->known), w->medians, n_groups);
        for (uint32_t i = 0; i < n_items; i++)
                if (w->guesses[i] < 0 && w->depth[w->level[i]] == depth)
                        w->guesses[i] = w->medians[w->level[i]];
}

/* From the deepest groups outwards, so that a group's median is over everything inside it. */
static void guess_outwards(struct guessing *w, const double *seconds, uint32_t n_items, const uint32_t *parent,
                           uint32_t n_groups)
{
        for (uint32_t depth = measure_depths(parent, n_groups, w->depth);; depth--) {
                guess_at_depth(w, seconds, n_items, n_groups, depth);
                if (depth == 0)
                        return;
                for (uint32_t i = 0; i < n_items; i++)
                        if (w->depth[w->level[i]] == depth)
                                w->level[i] = outwards(parent, n_groups, w->level[i]);
        }
}

int estimate_guess(double *seconds, const uint32_t *group, uint32_t n_items, const uint32_t *parent, uint32_t n_groups)
{
        struct guessing w = {
                .known = calloc(n_items + (size_t)1, sizeof(*w.known)),
                .level = calloc(n_items + (size_t)1, sizeof(*w.level)),
                .guesses = calloc(n_items + (size_t)1, sizeof(*w.guesses)),
                .depth = calloc(n_groups + (size_t)1, sizeof(*w.depth)),
                .medians = calloc(n_groups + (size_t)1, sizeof(*w.medians)),
        };
        int r = -ENOMEM;

        if (!w.known || !w.level || !w.guesses || !w.depth || !w.medians)
                goto out;
        for (uint32_t i = 0; i < n_items; i++) {
                w.level[i] = group[i] == ESTIMATE_NO_GROUP ? n_groups : group[i];
                w.guesses[i] = seconds[i];
        }
        guess_outwards(&w, seconds, n_items, parent, n_groups);
        for (uint32_t i = 0; i < n_items; i++)
                seconds[i] = w.guesses[i];
        r = 0;
out:
        free(w.known);
        free(w.level);
        free(w.guesses);
        free(w.depth);
        free(w.medians);
        return r;
}
