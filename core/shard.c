#include "core/shard_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t shard_us(double seconds)
{
        if (!(seconds > 0))
                return 0;
        return seconds >= (double)SHARD_ITEM_US_MAX / 1e6 ? SHARD_ITEM_US_MAX : (uint64_t)llround(seconds * 1e6);
}

/* The finalizer of MurmurHash3 (Appleby). */
uint64_t shard_mix(uint64_t value)
{
        value = (value ^ (value >> 33)) * UINT64_C(0xff51afd7ed558ccd);
        value = (value ^ (value >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
        return value ^ (value >> 33);
}

/* FNV-1a, mixed. */
uint64_t shard_hash(const char *text)
{
        uint64_t hash = UINT64_C(14695981039346656037);

        for (; *text; text++)
                hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
        return shard_mix(hash);
}

/* Items to atoms: disjoint sets of places in the order of ids. */

struct placed {
        const char *id;
        uint32_t item;
};

static int by_id(const void *pa, const void *pb)
{
        const struct placed *a = pa, *b = pb;
        int order = strcmp(a->id, b->id);

        return order ? order : (a->item > b->item) - (a->item < b->item);
}

static uint32_t first_of(uint32_t *above, uint32_t place)
{
        while (above[place] != place)
                place = above[place] = above[above[place]];
        return place;
}

/* The lower place stands for both. */
static void tie(uint32_t *above, uint32_t a, uint32_t b)
{
        a = first_of(above, a);
        b = first_of(above, b);
        if (a < b)
                above[b] = a;
        else
                above[a] = b;
}

/* seen: per serial group the place of one of its items + 1. */
static void tie_all(const struct shard_suite *suite, const struct placed *placed, uint32_t *above, uint32_t *seen)
{
        for (uint32_t i = 0; i < suite->tests.n_items; i++) {
                uint32_t serial = suite->serial ? suite->serial[placed[i].item] : 0;

                above[i] = i;
                if (i > 0 && strcmp(placed[i - 1].id, placed[i].id) == 0)
                        tie(above, i - 1, i);
                if (serial > 0 && seen[serial])
                        tie(above, seen[serial] - 1, i);
                if (serial > 0)
                        seen[serial] = i + 1;
        }
}

/* The first place of each set makes its atom, and comes before the others. */
static void make_atoms(struct sharding *s, const struct placed *placed, uint32_t *above)
{
        const struct estimate_suite *tests = &s->suite->tests;

        for (uint32_t i = 0; i < tests->n_items; i++) {
                uint32_t first = first_of(above, i), item = placed[i].item, group = tests->group[item];

                if (first == i)
                        s->atoms[s->n_atoms++] =
                                (struct shard_atom){.id = placed[i].id,
                                                    .group = group == ESTIMATE_NO_GROUP ? SHARD_NONE : group,
                                                    .shard = SHARD_NONE};
                s->atom_of[item] = first == i ? s->n_atoms - 1 : s->atom_of[placed[first].item];
        }
}

static int tie_items(struct sharding *s)
{
        uint32_t n = s->suite->tests.n_items;
        struct placed *placed = calloc(n + (size_t)1, sizeof(*placed));
        uint32_t *above = calloc(n + (size_t)1, sizeof(*above)), *seen = calloc(n + (size_t)1, sizeof(*seen));
        bool ok = placed && above && seen;

        for (uint32_t i = 0; ok && i < n; i++)
                placed[i] = (struct placed){.id = s->suite->tests.ids[i], .item = i};
        if (ok) {
                qsort(placed, n, sizeof(*placed), by_id);
                tie_all(s->suite, placed, above, seen);
                make_atoms(s, placed, above);
        }
        free(placed);
        free(above);
        free(seen);
        return ok ? 0 : -ENOMEM;
}

/* Times */

static int guess(const struct shard_suite *suite, double **ret_seconds)
{
        size_t n = suite->tests.n_items;
        double *seconds = calloc(n + 1, sizeof(*seconds)), *spread = calloc(n + 1, sizeof(*spread));
        int r = seconds && spread ? 0 : -ENOMEM;

        if (r == 0 && n > 0) {
                memcpy(seconds, suite->seconds, n * sizeof(*seconds));
                r = estimate_guess(&suite->tests, seconds, spread);
        }
        free(spread);
        if (r < 0) {
                free(seconds);
                return r;
        }
        *ret_seconds = seconds;
        return 0;
}

static int measure_atoms(struct sharding *s, uint32_t *ret_n_known)
{
        double *seconds;
        int r = guess(s->suite, &seconds);

        if (r < 0)
                return r;
        *ret_n_known = 0;
        for (uint32_t i = 0; i < s->suite->tests.n_items; i++) {
                struct shard_atom *atom = &s->atoms[s->atom_of[i]];
                bool known = s->suite->seconds[i] >= 0;

                atom->us += SHARD_OVERHEAD_US + (seconds[i] >= 0 ? shard_us(seconds[i]) : SHARD_GUESS_US);
                atom->known |= known;
                *ret_n_known += known;
        }
        free(seconds);
        return 0;
}

/* Groups come behind those around them. A package is kept together where its set-up is known to take time. */
static void find_roots(struct sharding *s)
{
        const struct shard_suite *suite = s->suite;

        for (uint32_t g = 0; g < suite->tests.n_groups; g++) {
                uint32_t parent = suite->tests.parent[g];
                uint32_t around = parent == ESTIMATE_NO_GROUP ? SHARD_NONE : s->root[parent];

                s->setup[g] = shard_us(suite->setup[g]);
                s->root[g] = around != SHARD_NONE ? around : suite->loose[g] && !s->setup[g] ? SHARD_NONE : g;
        }
        for (uint32_t i = 0; i < s->n_atoms; i++)
                s->atoms[i].root = s->atoms[i].group == SHARD_NONE ? SHARD_NONE : s->root[s->atoms[i].group];
}

/* Beginning and end */

static bool is_valid(const struct shard_suite *suite)
{
        const struct estimate_suite *tests = &suite->tests;

        if (suite->n_shards < 1 || suite->n_shards > SHARD_MAX)
                return false;
        for (uint32_t i = 0; i < tests->n_items; i++)
                if ((tests->group[i] != ESTIMATE_NO_GROUP && tests->group[i] >= tests->n_groups) ||
                    (suite->serial && suite->serial[i] > tests->n_items))
                        return false;
        for (uint32_t g = 0; g < tests->n_groups; g++)
                if (tests->parent[g] != ESTIMATE_NO_GROUP && tests->parent[g] >= g)
                        return false;
        return true;
}

static int reserve(struct sharding *s, struct shard_split *split)
{
        size_t n = s->suite->tests.n_items, n_groups = s->suite->tests.n_groups;

        s->atoms = calloc(n + 1, sizeof(*s->atoms));
        s->atom_of = calloc(n + 1, sizeof(*s->atom_of));
        s->setup = calloc(n_groups + 1, sizeof(*s->setup));
        s->root = calloc(n_groups + 1, sizeof(*s->root));
        s->load = calloc(s->n_shards, sizeof(*s->load));
        split->seconds = calloc(s->n_shards, sizeof(*split->seconds));
        return s->atoms && s->atom_of && s->setup && s->root && s->load && split->seconds ? 0 : -ENOMEM;
}

static void finish(struct sharding *s)
{
        free(s->atoms);
        free(s->atom_of);
        free(s->setup);
        free(s->root);
        free(s->load);
}

/* A sum, so that the order is none. */
uint64_t shard_digest(const char *const *ids, const uint32_t *shards, uint32_t n_items, uint32_t n_shards)
{
        uint64_t places = 0;

        for (uint32_t i = 0; i < n_items; i++)
                places += shard_mix(shard_hash(ids[i]) ^ (shards[i] + UINT64_C(1)));
        return shard_mix(places ^ n_shards);
}

static void tell(const struct sharding *s, uint32_t *ret_shard, struct shard_split *split)
{
        const struct estimate_suite *tests = &s->suite->tests;
        uint64_t ids = 0;

        for (uint32_t i = 0; i < tests->n_items; i++) {
                ret_shard[i] = s->atoms[s->atom_of[i]].shard;
                ids += shard_hash(tests->ids[i]);
        }
        split->collection = shard_mix(ids);
        split->split = shard_digest(tests->ids, ret_shard, tests->n_items, s->n_shards);
        for (uint32_t i = 0; i < s->n_shards; i++)
                split->seconds[i] = (double)s->load[i] / 1e6;
}

int shard_split(const struct shard_suite *suite, uint32_t *ret_shard, struct shard_split *ret_split)
{
        struct sharding s = {.suite = suite, .n_shards = suite->n_shards};
        struct shard_split split = {0};
        int r;

        if (!is_valid(suite))
                return -EINVAL;
        r = reserve(&s, &split);
        if (r == 0)
                r = tie_items(&s);
        if (r == 0)
                r = measure_atoms(&s, &split.n_known);
        if (r == 0) {
                find_roots(&s);
                r = shard_known(&s);
        }
        if (r == 0)
                r = shard_unknown(&s);
        if (r == 0) {
                tell(&s, ret_shard, &split);
                *ret_split = split;
        } else {
                shard_split_finish(&split);
        }
        finish(&s);
        return r;
}

void shard_split_finish(struct shard_split *split)
{
        free(split->seconds);
        *split = (struct shard_split){0};
}
