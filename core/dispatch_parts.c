/* What there is to plan: parts of units, long items, and what waits in queues. */
#include "core/dispatch_state.h"

/* What taking an item back and sending it anew is taken to cost: of its own time, and of everybody's. */
static const double MOVE_SHARE = 0.02;
static const double MOVE_SECONDS = 0.0002;
/* An item decides the end that takes a quarter of the run: so many times what makes a difference. */
static const double URGENT = 12.5;

static struct plan_block *open_block(struct plan *p, enum plan_kind kind, uint32_t unit, double setup)
{
        struct plan_block *block = &p->blocks[p->n_blocks++];

        *block =
                (struct plan_block){.first = p->n_parts, .kind = kind, .unit = unit, .paid = PLAN_NONE, .setup = setup};
        return block;
}

static struct plan_part *open_part(struct plan *p, struct plan_block *block, uint32_t from, uint32_t end)
{
        block->n++;
        p->parts[p->n_parts] = (struct plan_part){.from = from,
                                                  .end = end,
                                                  .block = (uint32_t)(block - p->blocks),
                                                  .worker = PLAN_NONE,
                                                  .holder = PLAN_NONE};
        return &p->parts[p->n_parts++];
}

static void add_work(struct plan *p, struct plan_part *part, struct work work)
{
        part->cpu += work.seconds - work.waits;
        part->waits += work.waits;
        p->blocks[part->block].seconds += work.seconds;
}

/* Its items need not be looked at. */
static void add_small_unit(struct dispatch *d, uint32_t unit)
{
        const struct unit *u = &d->pool.units[unit];
        struct plan_block *block = open_block(&d->plan, PLAN_UNIT, unit, u->setup);

        if (u->end - u->first == 1)
                block->spread = d->items[d->pool.by_position[u->first]].spread;
        add_work(&d->plan, open_part(&d->plan, block, u->first, u->end), pool_unit_work(d, unit));
}

/* What the item adds to a part whose last item was `before`: groups within the unit are set up, too. */
static struct work work_after(const struct dispatch *d, uint32_t before, uint32_t item)
{
        struct work work = pool_item_work(d, item);

        work.seconds += before == DISPATCH_NONE ? 0 : pool_setup_seconds(d, before, item);
        return work;
}

/* An item's seconds where they decide the end whatever its group: whoever opens that begins with it. */
static double urgent_seconds(const struct dispatch *d, uint32_t item)
{
        double seconds = pool_item_work(d, item).seconds + d->items[item].spread;

        return seconds > URGENT * d->outlook.worth ? seconds : 0;
}

/* A large unit in parts of `grain` seconds, and of single items that matter to the end. */
static void add_chunks(struct dispatch *d, uint32_t unit, double grain)
{
        const struct unit *u = &d->pool.units[unit];
        struct plan *p = &d->plan;
        struct plan_block *block = open_block(p, PLAN_UNIT, unit, u->setup);
        struct plan_part *part = NULL;
        uint32_t before = DISPATCH_NONE;
        double seconds = 0;

        for (uint32_t item = pool_unit_next(d, unit, 0); item != DISPATCH_NONE;
             item = pool_unit_next(d, unit, d->items[item].position + 1)) {
                double urgent = urgent_seconds(d, item);
                bool apart = part && (seconds >= grain || urgent > 0 || part->urgent > 0);

                p->steps++;
                if (pick_is_long(d, item))
                        continue;
                if (!part || (apart && p->n_parts + 1 < p->max_parts)) {
                        if (part)
                                part->end = d->items[item].position;
                        part = open_part(p, block, d->items[item].position, u->end);
                        part->urgent = urgent;
                        seconds = 0;
                }
                add_work(p, part, work_after(d, before, item));
                seconds += pool_item_work(d, item).seconds;
                before = item;
        }
        p->n_blocks -= block->n == 0;
}

static bool add_long_items(struct dispatch *d, uint32_t unit)
{
        struct plan *p = &d->plan;

        for (uint32_t item = pool_unit_next(d, unit, 0); item != DISPATCH_NONE;
             item = pool_unit_next(d, unit, d->items[item].position + 1)) {
                uint32_t position = d->items[item].position;

                if (!pick_is_long(d, item))
                        continue;
                if (p->n_parts == p->max_parts)
                        return false;
                add_work(p,
                         open_part(p, open_block(p, PLAN_SINGLE, PLAN_NONE, d->items[item].setups), position,
                                   position + 1),
                         pool_item_work(d, item));
        }
        return true;
}

static bool add_unit(struct dispatch *d, uint32_t unit, double grain)
{
        const struct unit *u = &d->pool.units[unit];

        if (u->n_pool == u->n_pool_kinds || (u->serial && !pool_is_on_offer(u)))
                return true;
        if (d->plan.n_parts == d->plan.max_parts)
                return false;
        if (u->serial || u->end - u->first == 1 || pool_unit_work(d, unit).seconds <= grain) {
                add_small_unit(d, unit);
                return true;
        }
        add_chunks(d, unit, grain);
        return add_long_items(d, unit);
}

/* Whether the last item of its queue could go to somebody else. */
static bool may_lose_last(const struct dispatch *d, const struct worker *w)
{
        return deal_waiting(w) > 0 && w->n_constrained == 0 && w->state == WORKER_ACTIVE && !w->recalling &&
               !w->recalled && !d->pool.units[d->items[w->held[w->n_held - 1]].unit].serial;
}

/* The later half of what waits in a worker's queue. */
static struct work queued_work(const struct dispatch *d, const struct worker *w)
{
        struct work work = {0};

        for (uint32_t i = w->n_running + deal_waiting(w) / 2; i < w->n_held; i++)
                work_add(&work, d->items[w->held[i]].charge, 1);
        return work;
}

/* What waits in queues may be better elsewhere. To take it back costs little, but not nothing. */
static bool add_queued(struct dispatch *d)
{
        struct plan *p = &d->plan;

        for (uint32_t i = 0; i < p->n_workers; i++) {
                const struct worker *w = &d->workers[p->workers[i].number];
                struct work work = queued_work(d, w);
                const struct item *last;
                struct plan_part *part;

                if (!may_lose_last(d, w))
                        continue;
                if (p->n_parts == p->max_parts)
                        return false;
                last = &d->items[w->held[w->n_held - 1]];
                part = open_part(
                        p,
                        open_block(p, PLAN_SINGLE, PLAN_NONE, last->setups + MOVE_SHARE * work.seconds + MOVE_SECONDS),
                        last->position, last->position + 1);
                part->holder = p->workers[i].number;
                add_work(p, part, work);
                p->blocks[part->block].paid = i;
                p->workers[i].held -= work_at(work, w->speed) * w->speed;
        }
        return true;
}

/* Those that workers have open: each once. */
static bool add_open_units(struct dispatch *d, double grain)
{
        for (uint32_t i = 0; i < d->max_workers; i++) {
                uint32_t unit = d->workers[i].unit, first = 0;

                if (d->workers[i].state == WORKER_GONE || unit == DISPATCH_NONE || d->pool.units[unit].serial)
                        continue;
                while (first < i && (d->workers[first].state == WORKER_GONE || d->workers[first].unit != unit))
                        first++;
                if (first == i && !add_unit(d, unit, grain))
                        return false;
        }
        return true;
}

/* room: for how many more parts than units there is room; half of that many seconds' worth of parts fit in any case. */
static bool add_units(struct dispatch *d, uint32_t room)
{
        double grain = 2 * pool_work(d).seconds / room;

        for (uint32_t i = 0; i < d->pool.n_heap; i++)
                if (!add_unit(d, d->pool.heap[i], grain))
                        return false;
        return add_open_units(d, grain);
}

static bool is_small(const struct dispatch *d, const struct unit *u, uint32_t unit, double grain)
{
        return !u->serial && pool_unit_work(d, unit).seconds + u->setup <= grain &&
               (u->end - u->first > 1 || !pick_is_long(d, d->pool.by_position[u->first]));
}

/* Where there are too many units for a part each, small ones that nobody has open go together, as they were collected.
 * A lump may enclose others' units: what is in it is what no other part has. */
static bool add_lumps(struct dispatch *d)
{
        struct plan *p = &d->plan;
        double grain = 2 * (pool_work(d).seconds + d->pool.heap_setups) / p->max_parts;
        struct plan_part *lump = NULL;

        for (uint32_t i = 0; i < d->pool.n_units; i++) {
                const struct unit *u = &d->pool.units[i];
                struct work work = pool_unit_work(d, i);

                p->steps++;
                if (u->heap == DISPATCH_NONE || u->n_pool == u->n_pool_kinds)
                        continue;
                if (!is_small(d, u, i, grain)) {
                        if (!add_unit(d, i, grain))
                                return false;
                        continue;
                }
                if (!lump || p->blocks[lump->block].seconds >= grain) {
                        if (p->n_parts == p->max_parts)
                                return false;
                        lump = open_part(p, open_block(p, PLAN_LUMP, PLAN_NONE, 0), u->first, u->end);
                }
                work.seconds += u->setup;
                add_work(p, lump, work);
                lump->end = u->end;
        }
        return add_open_units(d, grain);
}

bool plan_collect_parts(struct dispatch *d)
{
        struct plan *p = &d->plan;
        uint32_t units = d->pool.n_heap + d->n_of_use + p->n_workers; /* and a queue each */

        p->n_parts = p->n_blocks = 0;
        p->steps = 0;
        return (units < p->max_parts ? add_units(d, p->max_parts - units) : add_lumps(d)) && add_queued(d);
}
