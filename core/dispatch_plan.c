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

bool plan_counts_on(const struct dispatch *d, const struct worker *w)
{
        return w->state == WORKER_ACTIVE || (w->state == WORKER_STARTING && d->now < plan_patience(d, w));
}

static bool takes_part(const struct dispatch *d, const struct place *place)
{
        const struct worker *w;

        if (place->worker == DISPATCH_NONE)
                return false;
        w = &d->workers[place->worker];
        if (deal_is_used_up(d, w))
                return false;
        return plan_counts_on(d, w);
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

/* The plan */

static void find_alive(struct dispatch *d)
{
        struct plan *p = &d->plan;

        for (uint32_t i = 0; i < p->n_workers; i++)
                for (uint32_t b = 0; b < p->n_blocks; b++)
                        if (p->blocks[b].kind == PLAN_UNIT &&
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

/* What is in several parts goes where the most particular one goes. */
static void note_numbers(struct dispatch *d)
{
        struct plan *p = &d->plan;

        for (enum plan_kind kind = PLAN_LUMP; kind <= PLAN_SINGLE; kind++)
                for (uint32_t i = 0; i < p->n_parts; i++) {
                        const struct plan_part *part = &p->parts[i];

                        if (p->blocks[part->block].kind != kind)
                                continue;
                        for (uint32_t at = rank_set_next(&d->pool.positions, part->from); at < part->end;
                             at = rank_set_next(&d->pool.positions, at + 1)) {
                                p->numbers_of[d->pool.by_position[at]] = p->workers[part->worker].number;
                                p->steps++;
                        }
                }
}

/* Nothing is planned where nothing is known, or there is nothing to choose. */
static bool is_of_use(const struct dispatch *d)
{
        return d->pool.n + d->n_queued > 0 && d->pool.history && !d->pool.ordered && !d->missed &&
               d->n_places <= PLAN_WORKERS_MAX;
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
        if (p->n_workers < 2 || !plan_collect_parts(d) || p->n_parts == 0)
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

        if (block->kind == PLAN_SINGLE)
                return 2e12 + block->seconds + block->spread;
        if (p->workers[part->worker].alive == part->block)
                return block->setup > SPLIT_WORTH * d->outlook.worth ? 4e12 : 1e12;
        return block->kind == PLAN_LUMP ? 0 : block->seconds + block->spread + block->setup;
}

/* Within a block first what matters to the end, and then as it was collected. */
static bool goes_before(const struct dispatch *d, const struct plan_part *a, const struct plan_part *b)
{
        double sooner = urgency(d, a) - urgency(d, b);

        if (sooner > 0 || sooner < 0)
                return sooner > 0;
        if (a->urgent > b->urgent || a->urgent < b->urgent)
                return a->urgent > b->urgent;
        return a->from < b->from;
}

static bool follow(const struct dispatch *d, uint32_t worker, uint32_t *ret_item, bool *ret_long)
{
        const struct plan *p = &d->plan;
        const struct plan_part *best = NULL;

        for (uint32_t i = 0; i < p->n_parts; i++) {
                const struct plan_part *part = &p->parts[i];
                uint32_t item;

                if (p->workers[part->worker].number != worker || (best && !goes_before(d, part, best)))
                        continue;
                item = next_item(d, part, worker);
                if (item == DISPATCH_NONE)
                        continue;
                best = part;
                *ret_item = item;
                *ret_long = p->blocks[part->block].kind == PLAN_SINGLE;
        }
        return best != NULL;
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
