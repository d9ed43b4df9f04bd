#include "cli/run_scope_limits.h"

static const double NICE_STEP = 1.25; /* sched_prio_to_weight[] of the kernel */

static uint64_t larger(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t reserve_of(const struct run_scope_memory *m, uint64_t before)
{
        uint64_t wanted = m->total == UINT64_MAX ? 0 : m->total / RUN_SCOPE_RESERVE_PART;

        wanted = smaller(larger(wanted, RUN_SCOPE_RESERVE_LEAST), RUN_SCOPE_RESERVE_MOST);
        return smaller(wanted, larger(m->available / 2, before));
}

struct run_scope_bounds run_scope_bounds(const struct run_scope_memory *m, const struct run_scope_bounds *before)
{
        struct run_scope_bounds b = RUN_SCOPE_NO_BOUNDS;

        if (m->swap_free != UINT64_MAX && m->swap_free > 0)
                b.swap_max = m->swap_free / 2;
        if (m->available == UINT64_MAX || m->used > UINT64_MAX - m->available)
                return b;
        b.reserve = reserve_of(m, before->reserve);
        b.high = m->available >= b.reserve ? m->used + m->available - b.reserve : smaller(m->used, before->high);
        b.max = b.high + b.reserve / RUN_SCOPE_OVER_PART;
        return b;
}

static bool is_news(uint64_t told, uint64_t now, uint64_t least)
{
        uint64_t change = now > told ? now - told : told - now;

        return told == UINT64_MAX || now == UINT64_MAX ? told != now : change > least;
}

bool run_scope_bounds_differ(const struct run_scope_bounds *told, const struct run_scope_bounds *now)
{
        uint64_t least = told->reserve / RUN_SCOPE_CHANGE_PART;

        return is_news(told->high, now->high, least) || is_news(told->max, now->max, least);
}

unsigned run_scope_weight(int nice)
{
        double weight = 100;

        for (int i = 0; i < nice; i++)
                weight /= NICE_STEP;
        return weight < 1 ? 1 : (unsigned)(weight + 0.5);
}
