/* Workers and the places they are at: starting, moving, retiring, giving back. */
#include "core/dispatch_state.h"

#include <errno.h>
#include <stdlib.h>

struct dispatch_action *dispatch_emit(struct dispatch_actions *out, enum dispatch_action_type type,
                                      enum dispatch_reason reason)
{
        struct dispatch_action *action = &out->items[out->n++];

        *action = (struct dispatch_action){
                .type = type, .reason = reason, .worker = DISPATCH_NONE, .item = DISPATCH_NONE};
        return action;
}

int workers_reserve_places(struct dispatch *d, size_t n_pus)
{
        size_t n = n_pus > d->min_workers ? n_pus : d->min_workers;
        struct place *places;

        if (n <= d->places_allocated)
                return 0;
        places = realloc(d->places, n * sizeof(*places));
        if (!places)
                return -ENOMEM;
        d->places = places;
        d->places_allocated = n;
        return 0;
}

static bool is_free(const struct place *place)
{
        return place->worker == DISPATCH_NONE;
}

/* A free one on this PU, or floating; NULL. */
static struct place *free_place(struct dispatch *d, unsigned os)
{
        for (size_t i = 0; i < d->n_places; i++)
                if (d->places[i].os == os && is_free(&d->places[i]))
                        return &d->places[i];
        return NULL;
}

static struct place *first_free_place(struct dispatch *d)
{
        for (size_t i = 0; i < d->n_places; i++)
                if (is_free(&d->places[i]))
                        return &d->places[i];
        return NULL;
}

static struct place *place_of(struct dispatch *d, uint32_t worker)
{
        for (size_t i = 0; i < d->n_places; i++)
                if (d->places[i].worker == worker)
                        return &d->places[i];
        return NULL;
}

/* Where the worker is to be, whoever's place that is. */
static void put(struct worker *w, const struct place *place)
{
        w->pu = place->os;
        w->core = place->core;
        w->speed = place->speed;
}

static void give(struct dispatch *d, uint32_t worker, struct place *place)
{
        plan_forget(d);
        struct worker *w = &d->workers[worker];

        if (w->extra) {
                w->extra = false;
                d->n_extra--;
                d->n_extra_of_use -= w->state != WORKER_RETIRING;
        }
        place->worker = worker;
        d->workers[worker].surplus = false;
        put(&d->workers[worker], place);
}

void workers_pin(struct dispatch *d, uint32_t worker, enum dispatch_reason reason, struct dispatch_actions *out)
{
        struct dispatch_action *action = dispatch_emit(out, DISPATCH_DO_PIN, reason);

        action->worker = worker;
        action->pu = d->workers[worker].pu;
        d->workers[worker].widened = false;
}

static void pin(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        workers_pin(d, worker, DISPATCH_R_PUS, out);
}

/* One place a PU, and floating ones up to the least number of workers. All of them share what the PUs are worth. */
static void make_places(struct dispatch *d, const struct dispatch_pu *pus, size_t n)
{
        double sum = 0, share;

        d->n_pus = n;
        d->n_places = n > d->min_workers ? n : d->min_workers;
        share = (double)n / (double)d->n_places;
        for (size_t i = 0; i < n; i++) {
                sum += pus[i].speed;
                d->places[i] = (struct place){.os = pus[i].os,
                                              .core = pus[i].speed,
                                              .alone = pus[i].alone,
                                              .sibling_of = pus[i].core,
                                              .worker = DISPATCH_NONE,
                                              .taken_by = DISPATCH_NONE};
        }
        d->mean_speed = sum / (double)n;
        for (size_t i = n; i < d->n_places; i++)
                d->places[i] = (struct place){.os = DISPATCH_FLOATING,
                                              .core = sum / (double)n,
                                              .worker = DISPATCH_NONE,
                                              .taken_by = DISPATCH_NONE};
        for (size_t i = 0; i < d->n_places; i++)
                d->places[i].speed = d->places[i].core * share;
}

/* Keeps its PU, or goes on floating, over what the PUs are now. */
static void stay(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        struct place *place = w->surplus ? NULL : free_place(d, w->pu);

        if (!place)
                return;
        give(d, worker, place);
        if (w->pu == DISPATCH_FLOATING)
                pin(d, worker, out);
}

/* A worker without a place of its own moves to a free one, or else shares the last PU until its item ends. */
static void rehouse(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        struct worker *w = &d->workers[worker];
        struct place *place = w->state == WORKER_RETIRING ? NULL : first_free_place(d);

        if (place) {
                give(d, worker, place);
        } else {
                w->surplus = true;
                put(w, &d->places[d->n_pus - 1]);
        }
        pin(d, worker, out);
}

/* An extra worker, over what the PUs are now. */
static void float_on(struct dispatch *d, uint32_t worker, struct dispatch_actions *out)
{
        d->workers[worker].core = d->workers[worker].speed = d->mean_speed;
        pin(d, worker, out);
}

void workers_set_pus(struct dispatch *d, const struct dispatch_pu *pus, size_t n, struct dispatch_actions *out)
{
        make_places(d, pus, n);
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state != WORKER_GONE && !d->workers[i].extra)
                        stay(d, i, out);
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state != WORKER_GONE && !d->workers[i].extra && !place_of(d, i))
                        rehouse(d, i, out);
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state != WORKER_GONE && d->workers[i].extra)
                        float_on(d, i, out);
        wide_move(d, out);
}

static uint32_t free_number(const struct dispatch *d)
{
        uint32_t i = 0;

        while (i < d->max_workers && d->workers[i].state != WORKER_GONE)
                i++;
        return i < d->max_workers ? i : DISPATCH_NONE;
}

/* One more worker helps if something is there for it, and its share of the work is worth its start. */
static bool worth_starting(const struct dispatch *d)
{
        uint32_t n = base_workers(d);
        double left = pool_work(d).seconds, cost = d->start_cost + d->session_setup;

        if (d->stopped || d->n_failures >= DISPATCH_FAILURES_MAX || pool_choices(d) <= n - pool_count_bound(d))
                return false;
        return n < d->min_workers || n == 0 || !d->pool.history || left / n - left / (n + 1) > cost / (n + 1);
}

static void start(struct dispatch *d, uint32_t number, struct place *place, enum dispatch_reason reason,
                  struct dispatch_actions *out)
{
        struct dispatch_action *action = dispatch_emit(out, DISPATCH_DO_START, reason);

        d->workers[number] = (struct worker){
                .state = WORKER_STARTING,
                .tail = DISPATCH_NONE,
                .last_done = DISPATCH_NONE,
                .unit = DISPATCH_NONE,
                .thief = DISPATCH_NONE,
                .wide = DISPATCH_NONE,
                .begun = d->now,
                .age = d->n_started++,
        };
        d->n_alive++;
        d->n_of_use++;
        if (place) {
                give(d, number, place);
        } else {
                d->workers[number].extra = true;
                d->workers[number].pu = DISPATCH_FLOATING;
                d->workers[number].core = d->workers[number].speed = d->mean_speed;
                d->n_extra++;
                d->n_extra_of_use++;
        }
        action->worker = number;
        action->pu = d->workers[number].pu;
}

bool workers_start_extra(struct dispatch *d, enum dispatch_reason reason, struct dispatch_actions *out)
{
        uint32_t number = free_number(d);

        if (number == DISPATCH_NONE)
                return false;
        start(d, number, NULL, reason, out);
        return true;
}

void workers_start(struct dispatch *d, enum dispatch_reason reason, struct dispatch_actions *out)
{
        for (size_t i = 0; i < d->n_places && d->n_alive < d->limit && worth_starting(d); i++) {
                uint32_t number = is_free(&d->places[i]) ? free_number(d) : DISPATCH_NONE;

                if (number != DISPATCH_NONE)
                        start(d, number, &d->places[i], reason, out);
        }
}

void workers_retire(struct dispatch *d, uint32_t worker, enum dispatch_reason reason, struct dispatch_actions *out)
{
        plan_forget(d);
        d->workers[worker].state = WORKER_RETIRING;
        d->workers[worker].retired = reason;
        d->workers[worker].dry = false;
        d->n_of_use--;
        d->n_extra_of_use -= d->workers[worker].extra;
        pool_enter(d, &d->workers[worker], DISPATCH_NONE);
        pool_disown(d, worker);
        dispatch_emit(out, DISPATCH_DO_RETIRE, reason)->worker = worker;
}

/* Of those that are of use the one that was started last. */
static uint32_t youngest(const struct dispatch *d)
{
        uint32_t found = DISPATCH_NONE;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];

                if ((w->state == WORKER_ACTIVE || w->state == WORKER_STARTING) &&
                    (found == DISPATCH_NONE || w->age > d->workers[found].age))
                        found = i;
        }
        return found;
}

void workers_limit(struct dispatch *d, uint32_t limit, struct dispatch_actions *out)
{
        bool more = limit > d->limit;

        d->limit = limit;
        while (d->n_of_use > limit) {
                uint32_t worker = youngest(d);

                deal_recall(d, worker, DISPATCH_NONE, DISPATCH_R_MEMORY, out);
                workers_retire(d, worker, DISPATCH_R_MEMORY, out);
        }
        if (more)
                workers_start(d, DISPATCH_R_ROOM, out);
}

/* A surplus worker that is still at its last item may be there beside the PU's own, and one that floats anywhere. */
static bool pu_in_use(const struct dispatch *d, unsigned os)
{
        for (uint32_t i = 0; i < d->max_workers; i++)
                if (d->workers[i].state != WORKER_GONE &&
                    (d->workers[i].pu == os || d->workers[i].pu == DISPATCH_FLOATING))
                        return true;
        return false;
}

/* Whether the place is to be nobody's any more. */
static bool is_left_over(const struct dispatch *d, const struct place *place)
{
        return is_free(place) && place->taken_by == DISPATCH_NONE && !pu_in_use(d, place->os);
}

bool workers_are_siblings(const struct place *a, const struct place *b)
{
        return a->alone > a->core && b->alone > b->core && a->sibling_of == b->sibling_of;
}

static bool is_busy(const struct dispatch *d, uint32_t worker)
{
        const struct worker *w = worker == DISPATCH_NONE ? NULL : &d->workers[worker];

        return w && w->state != WORKER_GONE && w->n_held > 0 && !w->waiting;
}

/* What a worker at this place gets now; false in *ret_alone where it shares the core. */
static double rate_at(const struct dispatch *d, const struct place *place, bool *ret_alone)
{
        *ret_alone = true;
        for (size_t i = 0; i < d->n_pus; i++)
                if (&d->places[i] != place && workers_are_siblings(&d->places[i], place) &&
                    is_busy(d, d->places[i].worker))
                        *ret_alone = false;
        return *ret_alone && place->alone > place->speed ? place->alone : place->speed;
}

/* Whom a free place of this rate serves best: one that floats, or else the busy worker that gets least if it is worth
 * its while; DISPATCH_NONE. */
static uint32_t promotable(struct dispatch *d, double rate)
{
        static const double WORTH = 1.1;
        uint32_t slowest = DISPATCH_NONE;
        double least = rate / WORTH;

        for (uint32_t i = 0; i < d->max_workers; i++) {
                const struct worker *w = &d->workers[i];
                const struct place *place = place_of(d, i);
                bool alone;
                double now = place ? rate_at(d, place, &alone) : w->speed;

                if (!is_busy(d, i) || w->wide != DISPATCH_NONE)
                        continue;
                if (w->pu == DISPATCH_FLOATING)
                        return i;
                if (now <= least && (slowest == DISPATCH_NONE || now < least)) {
                        slowest = i;
                        least = now;
                }
        }
        return slowest;
}

/* What runs on a slow PU, or beside a sibling, ends sooner on a fast one that it has for itself; moving costs
 * microseconds. Beside a sibling that is busy it would slow down that one. */
static void promote(struct dispatch *d, struct dispatch_actions *out)
{
        for (size_t i = 0; i < d->n_pus; i++) {
                bool vacant = is_free(&d->places[i]) && d->places[i].taken_by == DISPATCH_NONE, alone;
                double rate = rate_at(d, &d->places[i], &alone);
                uint32_t worker = vacant && alone ? promotable(d, rate) : DISPATCH_NONE;
                struct place *from;

                if (worker == DISPATCH_NONE)
                        continue;
                from = place_of(d, worker);
                if (from)
                        from->worker = DISPATCH_NONE;
                give(d, worker, &d->places[i]);
                pin(d, worker, out);
        }
}

void workers_return_pus(struct dispatch *d, struct dispatch_actions *out)
{
        size_t kept = 0, n_pus = 0;

        promote(d, out);
        for (size_t i = 0; i < d->n_places; i++) {
                const struct place *place = &d->places[i];

                if (i < d->n_pus && is_left_over(d, place)) {
                        dispatch_emit(out, DISPATCH_DO_RETURN, DISPATCH_R_DRY)->pu = place->os;
                        continue;
                }
                n_pus += i < d->n_pus;
                d->places[kept++] = *place;
        }
        d->n_pus = n_pus;
        d->n_places = n_pus > 0 ? kept : 0;
}

void workers_forget(struct dispatch *d, uint32_t worker)
{
        struct place *place = place_of(d, worker);

        plan_forget(d);
        if (place)
                place->worker = DISPATCH_NONE;
        pool_enter(d, &d->workers[worker], DISPATCH_NONE);
        pool_disown(d, worker);
        d->n_of_use -= d->workers[worker].state != WORKER_RETIRING;
        d->n_extra_of_use -= d->workers[worker].extra && d->workers[worker].state != WORKER_RETIRING;
        d->n_extra -= d->workers[worker].extra;
        d->n_recalling -= d->workers[worker].recalling;
        d->n_alive--;
        d->workers[worker].state = WORKER_GONE;
        d->workers[worker].recalling = false;
}
