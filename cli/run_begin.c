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
#include "cli/verbs.h"
#include "lib/util.h"

static int fail(const char *what, int r)
{
        fprintf(stderr, "schedctl run: %s: %s\n", what, strerror(-r));
        return VERB_FAILED;
}

/* The engine's doing, and, should that be killed, the guardian's to undo. NULL: no memory. */
static struct run_nice *share_nice(void)
{
        void *shared = mmap(NULL, sizeof(struct run_nice), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        return shared == MAP_FAILED ? NULL : shared;
}

/* The lease comes first: a service that has to be started for it must not become this run's descendant. */
int run_begin(const struct run_options *options, const char *python_dir)
{
        CLEANUP_CLOSE int held = -1; /* the directory; by the guardian and the engine to their ends */
        char dir[RUN_DIR_MAX];
        struct run_nice *nice = share_nice();
        struct run_scope scope;
        struct run_lease lease;
        pid_t guardian = getpid();
        sigset_t command_mask;
        int r, channel;

        if (!nice)
                return fail("memory", -errno);
        r = run_lease_open(options, &lease);
        if (r < 0)
                return VERB_FAILED;
        r = run_dir_create(dir, &held);
        if (r < 0)
                return fail("a directory for the run", r);
        run_scope_find(options, &scope);
        run_nice_init(lease.nice, nice);
        r = run_guardian_split(dir, nice, &channel, &command_mask);
        if (r < 0)
                return fail("fork", r);
        run_lease_adopt(&lease);
        run_engine(options, dir, &lease, nice, &scope, python_dir, channel, guardian, &command_mask);
        _exit(0);
}
