#include "tests/sim/dispatch-laws.h"

/* Workers */

/* Never more than there are PUs, or were asked for, and those that may run beside what waits. Who is told to end does
 * not count. */
void laws_started(const struct trial *t)
{
        const struct dispatch_params *suite = &t->world->suite;
        size_t n = 0, alive = 0, most = t->n_pus > suite->min_workers ? t->n_pus : suite->min_workers;

        for (uint32_t i = 0; i < suite->max_workers; i++) {
                n += t->workers[i].alive && !t->workers[i].ending;
                alive += t->workers[i].alive;
        }
        LAW(t, n <= most + suite->extra_workers);
        LAW(t, alive <= t->limit);
}

/* Whoever is beyond the limit is told to end, but one goes on. */
void laws_limited(const struct trial *t)
{
        size_t n = 0;

        for (uint32_t i = 0; i < t->world->suite.max_workers; i++)
                n += t->workers[i].alive && !t->workers[i].ending;
        LAW(t, n <= t->limit);
}

void laws_returned(const struct trial *t, unsigned pu)
{
        for (uint32_t i = 0; i < t->world->suite.max_workers; i++) {
                const struct watched_worker *w = &t->workers[i];

                if (!w->alive || w->gone)
                        continue;
                LAW(t, w->pu != pu);
                for (uint32_t k = 0; k < w->n_wide; k++)
                        LAW(t, w->wide[k] != pu);
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
        LAW(t, t->workers[worker].n_sent == 0 || t->workers[worker].waiting);
        for (uint32_t i = 0; i < item && t->n_recalling == 0; i++)
                LAW(t, !is_overtaken(t, i));
}

static bool is_constrained(const struct dispatch_item *item)
{
        return item->n_needs > 0 || item->cpus > 1;
}

/* Nothing goes before what failed last time, but for what goes on with a serial group, or from one queue to another. */
static void early_first(const struct trial *t, const struct dispatch_action *a)
{
        if (t->world->items[a->item].early || t->world->items[a->item].serial > 0 || t->n_recalling > 0 ||
            a->reason == DISPATCH_R_STOLEN)
                return;
        for (uint32_t i = 0; i < t->world->suite.n_items; i++)
                LAW(t, !t->world->items[i].early || is_constrained(&t->world->items[i]) || !is_overtaken(t, i));
}

static uint32_t amount_of(const struct trial *t, uint32_t item, uint32_t resource)
{
        const struct dispatch_item *it = &t->world->items[item];
        uint32_t sum = 0;

        for (uint32_t k = it->first_need; k < it->first_need + it->n_needs; k++)
                sum += t->world->needs[k].resource == resource ? t->world->needs[k].amount : 0;
        return sum;
}

/* What the worker holds: of an item that it is tearing down and the next one, the larger. */
static uint32_t held_by(const struct trial *t, uint32_t worker, uint32_t resource)
{
        uint32_t most = 0;

        for (uint32_t i = 0; i < t->world->suite.n_items; i++) {
                uint32_t amount = t->owner[i] == worker ? amount_of(t, i, resource) : 0;

                most = amount > most ? amount : most;
        }
        return most;
}

/* To a worker that has nothing else, and only as much as there is. */
static void within_capacity(const struct trial *t, const struct dispatch_action *a)
{
        const struct watched_worker *w = &t->workers[a->worker];

        if (!is_constrained(&t->world->items[a->item]))
                return;
        LAW(t, w->n_sent == 0 || w->waiting);
        for (uint32_t r = 0; r < t->world->suite.n_resources; r++) {
                uint32_t sum = amount_of(t, a->item, r), own = held_by(t, a->worker, r);

                if (sum == 0)
                        continue;
                sum = own > sum ? own : sum;
                for (uint32_t i = 0; i < t->world->suite.max_workers; i++)
                        sum += i == a->worker ? 0 : held_by(t, i, r);
                LAW(t, sum <= t->world->capacities[r]);
        }
}

void laws_sent(const struct trial *t, const struct dispatch_action *a)
{
        const struct watched_worker *w = &t->workers[a->worker];

        LAW(t, t->where[a->item] == UNSENT);
        LAW(t, !t->world->items[a->item].alone);
        LAW(t, !t->stopped && w->alive && !w->ending && !w->grown);
        LAW(t, w->n_sent < DISPATCH_QUEUE_MAX);
        if (t->world->suite.ordered)
                in_order(t, a->worker, a->item);
        else
                early_first(t, a);
        within_capacity(t, a);
}

/* Running */

/* Whoever had the group last has it still, unless it is gone or told to end. */
static void on_one_worker(const struct trial *t, uint32_t worker, struct serial_holder *last)
{
        const struct watched_worker *w = &t->workers[worker], *before = &t->workers[last->worker];

        if (last->life > 0 && (last->worker != worker || last->life != w->life))
                LAW(t, before->life != last->life || before->gone || before->ending);
        *last = (struct serial_holder){.worker = worker, .life = w->life};
}

static void serially(const struct trial *t, uint32_t worker, uint32_t item)
{
        uint32_t serial = t->world->items[item].serial;

        for (uint32_t i = 0; i < t->world->suite.n_items && serial > 0; i++) {
                if (i == item || t->world->items[i].serial != serial)
                        continue;
                if (t->where[i] == RUNNING)
                        LAW(t, t->workers[t->owner[i]].running != i);
                LAW(t, i > item || (t->where[i] != UNSENT && t->where[i] != SENT) || t->missed[i]);
        }
        if (serial > 0)
                on_one_worker(t, worker, &t->serial[serial]);
}

static uint32_t width_of(const struct trial *t, uint32_t item)
{
        uint32_t cpus = t->world->items[item].cpus > 1 ? t->world->items[item].cpus : 1;

        return cpus < t->n_pus ? cpus : (uint32_t)t->n_pus;
}

static bool has_pu(const struct watched_worker *w, unsigned pu)
{
        bool has = w->pu == pu;

        for (uint32_t k = 0; k < w->n_wide; k++)
                has |= w->wide[k] == pu;
        return has;
}

static bool share_a_pu(const struct watched_worker *a, const struct watched_worker *b)
{
        bool share = has_pu(a, b->pu);

        for (uint32_t k = 0; k < b->n_wide; k++)
                share |= has_pu(a, b->wide[k]);
        return share && a->pu != DISPATCH_FLOATING && b->pu != DISPATCH_FLOATING;
}

/* One that waits may run beside a wide one; what was sent before the PUs changed may find fewer than there were. */
static bool counts(const struct trial *t, uint32_t item)
{
        return t->epoch[item] == t->n_changes &&
               (t->world->suite.extra_workers == 0 || t->world->items[item].waits <= 0);
}

/* A wide one has as many PUs as it needs, and nobody else computes on them. */
static void has_room(const struct trial *t, uint32_t worker, uint32_t item)
{
        const struct watched_worker *w = &t->workers[worker];
        uint32_t sum = width_of(t, item);
        bool wide = sum > 1;

        if (!counts(t, item))
                return;
        LAW(t, !wide || w->pu == DISPATCH_FLOATING || 1 + w->n_wide >= sum);
        for (uint32_t i = 0; i < t->world->suite.max_workers; i++) {
                uint32_t other = i == worker ? DISPATCH_NONE : t->workers[i].running;

                if (other == DISPATCH_NONE)
                        continue;
                if (!counts(t, other))
                        return;
                sum += width_of(t, other);
                wide |= width_of(t, other) > 1;
                if (wide)
                        LAW(t, !share_a_pu(w, &t->workers[i]));
        }
        LAW(t, !wide || sum <= t->n_pus);
}

void laws_begun(struct trial *t, uint32_t worker, uint32_t item)
{
        serially(t, worker, item);
        has_room(t, worker, item);
        LAW(t, t->world->suite.max_items == 0 || t->workers[worker].n_begun <= t->world->suite.max_items);
}

void laws_over(const struct trial *t, const struct dispatch *d)
{
        for (uint32_t i = 0; i < t->world->suite.max_workers; i++)
                LAW(t, !t->workers[i].alive);
        for (uint32_t i = 0; i < t->world->suite.n_items; i++)
                LAW(t, t->where[i] == DONE || t->where[i] == LOST || t->where[i] == LEFT ||
                               (t->stopped && t->where[i] == UNSENT));
        if (!t->stopped)
                LAW(t, dispatch_items_left(d) == 0);
}
