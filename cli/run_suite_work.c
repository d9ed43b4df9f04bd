/* How much of its work a suite has done, in seconds of estimated work: what history expects of an item, or, where it
 * does not know it, what it turned out to take on a fast core. What runs counts pro rata, so that long items do not
 * make the rate jump; who takes longer than expected does no more work by that. */
#include "cli/run_suite.h"

enum { KNOWN_OF_TEN = 1 }; /* items done, where there is no history, until the others are taken to be like them */

static double running(const struct run_suite *s, uint32_t number, uint64_t now)
{
        const struct run_worker *w = &s->workers[number];
        double elapsed, expected, began;
        uint32_t item;
        uint64_t since;

        if (w->state != RUN_WORKER_READY || run_deal_read_state(&s->deal, number, &item, &began) < 0 ||
            item >= s->listing.n_items || s->measure.items[item].done || !(began > 0))
                return 0;
        since = run_clock(s->run, (uint64_t)(began * 1e6));
        elapsed = now > since ? (double)(now - since) / 1e6 * w->speed : 0;
        expected = s->measure.items[item].expected;
        return expected >= 0 && elapsed > expected ? expected : elapsed;
}

static bool knows_the_rest(const struct run_suite *s)
{
        return run_measure_is_expected(&s->measure) ||
               (uint64_t)s->measure.n_done * 10 >= (uint64_t)s->listing.n_items * KNOWN_OF_TEN;
}

struct run_suite_work run_suite_work(struct run_suite *s)
{
        uint64_t now = run_now(s->run);
        double runs = 0, left;

        if (s->xdist)
                return run_xdist_work(s);
        left = dispatch_work_left(s->dispatch);
        for (uint32_t i = 0; i < s->n_workers; i++)
                runs += running(s, i, now);
        left = left > runs ? left - runs : 0;
        return (struct run_suite_work){.done = s->measure.work + runs, .left = knows_the_rest(s) ? left : -1};
}
