/* Shards: which part of each suite this run is to run, on one of several nodes that share the tests.
 *
 *     run_shard_ci.c     what CI says
 *     run_shard.c        what the user says, and whose word counts
 *     run_suite_shard.c  a suite's split
 */
#pragma once

#include <stdbool.h>

struct run_options;

enum {
        RUN_SHARD_SOURCE_MAX = 32,
        RUN_SHARD_NOTE_MAX = 320,
        RUN_SHARD_TEXT_MAX = 24, /* "3/12" */
};

#define RUN_SHARD_OPTION "--shard" /* the source that is the command line's */

enum run_shard_wish {
        RUN_SHARD_AUTO,
        RUN_SHARD_NO,
        RUN_SHARD_CI,    /* as CI says, in doubt too; an error where it says nothing */
        RUN_SHARD_GIVEN, /* this one */
};

struct run_shard {
        enum run_shard_wish wish;
        unsigned index, count;             /* from 1 to count; count 0: everything is run */
        bool asked;                        /* somebody said so to schedctl: nothing else is to stop it */
        char source[RUN_SHARD_SOURCE_MAX]; /* "CircleCI", "--shard" */
        char note[RUN_SHARD_NOTE_MAX];     /* why there is none though CI has nodes; "" nothing to say */
};

/* auto, no, ci, or I/N with 1 <= I <= N; false where the text is none of them. */
bool run_shard_parse(const char *text, const char *source, struct run_shard *ret_shard);

/* Settles options->shard: what the user said, or else what CI says in the environment; with `attach` that only if the
 * user says so too, for a pytest that nobody started under schedctl runs what it always ran. False: a message was
 * printed, and nothing is to run. */
bool run_shard_settle(const char *verb, bool attach, struct run_options *options);

/* Says that a nested run, part of the outer one's shard, has none of its own, where its command line wants one. What
 * the environment says is the outer run's too. */
void run_shard_tell_nested(const struct run_shard *shard);

/* "3/12". */
void run_shard_text(const struct run_shard *shard, char ret_text[static RUN_SHARD_TEXT_MAX]);
