/* Which shard this node is to run, as its environment says: a table of what CI services and other schedulers set.
 * docs/ci.md has the same table. A pure function of an environment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
        RUN_SHARD_WHY_MAX = 256,
};

enum run_shard_found {
        RUN_SHARD_NOTHING, /* it is the only node, or nobody says anything */
        RUN_SHARD_FOUND,
        RUN_SHARD_UNSURE,   /* the nodes may well differ in more than the shard, or it is not known how many there are:
                             * `why` says so; a clause, like "this is one job of a matrix" */
        RUN_SHARD_NONSENSE, /* what is said cannot be: `why` is a sentence without a full stop */
};

struct run_shard_ci {
        const char *who; /* "CircleCI"; NULL where nobody says anything */
        bool said;       /* by the user, in variables that are for schedctl */
        unsigned index;  /* from 1 to count; 0 with UNSURE: not known */
        unsigned count;
        const char *only; /* with NOTHING: who says that this is the only node; NULL nobody */
        char why[RUN_SHARD_WHY_MAX];
};

/* `env` is an environment as the process has it: "NAME=value", NULL-terminated. An empty variable is one that is not
 * set. The first row that says of more than one node counts. */
enum run_shard_found run_shard_ci_find(char *const *env, struct run_shard_ci *ret);

/* What all nodes of this build have in common and no other build has, as "VARIABLE=value"; "" where nobody says. Points
 * into `env`. */
const char *run_shard_ci_build(char *const *env);

/* The table, for who wants to look at it: false where there is no such row. `first` is the index of the first node. */
struct run_shard_row {
        const char *who, *index, *count;
        unsigned first;
};
bool run_shard_ci_row(size_t row, struct run_shard_row *ret_row);
