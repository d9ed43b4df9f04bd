/* How long an item would have taken on a PU that nobody else wants: its wall time without that in which it was ready
 * and had to wait for a PU, because more workers than PUs compute or because of what else the machine does.
 *
 * The kernel counts that time per thread (schedstat). It is read when an item is done, but not for each of many short
 * ones; for these, and for what children computed, waiting is taken to be as much a CPU second as it was lately. Where
 * the kernel does not count it, it is what a fair share of the PUs would make it, by the CPU that workers use.
 */
#include <math.h>

#include "cli/run_sample.h"
#include "cli/run_suite.h"
#include "core/estimate.h"

enum { EVERY_US = 5000 }; /* between two readings of one worker: some 5 µs of 5 ms */

static const double SHARE_SECONDS = 0.1;   /* of running, until a worker's share of CPU is known well */
static const double RECENT_SECONDS = 1;    /* CPU time that says how much waiting there was lately… */
static const double ENOUGH_SECONDS = 0.01; /* …and that has to be there for that */
/* What is seen when an item's record comes may belong to its neighbours: of that an item takes at most so many times
 * what its own computing brings along on average, and so many seconds. One that sleeps is not to lose its sleep to
 * them. */
static const double CLAIM_TIMES = 3;
static const double CLAIM_SECONDS = 0.005;
/* Who is nice waits at a time for what others get meanwhile, so many times as much for each step of niceness: seconds
 * as seen beside two processes that compute (sched(7), nice values). */
static const double NICE_SECONDS = 0.02;
static const double NICE_TIMES = 1.25;

void run_suite_learn_share(struct run_worker *w, double cpu, double wall)
{
        if (wall > 0)
                w->share += (cpu / wall - w->share) * wall / (wall + SHARE_SECONDS);
}

/* How much longer computing takes in a fair share of the PUs. Workers that wait for something else take nothing away.
 */
static double fair_stretch(const struct run_suite *s)
{
        double share = 0;

        for (uint32_t i = 0; i < s->n_workers; i++)
                if (s->workers[i].state == RUN_WORKER_STARTING || s->workers[i].state == RUN_WORKER_READY)
                        share += s->workers[i].share;
        return s->n_pus > 0 && share > (double)s->n_pus ? share / (double)s->n_pus : 1;
}

/* Seconds of waiting that a second of computing brought along lately. */
static double waiting_lately(const struct run_suite *s)
{
        return s->ran > ENOUGH_SECONDS ? s->waited / s->ran : fair_stretch(s) - 1;
}

static void learn_waiting(struct run_suite *s, double ran, double waited)
{
        s->ran += ran;
        s->waited += waited;
        if (s->ran < RECENT_SECONDS)
                return;
        s->ran /= 2;
        s->waited /= 2;
}

/* Sees how long a worker's first thread has run and waited since the last reading, if it is time for another. What a
 * worker says of an item may come while it is in the next one: what was seen the time before counts too. False: nothing
 * is known of the time in which records that are read now were written. */
static bool read_waiting(struct run_suite *s, struct run_worker *w, uint64_t now)
{
        bool first = w->waiting_at == 0;
        double ran, waited;

        if (now < w->waiting_at + EVERY_US || w->pid <= 0 || run_sample_thread("", w->pid, &ran, &waited) < 0)
                return now == w->waiting_at;
        w->unclaimed[0] = w->unclaimed[1];
        w->unclaimed[1] = (struct run_waiting){first ? 0 : ran - w->total.ran, first ? 0 : waited - w->total.waited};
        w->total = (struct run_waiting){ran, waited};
        w->waiting_at = now;
        learn_waiting(s, w->unclaimed[1].ran, w->unclaimed[1].waited);
        return !first;
}

/* Takes as much as can have been this one's. */
static double claim(double *of, double most)
{
        double part = *of < most ? *of : most;

        part = part > 0 ? part : 0;
        *of -= part;
        return part;
}

/* The most that an item can have waited for a PU, of its seconds without CPU. */
static double most_waited(const struct run_suite *s, const struct run_done_record *done)
{
        int nice = s->run->nice->own;
        double once = nice > 0 ? NICE_SECONDS * pow(NICE_TIMES, nice) : CLAIM_SECONDS, most = done->wall - done->cpu;
        double likely = CLAIM_TIMES * waiting_lately(s) * done->cpu + once;

        return likely < most ? likely : most;
}

double run_suite_alone(struct run_suite *s, struct run_worker *w, uint64_t now, const struct run_done_record *done)
{
        double own = 0, waited = 0, alone = done->wall;
        bool known = read_waiting(s, w, now);

        if (done->wall > done->cpu) {
                double most = most_waited(s, done);

                for (size_t i = 0; known && i < 2; i++) {
                        own += claim(&w->unclaimed[i].ran, done->cpu - own);
                        waited += claim(&w->unclaimed[i].waited, most - waited);
                }
                alone = own + estimate_alone(done->wall - waited - own, done->cpu - own, 1 + waiting_lately(s));
        }
        run_suite_learn_share(w, done->cpu, alone);
        return alone;
}

void run_suite_wait_from_now(struct run_suite *s, struct run_worker *w, uint64_t now)
{
        w->waiting_at = 0;
        (void)read_waiting(s, w, now);
}
