/* The allocator: who holds which PUs. One step machine, used by the service over the machine and by a run
 * over its own lease.
 *
 * Level-triggered: an event changes facts; one pure solve() then says who should hold what; the difference
 * to what is held becomes actions. alloc_step() works in two phases: check and reserve, which may fail and
 * then has changed nothing, and commit, which cannot. Time comes in the event and never runs backwards (an
 * earlier time counts as the latest one seen). Same facts, same solution, whatever order they came in;
 * arrays only, no pointer order, no randomness.
 *
 * Users share first, then the leases of each; see docs/allocator.md for the law.
 *
 * What a lease holds is a charge embedded in it; the sum of charges equals what is lent (alloc_check()).
 */
#pragma once

#include "core/placement.h"

enum {
        ALLOC_LEASES_MAX = 1024,
        ALLOC_LEASES_PER_UID_MAX = 128,
        ALLOC_SLOTS_MAX = 4096,
        ALLOC_SHARED_PER_PU_MAX = 8, /* shared lends of one PU beside its exclusive holder, and one to whom it is due,
                                        or who has nothing else */
        ALLOC_WEIGHT_MIN = 1,        /* weights are integers, as systemd's CPUWeight= */
        ALLOC_WEIGHT_DEFAULT = 100,
        ALLOC_WEIGHT_MAX = 10000,
        ALLOC_INTERACTIVE_GAIN = 4, /* an interactive lease's weight counts so many times among its user's leases, while
                                       it is young */
};

#define ALLOC_SOFT_US    UINT64_C(1000000) /* wanted back: at the end of the running item, hard after this */
#define ALLOC_HARD_US    UINT64_C(3000000) /* not answered by then: lent shared, and the lease grows no more */
#define ALLOC_RECOVER_US UINT64_C(5000000) /* a recovered lease may be claimed this long */
#define ALLOC_YOUNG_US                                                                                                 \
        UINT64_C(60000000) /* since its opening: an interactive lease is young, and then a normal one                  \
                            */
#define ALLOC_NEVER UINT64_MAX

typedef uint64_t alloc_id; /* of a lease; given by the caller, unique for the allocator's life, not 0 */

enum alloc_priority {
        ALLOC_NORMAL,
        ALLOC_BATCH, /* takes what others leave: its first PU may wait, its last one is shared with whoever is due it */
        ALLOC_INTERACTIVE, /* somebody waits for it, and it is short */
        ALLOC_PRIORITIES,
};
const char *alloc_priority_text(enum alloc_priority priority);

/* What a client asks for, and what the service knows of it (user_weight, paused). Validated by alloc_step() (min <=
 * max, 1 <= max, weight in range, allowed not empty). */
struct alloc_request {
        uint32_t uid;
        unsigned min; /* fewer PUs than this: the lease waits (but see rule "first PU never waits") */
        unsigned max;
        unsigned weight;            /* among the leases of its user */
        unsigned user_weight;       /* of its user among users; 0: ALLOC_WEIGHT_DEFAULT */
        unsigned slots;             /* at least so many, as far as there are; 0: one for each PU that it may hold */
        uint64_t memory_per_worker; /* bytes; 0 unknown */
        struct cpuset allowed;      /* what the client's affinity and cpuset leave it */
        double quota; /* PUs that its cgroup's cpu.max is worth; 0 none. Its leases may hold ceil(quota) in sum */
        uint64_t quota_group; /* which cgroup limits it (any number the caller keeps apart); read where quota > 0 */
        enum alloc_priority priority;
        bool paused;      /* holds nothing until it goes on */
        uint64_t ends_at; /* µs: when its client expects to be done; 0 not known. Only estimates for others depend on it
                           */
};
/* What a client that says nothing asks for: any PU, as many as there are. */
struct alloc_request alloc_request_any(uint32_t uid);
/* But for ends_at, which is news for a moment and comes often. */
bool alloc_request_equal(const struct alloc_request *a, const struct alloc_request *b);

enum alloc_error {
        ALLOC_ERROR_NONE,
        ALLOC_ERROR_NO_SUCH_LEASE = 1,
        ALLOC_ERROR_INVALID,      /* the request's numbers do not fit together */
        ALLOC_ERROR_NO_USABLE_PU, /* allowed and what policy leaves have no PU in common */
        ALLOC_ERROR_TOO_MANY_LEASES,
        ALLOC_ERROR_TOO_MANY_OF_UID,
        ALLOC_ERROR_TOO_MANY_SLOTS,
        ALLOC_ERROR_EXISTS, /* a lease of that id is there already */
};

const char *alloc_error_text(enum alloc_error error);

enum alloc_reason {
        ALLOC_OK,
        ALLOC_GROWN,           /* PUs became free */
        ALLOC_FAIR_SHARE,      /* another lease's fair share */
        ALLOC_BUDGET,          /* headroom shrank */
        ALLOC_MACHINE_CHANGED, /* a PU went away */
        ALLOC_QUOTA,           /* the cgroup's cpu.max is used up */
        ALLOC_NOT_ALLOWED,     /* outside what the client may use */
        ALLOC_MAX,             /* the lease's own max was lowered, or is reached */
        ALLOC_UNUSABLE,        /* the client could not pin to it */
        ALLOC_UNANSWERED,      /* wanted back in vain: now lent shared */
        ALLOC_ALL_LENT,        /* waits: everything is lent at its minimum */
        ALLOC_SHARED_FIRST,    /* its first PU, shared because everything is lent */
        ALLOC_CLAIMED,         /* claimed after a restart */
        ALLOC_PAUSED,          /* by its user */
        ALLOC_HOLD,            /* memory pressure: nobody grows */
        ALLOC_REASONS,
};

const char *alloc_reason_text(enum alloc_reason reason);

/* What a lease holds, as the client is to see it: rule 3's snapshot. */
struct alloc_grant {
        uint64_t generation;  /* rises with every change of pus, shared, wanted or lost */
        struct cpuset pus;    /* held, those in shared included; with those wanted back it may be more than max */
        struct cpuset shared; /* of pus, those lent to others too */
        struct cpuset wanted; /* of pus, those wanted back */
        enum alloc_reason wanted_reason;
        uint64_t wanted_deadline; /* µs on the caller's clock: give back by then at the latest */
        struct cpuset lost;       /* taken without asking since the last snapshot: offline, unusable */
        enum alloc_reason lost_reason;
        struct cpuset slots; /* slot numbers; as many as were asked for, or the lease's largest max so far; kept for its
                                life */
        enum alloc_reason reason; /* why it holds what it holds, or why it waits */
        unsigned position;        /* in the queue, from 1; 0 when it does not wait */
        uint64_t expected_at;     /* where it waits: when a PU is expected to be free for it, µs; 0 not known */
};

enum alloc_event_type {
        ALLOC_MACHINE,    /* machine, usable: topology and what policy leaves of it; machine NULL keeps the topology */
        ALLOC_BUDGET_SET, /* budget: PUs that may be lent at once, >= 1; aim, hot_package, hold */
        ALLOC_OPEN,       /* lease, request */
        ALLOC_UPDATE,     /* lease, request (uid as before; allowed and quota may have changed with its cgroups) */
        ALLOC_RETURN,     /* lease, generation, pus: only those lent at or before generation count; idempotent */
        ALLOC_REFUSED,    /* lease, generation, pus: unusable there (EINVAL on pinning); never lent to it again */
        ALLOC_CLOSE,      /* lease: ends, everything it held is free */
        ALLOC_RECOVER,    /* lease, request, pus, slots, generation: from the state file, before anything is opened */
        ALLOC_CLAIM,      /* lease, generation, pus: granted = claimed, recorded and not lent since */
        ALLOC_DETACH,     /* lease: its connection dropped without a close; reserved for ALLOC_RECOVER_US */
        ALLOC_TIME,       /* only time passed */
};

struct alloc_event {
        enum alloc_event_type type;
        uint64_t now; /* µs, monotonic */
        alloc_id lease;
        const struct machine *machine; /* copied; NULL with ALLOC_MACHINE: as before, the first time it must be there */
        const struct cpuset *usable;
        unsigned budget;
        enum placement_aim aim;              /* what is taken back first, and lent last */
        unsigned hot_package;                /* with PLACEMENT_COOL */
        bool hold;                           /* nobody gets more than it has, first PUs excepted */
        const struct alloc_request *request; /* copied */
        uint64_t generation;
        const struct cpuset *pus;
        const struct cpuset *slots;
};

enum alloc_action_type {
        ALLOC_DO_PERSIST, /* lease changed: write its record before any grant of this step is sent */
        ALLOC_DO_FORGET,  /* lease ended: drop its record */
        ALLOC_DO_GRANT,   /* send grant (position > 0: it waits) */
        ALLOC_DO_END,     /* the lease was ended by the allocator; error says why */
};

struct alloc_action {
        enum alloc_action_type type;
        alloc_id lease;
        enum alloc_error error;
        struct alloc_grant grant;
};

struct alloc_actions {
        struct alloc_action *items;
        size_t n, allocated;
};
void alloc_actions_finish(struct alloc_actions *actions);

struct alloc;

int alloc_create(struct alloc **ret_alloc);
void alloc_destroy(struct alloc *a);

/* Returns 0, a positive enum alloc_error that the client is to hear (nothing changed), or a negative errno
 * that is fatal here (-ENOMEM: nothing changed). Actions replace what `actions` held. */
int alloc_step(struct alloc *a, const struct alloc_event *event, struct alloc_actions *actions);

/* When an ALLOC_TIME event is due, or ALLOC_NEVER. */
uint64_t alloc_next_deadline(const struct alloc *a);

/* What a lease with this request would hold once everybody had given back what would be wanted for it, without
 * opening one: SuggestWorkers. Returns as alloc_step() does. */
int alloc_suggest(const struct alloc *a, const struct alloc_request *request, struct cpuset *ret_pus,
                  enum alloc_reason *ret_reason);

/* Every lease in the order of opening, for GetStatus and for traces. */
struct alloc_lease_view {
        alloc_id id;
        const struct alloc_request *request;
        const struct alloc_grant *grant;
        bool detached;
        bool declined; /* did not answer when PUs were wanted that nobody needs any more: left alone where kinds are
                          evened out */
        uint64_t opened;
};
size_t alloc_n_leases(const struct alloc *a);
struct alloc_lease_view alloc_lease_at(const struct alloc *a, size_t index);
/* False where there is no such lease. */
bool alloc_lease_find(const struct alloc *a, alloc_id id, struct alloc_lease_view *ret_view);

/* Every invariant; NULL where all hold, else what is broken (static text). For tests and the simulator. */
const char *alloc_check(const struct alloc *a);
