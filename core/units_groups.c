/* Which groups stay together, and into how many parts each is split: list schedules, tried out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/units_state.h"

enum {
        SMALL_PART = 16, /* units below one part in so many of a worker's work fill what the others leave */
        STEPS_MAX = 50 * 1000 * 1000, /* of trial schedules; then groups stay as they are */
};

static void sum_up(struct units_making *m)
{
        const struct units_params *p = m->p;

        for (uint32_t i = 0; i < p->n_items; i++) {
                const struct dispatch_item *item = &p->items[i];

                if (item->alone)
                        continue;
                m->total += units_known(item->seconds);
                if (item->group == DISPATCH_NONE || item->serial > 0)
                        continue;
                m->groups[item->group].work += units_known(item->seconds);
                m->groups[item->group].n++;
        }
        for (uint32_t g = p->n_groups; g-- > 0;) {
                uint32_t parent = p->groups[g].parent;

                if (parent == DISPATCH_NONE || m->groups[g].n == 0)
                        continue;
                m->groups[parent].work += m->groups[g].work + units_known(p->groups[g].setup);
                m->groups[parent].n += m->groups[g].n;
        }
}

static bool is_worth_keeping(const struct units_making *m, uint32_t g)
{
        const struct units_kept *k = &m->groups[g];
        uint32_t n = k->n < m->p->n_workers ? k->n : m->p->n_workers;
        double setup = units_known(m->p->groups[g].setup);

        return n > 1 && setup * (n - 1) > UNITS_WASTE * (k->work + setup);
}

static void choose_kept(struct units_making *m)
{
        for (uint32_t g = 0; g < m->p->n_groups; g++) {
                const struct dispatch_group *group = &m->p->groups[g];
                struct units_kept *k = &m->groups[g];

                k->top = group->parent == DISPATCH_NONE ? DISPATCH_NONE : m->groups[group->parent].top;
                if (k->top == DISPATCH_NONE && !group->loose && is_worth_keeping(m, g)) {
                        k->top = g;
                        k->parts = 1;
                }
                m->total += k->n > 0 && k->top != DISPATCH_NONE ? units_known(group->setup) : 0;
        }
}

static bool is_top(const struct units_making *m, uint32_t g)
{
        return m->groups[g].top == g;
}

/* Trial schedules */

static int longer_first(const void *a, const void *b)
{
        const double *x = a, *y = b;

        return (*x < *y) - (*x > *y);
}

static void schedule(const double *seconds, uint32_t n, const double *speeds, uint32_t n_workers, double *busy)
{
        memset(busy, 0, n_workers * sizeof(*busy));
        for (uint32_t i = 0; i < n; i++) {
                double least = -1;
                uint32_t best = 0;

                for (uint32_t w = 0; w < n_workers; w++) {
                        double end = busy[w] + units_known(seconds[i]) / speeds[w];

                        if (least < 0 || end < least) {
                                least = end;
                                best = w;
                        }
                }
                busy[best] = least;
        }
}

int units_makespan(const double *seconds, uint32_t n, const double *speeds, uint32_t n_workers, double *ret_seconds)
{
        double *busy = calloc(n_workers + (size_t)1, sizeof(*busy)), end = 0;

        if (!busy)
                return -ENOMEM;
        schedule(seconds, n, speeds, n_workers, busy);
        for (uint32_t w = 0; w < n_workers; w++)
                end = busy[w] > end ? busy[w] : end;
        free(busy);
        *ret_seconds = end;
        return 0;
}

/* What is shorter than this need not be placed: it fills gaps. */
static double small_seconds(const struct units_making *m)
{
        return m->total / m->speed / SMALL_PART;
}

static double part_seconds(const struct units_making *m, uint32_t g)
{
        const struct units_kept *k = &m->groups[g];

        return units_known(m->p->groups[g].setup) + k->work / k->parts;
}

/* The makespan with the groups in the parts that they are in now. -ENOMEM. */
static int try_parts(struct units_making *m, double *ret_makespan)
{
        uint32_t n = m->n_single;
        double total = m->total, makespan;
        int r;

        for (uint32_t g = 0; g < m->p->n_groups; g++) {
                if (!is_top(m, g))
                        continue;
                total += units_known(m->p->groups[g].setup) * (m->groups[g].parts - 1);
                for (uint32_t i = 0; i < m->groups[g].parts && part_seconds(m, g) >= small_seconds(m); i++)
                        m->blocks[n++] = part_seconds(m, g);
        }
        double *sorted = calloc(n + (size_t)1, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        memcpy(sorted, m->blocks, n * sizeof(*sorted));
        qsort(sorted, n, sizeof(*sorted), longer_first);
        r = units_makespan(sorted, n, m->p->speeds, m->p->n_workers, &makespan);
        free(sorted);
        m->steps += m->p->n_groups + (uint64_t)n * m->p->n_workers;
        if (r == 0)
                *ret_makespan = makespan > total / m->speed ? makespan : total / m->speed;
        return r;
}

/* The group with the longest parts of those that may be split further; DISPATCH_NONE: none. */
static uint32_t longest_group(const struct units_making *m)
{
        uint32_t best = DISPATCH_NONE;

        for (uint32_t g = 0; g < m->p->n_groups; g++) {
                const struct units_kept *k = &m->groups[g];

                if (!is_top(m, g) || k->settled || k->parts >= k->n || k->parts >= m->p->n_workers ||
                    part_seconds(m, g) < small_seconds(m))
                        continue;
                if (best == DISPATCH_NONE || part_seconds(m, g) > part_seconds(m, best))
                        best = g;
        }
        return best;
}

/* Into the number of parts that helps most, if any helps enough. */
static int split(struct units_making *m, uint32_t g, double *makespan)
{
        struct units_kept *k = &m->groups[g];
        uint32_t most = k->n < m->p->n_workers ? k->n : m->p->n_workers, before = k->parts, best = before;
        double least = *makespan * (1 - UNITS_GAIN), trial;
        int r = 0;

        for (uint32_t more = 1; r == 0 && before + more <= most; more *= 2) {
                k->parts = before + more;
                r = try_parts(m, &trial);
                if (r == 0 && trial < least) {
                        least = trial;
                        best = k->parts;
                }
        }
        k->parts = best;
        k->settled = best == before;
        if (!k->settled)
                *makespan = least;
        return r;
}

/* Room for large singles and for every part of every group that is large. */
static int list_singles(struct units_making *m)
{
        const struct units_params *p = m->p;
        size_t n = 0;

        for (uint32_t g = 0; g < p->n_groups; g++)
                n += is_top(m, g) ? (m->groups[g].n < p->n_workers ? m->groups[g].n : p->n_workers) : 0;
        m->blocks = calloc(n + p->n_items + 1, sizeof(*m->blocks));
        if (!m->blocks)
                return -ENOMEM;
        for (uint32_t i = 0; i < p->n_items; i++) {
                const struct dispatch_item *item = &p->items[i];

                if (!item->alone && (item->group == DISPATCH_NONE || m->groups[item->group].top == DISPATCH_NONE) &&
                    item->seconds > small_seconds(m))
                        m->blocks[m->n_single++] = item->seconds;
        }
        return 0;
}

static int split_groups(struct units_making *m)
{
        double makespan;
        uint32_t g;
        int r = list_singles(m);

        if (r == 0)
                r = try_parts(m, &makespan);
        while (r == 0 && m->steps < STEPS_MAX && (g = longest_group(m)) != DISPATCH_NONE)
                r = split(m, g, &makespan);
        return r;
}

int units_choose_groups(struct units_making *m)
{
        sum_up(m);
        choose_kept(m);
        return split_groups(m);
}
