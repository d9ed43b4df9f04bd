#include "tests/sim/dispatch-plant-state.h"

#include <math.h>

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

bool plant_chance(struct plant *s, double p)
{
        return p > 0 && plant_uniform(&s->random) < p;
}

/* The queue of what is going to happen */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
        return a->at < b->at || (a->at <= b->at && a->sequence < b->sequence);
}

void plant_schedule(struct plant *s, struct sim_event e)
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

/* The engine */

static void mix(struct plant *s, uint64_t value)
{
        s->result.hash = (s->result.hash ^ value) * UINT64_C(1099511628211);
}

static void recall(struct plant *s, uint32_t worker)
{
        uint32_t n = process_recall(s, worker, s->recalled[worker]);

        s->result.recalls++;
        s->n_recalled[worker] = n;
        for (uint32_t i = 0; i < n; i++) {
                s->where[s->recalled[worker][i]] = UNSENT;
                s->owner[s->recalled[worker][i]] = DISPATCH_NONE;
        }
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
                process_start(s, a->worker, a->pu);
                break;
        case DISPATCH_DO_PIN:
                process_pin(s, a->worker, a->pu);
                break;
        case DISPATCH_DO_WIDEN:
                break;
        case DISPATCH_DO_SEND:
                laws_sent(s, a->worker, a->item);
                s->where[a->item] = IN_FIFO;
                s->owner[a->item] = a->worker;
                process_put(s, a->worker, (int64_t)a->item * 2 + a->report);
                break;
        case DISPATCH_DO_RECALL:
                recall(s, a->worker);
                break;
        case DISPATCH_DO_RETIRE:
                process_put(s, a->worker, END);
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
        for (size_t i = 0; i < s->actions.n; i++)
                act(s, &s->actions.items[i]);
        s->actions.n = 0;
        s->result.steps++;
        /* The check is O(items): always on small suites, now and then on large ones. */
        broken = s->p->n_items <= 200 || s->result.steps % 1024 == 0 ? dispatch_check(s->d) : NULL;
        if (s->result.steps >= 100000 + 100 * s->p->n_items)
                broken = "it goes round in circles";
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
                process_is_ready(s, e->worker);
                break;
        case ITEM_ENDS:
                if (s->workers[e->worker].alive && s->workers[e->worker].move == e->move)
                        process_ends_item(s, e->worker);
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
                s->first_pu = p->changes[e->change].first;
                s->n_pus = p->changes[e->change].n;
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
        s->missed = calloc(p->n_items + (size_t)1, sizeof(*s->missed));
        s->serial = calloc(p->n_items + (size_t)1, sizeof(*s->serial));
        CHECK(told && s->workers && s->where && s->owner && s->pending && s->recalled && s->n_recalled);
        CHECK(s->missed && s->serial);
        for (uint32_t i = 0; i < p->n_items; i++) {
                s->owner[i] = DISPATCH_NONE;
                s->where[i] = p->items[i].alone ? LEFT : UNSENT;
                told[i] = p->items[i];
                if (p->estimates)
                        told[i].seconds = p->estimates[i];
        }
        CHECK_INT(dispatch_create(&(struct dispatch_params){.items = told,
                                                            .n_items = p->n_items,
                                                            .groups = p->groups,
                                                            .n_groups = p->n_groups,
                                                            .max_workers = p->max_workers,
                                                            .min_workers = p->min_workers,
                                                            .ordered = p->ordered,
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
        free(s->missed);
        free(s->serial);
        free(s->pending);
        free(s->recalled);
        free(s->n_recalled);
        free(s->queue);
}

struct plant_result plant_run(const struct plant_params *params)
{
        struct plant s;

        open_plant(&s, params);
        for (size_t i = 0; i < params->n_changes; i++)
                plant_schedule(&s, (struct sim_event){.at = params->changes[i].at, .what = PUS_CHANGE, .change = i});
        if (params->stop_at >= 0)
                plant_schedule(&s, (struct sim_event){.at = params->stop_at, .what = STOP_ARRIVES});

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
        laws_ended(&s);
        s.result.makespan = s.first_start < 0 ? 0 : s.last_end - s.first_start;
        close_plant(&s);
        return s.result;
}
