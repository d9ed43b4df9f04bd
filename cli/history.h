/* What earlier runs measured: an SQLite database of the user's, $XDG_STATE_HOME/schedctl/history.db.
 *
 * History makes runs faster and is never needed: a NULL history is valid everywhere, knows nothing and stores
 * nothing. What is wrong with the file is told as a text (malloc'ed, the caller's; one sentence without a newline)
 * and the run goes on. A file that is damaged or is something else is renamed to history.db.broken-N and a new one
 * begun; one that a newer schedctl wrote is left alone, and history is off.
 *
 * Several runs may use the file at once. A suite's results are one transaction, and estimates are updated from what
 * the file says at that moment. The journal is a rollback journal and not a WAL: a WAL database in a directory that
 * cannot be written cannot be read either, and one short transaction a suite has nothing to gain from it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/estimate.h"
#include "core/speeds.h"

struct history;

#define HISTORY_SESSION "" /* the id of the group that has the session's fixtures */

/* What is known of a project, that is of one root directory of tests. */
struct history_project {
        uint64_t runs;          /* suites stored */
        double wall;            /* seconds: the last one, from its start to its end */
        double collection;      /* seconds until the items were known */
        double serial;          /* seconds of everything that does not run in parallel */
        uint64_t worker_memory; /* bytes that a worker needed for itself, at most; 0 not known */
};

struct history_item {
        const char *id;
        uint32_t position; /* in collection order */
        struct estimate_sample sample;
};

struct history_group {
        const char *id;     /* or HISTORY_SESSION */
        const char *parent; /* the id of the enclosing one; NULL none */
        bool loose;         /* a package */
        bool lone;          /* parent and loose are not known: what is stored of them stays */
        double setup;       /* seconds on a fast core, mean of this run's; < 0: not measured */
};

/* What one suite measured. */
struct history_suite {
        const struct history_item *items;
        uint32_t n_items;
        const struct history_group *groups;
        uint32_t n_groups;
        uint32_t n_collected; /* items that the suite has, measured or not */
        double wall, collection, serial;
        uint64_t worker_memory;      /* bytes, at most; 0: was not seen */
        int64_t now;                 /* seconds since the epoch */
        const struct speeds *speeds; /* the machine that it ran on, as speeds_init() makes it; NULL: not known */
};

enum {
        HISTORY_BUSY_MS = 2000,   /* how long a run waits for another's transaction */
        HISTORY_KEEP_RUNS = 200,  /* an item is forgotten that was in none of this many suites of its project… */
        HISTORY_KEEP_DAYS = 90,   /* …and for this long */
        HISTORY_BROKEN_MAX = 100, /* files set aside; then history is off until somebody tidies up */
};

/* path NULL: the user's. *ret_history is NULL where there is no history to be had; *ret_warning is NULL where
 * there is nothing to say. -ENOMEM. */
int history_open(const char *path, struct history **ret_history, char **ret_warning);
/* Likewise a file of somebody else's, which is only read, and neither upgraded nor set aside. */
int history_look(const char *path, struct history **ret_history, char **ret_warning);
void history_close(struct history *h);

/* Fills ret_estimates (zero: unknown); returns how many are known, 0 where the file cannot be read. -ENOMEM. */
int history_load(struct history *h, const char *project, const char *const *ids, uint32_t n,
                 struct estimate *ret_estimates);
/* Set-up seconds per group, < 0 unknown; returns how many are known. -ENOMEM. */
int history_load_groups(struct history *h, const char *project, const char *const *ids, uint32_t n, double *ret_setups);
/* 1, or 0 and all zero where the project is not known. */
int history_load_project(struct history *h, const char *project, struct history_project *ret_project);

/* A number per item that changes when its file does (time of change, size), for the samples' and estimates' `source`; 0
 * where there is none. In pytest's ids the file's path in `root` ends at the first "::". Each file is looked at once.
 * -ENOMEM. */
int history_sources(const char *root, const char *const *ids, uint32_t n, uint64_t *ret_sources);

/* Puts what was learned of the machine's classes into *speeds; how many classes that were. */
int history_load_speeds(struct history *h, struct speeds *speeds);

struct history_listed_speed {
        char machine[SPEEDS_MACHINE_MAX], class[SPEEDS_NAME_MAX];
        double ratio, weight;
};
/* All that was learned of any machine, an array to free. -ENOMEM. */
int history_list_speeds(struct history *h, struct history_listed_speed **ret_speeds, size_t *ret_n);

/* 0, also where nothing could be stored and *ret_warning says why. -ENOMEM. */
int history_store(struct history *h, const char *project, const struct history_suite *suite, char **ret_warning);

/* Which split of a suite is meant. */
struct history_split {
        const char *project;
        const char *build;   /* what all nodes of one build have in common; "" where nobody says */
        uint32_t n_shards;   /* up to UINT16_MAX */
        uint64_t collection; /* a digest of its items, and of which belong together */
        int64_t now;         /* seconds since the epoch */
};

enum {
        HISTORY_SPLIT_SECONDS =
                600,             /* since it was needed last, where no build is known: another run may come by now */
        HISTORY_SPLIT_DAYS = 30, /* since it was needed last, of a build */
        HISTORY_SPLIT_MAX = 200, /* of a project: those that were needed last */
};

/* Nodes that share this file have to divide a suite in the same way, though each changes the history when it ends: the
 * first one's split, the shard of each item, is kept. True: `places` has been replaced by another node's. */
bool history_share_split(struct history *h, const struct history_split *key, uint16_t *places, uint32_t n);

/* Everything that is known of a project. */
struct history_listed_item {
        char *id;
        uint32_t group; /* index of its innermost group, or ESTIMATE_NO_GROUP */
        int64_t seen;   /* seconds since the epoch: when it was last measured */
        bool current;   /* in the latest run of the whole project, or in one since: it has not been deleted */
        struct estimate estimate;
};

struct history_listed_group {
        char *id;
        uint32_t parent; /* a lower index, or ESTIMATE_NO_GROUP */
        int64_t seen;    /* as an item's */
        bool loose;
        double setup; /* < 0 unknown */
};

struct history_list {
        struct history_project project;
        struct history_listed_item *items; /* in collection order, as far as it is known */
        uint32_t n_items;
        struct history_listed_group *groups;
        uint32_t n_groups;
        double session_setup; /* < 0 unknown */
        int64_t latest;       /* seconds since the epoch: when one of the items was last measured; 0 never */
};

/* 1, or 0 and nothing where the project is not known. -ENOMEM. */
int history_list(struct history *h, const char *project, struct history_list *ret_list);
void history_list_finish(struct history_list *list);

/* The names of all projects, by name: an array to free, as are the names. -ENOMEM. */
int history_list_projects(struct history *h, char ***ret_names, size_t *ret_n);

/* The nearest known project at or above a directory (an absolute path): its root, the caller's to free, or NULL.
 * -ENOMEM. */
int history_find_project(struct history *h, const char *directory, char **ret_project);
