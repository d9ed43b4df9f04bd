#include "cli/run_worth.h"

static uint32_t least_of(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

uint32_t run_worth_most_workers(uint32_t n_pus)
{
        uint32_t most = 2 * n_pus > RUN_WORKERS_DEFAULT_MAX ? 2 * n_pus : RUN_WORKERS_DEFAULT_MAX;

        return least_of(RUN_WORKERS_PER_PU * n_pus, most);
}

/* Of the seconds that are known, those in which items wait. */
static double seconds_waited(const struct run_worth *w)
{
        double seconds = 0;

        for (uint32_t i = 0; i < w->n_items; i++)
                if (w->items[i].seconds > 0)
                        seconds += w->items[i].seconds * w->items[i].waits;
        return seconds;
}

bool run_worth_waiting(const struct run_worth *w)
{
        return w->n_extra > 0 && !dispatch_inline_is_faster(seconds_waited(w), w->n_items, w->n_pus + w->n_extra,
                                                            w->start_cost, RUN_RELAY_SECONDS);
}

bool run_worth_nothing(const struct run_worth *w)
{
        return !run_worth_waiting(w) &&
               dispatch_inline_is_faster(w->total, w->n_items, w->n_pus, w->start_cost, RUN_RELAY_SECONDS);
}
