#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run_answer.h"
#include "cli/run_command.h"
#include "cli/run_dir.h"
#include "cli/run_engine.h"
#include "cli/run_env.h"
#include "cli/run_guardian.h"
#include "cli/run_held.h"
#include "cli/run_pause.h"
#include "cli/run_suite.h"
#include "cli/run_tree.h"
#include "lib/util.h"

/* Exit statuses as waitpid() has them. */
#define STATUS_EXITED(code)   ((code) << 8)
#define STATUS_SIGNALLED(sig) (sig)

uint64_t run_clock(const struct run *run, uint64_t monotonic)
{
        return run->pause.on ? run->pause.at : monotonic - run->pause.sum;
}

uint64_t run_now(const struct run *run)
{
        return run_clock(run, uv_hrtime() / 1000);
}

/* Slots */

unsigned run_take_slot(struct run *run)
{
        for (size_t i = 0; i < run->lease.n_slots; i++) {
                unsigned slot = run->lease.slots[i];

                if (!cpuset_has(&run->slots_used, slot)) {
                        cpuset_add(&run->slots_used, slot);
                        return slot;
                }
        }
        return RUN_NO_SLOT;
}

void run_give_slot(struct run *run, unsigned slot)
{
        if (slot == RUN_NO_SLOT)
                return;
        cpuset_remove(&run->slots_used, slot);
        run->slots_due = true;
}

void run_serve_slots_later(struct run *run)
{
        run->slots_due = true;
}

void run_want_slots(struct run *run)
{
        uint32_t n = 0;

        for (const struct run_suite *s = run->suites; s; s = s->next)
                n += run_suite_n_wanted(s);
        (void)run_lease_want_slots(&run->lease, n); /* whoever has none waits for one */
}

static void serve_slots(struct run *run)
{
        run->slots_due = false;
        for (struct run_suite *s = run->suites; s; s = s->next)
                run_suite_serve_waiting(s);
}

void run_engine_settle(struct run *run)
{
        while (run->share_due || run->slots_due) {
                if (run->share_due)
                        run_share(run);
                if (run->slots_due)
                        serve_slots(run);
        }
}

/* Until nothing is due: the loop may sleep for long after this. */
static void on_settle(uv_prepare_t *prepare)
{
        struct run *run = prepare->data;

        run_engine_settle(run);
        run_follow_adjust(run);
}

/* Reporters */

static struct run_suite *add_suite(struct run *run, struct run_peer *peer)
{
        struct run_suite **at = &run->suites, *suite;

        if (run_suite_create(run, peer, &suite) < 0)
                return NULL;
        while (*at)
                at = &(*at)->next;
        *at = suite;
        peer->user = suite;
        return suite;
}

static void on_peer(void *context, struct run_peer *peer)
{
        struct run *run = context;

        run_watch_reached(&run->watch, peer->pid);
}

static int on_message(void *context, struct run_peer *peer, const char *event, json_t *message)
{
        struct run *run = context;
        struct run_suite *suite;

        if (strcmp(event, "join") == 0) {
                run_watch_joined(&run->watch, peer->pid);
                return 0;
        }
        if (strcmp(event, "held") == 0) {
                run_watch_joined(&run->watch, peer->pid);
                return run_answer_held(run, peer);
        }
        suite = peer->user ? peer->user : add_suite(run, peer);
        return suite ? run_suite_message(suite, event, message) : -ENOMEM;
}

static void on_peer_gone(void *context, struct run_peer *peer)
{
        struct run_suite **at, *suite = peer->user;
        struct run *run = context;

        if (!suite)
                return;
        for (at = &run->suites; *at != suite; at = &(*at)->next)
                ;
        *at = suite->next;
        run_suite_close(suite);
        run_share_later(run);
}

static const struct run_server_events server_events = {
        .opened = on_peer, .message = on_message, .closed = on_peer_gone};

/* Processes and signals */

static void end_loop(struct run *run, int status)
{
        if (run->ended)
                return;
        run->ended = true;
        run->status = status;
        uv_stop(&run->loop);
}

void run_end(struct run *run)
{
        end_loop(run, STATUS_EXITED(0));
}

/* It, or what its first line names, could not be executed. */
static bool is_unexecuted(int status)
{
        return WIFEXITED(status) &&
               (WEXITSTATUS(status) == RUN_EXIT_NOT_FOUND || WEXITSTATUS(status) == RUN_EXIT_NOT_EXECUTABLE);
}

static void on_command_ended(struct run *run, int status)
{
        if (is_unexecuted(status))
                run_watch_unexecuted(&run->watch, run->command);
        end_loop(run, status);
}

static void on_child(void *context)
{
        struct run *run = context;
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == run->command)
                        on_command_ended(run, status);
}

/* Who wants schedctl alone to end means the run; the process that it is there for goes on without. */
static void on_forward(void *context, int sig)
{
        struct run *run = context;

        if (run->command)
                kill(run->command, sig);
        else if (run->options->attach && sig == SIGTERM)
                run_end(run);
}

static void on_ending(void *context, int sig)
{
        struct run *run = context;

        if (run->command || run->options->attach)
                run_pause_refuse(run);
        else
                end_loop(run, STATUS_SIGNALLED(sig));
}

/* A process that we are attached to has a mind of its own: when it has ended, so has our input. */
static void on_interrupted(void *context, int sig, unsigned times)
{
        struct run *run = context;

        if (times < 2 || run->options->attach)
                return;
        run->killed_by = sig;
        end_loop(run, STATUS_SIGNALLED(sig));
}

static const struct run_signals_events signal_events = {
        .child = on_child, .forward = on_forward, .ending = on_ending, .interrupted = on_interrupted};

/* The guardian says nothing; its end is what there is to read. */
static void on_guardian_gone(uv_poll_t *poll, int status, int events)
{
        struct run *run = poll->data;

        run->killed_by = SIGKILL;
        end_loop(run, STATUS_SIGNALLED(SIGKILL));
}

/* Beginning and end */

static void adopt_lease_affinity(struct run *run)
{
        if (run->options->no_pin)
                return;
        if (sched_setaffinity(0, sizeof(run->lease.pus.word), (const cpu_set_t *)run->lease.pus.word) < 0) {
                fprintf(stderr, "schedctl %s: the CPUs borrowed cannot be used here: %s\n",
                        run_options_verb(run->options), strerror(errno));
                (void)run_lease_refuse(&run->lease, &run->lease.pus);
        }
        run->pinned = run->lease.pus;
}

static int watch_fd(struct run *run, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
        int r = uv_poll_init(&run->loop, poll, fd);

        poll->data = run;
        return r < 0 ? r : uv_poll_start(poll, UV_READABLE, callback);
}

int run_engine_listen(struct run *run, const char *socket)
{
        int r = uv_loop_init(&run->loop);

        return r < 0 ? r : run_server_start(&run->server, &run->loop, socket, &server_events, run);
}

/* Below a jobserver COMMAND has one job, and what it takes itself; a make in it that is told a number leaves it. */
static int fill_counts(struct run *run)
{
        bool client = run_tokens_is_client(run->tokens);

        return run_counts_fill(&run->counts, client ? 1 : (unsigned)cpuset_count(&run->lease.kept),
                               client || run->jobs.on);
}

/* What has to be there before COMMAND starts. Until it does, a signal that is to end it ends the run. */
static int open_control(struct run *run, const char *socket, const char *python_dir, pid_t guardian)
{
        int r = run_engine_listen(run, socket);

        if (r == 0 && python_dir)
                r = run_env_set(run->options, socket, python_dir);
        if (r == 0)
                r = run_jobs_open(run);
        if (r == 0 && !run->options->no_counts)
                r = fill_counts(run);
        if (r == 0)
                r = run_counts_apply(&run->counts);
        if (r == 0)
                r = run_signals_start(&run->signals, &run->loop, guardian, &signal_events, run);
        return r;
}

/* The rest of the loop's sources, while COMMAND is on its way. */
static int open_sources(struct run *run)
{
        int r = watch_fd(run, &run->channel_poll, run->channel, on_guardian_gone);

        if (r == 0)
                r = run_pause_init(run);
        if (r == 0)
                r = run_follow_init(run);
        if (r == 0)
                r = run_held_watch(run);
        if (r == 0)
                r = run_jobs_watch(run);
        if (r == 0)
                r = run_usable_watch(run);
        uv_prepare_init(&run->loop, &run->settle);
        run->settle.data = run;
        uv_prepare_start(&run->settle, on_settle);
        run_watch_start(&run->watch, &run->loop, run->command, run->options->command);
        return r;
}

/* What the run is there for: its COMMAND, or a process that waits for a word. */
static int begin(struct run *run, const char *socket, const sigset_t *command_mask)
{
        run->begun = run_now(run);
        if (run->options->attach)
                return run_attached_begin(run, socket);
        run_jobs_hand_on(run);
        run->command = run_command_start(run_jobs_command(run), command_mask, run->nice);
        run_jobs_handed_on(run);
        return run->command < 0 ? run->command : 0;
}

static void close_sources(struct run *run)
{
        run_server_stop(&run->server);
        run_watch_stop(&run->watch);
        run_signals_stop(&run->signals);
        uv_close((uv_handle_t *)&run->settle, NULL);
        uv_close((uv_handle_t *)&run->channel_poll, NULL);
        run_held_close(run);
        run_jobs_close(run);
        run_usable_close(run);
        run_scope_close(run);
        run_pause_close(run);
        run_follow_close(run);
        if (run->options->attach)
                run_attached_close(run);
        uv_run(&run->loop, UV_RUN_DEFAULT);
        uv_loop_close(&run->loop);
}

static void fail(struct run *run, const char *what, int r)
{
        fprintf(stderr, "schedctl %s: %s: %s\n", run_options_verb(run->options), what, strerror(-r));
        run_guardian_report(run->channel, STATUS_EXITED(1));
        run_tree_end(0);
}

/* False where there has to be one and is not, or the user has given up meanwhile: the run is over. */
static bool join_scope(struct run *run)
{
        run_scope_wait(run);
        if (run->ended) {
                run_guardian_report(run->channel, run->status);
                return false;
        }
        if (run->options->scope == RUN_SCOPE_YES && run->scope.state != RUN_SCOPE_THERE) {
                fprintf(stderr, "schedctl run: no scope: %s\n", run->scope.why);
                run_guardian_report(run->channel, STATUS_EXITED(1));
                return false;
        }
        if (!run_scope_weighs(&run->scope))
                run_nice_keep("", run->nice);
        return true;
}

static void print_report(struct run *run)
{
        struct run_usage usage;

        run_scope_usage(run, &usage);
        run_report_print(&run->report, &run->watch, &usage, &run->jobs);
        run_usable_print(run);
}

/* A whole run in the order in which it happens. The guardian hears at once how COMMAND ended: whatever becomes of the
 * engine after that, its status is known. */
static void live(struct run *run, const char *python_dir, pid_t guardian, const sigset_t *command_mask)
{
        char socket[RUN_DIR_MAX + sizeof("/control")];
        int r;

        (void)snprintf(socket, sizeof(socket), "%s/control", run->dir);
        r = open_control(run, socket, python_dir, guardian);
        if (r < 0) {
                fail(run, "the run's control socket", r);
                return;
        }
        run_scope_begin(run);
        adopt_lease_affinity(run);
        if (!join_scope(run))
                return;
        r = begin(run, socket, command_mask);
        if (r < 0) {
                fail(run, run->options->attach ? "standard input and output" : "fork", r);
                return;
        }
        r = open_sources(run);
        if (r < 0) {
                fail(run, "the run's event loop", r);
                return;
        }
        uv_run(&run->loop, UV_RUN_DEFAULT);
        run_guardian_report(run->channel, run->status);
        if (run->options->attach)
                run_pause_refuse(run); /* what stands still must not do so for ever */
        if (run->killed_by)
                run_tree_end(0);
        close_sources(run);
        run_tree_end(RUN_LEFTOVER_GRACE_MS);
        if (!run->killed_by)
                print_report(run);
}

void run_engine(const struct run_options *options, const char *dir, struct run_lease *lease, struct run_nice *nice,
                struct run_tokens *tokens, const struct run_scope *scope, const char *python_dir, int channel,
                pid_t guardian, const sigset_t *command_mask)
{
        struct run run = {.options = options,
                          .dir = dir,
                          .channel = channel,
                          .lease = *lease,
                          .nice = nice,
                          .tokens = tokens,
                          .scope = *scope};

        run.report.options = options;
        live(&run, python_dir, guardian, command_mask);
        run_tokens_close(run.tokens);
        run_report_finish(&run.report);
        run_watch_finish(&run.watch);
        run_counts_finish(&run.counts);
        run_jobs_finish(&run.jobs);
        run_share_finish(&run.share);
        run_machine_finish(&run.machine);
        run_lease_close(&run.lease);
        run_nice_restore(run.nice);
        run_dir_remove(dir);
}
