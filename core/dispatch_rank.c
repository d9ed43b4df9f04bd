#include "core/dispatch_rank.h"

#include <errno.h>
#include <stdlib.h>

static size_t words_for(size_t n)
{
        return (n + 63) / 64;
}

int rank_set_init(struct rank_set *set, uint32_t n)
{
        size_t total = 0;
        uint64_t *at;

        *set = (struct rank_set){.n = n};
        for (size_t width = n; set->n_levels == 0 || width > 1; set->n_levels++) {
                width = words_for(width);
                total += width;
        }

        set->words = calloc(total ? total : 1, sizeof(*set->words));
        if (!set->words)
                return -ENOMEM;

        at = set->words;
        for (size_t level = 0, width = n; level < set->n_levels; level++) {
                set->level[level] = at;
                width = words_for(width);
                at += width;
        }
        return 0;
}

void rank_set_finish(struct rank_set *set)
{
        free(set->words);
        *set = (struct rank_set){0};
}

void rank_set_add(struct rank_set *set, uint32_t rank)
{
        for (unsigned level = 0; level < set->n_levels; level++) {
                set->level[level][rank / 64] |= UINT64_C(1) << rank % 64;
                rank /= 64;
        }
}

void rank_set_remove(struct rank_set *set, uint32_t rank)
{
        for (unsigned level = 0; level < set->n_levels; level++) {
                set->level[level][rank / 64] &= ~(UINT64_C(1) << rank % 64);
                if (set->level[level][rank / 64])
                        return;
                rank /= 64;
        }
}

bool rank_set_has(const struct rank_set *set, uint32_t rank)
{
        return rank < set->n && (set->level[0][rank / 64] >> rank % 64 & 1);
}

uint32_t rank_set_next(const struct rank_set *set, uint32_t from)
{
        uint64_t rank = from;
        size_t width = set->n;

        /* Up until a word has a member at or after the rank… */
        for (unsigned level = 0; level < set->n_levels; level++) {
                uint64_t word;

                if (rank >= width)
                        return RANK_NONE;
                word = set->level[level][rank / 64] & ~UINT64_C(0) << rank % 64;
                if (word) {
                        rank = rank / 64 * 64 + (unsigned)__builtin_ctzll(word);
                        /* …and down again by the first member of each. */
                        while (level-- > 0)
                                rank = rank * 64 + (unsigned)__builtin_ctzll(set->level[level][rank]);
                        return (uint32_t)rank;
                }
                rank = rank / 64 + 1;
                width = words_for(width);
        }
        return RANK_NONE;
}
