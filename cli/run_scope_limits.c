#include "cli/run_scope_limits.h"

static const double NICE_STEP = 1.25; /* sched_prio_to_weight[] of the kernel */

static uint64_t reserve_of(const struct run_scope_memory *m)
{
        uint64_t reserve = m->total == UINT64_MAX ? RUN_SCOPE_RESERVE_LEAST : m->total / RUN_SCOPE_RESERVE_PART;

        if (reserve < RUN_SCOPE_RESERVE_LEAST)
                reserve = RUN_SCOPE_RESERVE_LEAST;
        if (reserve > RUN_SCOPE_RESERVE_MOST)
                reserve = RUN_SCOPE_RESERVE_MOST;
        return reserve < m->available / 2 ? reserve : m->available / 2;
}

struct run_scope_bounds run_scope_bounds(const struct run_scope_memory *m)
{
        struct run_scope_bounds b = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
        uint64_t reserve = reserve_of(m);

        if (m->swap_free != UINT64_MAX && m->swap_free > 0)
                b.swap_max = m->swap_free / 2;
        if (m->available == UINT64_MAX || m->used > UINT64_MAX - m->available)
                return b;
        b.high = m->used + m->available - reserve;
        b.max = b.high + reserve / 2;
        return b;
}

static bool is_news(uint64_t told, uint64_t now)
{
        uint64_t change = now > told ? now - told : told - now;

        return told == UINT64_MAX || now == UINT64_MAX ? told != now : change > told / RUN_SCOPE_CHANGE_PART;
}

bool run_scope_bounds_differ(const struct run_scope_bounds *told, const struct run_scope_bounds *now)
{
        return is_news(told->high, now->high) || is_news(told->max, now->max);
}

unsigned run_scope_weight(int nice)
{
        double weight = 100;

        for (int i = 0; i < nice; i++)
                weight /= NICE_STEP;
        return weight < 1 ? 1 : (unsigned)(weight + 0.5);
}
