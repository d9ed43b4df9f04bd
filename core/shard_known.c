/* Known atoms: pieces of modules, longest first, each to the shard that is done with it first. */
#include "core/shard_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct piece {
        uint64_t us;   /* with the set-ups of groups inside its root */
        uint32_t root; /* or SHARD_NONE */
        uint32_t number, shard;
};

/* That a root has a piece in a shard: a list per root. */
struct presence {
        uint32_t shard, next;
};

struct packing {
        struct sharding *s;
        uint64_t *weight;   /* per group: all known that is in it, and the set-ups of it and of what is in it */
        uint32_t *stamp;    /* per group: of whom its set-up has been counted last */
        uint32_t *piece_of; /* per atom, or SHARD_NONE */
        struct piece *pieces;
        uint32_t n_pieces;
        uint64_t *load;         /* per shard, as the packing counts */
        uint32_t *heap, *place; /* shards, the least load first, and where each is */
        uint32_t *first;        /* per root, into presences */
        struct presence *presences;
        uint32_t n_presences;
        uint32_t *bucket; /* atoms, those of a shard together, */
        uint32_t *end;    /* and per shard where they end */
};

static uint32_t parent_of(const struct sharding *s, uint32_t group)
{
        uint32_t parent = s->suite->tests.parent[group];

        return parent == ESTIMATE_NO_GROUP ? SHARD_NONE : parent;
}

/* The set-ups, not counted for `who` yet, of the groups around an atom up to `end`. */
static uint64_t count_setups(struct packing *p, uint32_t group, uint32_t end, uint32_t who)
{
        uint64_t us = 0;

        for (; group != end && group != SHARD_NONE && p->stamp[group] != who; group = parent_of(p->s, group)) {
                p->stamp[group] = who;
                us += p->s->setup[group];
        }
        return us;
}

static void forget_stamps(struct packing *p)
{
        for (uint32_t g = 0; g < p->s->suite->tests.n_groups; g++)
                p->stamp[g] = SHARD_NONE;
}

static void weigh_groups(struct packing *p)
{
        const struct sharding *s = p->s;

        for (uint32_t i = 0; i < s->n_atoms; i++)
                if (s->atoms[i].known && s->atoms[i].group != SHARD_NONE)
                        p->weight[s->atoms[i].group] += s->atoms[i].us;
        for (uint32_t g = s->suite->tests.n_groups; g-- > 0;) {
                if (p->weight[g] > 0)
                        p->weight[g] += s->setup[g];
                if (parent_of(s, g) != SHARD_NONE)
                        p->weight[parent_of(s, g)] += p->weight[g];
        }
}

/* Pieces of at most `most`, atoms that are longer themselves excepted. */

/* The outermost group around an atom that fits whole, or SHARD_NONE. */
static uint32_t whole_group(const struct packing *p, const struct shard_atom *atom, uint64_t most)
{
        uint32_t whole = SHARD_NONE;

        if (atom->root == SHARD_NONE)
                return SHARD_NONE;
        for (uint32_t g = atom->group; g != SHARD_NONE && p->weight[g] <= most; g = parent_of(p->s, g)) {
                whole = g;
                if (g == atom->root)
                        break;
        }
        return whole;
}

/* Whether an atom goes on with the piece that was begun last: with its group, or while there is room. */
static bool goes_on(const struct packing *p, const struct shard_atom *atom, uint32_t whole, uint32_t last_whole,
                    uint64_t most)
{
        const struct piece *piece = &p->pieces[p->n_pieces - 1];

        if (atom->root == SHARD_NONE || piece->root != atom->root)
                return false;
        if (whole != SHARD_NONE && whole == last_whole)
                return true;
        return piece->us + (whole == SHARD_NONE ? atom->us : p->weight[whole]) <= most;
}

static void cut(struct packing *p, uint64_t most)
{
        struct sharding *s = p->s;
        uint32_t last_whole = SHARD_NONE;

        p->n_pieces = 0;
        forget_stamps(p);
        for (uint32_t i = 0; i < s->n_atoms; i++) {
                const struct shard_atom *atom = &s->atoms[i];
                uint32_t whole = whole_group(p, atom, most);

                p->piece_of[i] = SHARD_NONE;
                if (!atom->known)
                        continue;
                if (p->n_pieces == 0 || !goes_on(p, atom, whole, last_whole, most)) {
                        p->pieces[p->n_pieces] = (struct piece){.root = atom->root, .number = p->n_pieces};
                        p->n_pieces++;
                }
                last_whole = whole;
                p->piece_of[i] = p->n_pieces - 1;
                p->pieces[p->n_pieces - 1].us +=
                        atom->us + count_setups(p, atom->root == SHARD_NONE ? SHARD_NONE : atom->group, atom->root,
                                                p->n_pieces - 1);
        }
}

/* A heap of shards. */

static bool is_less(const struct packing *p, uint32_t a, uint32_t b)
{
        return p->load[a] != p->load[b] ? p->load[a] < p->load[b] : a < b;
}

static void put(struct packing *p, uint32_t at, uint32_t shard)
{
        p->heap[at] = shard;
        p->place[shard] = at;
}

/* Its load has grown. */
static void sink(struct packing *p, uint32_t shard)
{
        uint32_t at = p->place[shard], n = p->s->n_shards;

        for (;;) {
                uint32_t child = 2 * at + 1;

                if (child + 1 < n && is_less(p, p->heap[child + 1], p->heap[child]))
                        child++;
                if (child >= n || !is_less(p, p->heap[child], shard))
                        break;
                put(p, at, p->heap[child]);
                at = child;
        }
        put(p, at, shard);
}

/* Longest first */

static int longest_first(const void *pa, const void *pb)
{
        const struct piece *a = pa, *b = pb;

        if (a->us != b->us)
                return a->us > b->us ? -1 : 1;
        return (a->number > b->number) - (a->number < b->number); /* the order of ids */
}

static int by_number(const void *pa, const void *pb)
{
        const struct piece *a = pa, *b = pb;

        return (a->number > b->number) - (a->number < b->number);
}

/* The least loaded of the shards that have a part of this root, or SHARD_NONE. */
static uint32_t best_present(const struct packing *p, uint32_t root)
{
        uint32_t best = SHARD_NONE;

        for (uint32_t at = p->first[root]; at != SHARD_NONE; at = p->presences[at].next)
                if (best == SHARD_NONE || is_less(p, p->presences[at].shard, best))
                        best = p->presences[at].shard;
        return best;
}

static void place_piece(struct packing *p, struct piece *piece)
{
        uint64_t setup = piece->root == SHARD_NONE ? 0 : p->s->setup[piece->root];
        uint32_t shard = p->heap[0], present = setup > 0 ? best_present(p, piece->root) : SHARD_NONE;

        if (present != SHARD_NONE && p->load[present] <= p->load[shard] + setup) {
                shard = present;
                setup = 0;
        } else if (setup > 0) {
                p->presences[p->n_presences] = (struct presence){.shard = shard, .next = p->first[piece->root]};
                p->first[piece->root] = p->n_presences++;
        }
        piece->shard = shard;
        p->load[shard] += piece->us + setup;
        sink(p, shard);
}

static void deal(struct packing *p)
{
        for (uint32_t i = 0; i < p->s->n_shards; i++) {
                p->load[i] = 0;
                put(p, i, i);
        }
        for (uint32_t g = 0; g < p->s->suite->tests.n_groups; g++)
                p->first[g] = SHARD_NONE;
        p->n_presences = 0;
        qsort(p->pieces, p->n_pieces, sizeof(*p->pieces), longest_first);
        for (uint32_t i = 0; i < p->n_pieces; i++)
                place_piece(p, &p->pieces[i]);
        qsort(p->pieces, p->n_pieces, sizeof(*p->pieces), by_number);
}

/* What it comes to, each set-up once a shard; to the loads. */

static void sort_by_shard(struct packing *p)
{
        struct sharding *s = p->s;
        uint32_t sum = 0;

        memset(p->end, 0, (s->n_shards + (size_t)1) * sizeof(*p->end));
        for (uint32_t i = 0; i < s->n_atoms; i++)
                if (s->atoms[i].known)
                        p->end[p->pieces[p->piece_of[i]].shard]++;
        for (uint32_t i = 0; i < s->n_shards; i++) {
                uint32_t n = p->end[i];

                p->end[i] = sum;
                sum += n;
        }
        for (uint32_t i = 0; i < s->n_atoms; i++)
                if (s->atoms[i].known)
                        p->bucket[p->end[p->pieces[p->piece_of[i]].shard]++] = i;
}

static uint64_t evaluate(struct packing *p)
{
        struct sharding *s = p->s;
        uint64_t longest = 0;

        forget_stamps(p);
        sort_by_shard(p);
        for (uint32_t shard = 0, at = 0; shard < s->n_shards; shard++) {
                s->load[shard] = 0;
                for (; at < p->end[shard]; at++) {
                        const struct shard_atom *atom = &s->atoms[p->bucket[at]];

                        s->load[shard] += atom->us + count_setups(p, atom->group, SHARD_NONE, shard);
                }
                longest = s->load[shard] > longest ? s->load[shard] : longest;
        }
        return longest;
}

/* No split can be shorter: the mean, or an atom with the set-ups around it. */
static uint64_t bound(struct packing *p)
{
        const struct sharding *s = p->s;
        uint64_t total = 0, longest = 0;

        forget_stamps(p);
        for (uint32_t i = 0; i < s->n_atoms; i++) {
                uint64_t us = s->atoms[i].us;

                if (!s->atoms[i].known)
                        continue;
                total += us + count_setups(p, s->atoms[i].group, SHARD_NONE, 0);
                for (uint32_t g = s->atoms[i].group; g != SHARD_NONE; g = parent_of(s, g))
                        us += s->setup[g];
                longest = us > longest ? us : longest;
        }
        total /= s->n_shards;
        return total > longest ? total : longest;
}

static uint64_t try_size(struct packing *p, uint64_t most)
{
        cut(p, most);
        deal(p);
        return evaluate(p);
}

/* The coarsest one that is as good as the best, up to the tolerance. */
static void choose(struct packing *p)
{
        uint64_t longest[SHARD_PIECES + 1], least = bound(p), best = UINT64_MAX;
        uint32_t n = 0, chosen = 0;

        while (n <= SHARD_PIECES) {
                longest[n] = try_size(p, n < SHARD_PIECES ? least >> n : 0);
                best = longest[n] < best ? longest[n] : best;
                if (longest[n++] - least <= least / (2 * SHARD_TOLERANCE))
                        break;
        }
        while (longest[chosen] - best > best / SHARD_TOLERANCE)
                chosen++;
        if (chosen != n - 1)
                (void)try_size(p, chosen < SHARD_PIECES ? least >> chosen : 0);
        for (uint32_t i = 0; i < p->s->n_atoms; i++)
                if (p->s->atoms[i].known)
                        p->s->atoms[i].shard = p->pieces[p->piece_of[i]].shard;
}

static int reserve(struct packing *p)
{
        size_t n_groups = p->s->suite->tests.n_groups + (size_t)1, n_atoms = p->s->n_atoms + (size_t)1;
        size_t n_shards = p->s->n_shards + (size_t)1;

        p->weight = calloc(n_groups, sizeof(*p->weight));
        p->stamp = calloc(n_groups, sizeof(*p->stamp));
        p->first = calloc(n_groups, sizeof(*p->first));
        p->piece_of = calloc(n_atoms, sizeof(*p->piece_of));
        p->pieces = calloc(n_atoms, sizeof(*p->pieces));
        p->presences = calloc(n_atoms, sizeof(*p->presences));
        p->bucket = calloc(n_atoms, sizeof(*p->bucket));
        p->load = calloc(n_shards, sizeof(*p->load));
        p->heap = calloc(n_shards, sizeof(*p->heap));
        p->place = calloc(n_shards, sizeof(*p->place));
        p->end = calloc(n_shards, sizeof(*p->end));
        return p->weight && p->stamp && p->first && p->piece_of && p->pieces && p->presences && p->bucket && p->load &&
                               p->heap && p->place && p->end
                       ? 0
                       : -ENOMEM;
}

static void finish(struct packing *p)
{
        free(p->weight);
        free(p->stamp);
        free(p->first);
        free(p->piece_of);
        free(p->pieces);
        free(p->presences);
        free(p->bucket);
        free(p->load);
        free(p->heap);
        free(p->place);
        free(p->end);
}

int shard_known(struct sharding *s)
{
        struct packing p = {.s = s};
        int r = reserve(&p);

        if (r == 0) {
                weigh_groups(&p);
                choose(&p);
        }
        finish(&p);
        return r;
}
