#include "cli/run_pause.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/run_engine.h"
#include "cli/run_suite.h"
#include "lib/util.h"

static bool is_standing(char state)
{
        return state == 'T' || state == 't' || state == 'Z' || state == 'X' || state == '\0';
}

/* Parents before children, so that none sees a child stop. True where nobody was found running. Who cannot be
 * remembered for want of memory could not be continued either, and runs on. */
static bool stop_below(struct run_pause *p, pid_t root, const struct run_pids *except)
{
        CLEANUP(run_pids_finish) struct run_pids all = {0};
        bool none = true;

        (void)run_tree_descendants_but(root, except, &all);
        for (size_t i = 0; i < all.n; i++) {
                pid_t pid = all.items[i];

                if (is_standing(run_tree_state(pid)))
                        continue;
                if (!run_pids_have(&p->stopped, pid) && run_pids_add(&p->stopped, pid) < 0)
                        continue;
                none &= run_tree_signal_below(root, pid, SIGSTOP) < 0;
        }
        return none;
}

/* Below the pytests that the run is attached to, of which our guardian is a child. */
static bool stop_attached(struct run *run)
{
        CLEANUP(run_pids_finish) struct run_pids ours = {0};
        bool none = true;

        if (run_pids_add(&ours, getppid()) < 0 || run_pids_add(&ours, getpid()) < 0)
                return true;
        for (const struct run_suite *s = run->suites; s; s = s->next)
                if (s->reporter > 1)
                        none &= stop_below(&run->pause, s->reporter, &ours);
        return none;
}

static bool stop_running(struct run *run)
{
        const struct run_pids none = {0};

        return run->options->attach ? stop_attached(run) : stop_below(&run->pause, getpid(), &none);
}

static void stop_all(struct run *run)
{
        for (unsigned i = 0; i < RUN_PAUSE_LOOKS_MAX && !stop_running(run); i++)
                usleep(RUN_PAUSE_LOOK_US);
}

/* Children before parents, so that none sees a stopped child. Numbers of processes that have ended may be somebody
 * else's by now. */
static void continue_below(struct run_pause *p, pid_t root)
{
        CLEANUP(run_pids_finish) struct run_pids all = {0};

        (void)run_tree_descendants(root, &all);
        for (size_t i = all.n; i > 0; i--)
                if (run_pids_have(&p->stopped, all.items[i - 1]))
                        (void)run_tree_signal_below(root, all.items[i - 1], SIGCONT);
}

/* Whoever is still stopped, for their pytest may have ended and left them to somebody else: nobody but us would let
 * them go on. If a number is somebody else's by now, a stopped process of the same user goes on, as from its shell. */
static void continue_attached(struct run_pause *p)
{
        for (size_t i = p->stopped.n; i > 0; i--)
                if (run_tree_state(p->stopped.items[i - 1]) == 'T')
                        (void)kill(p->stopped.items[i - 1], SIGCONT);
}

static void continue_all(struct run *run)
{
        if (run->options->attach)
                continue_attached(&run->pause);
        else
                continue_below(&run->pause, getpid());
        run_pids_finish(&run->pause.stopped);
}

static void on_time(uv_timer_t *timer)
{
        struct run *run = timer->data;

        (void)stop_running(run);
}

/* What comes from those that stand still, and what is looked for among them. */
static void hold(struct run *run, bool held)
{
        run_server_hold(&run->server, held);
        run_jobs_hold(run, held);
        run_watch_hold(&run->watch, held);
}

static void say(const struct run *run, const char *what)
{
        if (!run->options->quiet)
                fprintf(stderr, "schedctl: %s\n", what);
}

int run_pause_init(struct run *run)
{
        int r = uv_timer_init(&run->loop, &run->pause.timer);

        run->pause.timer.data = run;
        return r;
}

void run_pause_close(struct run *run)
{
        run_pids_finish(&run->pause.stopped);
        uv_close((uv_handle_t *)&run->pause.timer, NULL);
}

void run_pause_begin(struct run *run)
{
        struct run_pause *p = &run->pause;

        if (p->on || p->refused)
                return;
        p->at = run_now(run);
        p->on = true;
        stop_all(run);
        hold(run, true);
        for (struct run_suite *s = run->suites; s; s = s->next)
                run_suite_hold(s);
        uv_timer_start(&p->timer, on_time, RUN_PAUSE_EVERY_MS, RUN_PAUSE_EVERY_MS);
        say(run, "paused; its CPUs are given back");
}

void run_pause_wake_suites(struct run *run)
{
        struct run_pause *p = &run->pause;
        uint64_t lasted;

        if (!p->on)
                return;
        lasted = uv_hrtime() / 1000 - p->sum - p->at;
        p->sum += lasted;
        p->on = false;
        uv_timer_stop(&p->timer);
        for (struct run_suite *s = run->suites; s; s = s->next)
                run_suite_go_on(s, (double)lasted / 1e6);
        hold(run, false);
}

void run_pause_end(struct run *run)
{
        continue_all(run);
        say(run, "goes on");
}

void run_pause_refuse(struct run *run)
{
        bool on = run->pause.on;

        run->pause.refused = true;
        run_pause_wake_suites(run);
        if (on)
                run_pause_end(run);
}
