/* A set of ranks 0..n-1 that finds its least member at or after a rank: a bitmap of bitmaps, 64 to a word.
 *
 * Every operation touches one word a level (three levels hold 262,144 ranks), so items leave the pool and come
 * back to it at no cost worth counting, in any order.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANK_LEVELS_MAX = 6 }; /* 64^6 is above 2^32 */

#define RANK_NONE UINT32_MAX

struct rank_set {
        uint64_t *words; /* all levels, the finest first */
        uint64_t *level[RANK_LEVELS_MAX];
        unsigned n_levels;
        uint32_t n; /* ranks */
};

/* Empty. -ENOMEM. */
int rank_set_init(struct rank_set *set, uint32_t n);
void rank_set_finish(struct rank_set *set);

void rank_set_add(struct rank_set *set, uint32_t rank);
void rank_set_remove(struct rank_set *set, uint32_t rank);
bool rank_set_has(const struct rank_set *set, uint32_t rank);
/* RANK_NONE where there is none. */
uint32_t rank_set_next(const struct rank_set *set, uint32_t from);
