#include "cli/run_shard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_options.h"
#include "cli/run_shard_ci.h"
#include "core/shard.h"
#include "lib/util.h"

static bool read_number(const char **at, unsigned *ret_number)
{
        unsigned long number;
        char *end;

        if (**at < '0' || **at > '9')
                return false;
        errno = 0;
        number = strtoul(*at, &end, 10);
        if (errno || number < 1 || number > SHARD_MAX)
                return false;
        *at = end;
        *ret_number = (unsigned)number;
        return true;
}

static bool read_given(const char *text, struct run_shard *shard)
{
        if (!read_number(&text, &shard->index) || *text++ != '/' || !read_number(&text, &shard->count) || *text)
                return false;
        shard->wish = RUN_SHARD_GIVEN;
        shard->asked = true;
        return shard->index <= shard->count;
}

bool run_shard_parse(const char *text, const char *source, struct run_shard *ret_shard)
{
        static const char *const words[] = {[RUN_SHARD_AUTO] = "auto", [RUN_SHARD_NO] = "no", [RUN_SHARD_CI] = "ci"};
        struct run_shard shard = {0};
        size_t i = 0;

        while (i < ELEMENTSOF(words) && strcmp(text, words[i]) != 0)
                i++;
        if (i < ELEMENTSOF(words))
                shard.wish = (enum run_shard_wish)i;
        else if (!read_given(text, &shard))
                return false;
        snprintf(shard.source, sizeof(shard.source), "%s", source);
        *ret_shard = shard;
        return true;
}

static void take(struct run_shard *shard, const struct run_shard_ci *ci)
{
        shard->index = ci->index;
        shard->count = ci->count;
        shard->asked = ci->said || shard->wish == RUN_SHARD_CI;
        snprintf(shard->source, sizeof(shard->source), "%s", ci->who);
}

/* Where --shard ci is in force. */
static bool take_asked(const char *verb, struct run_shard *shard, enum run_shard_found found,
                       const struct run_shard_ci *ci)
{
        if (found == RUN_SHARD_NOTHING && ci->only) {
                take(shard, &(struct run_shard_ci){.who = ci->only, .index = 1, .count = 1});
                return true;
        }
        if (found == RUN_SHARD_NOTHING) {
                fprintf(stderr,
                        "schedctl %s: --shard ci: nothing in the environment says which of several nodes this is\n",
                        verb);
                return false;
        }
        if (ci->index == 0) {
                fprintf(stderr, "schedctl %s: --shard ci: %s: %s\n", verb, ci->who, ci->why);
                return false;
        }
        take(shard, ci);
        return true;
}

bool run_shard_settle(const char *verb, bool attach, struct run_options *options)
{
        struct run_shard *shard = &options->shard;
        struct run_shard_ci ci;
        enum run_shard_found found;

        if (shard->wish == RUN_SHARD_GIVEN || shard->wish == RUN_SHARD_NO)
                return true;
        found = run_shard_ci_find(environ, &ci);
        if (attach && shard->wish == RUN_SHARD_AUTO && !ci.said)
                return true;
        if (found == RUN_SHARD_NONSENSE) {
                fprintf(stderr, "schedctl %s: %s: %s; '--shard I/N' says which shard to run, '--shard no' runs all\n",
                        verb, ci.who, ci.why);
                return false;
        }
        if (shard->wish == RUN_SHARD_CI)
                return take_asked(verb, shard, found, &ci);
        if (found == RUN_SHARD_FOUND)
                take(shard, &ci);
        else if (found == RUN_SHARD_UNSURE)
                snprintf(shard->note, sizeof(shard->note), "all tests run, and no shard of them: %s, %s", ci.who,
                         ci.why);
        return true;
}

void run_shard_tell_nested(const struct run_shard *shard)
{
        if (shard->wish != RUN_SHARD_AUTO && strcmp(shard->source, RUN_SHARD_OPTION) == 0)
                fputs("schedctl run: --shard is left alone: this is part of another run, which says what is run\n",
                      stderr);
}

void run_shard_text(const struct run_shard *shard, char ret_text[static RUN_SHARD_TEXT_MAX])
{
        snprintf(ret_text, RUN_SHARD_TEXT_MAX, "%u/%u", shard->index, shard->count);
}
