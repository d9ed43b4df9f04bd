#include "cli/run_usable.h"

#include <stdio.h>

#include "cli/run_engine.h"
#include "cli/run_held.h"
#include "cli/run_suite.h"
#include "lib/util.h"

static bool is_client(const struct run *run)
{
        return run_tokens_is_client(run->tokens);
}

static size_t least_of(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Workers that there are, whatever becomes of them. */
static size_t count_workers(const struct run *run)
{
        size_t n = 0;

        for (const struct run_suite *s = run->suites; s; s = s->next)
                n += run_suite_n_alive(s);
        return n;
}

/* What one suite could not use another may. */
static void follow_suites(struct run *run)
{
        size_t n = run_held_count_suites(run);

        if (n > run->usable.n_suites)
                run->usable.spared = (struct cpuset){0};
        run->usable.n_suites = n;
}

/* PUs that it may come to hold, as far as anybody knows. */
static size_t most_pus(const struct run *run)
{
        const unsigned asked[] = {run->options->max, run->options->workers, run->options->max_workers};
        size_t held = cpuset_count(&run->lease.kept), most = run->machine.n_usable;

        if (most < run->usable.most_held)
                most = run->usable.most_held;
        if (!run_lease_is_connected(&run->lease) || run->usable.retry_at)
                most = held;
        for (size_t i = 0; i < ELEMENTSOF(asked); i++)
                most = asked[i] ? least_of(most, asked[i]) : most;
        return most;
}

/* Workers that the suites have something to do for, each at the most. */
static size_t most_workers(const struct run *run)
{
        size_t n = 0;

        for (const struct run_suite *s = run->suites; s; s = s->next) {
                size_t most = s->xdist ? RUN_TOKENS_MAX : s->n_parts;

                if (run_suite_is_active(s))
                        n += s->n_of_use ? least_of(most, s->n_of_use) : most;
        }
        return n;
}

/* PUs that suites can use. */
static size_t wanted(const struct run *run)
{
        size_t spared = cpuset_count(&run->usable.spared), most = least_of(most_pus(run), most_workers(run));

        if (run->usable.n_suites == 0 || run->pause.on)
                return 1;
        return most > spared + 1 ? most - spared : 1;
}

bool run_usable_may_have_two(const struct run *run)
{
        return is_client(run) && most_pus(run) > 1;
}

/* Who works has one; of the others nobody needs one while all stand still. */
static void fit_tokens(struct run *run)
{
        struct run_tokens *t = run->tokens;
        size_t want = wanted(run) - 1, workers = run->pause.on ? 0 : count_workers(run);
        size_t need = workers > 1 && workers - 1 > want ? workers - 1 : want;

        while (t->n > need)
                run_tokens_give(t);
        while (t->n < need && run_tokens_take(t))
                ;
        if (t->n > run->usable.most_tokens)
                run->usable.most_tokens = t->n;
        run->usable.waiting = t->n < need;
}

static void drop_last(struct run *run)
{
        const struct run_lease *l = &run->lease;
        struct cpuset *pus = &run->usable.pus;
        unsigned last = CPUSET_MAX;

        for (size_t i = 0; i < l->n_order; i++)
                if (cpuset_has(pus, l->order[i]) && (last == CPUSET_MAX || !cpuset_has(&run->usable.spared, last) ||
                                                     cpuset_has(&run->usable.spared, l->order[i])))
                        last = l->order[i];
        if (last < CPUSET_MAX)
                cpuset_remove(pus, last);
}

static bool add_first(struct run *run, bool spared)
{
        const struct run_lease *l = &run->lease;

        for (size_t i = 0; i < l->n_order; i++) {
                unsigned pu = l->order[i];

                if (cpuset_has(&l->kept, pu) && !cpuset_has(&run->usable.pus, pu) &&
                    cpuset_has(&run->usable.spared, pu) == spared) {
                        cpuset_add(&run->usable.pus, pu);
                        return true;
                }
        }
        return false;
}

/* Those that are in use stay in use. */
static void fit_pus(struct run *run)
{
        struct cpuset *pus = &run->usable.pus;
        size_t n = run->tokens->n + 1;

        *pus = cpuset_and(pus, &run->lease.kept);
        while (cpuset_count(pus) > n)
                drop_last(run);
        while (cpuset_count(pus) < n && add_first(run, false))
                ;
        if (cpuset_is_empty(pus))
                (void)add_first(run, true);
}

/* Before the first suite begins the lease is as it came: nobody knows what COMMAND is about to do. */
static void fit_lease(struct run *run)
{
        struct cpuset useless = cpuset_andnot(&run->lease.kept, &run->usable.pus);
        unsigned max = run->tokens->n + 1;

        if (run->pause.on || !run_lease_is_connected(&run->lease) || !run_held_is_whole_command(run) ||
            (max == run->usable.told_max && cpuset_is_empty(&useless)) || run_lease_set_max(&run->lease, max) < 0)
                return;
        run->usable.told_max = max;
        if (run_lease_return(&run->lease, &useless) == 0)
                run_held_pin(run);
}

static void on_token(uv_poll_t *poll, int status, int events)
{
        run_share_later(poll->data);
}

static void wait_for_tokens(struct run *run)
{
        struct run_usable *u = &run->usable;
        bool waits = u->watched && uv_is_active((uv_handle_t *)&u->poll);

        if (u->watched && u->waiting && !waits)
                (void)uv_poll_start(&u->poll, UV_READABLE, on_token);
        else if (waits && !u->waiting)
                uv_poll_stop(&u->poll);
}

void run_usable_fit(struct run *run)
{
        follow_suites(run);
        if (!is_client(run)) {
                run->usable.pus = run->lease.kept;
                return;
        }
        if (cpuset_count(&run->lease.kept) > run->usable.most_held)
                run->usable.most_held = cpuset_count(&run->lease.kept);
        fit_tokens(run);
        fit_pus(run);
}

void run_usable_settle(struct run *run)
{
        if (!is_client(run))
                return;
        fit_lease(run);
        wait_for_tokens(run);
}

struct cpuset run_usable_pus(const struct run *run)
{
        struct cpuset pus = run->usable.pus;

        if (!is_client(run))
                return run->lease.kept;
        if (cpuset_is_empty(&pus) && run->lease.n_order > 0)
                cpuset_add(&pus, run->lease.order[0]);
        return pus;
}

/* Once: a suite that was given it all the same says so again while it gets its share. */
void run_usable_spare(struct run *run, unsigned pu)
{
        if (cpuset_has(&run->usable.spared, pu))
                return;
        cpuset_add(&run->usable.spared, pu);
        run_share_later(run);
}

void run_usable_changed(struct run *run)
{
        if (is_client(run))
                run_share_later(run);
}

/* A token without a PU is of use to somebody else. */
void run_usable_follow(struct run *run)
{
        struct run_usable *u = &run->usable;
        uint64_t now = run_now(run);
        bool idle;

        if (!is_client(run))
                return;
        idle = run->tokens->n + 1 > cpuset_count(&run->lease.kept) && run->tokens->n + 1 > count_workers(run);
        if (!idle)
                u->idle_since = 0;
        else if (!u->idle_since)
                u->idle_since = now;
        if (u->idle_since && now - u->idle_since >= RUN_USABLE_IDLE_US)
                u->retry_at = now + RUN_USABLE_RETRY_US;
        else if (u->retry_at && now >= u->retry_at)
                u->retry_at = 0;
        else
                return;
        run_share_later(run);
}

int run_usable_watch(struct run *run)
{
        struct run_usable *u = &run->usable;
        int r;

        if (!is_client(run))
                return 0;
        r = uv_poll_init(&run->loop, &u->poll, run->tokens->read_fd);
        u->poll.data = run;
        u->watched = r == 0;
        return r;
}

void run_usable_close(struct run *run)
{
        if (run->usable.watched)
                uv_close((uv_handle_t *)&run->usable.poll, NULL);
}

void run_usable_print(const struct run *run)
{
        unsigned most = run->usable.most_tokens;

        if (is_client(run) && run->options->verbose)
                fprintf(stderr, "schedctl: at most %u token%s of the make above at a time\n", most,
                        most == 1 ? "" : "s");
}
