/* Making the plan: what there is to do, in parts, and who there is to do it. Following it. */
#include "core/dispatch_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
        STEPS_MIN = 200, /* of the search */
        STEPS_MAX = 20000,
        ITEMS_A_STEP = 4,        /* looking at so many items takes as long as a step */
        STEP_US_TIMES_PAUSE = 5, /* a step's 50 ns, and a hundred times that until the plan is made anew */
};

/* A hundredth of the time that is left may be spent on dividing it. */
static const double STEPS_A_SECOND = 2e5;
/* A worker that has not become ready in so many times what starting one takes is not counted upon. */
static const double PATIENCE = 3;
static const double PATIENCE_MIN = 0.05;
/* By how much splitting a unit has to shorten the run, and what another set-up may cost it: of what makes a difference.
 */
static const double SPLIT_WORTH = 0.5;
/* What taking an item back and sending it anew is taken to cost: of its own time, and of everybody's. */
static const double MOVE_SHARE = 0.02;
static const double MOVE_SECONDS = 0.0002;

int plan_init(struct dispatch *d)
{
        struct plan *p = &d->plan;
        uint32_t workers = d->max_workers < PLAN_WORKERS_MAX ? d->max_workers : PLAN_WORKERS_MAX;

        p->max_parts = PLAN_PARTS_MIN + PLAN_PARTS_A_WORKER * workers;
        p->parts = calloc(p->max_parts, sizeof(*p->parts));
        p->blocks = calloc(p->max_parts, sizeof(*p->blocks));
        p->order = calloc(p->max_parts, sizeof(*p->order));
        p->kept = calloc(p->max_parts, sizeof(*p->kept));
        p->before = calloc(p->max_parts, sizeof(*p->before));
        p->n_of = calloc((size_t)p->max_parts * workers, sizeof(*p->n_of));
        p->workers = calloc(workers, sizeof(*p->workers));
        p->cores = calloc(workers + (size_t)1, sizeof(*p->cores));
        p->numbers_of = malloc((d->n_items + (size_t)1) * sizeof(*p->numbers_of));
        if (!p->parts || !p->blocks || !p->order || !p->kept || !p->before || !p->n_of || !p->workers || !p->cores ||
            !p->numbers_of)
                return -ENOMEM;
        memset(p->numbers_of, 0xff, (d->n_items + (size_t)1) * sizeof(*p->numbers_of)); /* PLAN_NONE */
        return 0;
}

void plan_finish(struct plan *p)
{
        free(p->parts);
        free(p->blocks);
        free(p->order);
        free(p->kept);
        free(p->before);
        free(p->n_of);
        free(p->workers);
        free(p->cores);
        free(p->numbers_of);
}

/* Who there is to do it */

uint64_t plan_patience(const struct dispatch *d, const struct worker *w)
{
        double seconds = PATIENCE * d->start_cost;

        return w->begun + (uint64_t)(1e6 * (seconds > PATIENCE_MIN ? seconds : PATIENCE_MIN));
}

static bool takes_part(const struct dispatch *d, const struct place *place)
{
        const struct worker *w;

        if (place->worker == DISPATCH_NONE)
                return false;
        w = &d->workers[place->worker];
        if (deal_is_used_up(d, w))
                return false;
        return w->state == WORKER_ACTIVE || (w->state == WORKER_STARTING && d->now < plan_patience(d, w));
}

static double seconds_until_ready(const struct dispatch *d, const struct worker *w)
{
        double left = d->start_cost - (double)(d->now - w->begun) / 1e6;

        if (w->state != WORKER_STARTING)
                return 0;
        return left > 0 ? left : -left / 2;
}

static void add_worker(struct dispatch *d, const struct place *place)
{
        const struct worker *w = &d->workers[place->worker];
        struct plan *p = &d->plan;

        p->workers[p->n_workers++] = (struct plan_worker){
                .number = place->worker,
                .core = p->n_cores,
                .alive = PLAN_NONE,
                .held = (pick_release(d, w) + seconds_until_ready(d, w)) * w->speed +
                        (w->tail == DISPATCH_NONE ? d->session_setup : 0),
        };
        p->cores[p->n_cores].n++;
}

/* With all n of them busy each runs at `shared`; one by itself at `alone`: what a further busy one adds is taken to be
 * the same for each. */
static void rate_core(struct plan_core *core, double alone, double shared, uint32_t n)
{
        double gain = n > 1 ? (n * shared - alone) / (n - 1) : 0;

        for (uint32_t k = 1; k <= PLAN_SIBLINGS_MAX; k++)
                core->rate[k] = (alone + gain * (k - 1)) / k;
}

/* A core and its workers, unless a place before this one had it. Where workers take turns on the PUs siblings make no
 * difference: all of them are busy. */
static void add_core(struct dispatch *d, size_t at)
{
        const struct place *place = &d->places[at];
        bool turns = d->n_places > d->n_pus;
        struct plan *p = &d->plan;
        struct plan_core *core = &p->cores[p->n_cores];
        uint32_t n = 0;

        *core = (struct plan_core){.first = p->n_workers};
        for (size_t i = 0; i < d->n_places; i++) {
                const struct place *other = &d->places[i];

                if (i != at && (turns || !workers_are_siblings(place, other)))
                        continue;
                if (i < at)
                        return;
                n++;
                if (takes_part(d, other) && core->n < PLAN_SIBLINGS_MAX)
                        add_worker(d, other);
        }
        if (turns || place->alone <= place->core)
                rate_core(core, place->speed, place->speed, 1);
        else
                rate_core(core, place->alone, place->core, n);
        p->n_cores += core->n > 0;
}

static void collect_workers(struct dispatch *d)
{
        d->plan.n_workers = d->plan.n_cores = 0;
        for (size_t i = 0; i < d->n_places; i++)
                add_core(d, i);
}

/* What there is to do */

static struct plan_block *open_block(struct plan *p, uint32_t unit, double setup)
{
        struct plan_block *block = &p->blocks[p->n_blocks++];

        *block = (struct plan_block){.first = p->n_parts, .unit = unit, .paid = PLAN_NONE, .setup = setup};
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
        struct plan_block *block = open_block(&d->plan, unit, u->setup);

        add_work(&d->plan, open_part(&d->plan, block, u->first, u->end), pool_unit_work(d, unit));
}

/* What the item adds to a part whose last item was `before`: groups within the unit are set up, too. */
static struct work work_after(const struct dispatch *d, uint32_t before, uint32_t item)
{
        struct work work = pool_item_work(d, item);

        work.seconds += before == DISPATCH_NONE ? 0 : pool_setup_seconds(d, before, item);
        return work;
}

/* A large unit in parts of `grain` seconds. */
static void add_chunks(struct dispatch *d, uint32_t unit, double grain)
{
        const struct unit *u = &d->pool.units[unit];
        struct plan *p = &d->plan;
        struct plan_block *block = open_block(p, unit, u->setup);
        struct plan_part *part = NULL;
        uint32_t before = DISPATCH_NONE;
        double seconds = 0;

        for (uint32_t item = pool_unit_next(d, unit, 0); item != DISPATCH_NONE;
             item = pool_unit_next(d, unit, d->items[item].position + 1)) {
                p->steps++;
                if (pick_is_long(d, item))
                        continue;
                if (!part || (seconds >= grain && p->n_parts + 1 < p->max_parts)) {
                        if (part)
                                part->end = d->items[item].position;
                        part = open_part(p, block, d->items[item].position, u->end);
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
                add_work(p, open_part(p, open_block(p, PLAN_NONE, d->items[item].setups), position, position + 1),
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
                part = open_part(p, open_block(p, PLAN_NONE, last->setups + MOVE_SHARE * work.seconds + MOVE_SECONDS),
                                 last->position, last->position + 1);
                part->holder = p->workers[i].number;
                add_work(p, part, work);
                p->blocks[part->block].paid = i;
                p->workers[i].held -= work_at(work, w->speed) * w->speed;
        }
        return true;
}

/* Units that nobody has open, and then those that workers have: each once. */
static bool collect_parts(struct dispatch *d)
{
        struct plan *p = &d->plan;
        double grain = 2 * (pool_work(d).seconds + d->pool.heap_setups) / p->max_parts;

        p->n_parts = p->n_blocks = 0;
        p->steps = 0;
        for (uint32_t i = 0; i < d->pool.n_heap; i++)
                if (!add_unit(d, d->pool.heap[i], grain))
                        return false;
        for (uint32_t i = 0; i < d->max_workers; i++) {
                uint32_t unit = d->workers[i].unit, first = 0;

                if (d->workers[i].state == WORKER_GONE || unit == DISPATCH_NONE || d->pool.units[unit].serial)
                        continue;
                while (first < i && (d->workers[first].state == WORKER_GONE || d->workers[first].unit != unit))
                        first++;
                if (first == i && !add_unit(d, unit, grain))
                        return false;
        }
        return add_queued(d);
}

/* The plan */

static void find_alive(struct dispatch *d)
{
        struct plan *p = &d->plan;

        for (uint32_t i = 0; i < p->n_workers; i++)
                for (uint32_t b = 0; b < p->n_blocks; b++)
                        if (p->blocks[b].unit != PLAN_NONE &&
                            p->blocks[b].unit == d->workers[p->workers[i].number].unit)
                                p->workers[i].alive = b;
}

static uint32_t index_of(const struct plan *p, uint32_t number)
{
        for (uint32_t i = 0; i < p->n_workers; i++)
                if (p->workers[i].number == number)
                        return i;
        return PLAN_NONE;
}

/* Where the plan before has each part: where its first item was to go. */
static void find_before(struct dispatch *d)
{
        struct plan *p = &d->plan;

        for (uint32_t i = 0; i < p->n_parts; i++) {
                uint32_t position = rank_set_next(&d->pool.positions, p->parts[i].from);
                uint32_t number = p->parts[i].holder;

                if (number == PLAN_NONE && position < p->parts[i].end)
                        number = p->numbers_of[d->pool.by_position[position]];
                p->before[i] = number == PLAN_NONE ? PLAN_NONE : index_of(p, number);
        }
}

/* Long items last: a part that they are in the midst of does not have them. */
static void note_numbers(struct dispatch *d)
{
        struct plan *p = &d->plan;

        for (unsigned alone = 0; alone < 2; alone++)
                for (uint32_t i = 0; i < p->n_parts; i++) {
                        const struct plan_part *part = &p->parts[i];

                        if ((p->blocks[part->block].unit == PLAN_NONE) != alone)
                                continue;
                        for (uint32_t at = rank_set_next(&d->pool.positions, part->from); at < part->end;
                             at = rank_set_next(&d->pool.positions, at + 1)) {
                                p->numbers_of[d->pool.by_position[at]] = p->workers[part->worker].number;
                                p->steps++;
                        }
                }
}

/* Nothing is planned where nothing is known, or there is nothing to choose; and where the pool has so many units that a
 * share of them is as good as any other, the rules do. */
static bool is_of_use(const struct dispatch *d)
{
        return d->pool.n + d->n_queued > 0 && d->pool.history && !d->pool.ordered && !d->missed &&
               d->pool.n_heap + d->n_of_use <= d->plan.max_parts && d->n_places <= PLAN_WORKERS_MAX;
}

static void make(struct dispatch *d)
{
        struct plan *p = &d->plan;
        double steps = STEPS_A_SECOND * d->outlook.rest;
        uint64_t looks;

        p->valid = p->leads = false;
        p->made = d->now;
        if (!is_of_use(d))
                return;
        collect_workers(d);
        if (p->n_workers < 2 || !collect_parts(d) || p->n_parts == 0)
                return;
        looks = p->steps;
        find_alive(d);
        find_before(d);
        plan_search(p, p->before, SPLIT_WORTH * d->outlook.worth,
                    steps < STEPS_MIN   ? STEPS_MIN
                    : steps < STEPS_MAX ? (uint64_t)steps
                                        : STEPS_MAX);
        looks += p->n_parts;
        note_numbers(d);
        p->again = d->now + STEP_US_TIMES_PAUSE * (p->steps + looks / ITEMS_A_STEP);
        p->valid = p->leads = p->fresh = true;
}

/* Following it */

/* The part's next item for this worker, from the worker's last one on. */
static uint32_t next_item(const struct dispatch *d, const struct plan_part *part, uint32_t worker)
{
        uint32_t tail = d->workers[worker].tail;
        uint32_t begin = tail == DISPATCH_NONE ? 0 : d->items[tail].position;

        for (uint32_t from = begin > part->from && begin < part->end ? begin : part->from;; from = part->from) {
                for (uint32_t at = rank_set_next(&d->pool.positions, from); at < part->end;
                     at = rank_set_next(&d->pool.positions, at + 1)) {
                        uint32_t item = d->pool.by_position[at];

                        if (d->plan.numbers_of[item] == worker && pool_may_have(d, worker, item))
                                return item;
                }
                if (from == part->from)
                        return DISPATCH_NONE;
        }
}

/* Long items first, then what is up, then what takes longest; but what is up before long items where to set it up once
 * more would cost too much. */
static double urgency(const struct dispatch *d, const struct plan_part *part)
{
        const struct plan *p = &d->plan;
        const struct plan_block *block = &p->blocks[part->block];

        if (block->unit == PLAN_NONE)
                return 2e12 + block->seconds;
        if (p->workers[part->worker].alive == part->block)
                return block->setup > SPLIT_WORTH * d->outlook.worth ? 4e12 : 1e12;
        return block->seconds + block->setup;
}

/* Among equals the one collected first. */
static bool follow(const struct dispatch *d, uint32_t worker, uint32_t *ret_item, bool *ret_long)
{
        const struct plan *p = &d->plan;
        uint32_t best_from = 0;
        double best = -1;

        for (uint32_t i = 0; i < p->n_parts; i++) {
                const struct plan_part *part = &p->parts[i];
                double urgent = urgency(d, part);
                uint32_t item;

                if (p->workers[part->worker].number != worker || urgent < best ||
                    (urgent <= best && part->from > best_from))
                        continue;
                item = next_item(d, part, worker);
                if (item == DISPATCH_NONE)
                        continue;
                best = urgent;
                best_from = part->from;
                *ret_item = item;
                *ret_long = p->blocks[part->block].unit == PLAN_NONE;
        }
        return best >= 0;
}

static enum dispatch_reason reason_of(const struct dispatch *d, uint32_t worker, uint32_t item, bool is_long)
{
        const struct item *it = &d->items[item];

        if (is_long || it->group == DISPATCH_NONE)
                return DISPATCH_R_LONGEST;
        if (d->workers[worker].unit == it->unit)
                return DISPATCH_R_GROUP;
        return d->pool.units[it->unit].n_workers > 0 ? DISPATCH_R_SPLIT : DISPATCH_R_OPEN;
}

void plan_forget(struct dispatch *d)
{
        d->plan.valid = false;
}

enum plan_answer plan_pick(struct dispatch *d, uint32_t worker, struct choice *ret_choice)
{
        struct plan *p = &d->plan;
        uint32_t item = DISPATCH_NONE;
        bool is_long = false;

        if (!p->valid || d->now >= p->again)
                make(d);
        if (p->valid && !follow(d, worker, &item, &is_long) && p->made != d->now) {
                make(d);
                if (p->valid)
                        (void)follow(d, worker, &item, &is_long);
        }
        if (!p->valid)
                return PLAN_NO_PLAN;
        if (item == DISPATCH_NONE)
                return PLAN_IDLE;
        *ret_choice = (struct choice){.item = item, .reason = reason_of(d, worker, item, is_long)};
        return PLAN_ITEM;
}

uint32_t plan_victim(struct dispatch *d, uint32_t worker)
{
        struct plan *p = &d->plan;

        if (!p->valid || p->made != d->now)
                make(d);
        if (!p->valid)
                return pick_victim(d, worker);
        for (uint32_t i = 0; i < p->n_parts; i++) {
                const struct plan_part *part = &p->parts[i];
                uint32_t holder = part->holder;

                if (holder != PLAN_NONE && holder != worker && p->workers[part->worker].number == worker &&
                    d->items[d->pool.by_position[part->from]].worker == holder && !d->workers[holder].recalling &&
                    !d->workers[holder].recalled)
                        return holder;
        }
        return DISPATCH_NONE;
}
