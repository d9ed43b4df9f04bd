#include "core/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/units_state.h"

enum { SHARE_OF_REST = 4 }; /* of what is left a unit of unknown items is one part in so many for each worker */

static void making_finish(struct units_making *m)
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

/* Which unit an item is in */

struct numbering {
        uint32_t *of_scope; /* number + 1; 0: none yet */
        uint32_t *of_group; /* of its first part, likewise */
        double *passed;     /* per group, seconds of the items before and of their set-ups… */
        uint32_t *n_passed; /* …and how many */
        bool *entered;      /* per group within one that is kept: its set-up is among them */
        uint32_t chunk;     /* of unknown items, likewise… */
        uint32_t n_chunk, size;
        uint32_t module;    /* …the group whose items it ends with */
        uint32_t n_unknown; /* that are left of those that are not kept together */
        uint32_t bundle;    /* of short items, likewise… */
        uint32_t bundled;   /* …of this module… */
        double seconds;     /* …and so long */
};

/* Together with others, whatever it takes. */
static bool is_kept(const struct units_making *m, const struct dispatch_item *item)
{
        return item->serial > 0 || (item->group != DISPATCH_NONE && m->groups[item->group].top != DISPATCH_NONE);
}

static uint32_t outermost(const struct units_making *m, uint32_t group)
{
        while (group != DISPATCH_NONE && m->p->groups[group].parent != DISPATCH_NONE &&
               !m->p->groups[m->p->groups[group].parent].loose)
                group = m->p->groups[group].parent;
        return group;
}

/* Seconds of set-ups of the groups within `top` that this item is the first of. */
static double enter(const struct units_making *m, struct numbering *n, uint32_t group, uint32_t top)
{
        double seconds = 0;

        for (; group != top && !n->entered[group]; group = m->p->groups[group].parent) {
                n->entered[group] = true;
                seconds += units_known(m->p->groups[group].setup);
        }
        return seconds;
}

/* Slices in collection order of about as many seconds each, or items where these are not known. */
static uint32_t number_in_group(struct units_making *m, struct numbering *n, const struct dispatch_item *item,
                                uint32_t top)
{
        const struct units_kept *k = &m->groups[top];
        double seconds = units_known(item->seconds) + enter(m, n, item->group, top);
        double middle = n->passed[top] + seconds / 2;
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

static uint32_t number_unknown(struct units_making *m, struct numbering *n, const struct dispatch_item *item)
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

static uint32_t number_single(struct units_making *m, struct numbering *n, const struct dispatch_item *item)
{
        double part = m->total / m->speed / UNITS_SHORT_PART;
        double most = part < UNITS_SHORT_SECONDS ? part : UNITS_SHORT_SECONDS;
        uint32_t module = outermost(m, item->group);

        if (item->seconds > most)
                return m->n_units++;
        if (!n->bundle || module == DISPATCH_NONE || module != n->bundled || n->seconds + item->seconds > most) {
                n->bundle = ++m->n_units;
                n->bundled = module;
                n->seconds = 0;
        }
        n->seconds += item->seconds;
        return n->bundle - 1;
}

static uint32_t number_item(struct units_making *m, struct numbering *n, const struct dispatch_item *item)
{
        uint32_t top = item->group == DISPATCH_NONE ? DISPATCH_NONE : m->groups[item->group].top;

        if (item->alone)
                return DISPATCH_NONE;
        if (item->serial > 0) {
                if (!n->of_scope[item->serial])
                        n->of_scope[item->serial] = ++m->n_units;
                return n->of_scope[item->serial] - 1;
        }
        if (top != DISPATCH_NONE)
                return number_in_group(m, n, item, top);
        return item->seconds < 0 ? number_unknown(m, n, item) : number_single(m, n, item);
}

static int number_items(struct units_making *m)
{
        const struct units_params *p = m->p;
        size_t n_groups = p->n_groups + (size_t)1;
        struct numbering n = {.of_scope = calloc(p->n_items + (size_t)1, sizeof(*n.of_scope)),
                              .of_group = calloc(n_groups, sizeof(*n.of_group)),
                              .passed = calloc(n_groups, sizeof(*n.passed)),
                              .n_passed = calloc(n_groups, sizeof(*n.n_passed)),
                              .entered = calloc(n_groups, sizeof(*n.entered))};
        int r = n.of_scope && n.of_group && n.passed && n.n_passed && n.entered ? 0 : -ENOMEM;

        for (uint32_t i = 0; i < p->n_items; i++)
                n.n_unknown += p->items[i].seconds < 0 && !p->items[i].alone && !is_kept(m, &p->items[i]);
        for (uint32_t i = 0; r == 0 && i < p->n_items; i++)
                m->unit_of[i] = number_item(m, &n, &p->items[i]);
        free(n.of_scope);
        free(n.of_group);
        free(n.passed);
        free(n.n_passed);
        free(n.entered);
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
static double new_setups(const struct units_making *m, uint32_t group, uint32_t unit, uint32_t *seen)
{
        double seconds = 0;

        for (; group != DISPATCH_NONE && seen[group] != unit + 1; group = m->p->groups[group].parent) {
                seen[group] = unit + 1;
                seconds += m->p->groups[group].loose ? 0 : units_known(m->p->groups[group].setup);
        }
        return seconds;
}

/* Puts the items into their units' places, which `units` says. Set-ups count for what stays together: whoever runs an
 * item by itself may have had its group's before. */
static int fill(const struct units_making *m, struct unit *units, uint32_t *items)
{
        uint32_t *seen = calloc(m->p->n_groups + (size_t)1, sizeof(*seen));

        if (!seen)
                return -ENOMEM;
        for (uint32_t i = 0; i < m->p->n_items; i++) {
                uint32_t unit = m->unit_of[i];
                struct unit *u = unit == DISPATCH_NONE ? NULL : &units[unit];

                if (!u)
                        continue;
                if (u->n == 0)
                        u->first = i;
                items[u->from + u->n++] = i;
                u->n_known += m->p->items[i].seconds >= 0;
                u->work += units_known(m->p->items[i].seconds);
        }
        for (uint32_t k = 0; k < m->n_units; k++)
                for (uint32_t i = units[k].from; i < units[k].from + units[k].n; i++)
                        if (is_kept(m, &m->p->items[items[i]]))
                                units[k].setups += new_setups(m, m->p->items[items[i]].group, k, seen);
        free(seen);
        return 0;
}

static void place(const struct units_making *m, struct unit *units)
{
        uint32_t from = 0;

        for (uint32_t i = 0; i < m->p->n_items; i++)
                if (m->unit_of[i] != DISPATCH_NONE)
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

static int make_units(const struct units_making *m, struct units *ret)
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
        struct units_making m = {.p = p,
                                 .groups = calloc(p->n_groups + (size_t)1, sizeof(*m.groups)),
                                 .unit_of = calloc(p->n_items + (size_t)1, sizeof(*m.unit_of))};
        int r = m.groups && m.unit_of ? 0 : -ENOMEM;

        for (uint32_t w = 0; w < p->n_workers; w++)
                m.speed += p->speeds[w];
        if (r == 0)
                r = units_choose_groups(&m);
        if (r == 0)
                r = number_items(&m);
        if (r == 0)
                r = make_units(&m, ret_units);
        making_finish(&m);
        return r;
}
