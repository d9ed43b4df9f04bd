/* A suite while its run is paused, and what that means for the items that stood still: their limit of time is put off,
 * the time is none of theirs, and what they teach the history is nothing. */
#include <math.h>

#include "cli/run_suite.h"

void run_suite_hold(struct run_suite *s)
{
        if (!s->n_handles)
                return;
        uv_poll_stop(&s->done_poll);
        uv_timer_stop(&s->timer);
        s->timer_at = DISPATCH_NEVER;
}

/* Who runs nothing, or waits for its next item, has not lost any time. */
static void note_stopped(struct run_suite *s, uint32_t number, double seconds)
{
        struct run_worker *w = run_suite_worker(s, number);
        uint32_t item;
        double began;

        if (!w || run_deal_read_state(&s->deal, number, &item, &began) < 0 || !(began > 0))
                return;
        run_deal_put_off_state(&s->deal, number, seconds);
        if (item >= s->listing.n_items)
                return;
        if (w->stopped_item != item)
                w->stopped = 0;
        w->stopped_item = item;
        w->stopped += seconds;
}

void run_suite_go_on(struct run_suite *s, double seconds)
{
        if (!s->n_handles)
                return;
        for (uint32_t i = 0; i < s->n_workers && !s->xdist; i++)
                note_stopped(s, i, seconds);
        if (s->xdist)
                run_xdist_go_on(s, seconds);
        s->stopped += seconds;
        run_deal_tell_pauses(&s->deal, s->stopped);
        s->reporter_stopped = seconds;
        run_suite_watch_records(s);
        if (s->dispatch)
                run_suite_set_timer(s);
}

/* Where it is in a record at all, which with a record of less it cannot be. */
static bool take_off(double *of, double *wall)
{
        bool whole = *of > 0 && *wall >= *of;

        if (whole) {
                *wall -= *of;
                *of = 0;
        }
        return whole;
}

/* The reporter does not tell what it runs: the first that took so long is taken to have been stopped. */
static bool take_off_reporter(struct run_suite *s, struct run_done_record *record)
{
        return take_off(&s->reporter_stopped, &record->wall);
}

bool run_suite_take_off_pause(struct run_suite *s, struct run_worker *w, struct run_done_record *record)
{
        if (record->op != RUN_DONE_DONE && record->op != RUN_DONE_SETUP)
                return false;
        if (!w)
                return take_off_reporter(s, record);
        if (w->stopped_item == RUN_NO_INDEX)
                return false;
        if (record->op == RUN_DONE_SETUP) /* of what the item needs, before its own record */
                return take_off(&w->stopped, &record->wall);
        if (record->arg != w->stopped_item)
                return false;
        (void)take_off(&w->stopped, &record->wall);
        w->stopped_item = RUN_NO_INDEX;
        w->stopped = 0;
        return true;
}
