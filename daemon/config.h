/* The configuration, as schedd.conf(5) describes it: INI files, merged into one struct.
 *
 * A setting that is not understood is a problem: it is told with file and line, and the value that was there before
 * stays. A file that cannot be read at all makes the whole configuration unreadable.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "core/governor.h"
#include "daemon/log.h"
#include "lib/util.h"

enum config_key {
        CONFIG_POLICY,
        CONFIG_RESERVE,
        CONFIG_LOG_LEVEL,
        CONFIG_KEYS,
};

struct config_user {
        uint32_t uid;
        unsigned weight;
        char *origin; /* "FILE:LINE" */
};

/* config_init() first, config_finish() last. */
struct config {
        struct governor_settings headroom;
        enum log_level log_level;
        struct config_user *users; /* each uid once, in the order of the files */
        size_t n_users;
        char *origins[CONFIG_KEYS]; /* "FILE:LINE"; NULL: built in */
        char **problems;            /* "FILE:LINE: what is wrong; what is in force", printable */
        size_t n_problems;
};

/* What is built in. */
void config_init(struct config *config);
void config_finish(struct config *config);

/* Reads `file` alone, or with NULL the usual places (daemon/config_files.h), all below root. 0 with or without
 * problems; a negative errno where something cannot be read, with a text that says what (free it; NULL for want of
 * memory). */
int config_load(const char *root, const char *file, struct config *ret_config, char **ret_problem);

/* A user's weight among users; ALLOC_WEIGHT_DEFAULT where none is set. */
unsigned config_weight(const struct config *config, uint32_t uid);

/* Prints what is in force and where each comes from, so that reading it gives the same. */
void config_print(const struct config *config, FILE *to);
