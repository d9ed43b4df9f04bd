#include "core/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
        SHARE_OF_REST = 4, /* of what is left a unit of unknown items is one part in so many for each worker */
        SMALL_PART = 16,   /* units below one part in so many of a worker's work fill what the others leave */
        STEPS_MAX = 50 * 1000 * 1000, /* of trial schedules; then groups stay as they are */
};

/* What stays together, and in how many parts. */
struct kept {
        double work;    /* seconds of the group's items and inner groups' set-ups */
        uint32_t n;     /* items, in inner groups too */
        uint32_t top;   /* the outermost group that it is kept together with, itself perhaps; or DISPATCH_NONE */
        uint32_t parts; /* of a top one */
        bool settled;   /* more parts do not help */
};

struct making {
        const struct units_params *p;
        struct kept *groups;
        double total;      /* seconds of everything that is known */
        double speed;      /* of all workers together */
        double *blocks;    /* of trial schedules: large singles first… */
        uint32_t n_single; /* …so many */
        uint64_t steps;
        uint32_t *unit_of; /* per item */
        uint32_t n_units;
};

static void making_finish(struct making *m)
{
        free(m->groups);
        free(m->blocks);
        free(m->unit_of);
}

void units_finish(struct units *u)
{
        free(u->items);
        free(u->first);
        free(u->seconds);
        *u = (struct units){0};
}

static double known(double seconds)
{
        return seconds > 0 ? seconds : 0;
}

/* Groups */

static void sum_up(struct making *m)
{
        const struct units_params *p = m->p;

        for (uint32_t i = 0; i < p->n_items; i++) {
                const struct dispatch_item *item = &p->items[i];

                m->total += known(item->seconds);
                if (item->group == DISPATCH_NONE || item->serial > 0)
                        continue;
                m->groups[item->group].work += known(item->seconds);
                m->groups[item->group].n++;
        }
        for (uint32_t g = p->n_groups; g-- > 0;) {
                uint32_t parent = p->groups[g].parent;

                if (parent == DISPATCH_NONE)
                        continue;
                m->groups[parent].work += m->groups[g].work + known(p->groups[g].setup);
                m->groups[parent].n += m->groups[g].n;
        }
}

static bool is_worth_keeping(const struct making *m, uint32_t g)
{
        const struct kept *k = &m->groups[g];
        uint32_t n = k->n < m->p->n_workers ? k->n : m->p->n_workers;
        double setup = known(m->p->groups[g].setup);

        return n > 1 && setup * (n - 1) > UNITS_WASTE * (k->work + setup);
}

static void choose_kept(struct making *m)
{
        for (uint32_t g = 0; g < m->p->n_groups; g++) {
                const struct dispatch_group *group = &m->p->groups[g];
                struct kept *k = &m->groups[g];

                k->top = group->parent == DISPATCH_NONE ? DISPATCH_NONE : m->groups[group->parent].top;
                if (k->top == DISPATCH_NONE && !group->loose && is_worth_keeping(m, g)) {
                        k->top = g;
                        k->parts = 1;
                }
                m->total += k->top == DISPATCH_NONE ? 0 : known(group->setup);
        }
}

static bool is_top(const struct making *m, uint32_t g)
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
                        double end = busy[w] + known(seconds[i]) / speeds[w];

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
static double small_seconds(const struct making *m)
{
        return m->total / m->speed / SMALL_PART;
}

static double part_seconds(const struct making *m, uint32_t g)
{
        const struct kept *k = &m->groups[g];

        return known(m->p->groups[g].setup) + k->work / k->parts;
}

/* The makespan with the groups in the parts that they are in now. -ENOMEM. */
static int try_parts(struct making *m, double *ret_makespan)
{
        uint32_t n = m->n_single;
        double total = m->total, makespan;
        int r;

        for (uint32_t g = 0; g < m->p->n_groups; g++) {
                if (!is_top(m, g))
                        continue;
                total += known(m->p->groups[g].setup) * (m->groups[g].parts - 1);
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
        m->steps += (uint64_t)n * m->p->n_workers;
        if (r == 0)
                *ret_makespan = makespan > total / m->speed ? makespan : total / m->speed;
        return r;
}

/* The group with the longest parts of those that may be split further; DISPATCH_NONE: none. */
static uint32_t longest_group(const struct making *m)
{
        uint32_t best = DISPATCH_NONE;

        for (uint32_t g = 0; g < m->p->n_groups; g++) {
                const struct kept *k = &m->groups[g];

                if (!is_top(m, g) || k->settled || k->parts >= k->n || k->parts >= m->p->n_workers ||
                    part_seconds(m, g) < small_seconds(m))
                        continue;
                if (best == DISPATCH_NONE || part_seconds(m, g) > part_seconds(m, best))
                        best = g;
        }
        return best;
}

/* Into the number of parts that helps most, if any helps enough. */
static int split(struct making *m, uint32_t g, double *makespan)
{
        struct kept *k = &m->groups[g];
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
static int list_singles(struct making *m)
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

                if ((item->group == DISPATCH_NONE || m->groups[item->group].top == DISPATCH_NONE) &&
                    item->seconds > small_seconds(m))
                        m->blocks[m->n_single++] = item->seconds;
        }
        return 0;
}

static int split_groups(struct making *m)
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

/* Which unit an item is in */

struct numbering {
        uint32_t *of_scope; /* number + 1; 0: none yet */
        uint32_t *of_group; /* of its first part, likewise */
        double *passed;     /* per group, seconds of the items before… */
        uint32_t *n_passed; /* …and how many */
        uint32_t chunk;     /* of unknown items, likewise… */
        uint32_t n_chunk, size;
        uint32_t module;    /* …the group whose items it ends with */
        uint32_t n_unknown; /* that are left */
};

static uint32_t outermost(const struct making *m, uint32_t group)
{
        while (group != DISPATCH_NONE && m->p->groups[group].parent != DISPATCH_NONE &&
               !m->p->groups[m->p->groups[group].parent].loose)
                group = m->p->groups[group].parent;
        return group;
}

/* Slices in collection order of about as many seconds each, or items where these are not known. */
static uint32_t number_in_group(struct making *m, struct numbering *n, const struct dispatch_item *item, uint32_t top)
{
        const struct kept *k = &m->groups[top];
        double seconds = known(item->seconds), middle = n->passed[top] + seconds / 2;
        uint32_t part = k->work > 0 ? (uint32_t)(middle / k->work * k->parts)
                                    : (uint32_t)((uint64_t)n->n_passed[top] * k->parts / k->n);

        if (!n->of_group[top]) {
                n->of_group[top] = m->n_units + 1;
                m->n_units += k->parts;
        }
        n->passed[top] += seconds;
        n->n_passed[top]++;
        return n->of_group[top] - 1 + (part < k->parts ? part : k->parts - 1);
}

static uint32_t number_unknown(struct making *m, struct numbering *n, const struct dispatch_item *item)
{
        uint32_t module = outermost(m, item->group);
        bool ends = n->n_chunk >= n->size || (module != n->module && 2 * n->n_chunk >= n->size);

        if (!n->chunk || ends) {
                n->chunk = ++m->n_units;
                n->size = n->n_unknown / (SHARE_OF_REST * m->p->n_workers);
                n->n_chunk = 0;
        }
        n->module = module;
        n->n_chunk++;
        n->n_unknown--;
        return n->chunk - 1;
}

static uint32_t number_item(struct making *m, struct numbering *n, const struct dispatch_item *item)
{
        uint32_t top = item->group == DISPATCH_NONE ? DISPATCH_NONE : m->groups[item->group].top;

        if (item->serial > 0) {
                if (!n->of_scope[item->serial])
                        n->of_scope[item->serial] = ++m->n_units;
                return n->of_scope[item->serial] - 1;
        }
        if (top != DISPATCH_NONE)
                return number_in_group(m, n, item, top);
        return item->seconds < 0 ? number_unknown(m, n, item) : m->n_units++;
}

static int number_items(struct making *m)
{
        const struct units_params *p = m->p;
        size_t n_groups = p->n_groups + (size_t)1;
        struct numbering n = {.of_scope = calloc(p->n_items + (size_t)1, sizeof(*n.of_scope)),
                              .of_group = calloc(n_groups, sizeof(*n.of_group)),
                              .passed = calloc(n_groups, sizeof(*n.passed)),
                              .n_passed = calloc(n_groups, sizeof(*n.n_passed))};
        int r = n.of_scope && n.of_group && n.passed && n.n_passed ? 0 : -ENOMEM;

        for (uint32_t i = 0; i < p->n_items; i++)
                n.n_unknown += p->items[i].seconds < 0;
        for (uint32_t i = 0; r == 0 && i < p->n_items; i++)
                m->unit_of[i] = number_item(m, &n, &p->items[i]);
        free(n.of_scope);
        free(n.of_group);
        free(n.passed);
        free(n.n_passed);
        return r;
}

/* The units */

/* A unit in the making. */
struct unit {
        uint32_t from, n, n_known; /* items: where they begin, how many, and of how many the time is known */
        uint32_t first;            /* item */
        double work, setups;       /* seconds */
};

/* Unknown ones are taken to be like the others of their unit. */
static double unit_seconds(const struct unit *u)
{
        return u->n_known > 0 ? u->work * u->n / u->n_known + u->setups : -1;
}

static int by_length(const void *a, const void *b)
{
        const struct unit *x = a, *y = b;
        double p = unit_seconds(x), q = unit_seconds(y);

        if ((p < 0) != (q < 0))
                return p < 0 ? -1 : 1;
        if (p >= 0 && (p < q || p > q))
                return p < q ? 1 : -1;
        return (x->first > y->first) - (x->first < y->first);
}

/* Set-ups of an item's group and those around it, of which the unit has not heard yet. */
static double new_setups(const struct making *m, uint32_t group, uint32_t unit, uint32_t *seen)
{
        double seconds = 0;

        for (; group != DISPATCH_NONE && seen[group] != unit + 1; group = m->p->groups[group].parent) {
                seen[group] = unit + 1;
                seconds += m->p->groups[group].loose ? 0 : known(m->p->groups[group].setup);
        }
        return seconds;
}

/* Only of what stays together: whoever runs an item by itself may have had its group's before. */
static bool is_kept(const struct making *m, const struct dispatch_item *item)
{
        return item->serial > 0 || (item->group != DISPATCH_NONE && m->groups[item->group].top != DISPATCH_NONE);
}

/* Puts the items into their units' places, which `units` says. */
static int fill(const struct making *m, struct unit *units, uint32_t *items)
{
        uint32_t *seen = calloc(m->p->n_groups + (size_t)1, sizeof(*seen));

        if (!seen)
                return -ENOMEM;
        for (uint32_t i = 0; i < m->p->n_items; i++) {
                struct unit *u = &units[m->unit_of[i]];

                if (u->n == 0)
                        u->first = i;
                items[u->from + u->n++] = i;
                u->n_known += m->p->items[i].seconds >= 0;
                u->work += known(m->p->items[i].seconds);
        }
        for (uint32_t k = 0; k < m->n_units; k++)
                for (uint32_t i = units[k].from; i < units[k].from + units[k].n; i++)
                        if (is_kept(m, &m->p->items[items[i]]))
                                units[k].setups += new_setups(m, m->p->items[items[i]].group, k, seen);
        free(seen);
        return 0;
}

static void place(const struct making *m, struct unit *units)
{
        uint32_t from = 0;

        for (uint32_t i = 0; i < m->p->n_items; i++)
                units[m->unit_of[i]].n++;
        for (uint32_t k = 0; k < m->n_units; k++) {
                units[k].from = from;
                from += units[k].n;
                units[k].n = 0;
        }
}

static void put_in_order(const struct unit *units, uint32_t n, const uint32_t *items, struct units *ret)
{
        uint32_t at = 0;

        for (uint32_t k = 0; k < n; k++) {
                if (units[k].n == 0)
                        continue; /* a part of a group that none of its items fell into */
                ret->first[ret->n] = at;
                ret->seconds[ret->n++] = unit_seconds(&units[k]);
                memcpy(ret->items + at, items + units[k].from, units[k].n * sizeof(*items));
                at += units[k].n;
        }
        ret->first[ret->n] = at;
}

static int make_units(const struct making *m, struct units *ret)
{
        size_t n_items = m->p->n_items + (size_t)1, n_units = m->n_units + (size_t)1;
        struct unit *units = calloc(n_units, sizeof(*units));
        uint32_t *items = calloc(n_items, sizeof(*items));
        struct units made = {.items = calloc(n_items, sizeof(*made.items)),
                             .first = calloc(n_units, sizeof(*made.first)),
                             .seconds = calloc(n_units, sizeof(*made.seconds))};
        int r = units && items && made.items && made.first && made.seconds ? 0 : -ENOMEM;

        if (r == 0) {
                place(m, units);
                r = fill(m, units, items);
        }
        if (r == 0) {
                qsort(units, m->n_units, sizeof(*units), by_length);
                put_in_order(units, m->n_units, items, &made);
                *ret = made;
        } else {
                units_finish(&made);
        }
        free(units);
        free(items);
        return r;
}

int units_make(const struct units_params *p, struct units *ret_units)
{
        struct making m = {.p = p,
                           .groups = calloc(p->n_groups + (size_t)1, sizeof(*m.groups)),
                           .unit_of = calloc(p->n_items + (size_t)1, sizeof(*m.unit_of))};
        int r = m.groups && m.unit_of ? 0 : -ENOMEM;

        for (uint32_t w = 0; w < p->n_workers; w++)
                m.speed += p->speeds[w];
        if (r == 0) {
                sum_up(&m);
                choose_kept(&m);
                r = split_groups(&m);
        }
        if (r == 0)
                r = number_items(&m);
        if (r == 0)
                r = make_units(&m, ret_units);
        making_finish(&m);
        return r;
}
