#include "cli/run_begin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/run_dir.h"
#include "cli/run_engine.h"
#include "cli/run_guardian.h"
#include "cli/run_nice.h"
#include "cli/run_scope.h"
#include "cli/run_tokens.h"
#include "cli/verbs.h"
#include "lib/util.h"

static int fail(const struct run_options *options, const char *what, int r)
{
        fprintf(stderr, "schedctl %s: %s: %s\n", run_options_verb(options), what, strerror(-r));
        return VERB_FAILED;
}

/* The engine's doing, and, should that be killed, the guardian's to undo. NULL: no memory. */
static void *share(size_t size)
{
        void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        return shared == MAP_FAILED ? NULL : shared;
}

/* Who wants none has nothing to do with one above either. What is attached is no recipe. */
static void find_jobserver(const struct run_options *options, struct run_tokens *tokens)
{
        bool wanted = !options->attach && options->jobserver != RUN_JOBSERVER_NO;
        const char *why;

        run_tokens_open(wanted ? getenv("MAKEFLAGS") : NULL, tokens, &why);
        if (why && options->verbose)
                fprintf(stderr, "schedctl run: the jobserver of the make above is not used: %s\n", why);
}

/* The lease comes first: a service that has to be started for it must not become this run's descendant. */
int run_begin(const struct run_options *options, const char *python_dir)
{
        CLEANUP_CLOSE int held = -1; /* the directory; by the guardian and the engine to their ends */
        char dir[RUN_DIR_MAX];
        struct run_nice *nice = share(sizeof(*nice));
        struct run_tokens *tokens = share(sizeof(*tokens));
        struct run_scope scope;
        struct run_lease lease;
        pid_t guardian = getpid();
        sigset_t command_mask;
        int r, channel;

        if (!nice || !tokens)
                return fail(options, "memory", -ENOMEM);
        find_jobserver(options, tokens);
        r = run_lease_open(options, &lease);
        if (r < 0)
                return VERB_FAILED;
        r = run_dir_create(dir, &held);
        if (r < 0)
                return fail(options, "a directory for the run", r);
        run_scope_find(options, &scope);
        run_nice_init(lease.nice, nice);
        r = run_guardian_split(options, dir, nice, tokens, &channel, &command_mask);
        if (r < 0) {
                run_dir_remove(dir);
                return fail(options, "fork", r);
        }
        run_lease_adopt(&lease);
        run_engine(options, dir, &lease, nice, tokens, &scope, python_dir, channel, guardian, &command_mask);
        _exit(0);
}
