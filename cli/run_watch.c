#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_watch.h"
#include "lib/util.h"

static void remember(struct run_watch *w, pid_t pid, enum run_missed why)
{
        if (w->n_seen < RUN_WATCH_SEEN_MAX)
                w->seen[w->n_seen++] = (struct run_watch_seen){.pid = pid, .why = why};
}

static bool is_ours(pid_t pid)
{
        char path[32];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        return stat(path, &st) < 0 || st.st_uid == geteuid();
}

static enum run_missed why_missed(pid_t pid, struct run_texts words)
{
        CLEANUP_FREE char *environment = malloc(RUN_WATCH_ENVIRON_MAX);
        ssize_t n = environment ? run_tree_environ(pid, environment, RUN_WATCH_ENVIRON_MAX) : -1;

        if (!is_ours(pid))
                return RUN_MISSED_USER;
        if (n < 0)
                return RUN_MISSED_UNKNOWN;
        return run_pytest_missed(words, (struct run_texts){environment, (size_t)n}, getenv("SCHEDCTL_PYTHONPATH"));
}

static bool look_at(struct run_watch *w, pid_t pid)
{
        char buf[RUN_WATCH_WORDS_MAX];
        ssize_t n = run_tree_cmdline(pid, buf, sizeof(buf));
        struct run_texts words = {buf, n > 0 ? (size_t)n : 0};

        if (!run_pytest_is(words))
                return false;
        remember(w, pid, why_missed(pid, words));
        return true;
}

static void add_known(const struct run_watch *w, struct run_pids *pids)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < w->reached.n; i++)
                r = run_pids_add(pids, w->reached.items[i]);
        for (size_t i = 0; r == 0 && i < w->n_seen; i++)
                r = run_pids_add(pids, w->seen[i].pid);
}

/* Whether there was another pytest. What it has started, or forked, is not looked at from then on. */
static bool find_one(struct run_watch *w)
{
        CLEANUP(run_pids_finish) struct run_pids known = {0}, pids = {0};

        add_known(w, &known);
        (void)run_tree_look_below(getpid(), &known, &pids); /* what could be listed is looked at */
        for (size_t i = 0; i < pids.n; i++)
                if (look_at(w, pids.items[i]))
                        return w->n_seen < RUN_WATCH_SEEN_MAX;
        return false;
}

static void look_around(struct run_watch *w)
{
        while (find_one(w))
                ;
}

static void on_time(uv_timer_t *timer)
{
        uint64_t begin = run_tree_cost(), pause;

        look_around(timer->data);
        pause = (run_tree_cost() - begin) * RUN_WATCH_SHARE / 1000;
        uv_timer_start(timer, on_time, pause > RUN_WATCH_EVERY_MS ? pause : RUN_WATCH_EVERY_MS, 0);
}

/* As many of the texts as there is room for. */
static struct run_texts join(char *const *list, char *buf, size_t size)
{
        struct run_texts texts = {buf, 0};

        for (size_t i = 0; list[i] && texts.len + strlen(list[i]) + 1 <= size; i++) {
                memcpy(buf + texts.len, list[i], strlen(list[i]) + 1);
                texts.len += strlen(list[i]) + 1;
        }
        return texts;
}

/* It may be over before anybody looks around. Its environment is this process's. */
static void look_at_command(struct run_watch *w, pid_t pid, char *const *command)
{
        CLEANUP_FREE char *environment = malloc(RUN_WATCH_ENVIRON_MAX);
        char buf[RUN_WATCH_WORDS_MAX];
        struct run_texts words = join(command, buf, sizeof(buf));

        if (environment && run_pytest_is(words))
                remember(w, pid,
                         run_pytest_missed(words, join(environ, environment, RUN_WATCH_ENVIRON_MAX),
                                           getenv("SCHEDCTL_PYTHONPATH")));
}

void run_watch_start(struct run_watch *w, uv_loop_t *loop, pid_t pid, char *const *command)
{
        *w = (struct run_watch){0};
        uv_timer_init(loop, &w->timer);
        w->timer.data = w;
        if (!command)
                return;
        w->on = true;
        look_at_command(w, pid, command);
        uv_timer_start(&w->timer, on_time, RUN_WATCH_FIRST_MS, 0);
}

void run_watch_hold(struct run_watch *w, bool held)
{
        if (held)
                uv_timer_stop(&w->timer);
        else if (w->on)
                uv_timer_start(&w->timer, on_time, RUN_WATCH_FIRST_MS, 0);
}

void run_watch_unexecuted(struct run_watch *w, pid_t pid)
{
        for (size_t i = 0; i < w->n_seen; i++)
                if (w->seen[i].pid == pid)
                        w->seen[i] = w->seen[--w->n_seen];
}

void run_watch_reached(struct run_watch *w, pid_t pid)
{
        (void)run_pids_add(&w->reached, pid); /* else its tests' pytests are taken for missed */
        run_watch_unexecuted(w, pid);
}

void run_watch_joined(struct run_watch *w, pid_t pid)
{
        for (size_t i = 0; i < w->reached.n; i++)
                if (w->reached.items[i] == pid)
                        w->reached.items[i] = w->reached.items[--w->reached.n];
}

void run_watch_stop(struct run_watch *w)
{
        uv_close((uv_handle_t *)&w->timer, NULL);
}

void run_watch_finish(struct run_watch *w)
{
        run_pids_finish(&w->reached);
        w->n_seen = 0;
}

size_t run_watch_missed(const struct run_watch *w, enum run_missed why)
{
        size_t n = 0;

        for (size_t i = 0; i < w->n_seen; i++)
                if (w->seen[i].why == why)
                        n++;
        return n;
}
