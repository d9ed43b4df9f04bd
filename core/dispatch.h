/* The dispatcher: which item goes to which worker, when. One step machine per suite.
 *
 * Items and groups are numbers; ids, files and processes are the caller's. Groups are the fixture scopes that
 * items share (package, module, class), a forest by parent. A worker has a queue of items that were sent and
 * not yet taken; the caller can take them back without asking the worker (the deal queue's read end is open
 * on both sides), so binding stays late although a worker never waits for an answer.
 *
 * dispatch_step() works in two phases: check and reserve (-ENOMEM, -EINVAL for an event that cannot be: nothing
 * changed), then commit. Time comes in the event and counts as the latest one seen if it runs backwards. Same
 * events, same decisions. Records that come late, of a worker that is gone or of an item that it does not hold any
 * more, are ignored; STARTED and DONE of one worker may come in batches, and the next item's STARTED before the
 * last one's DONE. dispatch_step() appends to the actions; the caller carries them out in order, answers each RECALL
 * with a RECALLED event, then or after the last of them (an END among what it took back stays there), and empties
 * the list (actions->n = 0).
 *
 * Each worker has a place: a PU of its own, or, for those beyond one a PU (min_workers), all of the suite's PUs, over
 * which they float. What a place is worth is scaled so that all places come to the sum of the PUs' speeds.
 *
 * Items of one serial group are sent to one worker, in collection order, and never run beside each other. Where that
 * worker ends, another takes the rest, but not before what the first one has begun is over. One that its worker does
 * not have is left.
 *
 * An item that waits (for a disk, a server, a clock) leaves its PU to others. While what runs wants less CPU than there
 * is, up to extra_workers more workers run such items, floating; they end when the PUs are wanted. What waits is known
 * from history, or from samples of the running workers, which dispatch_next_sample() asks for.
 *
 * An item may need several PUs for itself, and limited resources. It is sent only to a worker that has nothing else,
 * when there is room for all it needs, and holds that until it is done, lost or taken back.
 *
 * Objective: least makespan on uniform machines with a set-up time per group (Q | group set-ups | Cmax),
 * estimates uncertain. The policy and its sources are core/dispatch_pick.c's; docs/dispatch.md explains it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        DISPATCH_WORKERS_MAX = 1024,
        DISPATCH_QUEUE_MAX = 64,   /* items sent and not done, per worker */
        DISPATCH_FAILURES_MAX = 3, /* workers that ended without a result, in a row: no more are started */
};

#define DISPATCH_NONE     UINT32_MAX
#define DISPATCH_NEVER    UINT64_MAX
#define DISPATCH_FLOATING UINT_MAX /* in place of a PU: all of the suite's PUs */

/* So much of a limited resource. */
struct dispatch_need {
        uint32_t resource; /* index in the capacities */
        uint32_t amount;   /* 1..its capacity, held while the item runs */
};

struct dispatch_item {
        double seconds;      /* estimate on a fast core without group set-ups; < 0 unknown */
        double spread;       /* seconds, mean absolute deviation of that; 0: not known, or none */
        double waits;        /* share of `seconds` in which it uses no CPU: 0 computes all the time, 1 only waits */
        uint32_t group;      /* innermost group, or DISPATCH_NONE */
        uint32_t serial;     /* number of its serial group, from 1 up to the number of items; 0: of none */
        uint32_t cpus;       /* PUs that it needs for itself; 0 and 1: its worker's */
        uint32_t first_need; /* index in the needs */
        uint32_t n_needs;
        bool early; /* before all that are not: it failed last time, and who runs it wants to hear of it first */
        bool alone; /* not to be dealt: counts as left from the beginning, without an action */
};

struct dispatch_group {
        uint32_t parent; /* < own index, or DISPATCH_NONE */
        double setup;    /* seconds to set its fixtures up, once a worker; < 0 unknown */
        bool loose;      /* a package: its members need not be kept together, though its set-up counts; the parent of a
                          * loose one is loose */
};

/* A PU the suite may use; the caller sorts them best first. */
struct dispatch_pu {
        unsigned os;
        double speed; /* (0, 1], relative to the fastest core, while all PUs of its core that the suite may use are busy
                       */
        double alone; /* the same while no other one of its core is: >= speed; 0: as speed */
        unsigned core; /* PUs with the same number are siblings; means something only where alone > speed */
};

/* Sorts them best first: by what each adds to what those before it do together, so that siblings come after the cores
 * that are worth more; among equals by number. At most CPUSET_MAX. */
void dispatch_sort_pus(struct dispatch_pu *pus, size_t n);
/* What each adds to those before it in the list: of a core with siblings the first its speed alone, the others equal
 * shares of the rest of what all of them do together. */
void dispatch_pu_gains(const struct dispatch_pu *pus, size_t n, double *ret_gains);

struct dispatch_params {
        const struct dispatch_item *items; /* copied; index = collection order */
        uint32_t n_items;
        const struct dispatch_group *groups; /* copied */
        uint32_t n_groups;
        const uint32_t *capacities; /* copied: of each limited resource, >= 1 */
        uint32_t n_resources;
        const struct dispatch_need *needs; /* copied: an item's are neighbours */
        uint32_t n_needs;
        uint32_t max_workers;   /* at most one per item; 1..DISPATCH_WORKERS_MAX */
        uint32_t min_workers;   /* so many even where fewer PUs are held; 0: at most one per PU; <= max_workers */
        uint32_t extra_workers; /* beyond one a PU, while items wait; max_workers holds all the same */
        uint32_t max_items;     /* a worker ends after so many, and another takes its place; 0: any number */
        uint64_t max_rss;       /* KiB: likewise after the item at whose end its peak memory is above; 0: any */
        bool ordered;           /* in collection order: the next item to whoever is free, and nothing ahead */
        double default_seconds; /* for unknown items until this run has medians to offer; > 0 */
        double overhead;        /* seconds a send costs; sizes the batches of tiny items; >= 0 */
        double start_cost;      /* seconds until a worker is ready, until this run has seen one; >= 0 */
        double session_setup;   /* seconds that a worker's first item pays for fixtures of the session's scope; < 0
                                 * unknown */
};

enum dispatch_event_type {
        DISPATCH_PUS,         /* pus, n_pus (>= 1): what the suite may use from now on (all of it, best first) */
        DISPATCH_READY,       /* worker: runs, is pinned, and asks for items */
        DISPATCH_STARTED,     /* worker, item: taken and begun */
        DISPATCH_DONE,        /* worker, item, wall, cpu: seconds, group set-ups not counted in; wall as it would be
                               * on a PU that nobody shares; rss */
        DISPATCH_SETUP,       /* worker, group or NONE for the session, wall: set its fixtures up */
        DISPATCH_SAMPLE,      /* worker, wall, cpu: of the last `wall` seconds it used a CPU, or was ready to, for
                               * `cpu`, threads and children included */
        DISPATCH_SAMPLED,     /* idle, room: all workers that run have been looked at */
        DISPATCH_WANT,        /* worker, item (being torn down) or NONE: its queue is empty and it would wait */
        DISPATCH_RECALLED,    /* worker, list: what a recall brought back */
        DISPATCH_UNAVAILABLE, /* worker, list: items this worker does not have (fresh worker, other ids) */
        DISPATCH_EXITED,      /* worker, item (was running; lost, not dealt again) or NONE, list: what it had
                               * finished although no DONE came; the rest of what it had is dealt anew; room: as
                               * of a LIMIT, since it died of that; 0: as it was */
        DISPATCH_NO_WORKER,   /* worker: could not be started */
        DISPATCH_LIMIT,       /* room: the most workers that may be alive from now on, >= 1 (UINT32_MAX any number):
                               * of more the youngest retire behind what they run, and none starts */
        DISPATCH_STOP,        /* deal nothing more; what runs finishes */
        DISPATCH_TIME,
};

struct dispatch_event {
        enum dispatch_event_type type;
        uint64_t now; /* µs, monotonic */
        uint32_t worker;
        uint32_t item;
        uint32_t group;
        double wall, cpu;
        uint64_t rss;  /* KiB, peak of the worker */
        double idle;   /* PUs: how much of the suite's was idle while the samples were taken, 0..number of them */
        uint32_t room; /* workers that may be started, or be alive, as far as memory goes */
        const struct dispatch_pu *pus;
        size_t n_pus;
        const uint32_t *list;
        size_t n_list;
};

enum dispatch_action_type {
        DISPATCH_DO_START,    /* worker, pu or DISPATCH_FLOATING: start it pinned there */
        DISPATCH_DO_PIN,      /* worker, pu or DISPATCH_FLOATING: move it there now, or to what the PUs are now */
        DISPATCH_DO_WIDEN,    /* worker, pu: it may use this one too, until it is pinned anew */
        DISPATCH_DO_SEND,     /* worker, item, report: put it on the worker's queue */
        DISPATCH_DO_RECALL,   /* worker: take back what can be; answer with DISPATCH_RECALLED at once */
        DISPATCH_DO_RETIRE,   /* worker: end after what it has */
        DISPATCH_DO_RETURN,   /* pu: not needed any more by this suite */
        DISPATCH_DO_LEFT,     /* item: no worker can run it; the reporter is to */
        DISPATCH_DO_FINISHED, /* every item is done, lost or left, and every worker is gone */
};

enum dispatch_reason {
        DISPATCH_R_NONE,
        DISPATCH_R_LONGEST,  /* the longest left, or it bounds the makespan */
        DISPATCH_R_NEXT,     /* nothing is known of the suite's times: the next one collected */
        DISPATCH_R_GROUP,    /* its group's fixtures are alive on this worker */
        DISPATCH_R_SERIAL,   /* goes on with a serial group */
        DISPATCH_R_OPEN,     /* opens the group with most work left */
        DISPATCH_R_SPLIT,    /* joins a group that another worker has open: worth a second set-up */
        DISPATCH_R_STOLEN,   /* was waiting behind a longer item elsewhere */
        DISPATCH_R_EARLY,    /* failed last time */
        DISPATCH_R_WIDE,     /* needs several PUs, and they are free */
        DISPATCH_R_WAITS,    /* uses little CPU, beside others that compute */
        DISPATCH_R_BUSY,     /* the PUs are wanted by others: no more workers than PUs */
        DISPATCH_R_RECYCLED, /* has run its number of items, or grown too large */
        DISPATCH_R_DRY,      /* nothing left to deal */
        DISPATCH_R_STOPPED,
        DISPATCH_R_PUS,    /* the PUs held changed */
        DISPATCH_R_MEMORY, /* there is no memory for so many */
        DISPATCH_R_ROOM,   /* there is memory for more */
        DISPATCH_R_AGAIN,  /* in place of a worker that died */
        DISPATCH_REASONS,
};
const char *dispatch_reason_text(enum dispatch_reason reason);

struct dispatch_action {
        enum dispatch_action_type type;
        enum dispatch_reason reason;
        uint32_t worker;
        uint32_t item;
        unsigned pu;
        bool report; /* the worker is to tell of its progress when it takes this one */
};

struct dispatch_actions {
        struct dispatch_action *items;
        size_t n, allocated;
};
void dispatch_actions_finish(struct dispatch_actions *actions);

struct dispatch;
int dispatch_create(const struct dispatch_params *params, struct dispatch **ret_dispatch);
void dispatch_destroy(struct dispatch *d);
int dispatch_step(struct dispatch *d, const struct dispatch_event *event, struct dispatch_actions *actions);
uint64_t dispatch_next_deadline(const struct dispatch *d);
/* When it wants to know what the workers use (SAMPLE for each that runs an item, then SAMPLED): µs, or NEVER. */
uint64_t dispatch_next_sample(const struct dispatch *d);

/* Seconds of estimated work not yet done, and items not yet done: for progress and the work rate. */
double dispatch_work_left(const struct dispatch *d);
uint32_t dispatch_items_left(const struct dispatch *d);

/* Every invariant; NULL where all hold, else what is broken. */
const char *dispatch_check(const struct dispatch *d);

/* Whether workers are worth it at all: with this much estimated work over n_pus, a start cost (seconds) per
 * worker and a cost per item relayed, would running in the reporting process end sooner? Pure. */
bool dispatch_inline_is_faster(double total_seconds, uint32_t n_items, uint32_t n_pus, double start_cost,
                               double relay_cost);

/* The least makespan possible (the "bound") of these items on these PUs: no schedule ends sooner, and often none ends
 * as soon. The largest of
 *   - the longest item, or serial group, on the fastest PU by itself
 *   - for each k, the CPU seconds of the k largest of them over the speed of the k best PUs (Horvath, Lam, Sethi 1977)
 *   - all CPU seconds, each used group's set-up once, over the speed of all PUs
 *   - PUs that an item needs x its seconds, of others the CPU seconds, over the number of PUs
 *   - all seconds over as many workers as there may be: the larger of PUs + extra_workers and min_workers
 *   - for each limited resource, amount x seconds over its capacity.
 * Unknown counts as 0. -ENOMEM; -EINVAL without PUs. */
int dispatch_bound(const struct dispatch_params *params, const struct dispatch_pu *pus, size_t n_pus,
                   double *ret_seconds);
