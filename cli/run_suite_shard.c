/* Which part of a suite is this run's, where it is one of several that share the tests. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/history.h"
#include "cli/run_past.h"
#include "cli/run_shard_ci.h"
#include "cli/run_suite.h"
#include "core/shard.h"
#include "lib/text.h"
#include "lib/util.h"

enum { DIGEST_MAX = 17 };

static void format_digest(uint64_t digest, char ret_text[static DIGEST_MAX])
{
        snprintf(ret_text, DIGEST_MAX, "%016" PRIx64, digest);
}

/* Bazel asks who shards its tests to touch a file, or takes it that nobody did. */
static void touch_status_file(void)
{
        const char *path = getenv("TEST_SHARD_STATUS_FILE");
        CLEANUP_CLOSE int fd = path && *path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666) : -1;

        if (path && *path && fd < 0)
                fprintf(stderr, "schedctl: TEST_SHARD_STATUS_FILE: %s: %s\n", path, strerror(errno));
}

/* Items in the order of their ids, which all nodes have. */

struct named {
        const char *id;
        uint32_t item;
};

static int by_id(const void *pa, const void *pb)
{
        const struct named *a = pa, *b = pb;

        return strcmp(a->id, b->id);
}

static struct named *sort_items(const struct run_listing *l)
{
        struct named *named = calloc(l->n_items + (size_t)1, sizeof(*named));

        for (uint32_t i = 0; named && i < l->n_items; i++)
                named[i] = (struct named){.id = l->ids[i], .item = i};
        if (named)
                qsort(named, l->n_items, sizeof(*named), by_id);
        return named;
}

/* A digest of the items and of which are never parted: a split from before some were would part them. */
static int digest_ties(const struct run_listing *l, const struct named *named, uint64_t *ret_digest)
{
        CLEANUP_FREE uint32_t *tie = calloc(l->n_items + (size_t)1, sizeof(*tie));
        CLEANUP_FREE uint32_t *first = calloc(l->n_items + (size_t)1, sizeof(*first)); /* per serial group */

        if (!tie || !first)
                return -ENOMEM;
        for (uint32_t i = 0; l->serial && i < l->n_items; i++) {
                uint32_t serial = l->serial[named[i].item];

                if (serial > 0 && first[serial] == 0)
                        first[serial] = i + 1;
                tie[named[i].item] = first[serial];
        }
        *ret_digest = shard_digest(l->ids, tie, l->n_items, 0);
        return 0;
}

/* Where nodes share a history the first one's split holds for all. */
static int share(struct run_suite *s, const struct run_listing *l, struct shard_split *split, uint32_t *shards)
{
        struct history_split key = {.project = json_string_value(s->rootdir),
                                    .build = run_shard_ci_build(environ),
                                    .n_shards = s->run->options->shard.count,
                                    .now = time(NULL)};
        CLEANUP_FREE struct named *named = sort_items(l);
        CLEANUP_FREE uint16_t *places = calloc(l->n_items + (size_t)1, sizeof(*places));
        int r = named && places ? digest_ties(l, named, &key.collection) : -ENOMEM;

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < l->n_items; i++)
                places[i] = (uint16_t)shards[named[i].item];
        if (!history_share_split(s->history, &key, places, l->n_items))
                return 0;
        for (uint32_t i = 0; i < l->n_items; i++)
                shards[named[i].item] = places[i];
        split->split = shard_digest(l->ids, shards, l->n_items, key.n_shards);
        return 0;
}

static void note(struct run_suite *s, const struct run_listing *l, const struct shard_split *split,
                 const double *seconds, const bool *keep)
{
        struct run_suite_shard *shard = &s->shard;

        *shard = (struct run_suite_shard){.tests = l->n_items,
                                          .known = split->n_known,
                                          .collection = split->collection,
                                          .split = split->split,
                                          .divided = true};
        for (uint32_t i = 0; i < l->n_items; i++) {
                shard->dealt += keep[i];
                shard->seconds += keep[i] && seconds[i] > 0 ? seconds[i] : 0;
        }
}

int run_suite_divide(struct run_suite *s, const struct run_listing *l, bool *ret_keep)
{
        CLEANUP_FREE double *seconds = calloc(l->n_items + (size_t)1, sizeof(*seconds));
        CLEANUP_FREE double *setups = calloc(l->n_groups + (size_t)1, sizeof(*setups));
        CLEANUP_FREE uint32_t *shards = calloc(l->n_items + (size_t)1, sizeof(*shards));
        CLEANUP(shard_split_finish) struct shard_split split = {0};
        const struct run_shard *shard = &s->run->options->shard;
        int r = seconds && setups && shards ? run_past_times(s, l, seconds, setups) : -ENOMEM;

        if (r == 0)
                r = shard_split(&(struct shard_suite){.tests = {.ids = l->ids,
                                                                .group = l->group,
                                                                .n_items = l->n_items,
                                                                .parent = l->group_parent,
                                                                .n_groups = l->n_groups},
                                                      .group_ids = l->group_ids,
                                                      .setup = setups,
                                                      .loose = l->group_loose,
                                                      .serial = l->serial,
                                                      .seconds = seconds,
                                                      .n_shards = shard->count},
                                shards, &split);
        if (r == 0)
                r = share(s, l, &split, shards);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < l->n_items; i++)
                ret_keep[i] = shards[i] == shard->index - 1;
        note(s, l, &split, seconds, ret_keep);
        touch_status_file();
        return 0;
}

static json_t *answer(const struct run_suite *s, const bool *keep)
{
        json_t *message = run_suite_describe_shard(s), *list = json_array();

        for (uint32_t i = 0; i < s->shard.tests; i++)
                if (keep[i])
                        json_array_append_new(list, json_integer(i));
        if (!message || json_object_set_new(message, "event", json_string("shard")) < 0 ||
            json_object_set_new(message, "keep", list) < 0) {
                json_decref(message);
                return NULL;
        }
        return message;
}

int run_suite_collected(struct run_suite *s, const json_t *message)
{
        CLEANUP(run_listing_finish) struct run_listing listing = {0};
        CLEANUP_FREE bool *keep = NULL;
        int r;

        if (!s->hello_at || s->state != RUN_SUITE_HELLO || s->shard.divided || !s->run->options->shard.count)
                return -EPROTO;
        r = run_message_collected(message, &listing);
        if (r < 0)
                return r;
        keep = calloc(listing.n_items + (size_t)1, sizeof(*keep));
        r = keep ? run_suite_divide(s, &listing, keep) : -ENOMEM;
        return r < 0 ? r : run_peer_send(s->peer, answer(s, keep));
}

int run_suite_undivided(struct run_suite *s, const json_t *message)
{
        if (!s->hello_at || s->shard.divided)
                return -EPROTO;
        text_fit(run_message_text(message, "why"), s->shard.why, sizeof(s->shard.why));
        return 0;
}

/* schedctl: shard 3 of 12 (CircleCI): 40 of 480 tests (split 5f3a9c21e07b4d18) */
void run_suite_tell_shard(struct run_suite *s)
{
        const struct run_shard *shard = &s->run->options->shard;
        char split[DIGEST_MAX];

        if (s->shard.told || s->run->options->quiet)
                return;
        s->shard.told = true;
        format_digest(s->shard.split, split);
        if (s->shard.divided)
                fprintf(stderr, "schedctl: shard %u of %u (%s): %u of %u test%s (split %s)\n", shard->index,
                        shard->count, shard->source, s->shard.dealt, s->shard.tests, s->shard.tests == 1 ? "" : "s",
                        split);
        else if (shard->count > 0)
                fprintf(stderr, "schedctl: this is shard %u of %u (%s), but all tests run: %s\n", shard->index,
                        shard->count, shard->source, *s->shard.why ? s->shard.why : "nobody divided them");
        else if (*shard->note)
                fprintf(stderr, "schedctl: %s; see --shard\n", shard->note);
}

json_t *run_suite_describe_shard(const struct run_suite *s)
{
        const struct run_shard *shard = &s->run->options->shard;
        char collection[DIGEST_MAX], split[DIGEST_MAX];

        if (!shard->count)
                return NULL;
        if (!s->shard.divided)
                return json_pack("{s:i, s:i, s:s, s:s}", "index", (int)shard->index, "count", (int)shard->count,
                                 "source", shard->source, "why", *s->shard.why ? s->shard.why : "nobody divided them");
        format_digest(s->shard.collection, collection);
        format_digest(s->shard.split, split);
        return json_pack("{s:i, s:i, s:s, s:I, s:I, s:I, s:f, s:s, s:s}", "index", (int)shard->index, "count",
                         (int)shard->count, "source", shard->source, "tests", (json_int_t)s->shard.tests, "dealt",
                         (json_int_t)s->shard.dealt, "known", (json_int_t)s->shard.known, "seconds", s->shard.seconds,
                         "collection", collection, "split", split);
}
