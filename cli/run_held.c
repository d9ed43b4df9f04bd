#include "cli/run_held.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/run_pause.h"
#include "cli/run_share.h"
#include "cli/run_suite.h"
#include "cli/run_tree.h"
#include "lib/util.h"

size_t run_held_count_suites(const struct run *run)
{
        size_t n = 0;

        for (const struct run_suite *s = run->suites; s; s = s->next)
                n += run_suite_is_active(s);
        return n;
}

/* What it had no use for it says once: from then on it does with fewer. */
static struct run_share_party describe_suite(struct run_suite *s)
{
        struct run_share_party party = run_share_party(s->number);

        party.left = cpuset_and(&s->left_over, &s->share);
        s->left_over = (struct cpuset){0};
        if (!cpuset_is_empty(&party.left))
                s->n_of_use = (unsigned)(cpuset_count(&s->share) - cpuset_count(&party.left));
        if (s->n_of_use > 0)
                party.max = s->n_of_use;
        return party;
}

/* Jobs come behind the suites, if they are to have any. */
static size_t describe_parties(struct run *run, struct run_share_party *parties)
{
        struct jobs_plan jobs = run_jobs_look(run);
        size_t n = 0;

        for (struct run_suite *s = run->suites; s; s = s->next)
                if (run_suite_is_active(s))
                        parties[n++] = describe_suite(s);
        run_jobs_shared(run, &jobs);
        if (n > 0 && jobs.max > 0)
                parties[n++] = (struct run_share_party){.number = RUN_SHARE_JOBS, .min = jobs.min, .max = jobs.max};
        return n;
}

/* A run that holds nothing is paused, or is about to end: its suites keep what they had. */
static void divide(struct run *run)
{
        CLEANUP_FREE struct run_share_party *parties = NULL;
        CLEANUP_FREE struct cpuset *shares = NULL;
        size_t most = run_held_count_suites(run) + 1, n, i = 0;

        if (cpuset_is_empty(&run->lease.kept))
                return;
        shares = calloc(most, sizeof(*shares));
        parties = calloc(most, sizeof(*parties));
        if (!shares || !parties)
                return; /* everybody keeps what they have */
        n = describe_parties(run, parties);
        if (n == 0 || run_share_divide(&run->share, &run->machine.machine, &run->usable.pus, parties, n, shares) < 0)
                return;
        for (struct run_suite *s = run->suites; s; s = s->next) {
                if (!run_suite_is_active(s))
                        continue;
                s->share = shares[i];
                run_suite_set_pus(s, &shares[i++]);
        }
}

void run_share(struct run *run)
{
        run->share_due = false;
        run_usable_fit(run);
        divide(run);
        run_usable_settle(run);
}

void run_share_later(struct run *run)
{
        run->share_due = true;
}

/* Workers are where their suite put them, and what they have started is there too. */
static void pin_all_but_workers(struct run *run, bool thorough)
{
        CLEANUP(run_pids_finish) struct run_pids workers = {0};

        if (run->options->no_pin || cpuset_equal(&run->pinned, &run->lease.kept))
                return; /* most grants confirm what is known, and /proc is large */
        run->pinned = run->lease.kept;
        sched_setaffinity(0, sizeof(run->lease.kept.word), (const cpu_set_t *)run->lease.kept.word);
        for (const struct run_suite *s = run->suites; s; s = s->next)
                (void)run_suite_list_workers(s, &workers); /* one that memory has no room for is widened */
        run_tree_pin_below(getpid(), &workers, &run->lease.kept, thorough);
}

void run_held_pin(struct run *run)
{
        pin_all_but_workers(run, false);
}

/* All is stopped, and then returned. */
static void pause_run(struct run *run)
{
        struct cpuset held;

        run_pause_begin(run);
        held = run->lease.pus;
        if (run->pause.on && !cpuset_is_empty(&held)) {
                run->pause.held = held;
                (void)run_lease_return(&run->lease, &held);
        }
        run_usable_changed(run);
}

static void note_change(struct run *run, const struct cpuset *before)
{
        if (!cpuset_equal(before, &run->lease.kept))
                run_report_change(&run->report, (double)(run_now(run) - run->begun) / 1e6,
                                  cpuset_count(&run->lease.kept), run_lease_reason(&run->lease));
}

/* Workers leave the PUs that are wanted back at once, in the middle of an item: moving one costs microseconds. What was
 * paused is moved before it goes on. */
static void follow_grant(struct run *run)
{
        struct cpuset wanted = run->lease.wanted;
        bool paused = run->pause.on;

        if (cpuset_is_empty(&run->lease.kept))
                return; /* its last PU: there is nowhere to move to */
        run_pause_wake_suites(run);
        run_scope_widen(run);
        run_share(run);
        run_serve_slots_later(run);
        pin_all_but_workers(run, true);
        if (paused)
                run_pause_end(run);
        run_scope_narrow(run);
        if (!cpuset_is_empty(&wanted))
                (void)run_lease_return(&run->lease, &wanted);
}

/* Nobody could say any more that the run is to go on. */
static void follow_connection(struct run *run)
{
        bool lost = !run_lease_is_connected(&run->lease);

        if (lost != run->lease_lost && run->options->verbose)
                fprintf(stderr, "schedctl: %s\n",
                        lost ? "the service is gone; going on with the CPUs held"
                             : "another service is there; the CPUs held were claimed from it");
        run->lease_lost = lost;
        if (lost && run->pause.on) {
                if (cpuset_is_empty(&run->lease.kept))
                        run_lease_take_back(&run->lease, &run->pause.held);
                run_pause_wake_suites(run);
                run_share(run);
                run_pause_end(run);
        }
}

static void on_lease(uv_poll_t *poll, int status, int events)
{
        struct run *run = poll->data;

        struct cpuset before = run->lease.kept;

        if (run_lease_read(&run->lease) > 0) {
                note_change(run, &before);
                if (run->lease.paused)
                        pause_run(run);
                else
                        follow_grant(run);
        }
        follow_connection(run);
}

/* Whether nothing else in COMMAND can use a PU: its only suite is COMMAND itself, or there is no COMMAND. */
static bool is_whole_command(const struct run *run, const struct run_suite *suite)
{
        return (run->options->attach || suite->reporter == run->command) && run->suites == suite && !suite->next;
}

bool run_held_is_whole_command(const struct run *run)
{
        return run->suites && is_whole_command(run, run->suites);
}

/* Others may have it, but for its last. That is said while shares are given out too: only fewer than ever before are a
 * reason to divide anew, so that it ends. */
static void leave_over(struct run *run, struct run_suite *suite, unsigned pu)
{
        struct cpuset used = cpuset_andnot(&suite->share, &suite->left_over);

        cpuset_remove(&used, pu);
        if (cpuset_is_empty(&used))
                return;
        cpuset_add(&suite->left_over, pu);
        if (suite->n_of_use == 0 || cpuset_count(&used) < suite->n_of_use)
                run_share_later(run);
}

void run_spare(struct run *run, struct run_suite *suite, unsigned pu)
{
        struct cpuset set = {0};

        cpuset_add(&set, pu);
        if (run_tokens_is_client(run->tokens) && run_held_count_suites(run) < 2) {
                run_usable_spare(run, pu);
                return;
        }
        if (run_tokens_is_client(run->tokens) || !is_whole_command(run, suite)) {
                leave_over(run, suite, pu);
                return;
        }
        if (cpuset_count(&run->lease.kept) <= 1)
                return;
        if (run_lease_lower(&run->lease, &set) == 0)
                pin_all_but_workers(run, false);
}

void run_refuse(struct run *run, unsigned pu)
{
        struct cpuset set = {0};

        cpuset_add(&set, pu);
        (void)run_lease_refuse(&run->lease, &set);
        run_share_later(run);
}

int run_held_watch(struct run *run)
{
        int r;

        if (run_lease_fd(&run->lease) < 0)
                return 0;
        r = uv_poll_init(&run->loop, &run->lease_poll, run_lease_fd(&run->lease));
        if (r < 0)
                return r;
        run->lease_watched = true;
        run->lease_poll.data = run;
        return uv_poll_start(&run->lease_poll, UV_READABLE, on_lease);
}

void run_held_close(struct run *run)
{
        if (run->lease_watched)
                uv_close((uv_handle_t *)&run->lease_poll, NULL);
}
