#include "core/alloc_match.h"

static void visit(struct match *m, uint32_t lease, uint32_t before, unsigned through)
{
        m->visited[m->n_visited++] = lease;
        m->before[lease] = before;
        m->through[lease] = through;
}

/* Visits every lease that holds something `lease` may use and could hand it on. */
static void visit_neighbours(struct match *m, uint32_t lease, const struct cpuset *passable)
{
        struct cpuset reachable = cpuset_and(&m->may[lease], passable);

        if (cpuset_is_empty(&reachable))
                return;
        for (uint32_t i = 0; i < m->n; i++) {
                unsigned pu = cpuset_first_common(&reachable, &m->takes[i]);

                if (m->before[i] == MATCH_NONE && pu != CPUSET_NONE)
                        visit(m, i, lease, pu);
        }
}

uint32_t match_reach(struct match *m, uint32_t lease, const struct cpuset *passable, const struct cpuset *ends)
{
        m->n_visited = 0;
        if (cpuset_is_empty(ends))
                return MATCH_NONE;
        if (cpuset_intersects(&m->may[lease], ends)) { /* most often, and then no path need be remembered */
                visit(m, lease, lease, CPUSET_NONE);
                return lease;
        }
        for (size_t i = 0; i < m->n; i++)
                m->before[i] = MATCH_NONE;
        visit(m, lease, lease, CPUSET_NONE);
        for (size_t done = 0; done < m->n_visited; done++) {
                uint32_t next = m->visited[done];

                if (cpuset_intersects(&m->may[next], ends))
                        return next;
                visit_neighbours(m, next, passable);
        }
        return MATCH_NONE;
}

void match_apply(struct match *m, uint32_t end, unsigned pu)
{
        for (uint32_t lease = end;; lease = m->before[lease]) {
                cpuset_add(&m->takes[lease], pu);
                if (m->before[lease] == lease)
                        return;
                pu = m->through[lease];
                cpuset_remove(&m->takes[lease], pu);
        }
}
