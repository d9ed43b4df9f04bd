/* A suite's tests in N shards, for N machines that do not talk to each other. Pure.
 *
 * Each machine makes the same split from the same tests and the same estimates, in whatever order they come: times
 * are whole microseconds here, and ties are broken by ids. Every test is in exactly one shard.
 *
 * Items that belong together go together: those of a serial group, and those that have the same id.
 *
 * Known items, those of which any is known: longest processing time first (Graham 1969), over pieces of modules and
 * not over items, as in scheduling with set-up classes (Mäcker, Malatyali, Meyer auf der Heide, Riechers 2015): a shard
 * that already has a part of a module takes another without its set-up. Modules are whole at first; where that leaves
 * the shards uneven they are cut into ever smaller pieces, down to single items, and of these splits the coarsest is
 * taken that is about as good as the best. Without set-ups no shard then has more than 1.02 times
 * (total / N + longest) (Graham 1966).
 *
 * Unknown items move no known one. One whose module has known items goes where these are, as long as that shard is
 * not the longest by it. The others are laid in a row, module by module in the order of a hash, and the row is cut
 * where it fills up the shards evenly (the tests' guessed times are what counts; 1 each where nothing is known). So
 * modules stay together but for N - 1 of them, and an unknown item more or less of equal length moves each cut by at
 * most one item: at most N others change their shards.
 */
#pragma once

#include <stdint.h>

#include "core/estimate.h"

enum {
        SHARD_MAX = 10000,        /* shards */
        SHARD_PIECES = 8,         /* how often pieces are halved before single items are tried */
        SHARD_TOLERANCE = 50,     /* one part in so many: a difference in makespan that is none */
        SHARD_OVERHEAD_US = 100,  /* that an item takes beside its time: reports, and dealing it */
        SHARD_GUESS_US = 1000000, /* where nothing at all is known, an item's time */
};
#define SHARD_ITEM_US_MAX UINT64_C(1000000000000) /* what takes longer counts as this: some eleven days */

struct shard_suite {
        struct estimate_suite tests;
        const char *const *group_ids; /* n_groups */
        const double *setup;          /* per group, seconds; < 0 unknown */
        const bool *loose;            /* per group: kept together only for its set-up's sake */
        const uint32_t *serial;       /* per item the number of its serial group, from 1; 0 none. NULL: there is none */
        const double *seconds;        /* per item; < 0 unknown */
        uint32_t n_shards;            /* 1 to SHARD_MAX */
};

struct shard_split {
        uint64_t collection; /* a digest of the ids, in any order */
        uint64_t split;      /* as shard_digest() makes it */
        double *seconds;  /* per shard what it should take, each known set-up once; 1 an item where nothing is known */
        uint32_t n_known; /* items of which a time is known */
};

/* A digest of which item is in which shard, and of how many there are. */
uint64_t shard_digest(const char *const *ids, const uint32_t *shards, uint32_t n_items, uint32_t n_shards);

/* Fills ret_shard, per item 0 to n_shards - 1. -EINVAL where a number is out of range, -ENOMEM. */
int shard_split(const struct shard_suite *suite, uint32_t *ret_shard, struct shard_split *ret_split);
void shard_split_finish(struct shard_split *split);
