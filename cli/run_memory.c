#include "cli/run_memory.h"

#include <stdbool.h>

static uint32_t least_of(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static uint64_t reserve_of(const struct run_memory_look *look)
{
        uint64_t reserve = look->need / 2;

        if (reserve < RUN_MEMORY_RESERVE_LEAST)
                return RUN_MEMORY_RESERVE_LEAST;
        return reserve < RUN_MEMORY_RESERVE_MOST ? reserve : RUN_MEMORY_RESERVE_MOST;
}

static bool lacks_room(const struct run_memory_look *look)
{
        return look->available < reserve_of(look);
}

static bool is_short(const struct run_memory_look *look)
{
        return look->pressure >= RUN_MEMORY_PRESSURE || lacks_room(look);
}

/* For how many more workers there is room. */
static uint32_t room(const struct run_memory_look *look)
{
        uint64_t reserve = reserve_of(look), n;

        if (look->available == UINT64_MAX || look->need == 0)
                return UINT32_MAX;
        n = look->available > reserve ? (look->available - reserve) / look->need : 0;
        return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static uint32_t set(struct run_memory *m, uint32_t limit)
{
        limit = least_of(limit, m->ceiling);
        m->limit = limit > 0 ? limit : 1;
        return m->limit;
}

void run_memory_init(struct run_memory *m)
{
        *m = (struct run_memory){.limit = UINT32_MAX, .ceiling = UINT32_MAX, .n_since = RUN_MEMORY_DWELL};
}

uint32_t run_memory_begin(struct run_memory *m, const struct run_memory_look *look)
{
        return set(m, room(look));
}

/* What the others need is in use: there is room for those that there are and some more. */
static uint32_t step_calm(struct run_memory *m, const struct run_memory_look *look)
{
        uint32_t more = room(look);

        if (m->limit == UINT32_MAX || ++m->n_calm < RUN_MEMORY_CALM || look->n_alive < m->limit || more == 0)
                return m->limit;
        m->n_calm = 0;
        return set(m, m->limit + 1);
}

uint32_t run_memory_step(struct run_memory *m, const struct run_memory_look *look)
{
        if (!is_short(look))
                return step_calm(m, look);
        m->n_calm = 0;
        if (look->n_alive > m->limit) /* one is about to end */
                return m->limit;
        m->n_since += m->n_since < RUN_MEMORY_DWELL;
        if (!lacks_room(look) && m->n_since < RUN_MEMORY_DWELL)
                return set(m, least_of(m->limit, look->n_alive));
        m->n_since = 0;
        return set(m, look->n_alive > 1 ? look->n_alive - 1 : 1);
}

uint32_t run_memory_killed(struct run_memory *m, uint32_t n_alive)
{
        m->n_calm = 0;
        m->ceiling = least_of(m->ceiling, n_alive > 1 ? n_alive - 1 : 1);
        return set(m, m->limit);
}
