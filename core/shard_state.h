/* What the split of a suite is made of, for core/shard's own files. */
#pragma once

#include <stdbool.h>

#include "core/shard.h"

#define SHARD_NONE UINT32_MAX

/* Items that are never parted. */
struct shard_atom {
        const char *id; /* the least of its items' */
        uint64_t us;    /* all of them; guessed where unknown */
        uint32_t group; /* of the item with that id, or SHARD_NONE */
        uint32_t root;  /* the outermost group that it is kept together with, or SHARD_NONE */
        uint32_t shard; /* or SHARD_NONE */
        bool known;
};

struct sharding {
        const struct shard_suite *suite;
        uint32_t n_shards;
        struct shard_atom *atoms; /* by id */
        uint32_t n_atoms;
        uint32_t *atom_of; /* per item */
        uint64_t *setup;   /* per group, µs; 0 unknown */
        uint32_t *root;    /* per group: the outermost one around it that is kept together, itself or SHARD_NONE */
        uint64_t *load;    /* per shard, µs: known atoms and their set-ups */
};

uint64_t shard_us(double seconds);
uint64_t shard_hash(const char *text);
uint64_t shard_mix(uint64_t value);

/* Gives each known atom its shard, and fills load. -ENOMEM. */
int shard_known(struct sharding *s);
/* Then each unknown one, and adds it to load. -ENOMEM. */
int shard_unknown(struct sharding *s);
