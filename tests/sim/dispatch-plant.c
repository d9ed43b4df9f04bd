#include "tests/sim/dispatch-plant.h"

#include "tests/unit/test.h"

#include <math.h>

enum { FIFO_MAX = 256, RECORDS_MAX = 64, NO_ITEM = -1, END = -2 };

enum where { UNSENT, IN_FIFO, TAKEN, FINISHED_UNTOLD, DONE, LOST, LEFT };

struct record {
        enum dispatch_event_type type;
        uint32_t arg;
        double wall;
};

struct process {
        bool alive, ready, waiting, ending;
        unsigned life; /* which process of this number */
        unsigned pu;
        int64_t fifo[FIFO_MAX]; /* item * 2 + report, or END */
        uint32_t n_fifo;
        int64_t current;    /* item that runs, or NO_ITEM */
        int64_t alive_item; /* whose fixtures are up */
        double ends, wall;  /* of current */
        unsigned move;      /* how often it was moved: what it scheduled before does not count */
        struct record records[RECORDS_MAX];
        uint32_t n_records;
};

enum happening {
        BECOMES_READY,
        ITEM_ENDS,
        RECORD_ARRIVES,
        EXIT_ARRIVES,
        START_FAILS,
        PUS_CHANGE,
        STOP_ARRIVES,
        DEADLINE
};

struct sim_event {
        double at;
        uint64_t sequence;
        enum happening what;
        uint32_t worker;
        unsigned life, move;
        struct record record;
        size_t change;
};

struct plant {
        const struct plant_params *p;
        struct dispatch *d;
        struct dispatch_actions actions;
        struct process *workers;
        enum where *where;
        uint32_t *owner;
        struct sim_event *queue; /* binary heap by (at, sequence) */
        size_t n_queue, allocated;
        uint64_t sequence, random;
        double now, first_start, last_end;
        bool finished, stopped;
        uint32_t *pending, n_pending; /* workers to answer RECALLED for, with what came back */
        uint32_t (*recalled)[FIFO_MAX];
        uint32_t *n_recalled;
        struct plant_result result;
};

uint64_t plant_random(uint64_t *state)
{
        uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

double plant_uniform(uint64_t *state)
{
        return (double)(plant_random(state) >> 11) * 0x1p-53;
}

static bool chance(struct plant *s, double p)
{
        return p > 0 && plant_uniform(&s->random) < p;
}

/* The queue of what is going to happen */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
        return a->at < b->at || (a->at <= b->at && a->sequence < b->sequence);
}

static void schedule(struct plant *s, struct sim_event e)
{
        size_t i = s->n_queue++;

        if (s->n_queue > s->allocated) {
                s->allocated = 2 * s->n_queue;
                s->queue = realloc(s->queue, s->allocated * sizeof(*s->queue));
                CHECK(s->queue);
        }
        e.sequence = s->sequence++;
        for (; i > 0 && before(&e, &s->queue[(i - 1) / 2]); i = (i - 1) / 2)
                s->queue[i] = s->queue[(i - 1) / 2];
        s->queue[i] = e;
}

static struct sim_event next_event(struct plant *s)
{
        struct sim_event first = s->queue[0], last = s->queue[--s->n_queue];
        size_t i = 0;

        for (size_t child; (child = 2 * i + 1) < s->n_queue; i = child) {
                if (child + 1 < s->n_queue && before(&s->queue[child + 1], &s->queue[child]))
                        child++;
                if (!before(&s->queue[child], &last))
                        break;
                s->queue[i] = s->queue[child];
        }
        s->queue[i] = last;
        return first;
}

/* A worker */

static void flush(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        for (uint32_t i = 0; i < w->n_records; i++)
                schedule(s, (struct sim_event){.at = s->now + s->p->latency,
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

static double pu_speed(const struct plant *s, unsigned os)
{
        for (size_t i = 0; i < s->p->n_pus; i++)
                if (s->p->pus[i].os == os)
                        return s->p->pus[i].speed;
        CHECK(!"a PU that was never given");
        return 1;
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
        double sum = 0, speed = pu_speed(s, w->pu);

        for (uint32_t g = s->p->items[item].group; g != DISPATCH_NONE && !encloses(s, g, up);
             g = s->p->groups[g].parent) {
                double wall = s->p->groups[g].setup / speed;

                tell(s, worker, DISPATCH_SETUP, g, wall);
                sum += wall;
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
        schedule(s, (struct sim_event){
                            .at = s->now + s->p->latency, .what = EXIT_ARRIVES, .worker = worker, .life = w->life});
}

static void schedule_end(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        schedule(s, (struct sim_event){
                            .at = w->ends, .what = ITEM_ENDS, .worker = worker, .life = w->life, .move = w->move});
}

/* What is left of the running item goes on at the other PU's speed. */
static void pin(struct plant *s, uint32_t worker, unsigned pu)
{
        struct process *w = &s->workers[worker];
        double ratio = pu_speed(s, w->pu) / pu_speed(s, pu);

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
        s->where[item] = TAKEN;
        w->wall = s->p->items[item].seconds / pu_speed(s, w->pu);
        w->current = item;
        if (s->first_start < 0)
                s->first_start = s->now;
        w->ends = s->now + set_up(s, worker, item) + w->wall;
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
        if (chance(s, s->p->missing)) {
                s->where[item] = UNSENT;
                s->owner[item] = DISPATCH_NONE;
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

static void item_ends(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        if (chance(s, s->p->crash)) {
                dies(s, worker);
                return;
        }
        s->last_end = s->now;
        take_next(s, worker);
        if (w->alive && w->waiting && chance(s, s->p->kill)) {
                s->where[w->current] = FINISHED_UNTOLD;
                w->current = NO_ITEM;
                dies(s, worker);
        }
}

/* The engine */

static void mix(struct plant *s, uint64_t value)
{
        s->result.hash = (s->result.hash ^ value) * UINT64_C(1099511628211);
}

static void start(struct plant *s, const struct dispatch_action *a)
{
        struct process *w = &s->workers[a->worker];

        CHECK(!w->alive);
        *w = (struct process){.life = w->life + 1, .pu = a->pu, .current = NO_ITEM, .alive_item = NO_ITEM};
        if (chance(s, s->p->no_start)) {
                schedule(s,
                         (struct sim_event){.at = s->now, .what = START_FAILS, .worker = a->worker, .life = w->life});
                return;
        }
        w->alive = true;
        schedule(s, (struct sim_event){.at = s->now + s->p->start_seconds,
                                       .what = BECOMES_READY,
                                       .worker = a->worker,
                                       .life = w->life});
}

static void put(struct plant *s, uint32_t worker, int64_t record)
{
        struct process *w = &s->workers[worker];

        CHECK(w->n_fifo < FIFO_MAX);
        CHECK(!w->ending);
        w->ending = record == END;
        w->fifo[w->n_fifo++] = record;
        if (w->alive && w->waiting)
                take_next(s, worker);
}

static void recall(struct plant *s, uint32_t worker)
{
        struct process *w = &s->workers[worker];

        CHECK(!w->ending);
        s->result.recalls++;
        s->n_recalled[worker] = w->n_fifo;
        for (uint32_t i = 0; i < w->n_fifo; i++) {
                uint32_t item = (uint32_t)(w->fifo[i] / 2);

                s->recalled[worker][i] = item;
                s->where[item] = UNSENT;
                s->owner[item] = DISPATCH_NONE;
        }
        w->n_fifo = 0;
        s->pending[s->n_pending++] = worker;
}

static void act(struct plant *s, const struct dispatch_action *a)
{
        mix(s, (uint64_t)llround(s->now * 1e6));
        mix(s, (uint64_t)a->type << 56 ^ (uint64_t)a->reason << 48 ^ (uint64_t)a->worker << 32 ^ a->item ^
                       (uint64_t)a->pu << 40 ^ (uint64_t)a->report << 63);
        if (s->p->trace)
                printf("%9.6f   action %d worker %d item %d pu %u: %s\n", s->now, (int)a->type, (int)a->worker,
                       (int)a->item, a->pu, dispatch_reason_text(a->reason));
        CHECK(!s->finished);
        switch (a->type) {
        case DISPATCH_DO_START:
                start(s, a);
                break;
        case DISPATCH_DO_PIN:
                pin(s, a->worker, a->pu);
                break;
        case DISPATCH_DO_SEND:
                CHECK_INT(s->where[a->item], UNSENT);
                CHECK(!s->stopped);
                s->where[a->item] = IN_FIFO;
                s->owner[a->item] = a->worker;
                put(s, a->worker, (int64_t)a->item * 2 + a->report);
                break;
        case DISPATCH_DO_RECALL:
                recall(s, a->worker);
                break;
        case DISPATCH_DO_RETIRE:
                put(s, a->worker, END);
                break;
        case DISPATCH_DO_RETURN:
                for (uint32_t i = 0; i < s->p->max_workers; i++)
                        CHECK(!s->workers[i].alive || s->workers[i].pu != a->pu);
                s->result.returned++;
                break;
        case DISPATCH_DO_LEFT:
                CHECK_INT(s->where[a->item], UNSENT);
                s->where[a->item] = LEFT;
                s->result.left++;
                break;
        case DISPATCH_DO_FINISHED:
                s->finished = true;
                break;
        }
}

static void step(struct plant *s, struct dispatch_event e)
{
        const char *broken;

        e.now = (uint64_t)llround(s->now * 1e6);
        if (s->p->trace)
                printf("%9.6f event %d worker %u item %u\n", s->now, (int)e.type, e.worker, e.item);
        CHECK_INT(dispatch_step(s->d, &e, &s->actions), 0);
        /* A dispatcher that goes round in circles at one moment would never end. */
        CHECK(++s->result.steps < 100000 + 100 * s->p->n_items);
        for (size_t i = 0; i < s->actions.n; i++)
                act(s, &s->actions.items[i]);
        s->actions.n = 0;
        /* The check is O(items): always on small suites, now and then on large ones. */
        broken = s->p->n_items <= 200 || s->result.steps % 1024 == 0 ? dispatch_check(s->d) : NULL;
        if (broken) {
                fprintf(stderr, "seed %llu: %s\n", (unsigned long long)s->p->seed, broken);
                exit(1);
        }
}

static void answer_recalls(struct plant *s)
{
        while (s->n_pending > 0) {
                uint32_t worker = s->pending[0], list[FIFO_MAX], n = s->n_recalled[worker];

                memcpy(list, s->recalled[worker], n * sizeof(list[0]));
                memmove(s->pending, s->pending + 1, --s->n_pending * sizeof(s->pending[0]));
                step(s,
                     (struct dispatch_event){.type = DISPATCH_RECALLED, .worker = worker, .list = list, .n_list = n});
        }
}

static void tell_dispatcher(struct plant *s, struct dispatch_event e)
{
        step(s, e);
        answer_recalls(s);
}

static void record_arrives(struct plant *s, const struct sim_event *e)
{
        struct dispatch_event out = {.type = e->record.type,
                                     .worker = e->worker,
                                     .item = e->record.arg,
                                     .group = e->record.arg,
                                     .wall = e->record.wall,
                                     .cpu = e->record.wall};

        if (e->record.type == DISPATCH_UNAVAILABLE) {
                out.list = &out.item;
                out.n_list = 1;
        }
        if (e->record.type == DISPATCH_DONE && s->where[out.item] == FINISHED_UNTOLD) {
                s->where[out.item] = DONE;
                s->result.done++;
        }
        tell_dispatcher(s, out);
}

/* What the reporter knows of a dead worker: what ran, and what was finished though no record came. */
static void exit_arrives(struct plant *s, const struct sim_event *e)
{
        struct process *w = &s->workers[e->worker];
        uint32_t finished[2 * FIFO_MAX], n = 0;
        struct dispatch_event out = {.type = DISPATCH_EXITED, .worker = e->worker, .item = DISPATCH_NONE};

        for (uint32_t i = 0; i < s->p->n_items; i++) {
                if (s->owner[i] != e->worker)
                        continue;
                if (s->where[i] == FINISHED_UNTOLD) {
                        CHECK(n < 2 * FIFO_MAX);
                        finished[n++] = i;
                        s->where[i] = DONE;
                        s->result.done++;
                } else if (s->where[i] == TAKEN) {
                        CHECK_INT(w->current, i);
                        out.item = i;
                        s->where[i] = LOST;
                        s->result.lost++;
                } else if (s->where[i] == IN_FIFO) {
                        s->where[i] = UNSENT;
                        s->owner[i] = DISPATCH_NONE;
                }
        }
        w->n_fifo = 0;
        out.list = finished;
        out.n_list = n;
        tell_dispatcher(s, out);
}

static void happen(struct plant *s, const struct sim_event *e)
{
        const struct plant_params *p = s->p;
        bool of_worker = e->what <= START_FAILS;

        if (of_worker && s->workers[e->worker].life != e->life)
                return;
        switch (e->what) {
        case BECOMES_READY:
                s->workers[e->worker].ready = true;
                tell(s, e->worker, DISPATCH_READY, 0, 0);
                take_next(s, e->worker);
                break;
        case ITEM_ENDS:
                if (s->workers[e->worker].alive && s->workers[e->worker].move == e->move)
                        item_ends(s, e->worker);
                break;
        case RECORD_ARRIVES:
                record_arrives(s, e);
                break;
        case EXIT_ARRIVES:
                exit_arrives(s, e);
                break;
        case START_FAILS:
                tell_dispatcher(s, (struct dispatch_event){.type = DISPATCH_NO_WORKER, .worker = e->worker});
                break;
        case PUS_CHANGE:
                tell_dispatcher(s, (struct dispatch_event){.type = DISPATCH_PUS,
                                                           .pus = p->pus + p->changes[e->change].first,
                                                           .n_pus = p->changes[e->change].n});
                break;
        case STOP_ARRIVES:
                s->stopped = true;
                tell_dispatcher(s, (struct dispatch_event){.type = DISPATCH_STOP});
                break;
        case DEADLINE:
                tell_dispatcher(s, (struct dispatch_event){.type = DISPATCH_TIME});
                break;
        }
}

static void open_plant(struct plant *s, const struct plant_params *p)
{
        struct dispatch_item *told = calloc(p->n_items + (size_t)1, sizeof(*told));

        *s = (struct plant){.p = p, .random = p->seed, .first_start = -1};
        s->result.hash = UINT64_C(14695981039346656037);
        s->workers = calloc(p->max_workers, sizeof(*s->workers));
        s->where = calloc(p->n_items + (size_t)1, sizeof(*s->where));
        s->owner = malloc((p->n_items + (size_t)1) * sizeof(*s->owner));
        s->pending = calloc(p->max_workers, sizeof(*s->pending));
        s->recalled = calloc(p->max_workers, sizeof(*s->recalled));
        s->n_recalled = calloc(p->max_workers, sizeof(*s->n_recalled));
        CHECK(told && s->workers && s->where && s->owner && s->pending && s->recalled && s->n_recalled);
        for (uint32_t i = 0; i < p->n_items; i++) {
                s->owner[i] = DISPATCH_NONE;
                told[i] = p->items[i];
                if (p->estimates)
                        told[i].seconds = p->estimates[i];
        }
        CHECK_INT(dispatch_create(&(struct dispatch_params){.items = told,
                                                            .n_items = p->n_items,
                                                            .groups = p->groups,
                                                            .n_groups = p->n_groups,
                                                            .max_workers = p->max_workers,
                                                            .default_seconds = 0.05,
                                                            .overhead = p->overhead,
                                                            .start_cost = p->start_seconds},
                                  &s->d),
                  0);
        free(told);
}

static void close_plant(struct plant *s)
{
        dispatch_destroy(s->d);
        dispatch_actions_finish(&s->actions);
        free(s->workers);
        free(s->where);
        free(s->owner);
        free(s->pending);
        free(s->recalled);
        free(s->n_recalled);
        free(s->queue);
}

static void check_end(const struct plant *s)
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

struct plant_result plant_run(const struct plant_params *params)
{
        struct plant s;

        open_plant(&s, params);
        for (size_t i = 0; i < params->n_changes; i++)
                schedule(&s, (struct sim_event){.at = params->changes[i].at, .what = PUS_CHANGE, .change = i});
        if (params->stop_at >= 0)
                schedule(&s, (struct sim_event){.at = params->stop_at, .what = STOP_ARRIVES});

        while (s.n_queue > 0 && !s.finished) {
                uint64_t deadline = dispatch_next_deadline(s.d);
                struct sim_event e;

                if (deadline != DISPATCH_NEVER && (double)deadline / 1e6 < s.queue[0].at) {
                        s.now = (double)deadline / 1e6 > s.now ? (double)deadline / 1e6 : s.now;
                        e = (struct sim_event){.what = DEADLINE};
                } else {
                        e = next_event(&s);
                        s.now = e.at;
                }
                happen(&s, &e);
        }
        check_end(&s);
        s.result.makespan = s.first_start < 0 ? 0 : s.last_end - s.first_start;
        close_plant(&s);
        return s.result;
}
