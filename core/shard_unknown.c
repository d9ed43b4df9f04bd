/* Unknown atoms: to their module's shard, or in a row that is cut where it fills up the shards. */
#include "core/shard_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An atom in the row. */
struct standing {
        uint64_t hash; /* of its root's id, or of its own */
        uint32_t atom;
};

static uint64_t longest_of(const struct sharding *s)
{
        uint64_t longest = 0;

        for (uint32_t i = 0; i < s->n_shards; i++)
                longest = s->load[i] > longest ? s->load[i] : longest;
        return longest;
}

/* Per root: where the known atom before this one in the order of ids is, or else the first one. */
static void find_homes(const struct sharding *s, uint32_t *home)
{
        for (uint32_t i = s->n_atoms; i-- > 0;)
                if (s->atoms[i].known && s->atoms[i].root != SHARD_NONE)
                        home[s->atoms[i].root] = s->atoms[i].shard;
}

static int bring_home(struct sharding *s)
{
        size_t n_groups = s->suite->tests.n_groups;
        uint32_t *home = malloc((n_groups + 1) * sizeof(*home));
        uint64_t longest = longest_of(s), most = longest + longest / SHARD_TOLERANCE;

        if (!home)
                return -ENOMEM;
        for (size_t g = 0; g < n_groups; g++)
                home[g] = SHARD_NONE;
        find_homes(s, home);
        for (uint32_t i = 0; i < s->n_atoms; i++) {
                struct shard_atom *atom = &s->atoms[i];
                uint32_t shard = atom->root == SHARD_NONE ? SHARD_NONE : home[atom->root];

                if (atom->known && atom->root != SHARD_NONE) {
                        home[atom->root] = atom->shard;
                } else if (shard != SHARD_NONE && s->load[shard] + atom->us <= most) {
                        atom->shard = shard;
                        s->load[shard] += atom->us;
                }
        }
        free(home);
        return 0;
}

/* How much it takes to fill up all shards to a level; more than `most` is not counted out. */
static uint64_t missing_to(const struct sharding *s, uint64_t level, uint64_t most)
{
        uint64_t sum = 0;

        for (uint32_t i = 0; i < s->n_shards && sum <= most; i++)
                sum += s->load[i] < level ? level - s->load[i] : 0;
        return sum;
}

/* What is dealt out, a microsecond at a time to the least loaded shard: per shard where its part of it ends. So more of
 * it takes from nobody, and moves an end by no more than there is more. */
static void fill_up(const struct sharding *s, uint64_t total, uint64_t *ret_end)
{
        uint64_t low = 0, high = longest_of(s) + total, sum = 0, rest;

        while (low < high) { /* the highest level that there is enough for */
                uint64_t middle = low + (high - low + 1) / 2;

                if (missing_to(s, middle, total) <= total)
                        low = middle;
                else
                        high = middle - 1;
        }
        rest = total - missing_to(s, low, total);
        for (uint32_t i = 0; i < s->n_shards; i++) {
                sum += s->load[i] < low ? low - s->load[i] : 0;
                if (rest > 0 && s->load[i] <= low) {
                        sum++;
                        rest--;
                }
                ret_end[i] = sum;
        }
}

static int by_standing(const void *pa, const void *pb)
{
        const struct standing *a = pa, *b = pb;

        if (a->hash != b->hash)
                return a->hash < b->hash ? -1 : 1;
        return (a->atom > b->atom) - (a->atom < b->atom); /* the order of ids */
}

static uint32_t line_up(const struct sharding *s, struct standing *row, uint64_t *ret_total)
{
        uint32_t n = 0;

        *ret_total = 0;
        for (uint32_t i = 0; i < s->n_atoms; i++) {
                const struct shard_atom *atom = &s->atoms[i];

                if (atom->shard != SHARD_NONE)
                        continue;
                row[n++] = (struct standing){
                        .hash = shard_hash(atom->root == SHARD_NONE ? atom->id : s->suite->group_ids[atom->root]),
                        .atom = i};
                *ret_total += atom->us;
        }
        qsort(row, n, sizeof(*row), by_standing);
        return n;
}

/* An atom is where its middle is. */
static void cut_row(struct sharding *s, const struct standing *row, uint32_t n, const uint64_t *end)
{
        uint64_t before = 0;
        uint32_t shard = 0;

        for (uint32_t i = 0; i < n; i++) {
                struct shard_atom *atom = &s->atoms[row[i].atom];

                while (shard + 1 < s->n_shards && end[shard] <= before + atom->us / 2)
                        shard++;
                atom->shard = shard;
                before += atom->us;
        }
}

static void add_loads(struct sharding *s, const struct standing *row, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                s->load[s->atoms[row[i].atom].shard] += s->atoms[row[i].atom].us;
}

int shard_unknown(struct sharding *s)
{
        struct standing *row = calloc(s->n_atoms + (size_t)1, sizeof(*row));
        uint64_t *end = calloc(s->n_shards, sizeof(*end)), total;
        int r = row && end ? bring_home(s) : -ENOMEM;

        if (r == 0) {
                uint32_t n = line_up(s, row, &total);

                fill_up(s, total, end);
                cut_row(s, row, n, end);
                add_loads(s, row, n);
        }
        free(row);
        free(end);
        return r;
}
