/* Guesses for items that were never measured, from their neighbours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/estimate.h"

struct known {
        uint32_t group; /* of the level looked at */
        double seconds;
};

/* What is known of a group's items. */
struct summary {
        double median; /* < 0: nothing */
        double spread; /* mean absolute deviation from it */
        bool wanted;   /* an item is looking for it */
};

struct guessing {
        uint32_t n_items, n_groups; /* with the groups of parameters; n_groups stands for the whole suite */
        uint32_t *parent;           /* n_groups */
        uint32_t *depth;            /* n_groups + 1: the suite is at 0, an outermost group at 1 */
        struct summary *summaries;  /* likewise */
        uint32_t *level;            /* per item: the group around it at the depth looked at */
        struct known *known;
        double *seconds, *spread; /* a copy, so that a guess is never taken for something known further out */
};

static void finish(struct guessing *w)
{
        free(w->parent);
        free(w->depth);
        free(w->summaries);
        free(w->level);
        free(w->known);
        free(w->seconds);
        free(w->spread);
}

/* Parametrised tests. In pytest's ids the first bracket behind the file's name begins the parameters. */

/* Length of the id without parameters; 0 where it has none. */
static size_t stem_of(const char *id)
{
        const char *name = strstr(id, "::"), *bracket = strchr(name ? name : id, '[');

        return bracket ? (size_t)(bracket - id) : 0;
}

/* FNV-1a. */
static uint32_t hash_of(const char *text, size_t length)
{
        uint32_t hash = 2166136261U;

        for (size_t i = 0; i < length; i++)
                hash = (hash ^ (unsigned char)text[i]) * 16777619U;
        return hash;
}

static bool same_stem(const char *a, const char *b, size_t length)
{
        return strncmp(a, b, length) == 0 && b[length] == '[' && stem_of(b) == length;
}

/* Gives the items of one test a group of their own in its group. `slots`: a table of item + 1 with open addressing. */
static void group_parameters(struct guessing *w, const struct estimate_suite *suite, uint32_t *slots, size_t mask)
{
        for (uint32_t i = 0; i < w->n_items; i++) {
                const char *id = suite->ids[i];
                size_t length = stem_of(id), slot = length ? hash_of(id, length) & mask : 0;

                if (!length)
                        continue;
                while (slots[slot] && !same_stem(id, suite->ids[slots[slot] - 1], length))
                        slot = (slot + 1) & mask;
                if (!slots[slot]) {
                        slots[slot] = i + 1;
                        w->parent[w->n_groups] = suite->group[i];
                        w->level[i] = w->n_groups++;
                } else {
                        w->level[i] = w->level[slots[slot] - 1];
                }
        }
}

static int add_parameters(struct guessing *w, const struct estimate_suite *suite)
{
        size_t size = 16;
        uint32_t *slots;

        while (size < 2 * (size_t)w->n_items)
                size *= 2;
        slots = calloc(size, sizeof(*slots));
        if (!slots)
                return -ENOMEM;
        group_parameters(w, suite, slots, size - 1);
        free(slots);
        return 0;
}

/* Levels, from the innermost outwards. */

static uint32_t outwards(const struct guessing *w, uint32_t group)
{
        return w->parent[group] == ESTIMATE_NO_GROUP ? w->n_groups : w->parent[group];
}

static uint32_t measure_depths(struct guessing *w)
{
        uint32_t deepest = 0;

        w->depth[w->n_groups] = 0;
        for (uint32_t g = 0; g < w->n_groups; g++) {
                w->depth[g] = w->depth[outwards(w, g)] + 1;
                deepest = w->depth[g] > deepest ? w->depth[g] : deepest;
        }
        return deepest;
}

static int by_group_and_seconds(const void *pa, const void *pb)
{
        const struct known *a = pa, *b = pb;

        if (a->group != b->group)
                return a->group < b->group ? -1 : 1;
        return (a->seconds > b->seconds) - (a->seconds < b->seconds);
}

static void summarize(const struct known *known, uint32_t n, struct summary *ret_summary)
{
        double median = known[n / 2].seconds, sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += known[i].seconds < median ? median - known[i].seconds : known[i].seconds - median;
        ret_summary->median = median;
        ret_summary->spread = sum / n;
}

/* Which groups at this depth somebody asks for; sorting all others' items would be in vain. */
static bool mark_wanted(struct guessing *w, uint32_t depth)
{
        bool any = false;

        for (uint32_t g = 0; g <= w->n_groups; g++)
                w->summaries[g] = (struct summary){.median = -1};
        for (uint32_t i = 0; i < w->n_items; i++)
                if (w->seconds[i] < 0 && w->depth[w->level[i]] == depth)
                        any = w->summaries[w->level[i]].wanted = true;
        return any;
}

static void summarize_wanted(struct guessing *w, const double *seconds)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < w->n_items; i++)
                if (seconds[i] >= 0 && w->summaries[w->level[i]].wanted)
                        w->known[n++] = (struct known){.group = w->level[i], .seconds = seconds[i]};
        qsort(w->known, n, sizeof(*w->known), by_group_and_seconds);
        for (uint32_t first = 0, end; first < n; first = end) {
                for (end = first + 1; end < n && w->known[end].group == w->known[first].group; end++)
                        ;
                summarize(&w->known[first], end - first, &w->summaries[w->known[first].group]);
        }
}

static void guess_at_depth(struct guessing *w, const double *seconds, uint32_t depth)
{
        if (!mark_wanted(w, depth))
                return;
        summarize_wanted(w, seconds);
        for (uint32_t i = 0; i < w->n_items; i++) {
                const struct summary *s = &w->summaries[w->level[i]];

                if (w->seconds[i] >= 0 || w->depth[w->level[i]] != depth || s->median < 0)
                        continue;
                w->seconds[i] = s->median;
                w->spread[i] = s->spread;
        }
}

/* From the deepest groups outwards, so that a group's median is over everything inside it. */
static void guess_outwards(struct guessing *w, const double *seconds)
{
        for (uint32_t depth = measure_depths(w);; depth--) {
                guess_at_depth(w, seconds, depth);
                if (depth == 0)
                        return;
                for (uint32_t i = 0; i < w->n_items; i++)
                        if (w->depth[w->level[i]] == depth)
                                w->level[i] = outwards(w, w->level[i]);
        }
}

static int prepare(struct guessing *w, const struct estimate_suite *suite, const double *seconds, const double *spread)
{
        size_t n_items = suite->n_items, most_groups = n_items + suite->n_groups;

        w->n_items = suite->n_items;
        w->n_groups = suite->n_groups;
        w->parent = calloc(most_groups + 1, sizeof(*w->parent));
        w->depth = calloc(most_groups + 1, sizeof(*w->depth));
        w->summaries = calloc(most_groups + 1, sizeof(*w->summaries));
        w->level = calloc(n_items + 1, sizeof(*w->level));
        w->known = calloc(n_items + 1, sizeof(*w->known));
        w->seconds = calloc(n_items + 1, sizeof(*w->seconds));
        w->spread = calloc(n_items + 1, sizeof(*w->spread));
        if (!w->parent || !w->depth || !w->summaries || !w->level || !w->known || !w->seconds || !w->spread)
                return -ENOMEM;
        for (uint32_t g = 0; g < suite->n_groups; g++)
                w->parent[g] = suite->parent[g];
        for (size_t i = 0; i < n_items; i++) {
                w->level[i] = suite->group[i];
                w->seconds[i] = seconds[i];
                w->spread[i] = spread[i];
        }
        return 0;
}

static bool is_needed(const double *seconds, uint32_t n)
{
        uint32_t n_known = 0;

        for (uint32_t i = 0; i < n; i++)
                n_known += seconds[i] >= 0;
        return n_known > 0 && n_known < n;
}

int estimate_guess(const struct estimate_suite *suite, double *seconds, double *spread)
{
        struct guessing w = {0};
        int r;

        if (!is_needed(seconds, suite->n_items))
                return 0;
        r = prepare(&w, suite, seconds, spread);
        if (r == 0)
                r = add_parameters(&w, suite);
        if (r < 0) {
                finish(&w);
                return r;
        }
        for (uint32_t i = 0; i < w.n_items; i++)
                if (w.level[i] == ESTIMATE_NO_GROUP)
                        w.level[i] = w.n_groups;
        guess_outwards(&w, seconds);
        memcpy(seconds, w.seconds, w.n_items * sizeof(*seconds));
        memcpy(spread, w.spread, w.n_items * sizeof(*spread));
        finish(&w);
        return 0;
}
