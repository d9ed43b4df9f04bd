/* The rules of the dispatcher's contract that only the whole run shows. */
#include "tests/sim/dispatch-plant-state.h"

/* Whether an item waits that could have been sent instead: some are held back for the worker that has their serial
 * group, or were missed by workers. */
static bool is_overtaken(const struct plant *s, uint32_t item)
{
        return s->where[item] == UNSENT && !s->missed[item] && s->p->items[item].serial == 0;
}

/* The first of what is left, to a worker that has nothing else to do. */
static void in_order(const struct plant *s, uint32_t worker, uint32_t item)
{
        const struct process *w = &s->workers[worker];

        CHECK(w->n_fifo == 0 && (w->current == NO_ITEM || w->waiting));
        for (uint32_t i = 0; i < item && s->n_pending == 0; i++)
                CHECK(!is_overtaken(s, i));
}

void laws_sent(const struct plant *s, uint32_t worker, uint32_t item)
{
        CHECK_INT(s->where[item], UNSENT);
        CHECK(!s->p->items[item].alone);
        CHECK(!s->stopped);
        if (s->p->ordered)
                in_order(s, worker, item);
}

/* Whoever had the group last has it still, unless it is gone or told to end. */
static void on_one_worker(struct plant *s, uint32_t worker, struct holder *last)
{
        const struct process *w = &s->workers[worker], *before = &s->workers[last->worker];

        if (last->any && (last->worker != worker || last->life != w->life))
                CHECK(before->life != last->life || !before->alive || before->ending);
        *last = (struct holder){.any = true, .worker = worker, .life = w->life};
}

void laws_begun(struct plant *s, uint32_t worker, uint32_t item)
{
        uint32_t serial = s->p->items[item].serial;

        if (serial == 0)
                return;
        for (uint32_t i = 0; i < s->p->n_items; i++) {
                if (i == item || s->p->items[i].serial != serial)
                        continue;
                CHECK(s->where[i] != TAKEN);
                CHECK(i > item || (s->where[i] != UNSENT && s->where[i] != IN_FIFO) || s->missed[i]);
        }
        on_one_worker(s, worker, &s->serial[serial]);
}

void laws_ended(const struct plant *s)
{
        if (!s->finished)
                fprintf(stderr, "seed %llu: never finished\n", (unsigned long long)s->p->seed);
        CHECK(s->finished);
        for (uint32_t i = 0; i < s->p->max_workers; i++)
                CHECK(!s->workers[i].alive);
        for (uint32_t i = 0; i < s->p->n_items; i++)
                CHECK(s->where[i] == DONE || s->where[i] == LOST || s->where[i] == LEFT ||
                      (s->stopped && s->where[i] == UNSENT));
        if (!s->stopped)
                CHECK_INT(dispatch_items_left(s->d), 0);
}
