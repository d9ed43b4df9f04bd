/* Simulated workers: they take items from their queues, set fixtures up, write records in batches, and die. */
#include "tests/sim/dispatch-plant-state.h"

static void flush(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        for (uint32_t i = 0; i < w->n_records; i++)
                plant_schedule(s, (struct sim_event){.at = s->now + s->p->latency,
                                                     .what = RECORD_ARRIVES,
                                                     .worker = worker,
                                                     .life = w->life,
                                                     .record = w->records[i]});
        w->n_records = 0;
}

static void tell(struct plant *s, uint32_t worker, enum dispatch_event_type type, uint32_t arg, double wall)
{
        struct process *w = &s->workers[worker];

        if (w->n_records == RECORDS_MAX)
                flush(s, worker);
        w->records[w->n_records++] = (struct record){type, arg, wall};
}

/* Of a PU; where a worker floats, the mean of those in use. */
static double core_speed(const struct plant *s, unsigned os)
{
        double sum = 0;

        for (size_t i = 0; i < s->p->n_pus; i++)
                if (s->p->pus[i].os == os)
                        return s->p->pus[i].speed;
        CHECK(os == DISPATCH_FLOATING && s->n_pus > 0);
        for (size_t i = s->first_pu; i < s->first_pu + s->n_pus; i++)
                sum += s->p->pus[i].speed;
        return sum / (double)s->n_pus;
}

/* What a worker gets of it: where there are more of them than PUs they take turns. */
static double speed_at(const struct plant *s, unsigned os)
{
        size_t n = 0;

        for (uint32_t i = 0; i < s->p->max_workers && s->p->min_workers; i++)
                n += s->workers[i].alive;
        return core_speed(s, os) * (n > s->n_pus ? (double)s->n_pus / (double)n : 1);
}

static bool encloses(const struct plant *s, uint32_t group, uint32_t of)
{
        while (of != DISPATCH_NONE && of != group)
                of = s->p->groups[of].parent;
        return of == group;
}

/* Seconds, as pytest would: only what the next item does not share is set up anew. */
static double set_up(struct plant *s, uint32_t worker, uint32_t item)
{
        struct process *w = &s->workers[worker];
        uint32_t up = w->alive_item < 0 ? DISPATCH_NONE : s->p->items[w->alive_item].group;
        double sum = 0, speed = speed_at(s, w->pu);

        for (uint32_t g = s->p->items[item].group; g != DISPATCH_NONE && !encloses(s, g, up);
             g = s->p->groups[g].parent) {
                tell(s, worker, DISPATCH_SETUP, g, s->p->groups[g].setup / core_speed(s, w->pu));
                sum += s->p->groups[g].setup / speed;
                s->result.setups++;
        }
        w->alive_item = item;
        return sum;
}

static void dies(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        w->alive = w->ready = w->waiting = false;
        w->n_records = 0;
        plant_schedule(s,
                       (struct sim_event){
                               .at = s->now + s->p->latency, .what = EXIT_ARRIVES, .worker = worker, .life = w->life});
}

static void schedule_end(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        plant_schedule(s,
                       (struct sim_event){
                               .at = w->ends, .what = ITEM_ENDS, .worker = worker, .life = w->life, .move = w->move});
}

/* What is left of the running item goes on at the other PU's speed. */
void process_pin(struct plant *s, uint32_t worker, unsigned pu)
{
        struct process *w = &s->workers[worker];
        double ratio = core_speed(s, w->pu) / core_speed(s, pu);

        w->pu = pu;
        if (!w->alive || w->current == NO_ITEM || w->waiting || w->ends <= s->now)
                return;
        w->ends = s->now + (w->ends - s->now) * ratio;
        w->move++;
        schedule_end(s, worker);
}

static void begin(struct plant *s, uint32_t worker, uint32_t item)
{
        struct process *w = &s->workers[worker];

        CHECK_INT(s->where[item], IN_FIFO);
        CHECK_INT(s->owner[item], worker);
        laws_begun(s, worker, item);
        s->where[item] = TAKEN;
        w->wall = s->p->items[item].seconds / core_speed(s, w->pu);
        w->current = item;
        if (s->first_start < 0)
                s->first_start = s->now;
        w->ends = s->now + set_up(s, worker, item) + s->p->items[item].seconds / speed_at(s, w->pu);
        schedule_end(s, worker);
}

/* The next record of the deal queue, as late as the teardown of `w->current` allows. */
static void take_next(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];
        int64_t previous = w->current, record;
        uint32_t item;

        if (w->n_fifo == 0) {
                if (!w->waiting)
                        tell(s, worker, DISPATCH_WANT, previous < 0 ? DISPATCH_NONE : (uint32_t)previous, 0);
                flush(s, worker);
                w->waiting = true;
                return;
        }
        w->waiting = false;
        record = w->fifo[0];
        memmove(w->fifo, w->fifo + 1, --w->n_fifo * sizeof(w->fifo[0]));
        w->current = NO_ITEM;
        if (record == END) {
                if (previous != NO_ITEM) {
                        s->where[previous] = FINISHED_UNTOLD;
                        tell(s, worker, DISPATCH_DONE, (uint32_t)previous, w->wall);
                }
                flush(s, worker);
                dies(s, worker);
                return;
        }

        item = (uint32_t)(record / 2);
        if (plant_chance(s, s->p->missing)) {
                s->where[item] = UNSENT;
                s->owner[item] = DISPATCH_NONE;
                s->missed[item] = true;
                tell(s, worker, DISPATCH_UNAVAILABLE, item, 0);
                w->current = previous;
                take_next(s, worker);
                return;
        }
        tell(s, worker, DISPATCH_STARTED, item, 0);
        if (record % 2)
                flush(s, worker);
        if (previous != NO_ITEM) {
                s->where[previous] = FINISHED_UNTOLD;
                tell(s, worker, DISPATCH_DONE, (uint32_t)previous, w->wall);
        }
        begin(s, worker, item);
}

void process_ends_item(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        if (plant_chance(s, s->p->crash)) {
                dies(s, worker);
                return;
        }
        s->last_end = s->now;
        take_next(s, worker);
        if (w->alive && w->waiting && plant_chance(s, s->p->kill)) {
                s->where[w->current] = FINISHED_UNTOLD;
                w->current = NO_ITEM;
                dies(s, worker);
        }
}

void process_start(struct plant *s, uint32_t worker, unsigned pu)
{
        struct process *w = &s->workers[worker];

        CHECK(!w->alive);
        *w = (struct process){.life = w->life + 1, .pu = pu, .current = NO_ITEM, .alive_item = NO_ITEM};
        if (plant_chance(s, s->p->no_start)) {
                plant_schedule(
                        s, (struct sim_event){.at = s->now, .what = START_FAILS, .worker = worker, .life = w->life});
                return;
        }
        w->alive = true;
        plant_schedule(s, (struct sim_event){.at = s->now + s->p->start_seconds,
                                             .what = BECOMES_READY,
                                             .worker = worker,
                                             .life = w->life});
}

void process_is_ready(struct plant *s, uint32_t worker)
{
        s->workers[worker].ready = true;
        tell(s, worker, DISPATCH_READY, 0, 0);
        take_next(s, worker);
}

void process_put(struct plant *s, uint32_t worker, int64_t record)
{
        struct process *w = &s->workers[worker];

        CHECK(w->n_fifo < FIFO_MAX);
        CHECK(!w->ending);
        w->ending = record == END;
        w->fifo[w->n_fifo++] = record;
        if (w->alive && w->waiting)
                take_next(s, worker);
}

uint32_t process_recall(struct plant *s, uint32_t worker, uint32_t *ret_items)
{
        struct process *w = &s->workers[worker];
        uint32_t n = w->n_fifo;

        CHECK(!w->ending);
        for (uint32_t i = 0; i < n; i++)
                ret_items[i] = (uint32_t)(w->fifo[i] / 2);
        w->n_fifo = 0;
        return n;
}
