#include "tests/sim/dispatch-laws.h"
#include "tests/unit/test.h"

/* Workers */

/* Never more than there are PUs, or were asked for, and those that may run beside what waits. Who is told to end does
 * not count. */
void laws_started(const struct trial *t)
{
        const struct dispatch_params *suite = &t->world->suite;
        size_t n = 0, most = t->n_pus > suite->min_workers ? t->n_pus : suite->min_workers;

        for (uint32_t i = 0; i < suite->max_workers; i++)
                n += t->workers[i].alive && !t->workers[i].ending;
        CHECK(n <= most + suite->extra_workers);
}

void laws_returned(const struct trial *t, unsigned pu)
{
        for (uint32_t i = 0; i < t->world->suite.max_workers; i++) {
                const struct watched_worker *w = &t->workers[i];

                if (!w->alive || w->gone)
                        continue;
                CHECK(w->pu != pu);
                for (uint32_t k = 0; k < w->n_wide; k++)
                        CHECK(w->wide[k] != pu);
        }
}

/* Dealing */

/* Whether an item waits that could have been sent instead: some are held back for the worker that has their serial
 * group, or were missed by workers. */
static bool is_overtaken(const struct trial *t, uint32_t item)
{
        return t->where[item] == UNSENT && !t->missed[item] && t->world->items[item].serial == 0;
}

/* The first of what is left, to a worker that has nothing else to do. */
static void in_order(const struct trial *t, uint32_t worker, uint32_t item)
{
        CHECK(t->workers[worker].n_sent == 0 || t->workers[worker].waiting);
        for (uint32_t i = 0; i < item && t->n_recalling == 0; i++)
                CHECK(!is_overtaken(t, i));
}

void laws_sent(struct trial *t, const struct dispatch_action *a)
{
        const struct watched_worker *w = &t->workers[a->worker];

        CHECK_INT(t->where[a->item], UNSENT);
        CHECK(!t->world->items[a->item].alone);
        CHECK(!t->stopped && w->alive && !w->ending);
        CHECK(w->n_sent < DISPATCH_QUEUE_MAX);
        if (t->world->suite.ordered)
                in_order(t, a->worker, a->item);
}

void laws_released(struct trial *t, uint32_t item)
{
        (void)t;
        (void)item;
}

/* Running */

/* Whoever had the group last has it still, unless it is gone or told to end. */
static void on_one_worker(const struct trial *t, uint32_t worker, struct serial_holder *last)
{
        const struct watched_worker *w = &t->workers[worker], *before = &t->workers[last->worker];

        if (last->life > 0 && (last->worker != worker || last->life != w->life))
                CHECK(before->life != last->life || before->gone || before->ending);
        *last = (struct serial_holder){.worker = worker, .life = w->life};
}

static void serially(const struct trial *t, uint32_t worker, uint32_t item)
{
        uint32_t serial = t->world->items[item].serial;

        for (uint32_t i = 0; i < t->world->suite.n_items && serial > 0; i++) {
                if (i == item || t->world->items[i].serial != serial)
                        continue;
                if (t->where[i] == RUNNING)
                        CHECK(t->workers[t->owner[i]].running != i);
                CHECK(i > item || (t->where[i] != UNSENT && t->where[i] != SENT) || t->missed[i]);
        }
        if (serial > 0)
                on_one_worker(t, worker, &t->serial[serial]);
}

void laws_begun(struct trial *t, uint32_t worker, uint32_t item)
{
        serially(t, worker, item);
}

void laws_over(const struct trial *t, const struct dispatch *d)
{
        for (uint32_t i = 0; i < t->world->suite.max_workers; i++)
                CHECK(!t->workers[i].alive);
        for (uint32_t i = 0; i < t->world->suite.n_items; i++)
                CHECK(t->where[i] == DONE || t->where[i] == LOST || t->where[i] == LEFT ||
                      (t->stopped && t->where[i] == UNSENT));
        if (!t->stopped)
                CHECK_INT(dispatch_items_left(d), 0);
}
