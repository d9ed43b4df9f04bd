/* Simulated worker processes: they take items from their queues, set fixtures up, write records in batches, and die. */
#include "core/sim_state.h"

#include <errno.h>
#include <math.h>
#include <string.h>

bool sim_worker_is_alive(const struct sim_worker *w)
{
        return w->phase == SIM_STARTING || w->phase == SIM_WAITING || w->phase == SIM_SETTING_UP ||
               w->phase == SIM_RUNNING;
}

/* Records */

static void flush(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        for (uint32_t i = 0; i < w->n_records; i++)
                sim_engine_will_read(s, &w->records[i]);
        w->n_records = 0;
}

static void tell(struct sim *s, uint32_t worker, struct sim_record record)
{
        struct sim_worker *w = &s->workers[worker];

        if (w->n_records == SIM_RECORDS_MAX)
                flush(s, worker);
        record.worker = worker;
        w->records[w->n_records++] = record;
}

/* The item that is being torn down is over. */
static void tell_done(struct sim *s, uint32_t worker, uint32_t item)
{
        struct sim_worker *w = &s->workers[worker];

        if (item == DISPATCH_NONE)
                return;
        tell(s, worker,
             (struct sim_record){.type = DISPATCH_DONE, .arg = item, .wall = w->wall, .cpu = w->cpu, .rss = w->rss});
}

static void finish_item(struct sim *s, uint32_t worker, uint32_t item)
{
        struct sim_worker *w = &s->workers[worker];

        if (item == DISPATCH_NONE)
                return;
        if (w->n_untold == DISPATCH_QUEUE_MAX) {
                sim_fail(s, -EPROTO, "a worker was sent more than its queue holds");
                return;
        }
        s->where[item] = SIM_UNTOLD;
        w->untold[w->n_untold++] = item;
}

/* Fixtures */

static bool encloses(const struct sim *s, uint32_t group, uint32_t of)
{
        while (of != DISPATCH_NONE && of != group)
                of = s->suite->groups[of].parent;
        return of == group;
}

/* The first of the item's groups, from `group` outwards, that is not up where `alive` was the last item; or
 * DISPATCH_NONE. As pytest does it: what the item before did not share is set up anew. */
static uint32_t next_setup(const struct sim *s, uint32_t alive, uint32_t group)
{
        uint32_t up = alive == DISPATCH_NONE ? DISPATCH_NONE : s->suite->items[alive].group;

        return group != DISPATCH_NONE && encloses(s, group, up) ? DISPATCH_NONE : group;
}

double sim_worker_setup_seconds(const struct sim *s, uint32_t alive, uint32_t item)
{
        double sum = alive == DISPATCH_NONE ? sim_session_setup(s) : 0;

        for (uint32_t g = next_setup(s, alive, s->suite->items[item].group); g != DISPATCH_NONE;
             g = next_setup(s, alive, s->suite->groups[g].parent))
                sum += sim_group_setup(s, g);
        return sum;
}

static void tell_setup(struct sim *s, uint32_t worker, uint32_t group, double seconds)
{
        tell(s, worker, (struct sim_record){.type = DISPATCH_SETUP, .arg = group, .wall = seconds, .cpu = seconds});
}

/* They took so many PU seconds for each second on a fast core. */
static void tell_setups(struct sim *s, uint32_t worker, double slowness)
{
        struct sim_worker *w = &s->workers[worker];

        if (w->alive == DISPATCH_NONE && sim_session_setup(s) > 0)
                tell_setup(s, worker, DISPATCH_NONE, sim_session_setup(s) * slowness);
        for (uint32_t g = next_setup(s, w->alive, s->suite->items[w->current].group); g != DISPATCH_NONE;
             g = next_setup(s, w->alive, s->suite->groups[g].parent))
                tell_setup(s, worker, g, sim_group_setup(s, g) * slowness);
}

/* Items */

static void run(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];
        struct sim_load load = {
                .busy = true, .waits = sim_item_waits(s, w->current), .cpus = s->suite->items[w->current].cpus};

        w->alive = w->current;
        w->phase = SIM_RUNNING;
        w->sampled = s->now;
        w->demand = 0;
        sim_machine_begin(s, worker, load, sim_item_seconds(s, w->current));
}

static void begin(struct sim *s, uint32_t worker, uint32_t item)
{
        struct sim_worker *w = &s->workers[worker];

        if (s->hooks->begun)
                s->hooks->begun(s->hooks->data, s->now, worker, item);
        if (s->first_begin < 0)
                s->first_begin = s->now;
        s->where[item] = SIM_TAKEN;
        s->result.items[item].begin = s->now;
        s->result.items[item].worker = worker;
        s->result.items[item].pu = w->pu;
        w->current = item;
        w->setup = sim_worker_setup_seconds(s, w->alive, item);
        if (w->setup > 0) {
                w->phase = SIM_SETTING_UP;
                w->sampled = s->now;
                w->demand = 0;
                sim_machine_begin(s, worker, (struct sim_load){.busy = true}, w->setup);
                return;
        }
        tell_setups(s, worker, 1);
        run(s, worker);
}

static void end_setup(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        sim_machine_advance(s, worker);
        tell_setups(s, worker, w->computed / w->setup);
        s->result.items[w->current].setup = s->now - s->result.items[w->current].begin;
        s->result.setups += s->result.items[w->current].setup;
        run(s, worker);
}

/* Its life */

static void die(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        sim_machine_rest(s, worker);
        w->phase = SIM_DEAD;
        w->n_records = 0;
        s->n_alive--;
        s->due[worker] = s->now + s->p->latency;
        if (s->hooks->gone)
                s->hooks->gone(s->hooks->data, s->now, worker);
}

static void wait_for_items(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        tell(s, worker, (struct sim_record){.type = DISPATCH_WANT, .arg = w->current});
        flush(s, worker);
        sim_machine_rest(s, worker);
        w->phase = SIM_WAITING;
        if (s->hooks->kill && s->hooks->kill(s->hooks->data, worker)) {
                finish_item(s, worker, w->current);
                w->current = DISPATCH_NONE;
                die(s, worker);
        }
}

static void end(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        finish_item(s, worker, w->current);
        tell_done(s, worker, w->current);
        w->current = DISPATCH_NONE;
        flush(s, worker);
        die(s, worker);
}

static uint32_t dequeue(struct sim_worker *w, bool *ret_report)
{
        uint32_t item = w->queue[0];

        *ret_report = w->report[0];
        w->n_queue--;
        memmove(w->queue, w->queue + 1, w->n_queue * sizeof(w->queue[0]));
        memmove(w->report, w->report + 1, w->n_queue * sizeof(w->report[0]));
        return item;
}

/* The next item that it has, as late as the teardown of the current one allows. */
static void take_next(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        while (w->n_queue > 0) {
                bool report, missing;
                uint32_t item = dequeue(w, &report);

                missing = s->hooks->missing && s->hooks->missing(s->hooks->data, worker, item);
                tell(s, worker,
                     (struct sim_record){.type = missing ? DISPATCH_UNAVAILABLE : DISPATCH_STARTED, .arg = item});
                if (missing) {
                        s->where[item] = SIM_UNSENT;
                        continue;
                }
                if (report)
                        flush(s, worker);
                finish_item(s, worker, w->current);
                tell_done(s, worker, w->current);
                begin(s, worker, item);
                return;
        }
        if (w->ending)
                end(s, worker);
        else
                wait_for_items(s, worker);
}

static void end_item(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        sim_machine_advance(s, worker);
        w->cpu = w->used;
        w->wall = w->computed + w->load.waits * sim_item_seconds(s, w->current);
        if (s->hooks->rss)
                w->rss = s->hooks->rss(s->hooks->data, worker, w->current);
        if (s->hooks->ended)
                s->hooks->ended(s->hooks->data, s->now, worker, w->current);
        s->result.items[w->current].end = s->now;
        s->last_end = s->now;
        if (s->hooks->crash && s->hooks->crash(s->hooks->data, worker, w->current))
                die(s, worker);
        else
                take_next(s, worker);
}

void sim_worker_start(struct sim *s, uint32_t worker, unsigned pu)
{
        bool fails = s->hooks->no_start && s->hooks->no_start(s->hooks->data, worker);

        s->workers[worker] = (struct sim_worker){
                .phase = fails ? SIM_FAILING : SIM_STARTING,
                .current = DISPATCH_NONE,
                .alive = DISPATCH_NONE,
        };
        sim_machine_place(s, worker, pu);
        s->due[worker] = s->now + (fails ? 0 : s->p->start_seconds);
        s->n_alive += !fails;
        if (s->n_alive > s->result.n_workers)
                s->result.n_workers = s->n_alive;
}

void sim_worker_is_due(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        s->due[worker] = HUGE_VAL;
        switch (w->phase) {
        case SIM_STARTING:
                tell(s, worker, (struct sim_record){.type = DISPATCH_READY});
                take_next(s, worker);
                break;
        case SIM_SETTING_UP:
                end_setup(s, worker);
                break;
        case SIM_RUNNING:
                end_item(s, worker);
                break;
        case SIM_DEAD:
                sim_engine_hears_of_end(s, worker);
                break;
        case SIM_FAILING:
                w->phase = SIM_GONE;
                sim_engine_tell(s, (struct dispatch_event){.type = DISPATCH_NO_WORKER, .worker = worker});
                break;
        case SIM_GONE:
        case SIM_WAITING:
                break;
        }
}

void sim_worker_put(struct sim *s, uint32_t worker, uint32_t item, bool report)
{
        struct sim_worker *w = &s->workers[worker];

        if (w->n_queue == DISPATCH_QUEUE_MAX || w->ending) {
                sim_fail(s, -EPROTO, "an item was sent behind the end of a queue");
                return;
        }
        w->queue[w->n_queue] = item;
        w->report[w->n_queue++] = report;
        if (w->phase == SIM_WAITING)
                take_next(s, worker);
}

void sim_worker_put_end(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        if (w->ending)
                sim_fail(s, -EPROTO, "a worker was retired twice");
        w->ending = true;
        if (w->phase == SIM_WAITING)
                take_next(s, worker);
}

uint32_t sim_worker_take_back(struct sim *s, uint32_t worker, uint32_t *ret_items)
{
        struct sim_worker *w = &s->workers[worker];
        uint32_t n = w->n_queue;

        memcpy(ret_items, w->queue, n * sizeof(*ret_items));
        w->n_queue = 0;
        return n;
}
