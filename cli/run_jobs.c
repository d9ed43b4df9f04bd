#include "cli/run_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "cli/run_engine.h"
#include "cli/run_make.h"
#include "cli/run_suite.h"
#include "cli/run_tree.h"
#include "lib/text.h"
#include "lib/util.h"

#define TOKEN '+'

/* The pool */

static void fifo_path(const struct run *run, char *buf, size_t size)
{
        snprintf(buf, size, "%s/" RUN_JOBS_NAME, run->dir);
}

static unsigned count_lying(const struct run_jobs *j)
{
        int n = 0;

        return ioctl(j->pool, FIONREAD, &n) == 0 && n > 0 ? (unsigned)n : 0;
}

static unsigned put(const struct run_jobs *j, unsigned n)
{
        char tokens[JOBS_TOKENS_MAX];
        ssize_t written;

        memset(tokens, TOKEN, n);
        written = n ? write(j->pool, tokens, n) : 0;
        return written > 0 ? (unsigned)written : 0;
}

/* Clients may be faster: then there are fewer. */
static unsigned take(const struct run_jobs *j, unsigned n)
{
        char tokens[JOBS_TOKENS_MAX];
        ssize_t taken = n ? read(j->pool, tokens, n < sizeof(tokens) ? n : sizeof(tokens)) : 0;

        return taken > 0 ? (unsigned)taken : 0;
}

/* What the suites have use for, those that run. */
static unsigned list_use(const struct run *run, unsigned n_cpus, unsigned *of_use)
{
        unsigned n = 0;

        for (const struct run_suite *s = run->suites; s && n < JOBS_TOKENS_MAX; s = s->next)
                if (run_suite_is_active(s))
                        of_use[n++] = s->n_of_use ? s->n_of_use : n_cpus;
        return n;
}

struct jobs_plan run_jobs_look(struct run *run)
{
        struct run_jobs *j = &run->jobs;
        unsigned of_use[JOBS_TOKENS_MAX], n_cpus = cpuset_count(&run->lease.kept);
        struct jobs_facts facts = {.n_cpus = n_cpus, .now = run_now(run)};
        struct jobs_plan plan = {0};

        if (!j->on || n_cpus == 0)
                return plan;
        facts.n_suites = list_use(run, n_cpus, of_use);
        facts.fair = jobs_fair(n_cpus, of_use, facts.n_suites);
        facts.lying = count_lying(j);
        plan = jobs_step(&j->jobs, &facts);
        if (j->jobs.issued > facts.lying && j->jobs.in_use > j->most)
                j->most = j->jobs.in_use;
        jobs_put(&j->jobs, put(j, plan.put));
        jobs_took(&j->jobs, take(j, plan.take));
        if (facts.n_suites == 0)
                plan.min = plan.max = 0; /* nobody to set them apart from */
        return plan;
}

static void on_token(uv_poll_t *poll, int status, int events);

/* Who waits for tokens is not to hear of those that are to lie there. */
static void wait_for_tokens(struct run_jobs *j, bool owed)
{
        if (owed != (uv_is_active((uv_handle_t *)&j->poll) != 0)) {
                if (owed)
                        uv_poll_start(&j->poll, UV_READABLE, on_token);
                else
                        uv_poll_stop(&j->poll);
        }
}

void run_jobs_shared(struct run *run, const struct jobs_plan *plan)
{
        run->jobs.shared = plan->max;
        if (run->jobs.watched)
                wait_for_tokens(&run->jobs, plan->owed > 0);
}

/* Events and time */

static void list_workers(const struct run *run, struct run_pids *pids)
{
        for (const struct run_suite *s = run->suites; s; s = s->next)
                (void)run_suite_list_workers(s, pids);
}

/* Workers hold no tokens, and there may be many of them. */
static void count_clients(struct run *run)
{
        CLEANUP(run_pids_finish) struct run_pids workers = {0};
        struct run_jobs *j = &run->jobs;
        uint64_t begin = run_tree_cost(), pause;
        char path[RUN_JOBS_PATH_MAX];
        unsigned capacity;

        fifo_path(run, path, sizeof(path));
        list_workers(run, &workers);
        capacity = run_jobs_count_clients(path, &workers);
        jobs_recount(&j->jobs, count_lying(j), capacity);
        pause = (run_tree_cost() - begin) * RUN_JOBS_SHARE;
        j->count_at = run_now(run) + (pause > RUN_JOBS_COUNT_MS * 1000 ? pause : RUN_JOBS_COUNT_MS * 1000);
}

static void count_if_due(struct run *run)
{
        struct run_jobs *j = &run->jobs;

        if (count_lying(j) >= j->jobs.issued)
                j->count_at = JOBS_NEVER;
        else if (j->count_at == JOBS_NEVER)
                j->count_at = run_now(run) + RUN_JOBS_COUNT_MS * 1000;
        else if (run_now(run) >= j->count_at)
                count_clients(run);
}

static void look_now(struct run *run)
{
        struct run_jobs *j = &run->jobs;
        struct jobs_plan plan = run_jobs_look(run);

        if (plan.max != j->shared)
                run_share_later(run);
        wait_for_tokens(j, plan.owed > 0);
}

/* Each look that has nothing new is followed by a longer pause. */
static unsigned next_pause(const struct run_jobs *j, bool changed)
{
        unsigned most = j->jobs.n_suites ? RUN_JOBS_BESIDE_MS : RUN_JOBS_ALONE_MS;
        unsigned pause = changed ? RUN_JOBS_SOON_MS : j->pause * 2;

        return pause < most ? pause : most;
}

static void on_time(uv_timer_t *timer)
{
        struct run *run = timer->data;
        struct run_jobs *j = &run->jobs;
        unsigned lying;

        count_if_due(run);
        look_now(run);
        lying = count_lying(j);
        j->pause = next_pause(j, lying != j->lying);
        j->lying = lying;
        uv_timer_start(timer, on_time, j->pause, 0);
}

static void on_token(uv_poll_t *poll, int status, int events)
{
        look_now(poll->data);
}

/* Beginning */

/* A path in MAKEFLAGS ends at the first blank, and make reads '$' and quotes. */
static bool may_be_named(const char *path)
{
        return strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,:@%") == strlen(path);
}

static int open_inherited(struct run_jobs *j, const char *path)
{
        static const int flags[] = {O_RDONLY, O_WRONLY};

        for (unsigned i = 0; i < 2; i++) {
                CLEANUP_CLOSE int fd = open(path, flags[i] | O_CLOEXEC);

                j->inherited[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, RUN_JOBS_DESCRIPTOR);
                if (j->inherited[i] < 0)
                        return -errno;
        }
        return 0;
}

/* Where nobody says, descriptors are for a make that needs them. */
static enum run_jobserver choose_style(const struct run *run, bool named)
{
        enum run_jobserver style = run->options->jobserver;
        const char *program = run_make_is(*run->options->command) ? *run->options->command : "make";

        if (!named)
                return RUN_JOBSERVER_PIPE;
        if (style == RUN_JOBSERVER_FIFO || style == RUN_JOBSERVER_PIPE)
                return style;
        return run_make_find(program, getenv("PATH")) == RUN_MAKE_PIPE ? RUN_JOBSERVER_AUTO : RUN_JOBSERVER_FIFO;
}

static int set_makeflags(struct run *run, const char *path, enum run_jobserver style, unsigned most)
{
        const char *before = getenv("MAKEFLAGS");
        CLEANUP_FREE char *options = NULL, *unread = NULL, *made = NULL;
        unsigned n_cpus = cpuset_count(&run->lease.kept), n_jobs = most && most < n_cpus ? most : n_cpus;
        int r;

        if (style == RUN_JOBSERVER_FIFO)
                r = asprintf(&options, "-j%u --jobserver-auth=fifo:%s", n_jobs, path);
        else
                r = asprintf(&options, "-j%u --jobserver-auth=%d,%d", n_jobs, run->jobs.inherited[0],
                             run->jobs.inherited[1]);
        if (r >= 0 && style == RUN_JOBSERVER_AUTO)
                r = asprintf(&unread, "--jobserver-auth=fifo:%s", path);
        if (r < 0)
                return -ENOMEM;
        r = run_make_add_flags(before ? before : "", options, unread, &made);
        if (r < 0)
                return r;
        return run_counts_put(&run->counts, "MAKEFLAGS", made, before);
}

static int open_pool(struct run *run, unsigned most)
{
        static const char *const styles[] = {
                [RUN_JOBSERVER_AUTO] = "both", [RUN_JOBSERVER_FIFO] = "fifo", [RUN_JOBSERVER_PIPE] = "pipe"};
        struct run_jobs *j = &run->jobs;
        char path[RUN_JOBS_PATH_MAX];
        enum run_jobserver style;
        int r;

        fifo_path(run, path, sizeof(path));
        if (mkfifo(path, 0600) < 0)
                return -errno;
        j->pool = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (j->pool < 0)
                return -errno;
        style = choose_style(run, may_be_named(path));
        r = style == RUN_JOBSERVER_FIFO ? 0 : open_inherited(j, path);
        if (r < 0)
                return r;
        j->style = styles[style];
        return set_makeflags(run, path, style, most);
}

static const char *why_none(const struct run *run)
{
        const char *makeflags = getenv("MAKEFLAGS");

        if (run->options->attach)
                return "there is no COMMAND";
        if (run->options->jobserver == RUN_JOBSERVER_NO)
                return "it was not asked for";
        if (run->options->dry_run)
                return "nothing is to be run";
        if (run_tokens_is_client(run->tokens))
                return "that of the make above is there";
        if (makeflags && run_make_has_jobs(makeflags))
                return "MAKEFLAGS has a number of jobs already";
        if (makeflags && !text_is_utf8(makeflags))
                return "MAKEFLAGS is not UTF-8";
        return NULL;
}

static void take_jobs(struct run *run, unsigned *ret_most)
{
        struct run_jobs *j = &run->jobs;

        *ret_most = 0;
        if (run_make_is(*run->options->command))
                (void)run_make_take_jobs(run->options->command, &j->command, &j->words, ret_most);
}

static void close_fd(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

static void close_all(struct run_jobs *j)
{
        close_fd(&j->pool);
        close_fd(&j->inherited[0]);
        close_fd(&j->inherited[1]);
}

int run_jobs_open(struct run *run)
{
        struct run_jobs *j = &run->jobs;
        unsigned most;
        int r;

        j->pool = j->inherited[0] = j->inherited[1] = -1;
        j->count_at = JOBS_NEVER;
        j->why_none = why_none(run);
        if (j->why_none)
                return 0;
        take_jobs(run, &most);
        r = open_pool(run, most);
        if (r < 0) {
                fprintf(stderr, "schedctl run: no jobserver for make and others: %s\n", strerror(-r));
                close_all(j);
                return r == -ENOMEM ? r : 0;
        }
        jobs_init(&j->jobs, most);
        j->on = true;
        (void)run_jobs_look(run);
        return 0;
}

char **run_jobs_command(const struct run *run)
{
        return run->jobs.on && run->jobs.command ? run->jobs.command : run->options->command;
}

void run_jobs_hand_on(struct run *run)
{
        for (unsigned i = 0; run->jobs.on && i < 2; i++)
                if (run->jobs.inherited[i] >= 0)
                        (void)fcntl(run->jobs.inherited[i], F_SETFD, 0);
}

void run_jobs_handed_on(struct run *run)
{
        for (unsigned i = 0; run->jobs.on && i < 2; i++)
                close_fd(&run->jobs.inherited[i]);
}

static int look_soon(struct run_jobs *j)
{
        j->pause = RUN_JOBS_SOON_MS;
        return uv_timer_start(&j->timer, on_time, j->pause, 0);
}

int run_jobs_watch(struct run *run)
{
        struct run_jobs *j = &run->jobs;
        int r;

        if (!j->on)
                return 0;
        r = uv_poll_init(&run->loop, &j->poll, j->pool);
        if (r < 0)
                return r;
        uv_timer_init(&run->loop, &j->timer);
        j->timer.data = j->poll.data = run;
        j->watched = true;
        return look_soon(j);
}

void run_jobs_hold(struct run *run, bool held)
{
        if (!run->jobs.watched)
                return;
        if (held)
                uv_timer_stop(&run->jobs.timer);
        else
                (void)look_soon(&run->jobs);
}

void run_jobs_close(struct run *run)
{
        if (!run->jobs.watched)
                return;
        uv_close((uv_handle_t *)&run->jobs.timer, NULL);
        uv_close((uv_handle_t *)&run->jobs.poll, NULL);
        run->jobs.watched = false;
}

void run_jobs_finish(struct run_jobs *j)
{
        if (j->on)
                close_all(j);
        free(j->command);
        free(j->words);
        *j = (struct run_jobs){0};
}

json_t *run_jobs_describe(const struct run_jobs *j)
{
        if (!j->most)
                return NULL;
        return json_pack("{s:s, s:i, s:i}", "style", j->style, "most", (int)j->most, "lost", (int)j->jobs.n_lost);
}

void run_jobs_print(const struct run_jobs *j)
{
        if (j->why_none)
                fprintf(stderr, "schedctl: no jobserver: %s\n", j->why_none);
        if (j->most == 0)
                return;
        fprintf(stderr, "schedctl: up to %u job%s at a time were seen at the jobserver (%s)", j->most,
                j->most == 1 ? "" : "s", j->style);
        if (j->jobs.n_lost)
                fprintf(stderr, "; %u token%s of clients that were killed", j->jobs.n_lost,
                        j->jobs.n_lost == 1 ? "" : "s");
        fputc('\n', stderr);
}
