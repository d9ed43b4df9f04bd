/* The dispatcher's state, shared by its files and by nobody else.
 *
 *     dispatch.c          creation, the step, the end
 *     dispatch_events.c   events become facts
 *     dispatch_deal.c     workers' queues: sending, recalling, filling
 *     dispatch_order.c    making the pool: units, orders
 *     dispatch_pool.c     the items not dealt: by length, by unit; estimates that the run itself teaches
 *     dispatch_serial.c   units whose items run one after the other on one worker
 *     dispatch_needs.c    items that need limited resources, and which of them can begin
 *     dispatch_wide.c     items that need several PUs
 *     dispatch_demand.c   more workers than PUs, while items wait
 *     dispatch_plan.c     a whole schedule of the rest, of dispatch_parts.c's; dispatch_search.c finds it
 *     dispatch_pick.c     which item a worker gets next: changes nothing but the plan
 *     dispatch_workers.c  workers and the PUs they are on
 */
#pragma once

#include "core/dispatch.h"
#include "core/dispatch_plan.h"
#include "core/dispatch_rank.h"

/* Work, in seconds on a fast core. A slower place takes longer for what computes, not for what waits. */
struct work {
        double seconds;
        double waits; /* of these, without a CPU */
};

static inline double work_at(struct work work, double speed)
{
        return work.waits + (work.seconds - work.waits) / speed;
}

static inline void work_add(struct work *sum, struct work work, int sign)
{
        sum->seconds += sign * work.seconds;
        sum->waits += sign * work.waits;
}

enum item_state {
        ITEM_POOL,    /* not dealt */
        ITEM_QUEUED,  /* sent to .worker, not known to have begun */
        ITEM_RUNNING, /* begun by .worker */
        ITEM_DONE,
        ITEM_LOST, /* its worker died while running it */
        ITEM_LEFT, /* for the reporter */
};

struct item {
        double seconds; /* < 0: unknown */
        double spread;
        double waits;  /* share of its seconds */
        double setups; /* seconds of all its groups' set-ups, as history has them */
        uint32_t group;
        uint32_t unit;
        uint32_t position;  /* in pool.by_position */
        uint32_t length;    /* rank in pool.by_length */
        uint32_t worker;    /* QUEUED, RUNNING: whose */
        uint32_t missed_by; /* a worker that does not have it, or DISPATCH_NONE */
        double fixtures;    /* QUEUED, RUNNING: of that, seconds of set-ups */
        struct work charge; /* QUEUED, RUNNING: the estimate it was sent with, set-ups it needs there included */
        bool constrained;   /* needs several PUs, or limited resources */
        uint32_t cpus, first_need, n_needs;
        uint32_t kind;                       /* in needs.kinds, or DISPATCH_NONE */
        uint32_t kind_length, kind_position; /* ranks in needs.lengths and .positions */
        bool light; /* history has it that it waits, and that this is worth a worker beyond one a PU */
        bool early; /* it, or another one of its serial unit whose first it is */
        enum item_state state;
};

struct group {
        uint32_t parent;
        double setup;
        uint32_t n_setups; /* samples of this run in setup */
        uint32_t unit;     /* of an outermost group that is not loose */
        bool loose;
};

/* What is kept together: the items of one serial group, or the others of one group that is the outermost but for loose
 * ones, or one item without such a group. Its items are neighbours in position order.
 *
 * A serial unit belongs to the worker that was sent one of its items, to the worker's end, or until all of them are
 * taken back before one has begun. It can be dealt while it is free: it has no owner and nobody holds one of its items.
 */
struct unit {
        uint32_t first, end; /* positions */
        bool serial;
        bool begun;         /* serial: the owner has begun one of its items */
        uint32_t owner;     /* serial: a worker, or DISPATCH_NONE */
        uint32_t n_held;    /* serial: items that somebody holds */
        uint32_t heap;      /* index in pool.heap, or DISPATCH_NONE */
        uint32_t n_workers; /* workers whose last item is of this unit */
        uint32_t n_pool, n_pool_unknown;
        uint32_t n_pool_kinds;  /* items in the pool that are of a kind */
        struct work pool_known; /* of the known items in the pool */
        double setup;           /* of the unit's own group */
        uint32_t n_samples;     /* of its unknown items that are done */
        struct work sum_samples;
};

/* Items that need the same, and are free to go to any worker. */
struct kind {
        uint32_t first, end; /* ranks of needs.lengths, and of needs.positions */
        uint32_t cpus;
        uint32_t n_pool;
};

struct needs {
        uint32_t n; /* items that need anything: where it is 0 all of this is empty */
        bool any_wide;
        struct dispatch_need *list;
        uint32_t n_resources;
        uint32_t *capacities; /* by resource, as are: */
        uint32_t *used;       /* sums of held */
        uint32_t *wanted;     /* items in the pool that need it */
        double *load;         /* seconds that these would take if nothing else limited them */
        uint32_t *held;       /* worker * n_resources + resource */
        struct kind *kinds;   /* widest first */
        uint32_t n_kinds;
        uint32_t *by_length, *by_position;  /* items, kind by kind; early and long ones first; in position order */
        struct rank_set lengths, positions; /* likewise: those in the pool */
        uint32_t n_pool;                    /* members of each */
};

struct pool {
        struct rank_set positions; /* who is in the pool, but for those of a kind */
        /* Likewise, but a serial unit counts as one long item: it is there, as the one that was its first, while it is
         * free. With `ordered` all of the pool is there, in collection order. */
        struct rank_set lengths;
        struct rank_set lights,
                heavies;         /* where there may be extra workers: those of them that wait mostly, and the others */
        struct rank_set earlies; /* those of them that are early */
        uint32_t n_early;        /* members of earlies */
        uint32_t n_parts;        /* members of lengths */
        uint32_t *by_position, *by_length; /* items */
        bool ordered;
        bool serial; /* there is a serial unit */
        struct unit *units;
        uint32_t n_units;
        uint32_t *heap; /* units with items in the pool and no worker: most work first */
        uint32_t n_heap;
        double heap_setups;    /* seconds of set-up that the units in the heap still need */
        uint32_t n, n_unknown; /* items in the pool */
        struct work known;     /* of the known ones */
        bool history;          /* some item came with an estimate */
        double *lengths_of;    /* by rank: what by_length is sorted by, longest first */
        double mean;           /* of the known estimates, at the start */
        uint32_t n_samples;
        struct work sum_samples;
};

enum worker_state {
        WORKER_GONE, /* never started, or exited */
        WORKER_STARTING,
        WORKER_ACTIVE,
        WORKER_RETIRING,
};

struct worker {
        enum worker_state state;
        unsigned pu;  /* OS index, or DISPATCH_FLOATING */
        double speed; /* its place's */
        double core;
        uint32_t held[DISPATCH_QUEUE_MAX]; /* sent and not done, oldest first; the first n_running have begun */
        uint32_t n_held, n_running;
        struct work running, queued; /* of the one begun last, and of those not begun */
        uint32_t tail;               /* the last item it got and kept: its fixtures are alive; or DISPATCH_NONE */
        uint32_t last_done;
        uint32_t unit;          /* of tail, or DISPATCH_NONE */
        uint64_t begun;         /* µs: when it last began an item, or was started */
        bool extra;             /* has no place: runs beside those that have, while items wait */
        double fixtures;        /* seconds of set-up before what it runs, on a fast core */
        double demand;          /* PUs that what it runs wants */
        uint32_t n_samples;     /* in demand */
        bool surplus;           /* its PU is gone: finishes what runs and ends */
        bool recalling;         /* a recall is under way */
        bool recalled;          /* in vain, or has taken from others, since it last began an item: not from it */
        bool dry;               /* nothing was there for it */
        bool waiting;           /* said WANT, and was sent nothing since */
        bool wants;             /* said WANT, and has begun nothing since */
        uint32_t n_constrained; /* of what it holds */
        uint32_t wide;          /* what it holds that runs on several PUs, or DISPATCH_NONE */
        bool widened;           /* is to be pinned to its own again */
        uint32_t thief;         /* recalling: for this worker, or DISPATCH_NONE */
        double unreported;      /* seconds sent since the last one with a report */
        uint32_t n_unreported;
        uint32_t n_done, n_missed;
        uint32_t age;                 /* how many were started before */
        uint32_t n_taken;             /* items that it has run or holds */
        enum dispatch_reason retired; /* RETIRING: why */
};

/* Where one worker runs. Those on a PU come first, in the order of the PUs. */
struct place {
        unsigned os;         /* or DISPATCH_FLOATING */
        double core;         /* speed of the PU; where it floats, the mean of them all */
        double speed;        /* of that, what one worker gets: there may be more places than PUs */
        double alone;        /* the PU's while its core's others are idle; 0: makes no difference */
        unsigned sibling_of; /* number of the PU's core */
        uint32_t worker;     /* or DISPATCH_NONE */
        uint32_t taken_by;   /* PU: the worker whose wide item has it too, or DISPATCH_NONE */
};

/* Extra workers, and what is known of what runs. */
struct demand {
        uint32_t n_light;     /* items in the pool that wait mostly, as history says */
        struct work light;    /* of them */
        bool doubtful;        /* history was wrong about that */
        double setups;        /* seconds of all their set-ups */
        bool retreated;       /* there were too many extra workers once */
        bool idle;            /* PUs are, although workers run something */
        uint64_t last_idle;   /* µs; 0: never */
        uint32_t n_crowded;   /* samples in a row in which more than the PUs was wanted */
        uint32_t room;        /* workers that memory has room for */
        uint64_t next, pause; /* µs: of the samples; next 0: no worker is ready yet */
};

/* What the rest of the run looks like, in seconds; made anew in each step. */
struct outlook {
        double rest;          /* until the end, at the least */
        double calm, crowded; /* the same with one worker a PU, and with as many as there are items that wait */
        double worth;         /* a difference below this is not worth breaking a group's order for */
};

struct dispatch {
        struct item *items;
        uint32_t n_items;
        struct group *groups;
        uint32_t n_groups;
        struct pool pool;
        struct plan plan;
        struct needs needs;
        struct demand demand;
        struct worker *workers;
        uint32_t max_workers, min_workers, extra_workers;
        double mean_speed; /* of the PUs */
        struct place *places;
        size_t n_pus, n_places, places_allocated;
        double default_seconds, overhead;
        double start_cost;
        double session_setup; /* seconds that a worker's first item pays */
        uint32_t n_session_setups;
        uint32_t max_items;               /* of one worker; 0: any number */
        uint64_t max_rss;                 /* KiB, likewise */
        uint32_t n_open;                  /* items neither done, lost nor left */
        uint32_t n_queued;                /* over all workers */
        uint32_t n_alive;                 /* workers not gone */
        uint32_t n_of_use;                /* of these, neither retiring nor about to */
        uint32_t n_extra, n_extra_of_use; /* likewise, without a place */
        uint32_t limit;                   /* the most that may be alive */
        uint32_t n_started;               /* ever */
        uint32_t n_recalling;
        uint32_t n_wide;     /* workers with something that runs on several PUs */
        bool freed;          /* in this step, something that others may wait for */
        uint32_t n_failures; /* workers that ended without having done anything, in a row */
        double busy;         /* seconds of what is queued or running */
        uint64_t now, began; /* began: when the first worker was ready, 0 before */
        struct outlook outlook;
        bool missed; /* some worker lacked some item */
        bool stopped, finished;
};

/* Of use, and with a place. */
static inline uint32_t base_workers(const struct dispatch *d)
{
        return d->n_of_use - d->n_extra_of_use;
}

/* dispatch_order.c */
int pool_init(struct dispatch *d, const struct dispatch_params *params);
void pool_finish(struct pool *pool);

/* dispatch_pool.c */
void pool_put(struct dispatch *d, uint32_t item);
void pool_take(struct dispatch *d, uint32_t item);
/* A worker's last item is of this unit now (or of none). */
void pool_enter(struct dispatch *d, struct worker *w, uint32_t unit);
/* What setting an outermost group up costs has been measured. */
void pool_set_setup(struct dispatch *d, uint32_t group);
/* What an unknown item turned out to take. */
void pool_learn(struct dispatch *d, uint32_t item, struct work work);
/* The estimate of one item: its own, else what its unit has shown so far, else the suite. */
struct work pool_item_work(const struct dispatch *d, uint32_t item);
/* Whether that estimate rests on anything but default_seconds. */
bool pool_item_is_estimated(const struct dispatch *d, uint32_t item);
struct work pool_unit_work(const struct dispatch *d, uint32_t unit);
struct work pool_work(const struct dispatch *d);
/* The first pool item of the unit in collection order; DISPATCH_NONE. */
uint32_t pool_unit_next(const struct dispatch *d, uint32_t unit, uint32_t from_position);
/* The longest in `set`, which is pool.lengths or a part of it, of at most `seconds`, as a rank; RANK_NONE. */
uint32_t pool_longest(const struct dispatch *d, const struct rank_set *set, double seconds);
/* The item to deal for a rank that is in pool.lengths. */
uint32_t pool_at(const struct dispatch *d, uint32_t rank);
/* What dealing this pool item commits its worker to: of a serial unit, all that is left of it. */
struct work pool_part_work(const struct dispatch *d, uint32_t item);
/* Whether the worker has to go on with the serial unit that it is at. */
bool pool_is_bound(const struct dispatch *d, uint32_t worker);
/* How many workers have. */
uint32_t pool_count_bound(const struct dispatch *d);
/* How much there is that could go to one worker or to another: parts of the pool, and what was sent and is not begun.
 */
uint32_t pool_choices(const struct dispatch *d);
/* Whether it can be dealt to this worker as far as serial units go. */
bool pool_may_have(const struct dispatch *d, uint32_t worker, uint32_t item);
/* Whether a unit waits for a worker: has items in the pool and nobody who goes on with them. */
bool pool_is_on_offer(const struct unit *unit);
/* Who holds, owns or has entered the unit changed, or what of it is in the pool. */
void pool_update_offer(struct dispatch *d, uint32_t unit);
/* Somebody holds one more, or one less, of the unit's items, or has begun one. Nothing where it is not serial. */
void pool_hold(struct dispatch *d, uint32_t unit, uint32_t worker);
void pool_let_go(struct dispatch *d, uint32_t unit);
void pool_begin(struct dispatch *d, uint32_t unit);
/* The worker owns no unit any more. */
void pool_disown(struct dispatch *d, uint32_t worker);
/* Set-up seconds of the groups that `item` is in and `tail` (or DISPATCH_NONE) is not. */
double pool_group_setups(const struct dispatch *d, uint32_t tail, uint32_t item);
/* Set-up seconds that `item` costs a worker whose last item was `tail`; DISPATCH_NONE: its first, for which the
 * session is set up too. */
double pool_setup_seconds(const struct dispatch *d, uint32_t tail, uint32_t item);

/* dispatch_needs.c */
int needs_init(struct dispatch *d, const struct dispatch_params *params);
void needs_finish(struct needs *needs);
/* A constrained item comes to the pool (1) or leaves it (-1). */
void needs_count(struct dispatch *d, uint32_t item, int sign);
/* A constrained item came into the worker's hands, or left them. */
void needs_update(struct dispatch *d, uint32_t worker, uint32_t item);
/* Whether it holds nothing, or only what it is tearing down. */
bool needs_has_nothing_else(const struct worker *w);
/* Whether all that the item needs is there. */
bool needs_fit(const struct dispatch *d, uint32_t worker, uint32_t item);
/* Whether the worker holds what something in the pool needs, too. */
bool needs_are_blocked_by(const struct dispatch *d, uint32_t worker);
enum needs_which {
        NEEDS_URGENT, /* its resource would be what the run's end waits for */
        NEEDS_OWN,    /* of the unit that the worker is at */
        NEEDS_ANY,
};
/* An item of a kind that can begin, and takes at most `room` seconds: early ones first, then the longest; or
 * DISPATCH_NONE. */
uint32_t needs_pick(const struct dispatch *d, uint32_t worker, enum needs_which which, double room);
/* The widest in the pool of those whose resources are there: it is the next wide one to begin. DISPATCH_NONE. */
uint32_t needs_next_wide(const struct dispatch *d, uint32_t worker);

/* dispatch_wide.c */
bool wide_fits(const struct dispatch *d, uint32_t worker, uint32_t item);
/* Whether what needs several PUs leaves one to this worker. */
bool wide_leaves_room(const struct dispatch *d, uint32_t worker);
/* The worker gets such an item, and what PUs that needs besides its own. */
void wide_begin(struct dispatch *d, uint32_t worker, uint32_t item, struct dispatch_actions *out);
/* It is over, or at least has no use for several PUs any more. Nothing where the worker has none. */
void wide_end(struct dispatch *d, uint32_t worker);
/* Masks of such workers are set back. */
void wide_narrow(struct dispatch *d, struct dispatch_actions *out);
/* The PUs are others now. */
void wide_move(struct dispatch *d, struct dispatch_actions *out);
/* Seconds of work more that the worker may be given without keeping the next wide item from beginning; HUGE_VAL. */
double wide_room(const struct dispatch *d, uint32_t worker);

struct choice {
        uint32_t item;
        enum dispatch_reason reason;
};

/* dispatch_demand.c */
/* Which items are light by history. */
void demand_init(struct dispatch *d);
/* Whether the item counts in demand.n_light while it is in the pool. */
bool demand_counts(const struct dispatch *d, const struct item *it);
bool demand_is_light(const struct dispatch *d, uint32_t item);
/* Whether extra workers have a part in what is left. */
bool demand_leads(const struct dispatch *d);
/* Whether extra workers will have run all light items in time, so that the others need not. */
bool demand_spares_others(const struct dispatch *d);
/* Whether not everything is for this worker, for there are others for that. */
bool demand_is_choosy(const struct dispatch *d, uint32_t worker);
/* The parts of the pool that matter to the worker, or to those that it competes with. */
const struct rank_set *demand_ranks(const struct dispatch *d, uint32_t worker);
/* Whether this is for this worker, as far as CPUs go. */
bool demand_suits(const struct dispatch *d, uint32_t worker, uint32_t item);
/* Whether there can be anything for it. */
bool demand_may_have_any(const struct dispatch *d, uint32_t worker);
/* Whether what it runs leaves its PU to others. */
bool demand_is_blocked(const struct dispatch *d, const struct worker *w);
void demand_sample(struct dispatch *d, const struct dispatch_event *e);
void demand_sampled(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out);
void demand_ready(struct dispatch *d, const struct worker *w);
/* Starts extra workers for light items that nobody is there to take, and ends those that there is nothing for. */
void demand_adjust(struct dispatch *d, struct dispatch_actions *out);

/* dispatch_plan.c */
int plan_init(struct dispatch *d);
void plan_finish(struct plan *plan);
/* dispatch_parts.c: fills plan.parts and .blocks, for the workers in it; false where they are too many. */
bool plan_collect_parts(struct dispatch *d);
/* Items have come back to the pool, or workers have come, gone or moved. */
void plan_forget(struct dispatch *d);
enum plan_answer {
        PLAN_NO_PLAN,
        PLAN_IDLE, /* everything left is better done by others */
        PLAN_ITEM,
};
/* What the plan has for a worker; makes it anew where that is due. */
enum plan_answer plan_pick(struct dispatch *d, uint32_t worker, struct choice *ret_choice);
/* Whom to take waiting items back from for a worker that has none: by the plan, or where there is none by
 * pick_victim(); DISPATCH_NONE. */
uint32_t plan_victim(struct dispatch *d, uint32_t worker);
/* When a worker that is being started is not counted upon any more: µs. */
uint64_t plan_patience(const struct dispatch *d, const struct worker *w);
/* Whether it is there, or still expected: one that waits for a slot may wait for good. */
bool plan_counts_on(const struct dispatch *d, const struct worker *w);

/* dispatch_pick.c */
struct outlook pick_outlook(const struct dispatch *d);
/* False where nothing in the pool is worth this worker's while. Changes nothing but the plan. */
bool pick_item(struct dispatch *d, uint32_t worker, struct choice *ret_choice);
/* Whether its place in the run matters to the end more than its place in its group. */
bool pick_is_long(const struct dispatch *d, uint32_t item);
/* Seconds of work that a worker's queue should hold: one item at least, more of tiny ones. */
double pick_horizon(const struct dispatch *d);
/* Any pool item that the worker can run, the longest first: when everybody waits. DISPATCH_NONE. */
uint32_t pick_any(const struct dispatch *d, uint32_t worker);
/* Whom to take waiting items back from for a worker that has none; DISPATCH_NONE. */
uint32_t pick_victim(const struct dispatch *d, uint32_t worker);
/* Seconds from now until the worker has done what it holds. */
double pick_release(const struct dispatch *d, const struct worker *w);

/* dispatch_deal.c; here and below `out` has room (reserved by dispatch_step()). */
/* The worker, if it holds the item; else NULL. */
struct worker *deal_holder(struct dispatch *d, uint32_t worker, uint32_t item);
/* Whether it has, with what it holds, all the items that a worker is given in its life. */
bool deal_is_used_up(const struct dispatch *d, const struct worker *w);
bool deal_has_room(const struct dispatch *d, const struct worker *w);
/* Items sent and not begun. */
uint32_t deal_waiting(const struct worker *w);
/* A queued item of the worker has begun. */
void deal_begin(struct dispatch *d, struct worker *w, uint32_t item);
/* The item leaves its worker's hands; its state is the caller's to set. */
void deal_release(struct dispatch *d, struct worker *w, uint32_t item);
/* It ends in this state; in LEFT with an action. */
void deal_close(struct dispatch *d, uint32_t item, enum item_state state);
void deal_leave(struct dispatch *d, uint32_t item, struct dispatch_actions *out);
/* Fixtures of the last item that the worker keeps are the ones alive on it. */
void deal_reset_tail(struct dispatch *d, struct worker *w);
void deal_send(struct dispatch *d, uint32_t worker, struct choice choice, double horizon, struct dispatch_actions *out);
void deal_recall(struct dispatch *d, uint32_t worker, uint32_t thief, enum dispatch_reason reason,
                 struct dispatch_actions *out);
/* Fills a worker's queue: one item ahead, and of tiny ones as many as keep it busy for the horizon. */
void deal_fill(struct dispatch *d, uint32_t worker, struct dispatch_actions *out);
/* Theirs for whom there was nothing when last looked at. */
void deal_fill_dry(struct dispatch *d, struct dispatch_actions *out);
/* Everybody's; those that have nothing come first. */
void deal_fill_all(struct dispatch *d, struct dispatch_actions *out);
/* Gives the victim's thief what it would end before the victim could, from the back of the list that was recalled. */
bool deal_hand_over(struct dispatch *d, uint32_t victim, const uint32_t *list, size_t n, struct dispatch_actions *out);

/* dispatch_events.c */
void events_apply(struct dispatch *d, const struct dispatch_event *e, struct dispatch_actions *out);

/* dispatch_workers.c */
struct dispatch_action *dispatch_emit(struct dispatch_actions *out, enum dispatch_action_type type,
                                      enum dispatch_reason reason);
/* Whether they are on PUs of one core that slow each other down. */
bool workers_are_siblings(const struct place *a, const struct place *b);
int workers_reserve_places(struct dispatch *d, size_t n_pus);
void workers_set_pus(struct dispatch *d, const struct dispatch_pu *pus, size_t n, struct dispatch_actions *out);
/* Starts workers on free places while there is enough work for one more. */
void workers_start(struct dispatch *d, enum dispatch_reason reason, struct dispatch_actions *out);
/* False where no number is free. */
bool workers_start_extra(struct dispatch *d, enum dispatch_reason reason, struct dispatch_actions *out);
/* Moves the worker to its place, whatever it was moved to before. */
void workers_pin(struct dispatch *d, uint32_t worker, enum dispatch_reason reason, struct dispatch_actions *out);
void workers_retire(struct dispatch *d, uint32_t worker, enum dispatch_reason reason, struct dispatch_actions *out);
/* No more than so many from now on: of more the youngest retire. */
void workers_limit(struct dispatch *d, uint32_t limit, struct dispatch_actions *out);
/* Moves workers that still run, floating ones first, onto faster PUs that nobody is going to need, and gives back what
 * is left over. */
void workers_return_pus(struct dispatch *d, struct dispatch_actions *out);
/* The worker is gone: its place is free, what it held is its caller's to sort out. */
void workers_forget(struct dispatch *d, uint32_t worker);
