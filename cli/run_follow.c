#include "cli/run_follow.h"

#include "cli/run_engine.h"
#include "cli/run_suite.h"

static const double SMOOTHING_SECONDS = 2; /* until a change of the rate shows for the most part */
static const double LEAST_RATE = 1e-3;     /* nothing can be said of the end while there is less */

/* What suites did since the last look, and have yet to do: seconds of estimated work; *ret_left negative where nobody
 * can say. */
static double look_at_work(struct run *run, double *ret_left)
{
        double done = 0, left = 0;

        for (struct run_suite *s = run->suites; s; s = s->next) {
                struct run_suite_work work;

                if (!run_suite_is_active(s))
                        continue;
                work = run_suite_work(s);
                done += work.done > s->work_before ? work.done - s->work_before : 0;
                s->work_before = work.done;
                left = left < 0 || work.left < 0 ? -1 : left + work.left;
        }
        *ret_left = left;
        return done;
}

static void report(struct run *run, double seconds)
{
        struct run_follow *f = &run->follow;
        double left, done = look_at_work(run, &left), rate = done / seconds, ends = 0;

        f->rate = f->n_rates == 0 ? rate : f->rate + (rate - f->rate) * seconds / (seconds + SMOOTHING_SECONDS);
        f->n_rates++;
        if (left >= 0 && f->rate > LEAST_RATE)
                ends = left / f->rate * 1000 + 1;
        (void)run_lease_report(&run->lease, f->rate, (uint64_t)ends);
}

static bool any_active(const struct run *run)
{
        for (const struct run_suite *s = run->suites; s; s = s->next)
                if (run_suite_is_active(s))
                        return true;
        return false;
}

/* Without a suite nothing is known of the work, and so nothing is said of it but, once, that what was said is over. */
static void follow_work(struct run *run)
{
        struct run_follow *f = &run->follow;
        uint64_t now = run_now(run);

        if (!any_active(run)) {
                if (f->n_rates > 0)
                        (void)run_lease_report(&run->lease, 0, 0);
                f->n_rates = 0;
                f->at = 0;
                return;
        }
        if (f->at && now > f->at)
                report(run, (double)(now - f->at) / 1e6);
        f->at = now;
}

static void follow_suites(struct run *run)
{
        for (struct run_suite *s = run->suites; s; s = s->next) {
                if (!run_suite_is_active(s))
                        continue;
                if ((s->xdist ? run_xdist_look(s) : run_suite_memory_look(s)) < 0)
                        run_peer_close(s->peer);
        }
}

static void on_time(uv_timer_t *timer)
{
        struct run *run = timer->data;

        run_lease_begin_round(&run->lease);
        follow_work(run);
        follow_suites(run);
        run_usable_follow(run);
        run_scope_follow(run);
        if (!run_scope_weighs(&run->scope))
                run_nice_keep("", run->nice);
        (void)run_lease_refresh(&run->lease); /* some 100 µs */
}

int run_follow_init(struct run *run)
{
        int r = uv_timer_init(&run->loop, &run->follow.timer);

        run->follow.timer.data = run;
        return r;
}

void run_follow_close(struct run *run)
{
        uv_close((uv_handle_t *)&run->follow.timer, NULL);
}

void run_follow_adjust(struct run *run)
{
        uv_timer_t *timer = &run->follow.timer;
        bool any = run_lease_is_connected(&run->lease) || any_active(run) || run->scope.state == RUN_SCOPE_THERE;
        bool follow = any && !run->pause.on;

        if (follow == (uv_is_active((uv_handle_t *)timer) != 0))
                return;
        if (follow)
                uv_timer_start(timer, on_time, RUN_FOLLOW_EVERY_MS, RUN_FOLLOW_EVERY_MS);
        else
                uv_timer_stop(timer);
}
