/* What the allocator's files share; nobody else includes it.
 *
 * alloc.c        the step: its two phases, its actions
 * alloc_event.c  events to facts
 * alloc_plan.c   what each lease can use at most, and what it counts for (pure)
 * alloc_share.c  how many PUs each lease is due (pure)
 * alloc_users.c  the same fairly among users where masks differ (pure)
 * alloc_keep.c   what everybody keeps of what was meant for it (pure)
 * alloc_solve.c  which PUs, moving as few as possible (pure)
 * alloc_home.c   no moves that only change places (pure)
 * alloc_kinds.c  the same counts of PUs, fairly over kinds (pure)
 * alloc_settle.c the difference to what is held: lends, guests, what is wanted back
 * alloc_grant.c  snapshots of what is held, and their reasons
 * alloc_wait.c   who waits: the order, and when a PU may be expected (pure)
 * alloc_view.c   what others may look at, and SuggestWorkers
 * alloc_check.c  the invariants
 *
 * A PU has at most one owner (in whose `own` it is) and up to ALLOC_SHARED_PER_PU_MAX guests. own and guest are the
 * lease's charge.
 */
#pragma once

#include "core/alloc.h"
#include "core/alloc_match.h"

enum {
        /* Guests of a PU where one of them is whom it comes to, or all that a user has: others cannot keep him out. */
        ALLOC_GUESTS_MAX = ALLOC_SHARED_PER_PU_MAX + 1,
};

struct alloc_lend {
        uint64_t generation;   /* of the lease's grant that first had the PU */
        uint64_t wanted_since; /* ALLOC_NEVER where it is not wanted back */
};

struct alloc_lease {
        alloc_id id;
        struct alloc_request request;
        struct alloc_grant grant; /* the latest snapshot */
        struct cpuset own;        /* PUs lent to it and to nobody else but guests */
        struct cpuset guest;      /* PUs it uses beside their owner */
        struct cpuset coming;     /* of guest, those that will be its own */
        struct cpuset wanted;     /* of own and guest, wanted back */
        struct cpuset meant;      /* what the latest solution gave it */
        struct cpuset lost;       /* taken in this step without asking */
        enum alloc_reason lost_reason;
        struct cpuset unusable; /* the client could not pin to these */
        unsigned hold_cap;      /* while growth is held: the most that it may have */
        bool declined;          /* did not answer when an exchange was wanted; until it gives something back */
        bool detached;
        uint64_t detached_at;
        uint64_t opened;
        bool touched;             /* in this step: its record changed apart from the grant */
        bool answer;              /* in this step: its client is to have a grant whatever changed */
        bool claimed;             /* in this step */
        struct alloc_lend *lends; /* by OS index; a row of alloc.lends */
};

/* What the pure part finds out about one lease. */
struct alloc_plan {
        unsigned weight;                  /* what it counts for among its user's leases */
        size_t user;                      /* the first lease of its user */
        unsigned user_weight;             /* of the user, where this is its first lease */
        unsigned user_share[2];           /* PUs its user's leases are due: others', background ones' */
        bool batch;                       /* a background lease */
        unsigned share;                   /* PUs it is due */
        unsigned cap, min;                /* the most it can use, what it asked for at least */
        enum alloc_reason why;            /* what cap comes from */
        enum alloc_reason limit;          /* why its share is no larger; ALLOC_REASONS while it may still grow */
        size_t group;                     /* the first lease of its quota group, or SIZE_MAX */
        unsigned group_used, group_cap;   /* of the group, where this is its first lease */
        bool fixed;                       /* cannot be asked, or did not answer: gets no more than it has */
        bool forgiven;                    /* did not answer, and what was wanted is not any more */
        bool entitled;                    /* it must not be without any PU */
        bool begun;                       /* foresight: it waited, and has its first PU by then */
        bool gone;                        /* foresight: it is taken to have ended */
        unsigned taken;                   /* PUs in takes */
        unsigned surplus;                 /* of these, above share */
        bool stuck;                       /* what it lacks cannot be had yet */
        double excess[MACHINE_KINDS_MAX]; /* by how much it is above its part of each kind */
        unsigned turn;                    /* what the queue goes by, where it waits */
        unsigned position;                /* in the queue, from 1; 0 when it does not wait */
        uint64_t expected_at;             /* when it may expect its first PU; 0 not known */
};

struct alloc_solution {
        struct match match;
        struct alloc_plan *plans;
        unsigned limit;          /* distinct PUs that may be lent */
        struct cpuset lent;      /* held by anybody now */
        struct cpuset owned;     /* of these, those with an owner */
        struct cpuset free;      /* usable, without owner, and not taken */
        struct cpuset released;  /* wanted back already and not taken by anybody */
        struct cpuset fresh;     /* taken by a lease that does not own them yet */
        struct cpuset later;     /* of fresh, those the budget has no room for yet */
        unsigned room;           /* PUs that may be lent on top of lent */
        unsigned reserved;       /* of these, those that first PUs need */
        struct cpuset exchanged; /* wanted for another kind although the owner has none to spare */
        bool at_rest;            /* before exchanges: everybody owns what it takes */
        struct cpuset taken;     /* after solving: by anybody who may have it at once or when it is given back */
        bool needed;             /* after settling: a lease is due a PU that another still owns */
        struct cpuset guests;    /* PUs that have guests, before and after settling */
};

struct alloc {
        struct machine machine;
        struct cpuset online;                   /* the machine's PUs */
        struct cpuset usable;                   /* of these, what policy leaves */
        struct cpuset kinds[MACHINE_KINDS_MAX]; /* and by kind */
        unsigned budget;
        struct placement_goal goal; /* which PUs are taken back first, and lent last */
        bool hold;                  /* nobody gets more than it has, first PUs excepted */
        uint64_t now;
        bool restless;              /* the latest step's last round still changed something */
        struct alloc_lease *leases; /* by opening */
        size_t n_leases, allocated;
        unsigned width;                  /* OS indices that lends has room for */
        struct alloc_lend *lends;        /* allocated rows of width */
        struct alloc_solution solution;  /* scratch of a step, with room for allocated leases */
        struct alloc_solution foresight; /* the same, for who waits */
};

static inline struct cpuset alloc_lease_held(const struct alloc_lease *l)
{
        return cpuset_or(&l->own, &l->guest);
}

static inline bool alloc_lease_holds_any(const struct alloc_lease *l)
{
        return !cpuset_is_empty(&l->own) || !cpuset_is_empty(&l->guest);
}

/* Whether the lease holds a PU of `may`, and so need not be given a first one. Who cannot be asked keeps what it has.
 */
static inline bool alloc_lease_has_first(const struct alloc_lease *l, const struct cpuset *may)
{
        if (l->detached)
                return alloc_lease_holds_any(l);
        return cpuset_intersects(&l->own, may) || cpuset_intersects(&l->guest, may);
}

/* Wanted back in vain for ALLOC_HARD_US. */
static inline bool alloc_lend_overdue(const struct alloc_lend *lend, uint64_t now)
{
        return lend->wanted_since != ALLOC_NEVER && now - lend->wanted_since >= ALLOC_HARD_US;
}

static inline bool alloc_lease_overdue(const struct alloc_lease *l, uint64_t now)
{
        CPUSET_FOREACH (pu, &l->wanted)
                if (alloc_lend_overdue(&l->lends[pu], now))
                        return true;
        return false;
}

/* Whether a lease of weight w that has n comes before one of weight v that has m: n / w < m / v, exactly. */
static inline bool alloc_is_poorer(unsigned n, unsigned w, unsigned m, unsigned v)
{
        return (uint64_t)n * v < (uint64_t)m * w;
}

/* NULL where there is none. */
struct alloc_lease *alloc_find(const struct alloc *a, alloc_id id);
unsigned alloc_count_guests(const struct alloc *a, unsigned pu);

/* Whether the event may be; changes nothing. */
enum alloc_error alloc_event_check(const struct alloc *a, const struct alloc_event *e);
/* Changes the facts. Takes over *machine, NULL where the event brings none. Room was reserved; cannot fail. */
void alloc_event_apply(struct alloc *a, const struct alloc_event *e, struct machine *machine,
                       struct alloc_actions *actions);
/* Under a hold what a lease has lost or given back does not come again. */
void alloc_lower_hold(struct alloc *a);
/* Ends leases that nobody claimed and those that no PU is left for. */
void alloc_end_leases(struct alloc *a, struct alloc_actions *actions);
void alloc_emit(struct alloc_actions *actions, enum alloc_action_type type, const struct alloc_lease *l,
                enum alloc_error error);

/* Tables with room for n leases and OS indices below width, holding what a's hold; -ENOMEM. */
int alloc_tables_copy(const struct alloc *a, size_t n, unsigned width, struct alloc *ret_tables);
void alloc_tables_free(struct alloc *a);

/* Fills in *s: what every lease can use; who is due how many PUs, and which. Reads facts and what is held, changes
 * neither. alloc_share() plans first. */
void alloc_plan(const struct alloc *a, struct alloc_solution *s);
void alloc_share(const struct alloc *a, struct alloc_solution *s);
/* The last part of alloc_share(). */
void alloc_even_users(const struct alloc *a, struct alloc_solution *s);
void alloc_solve(const struct alloc *a, struct alloc_solution *s);
/* Starts a->solution's takes from what was meant before. */
void alloc_keep(const struct alloc *a, struct alloc_solution *s);
/* Undoes moves that would only change places. */
void alloc_send_home(const struct alloc *a, struct alloc_solution *s);
/* Exchanges PUs between leases of a solution, the counts staying, so that each has its part of every kind. */
void alloc_exchange_kinds(const struct alloc *a, struct alloc_solution *s);
/* Whether the solution wants nothing more of a lease that did not answer: solve again, for that one may grow now. */
bool alloc_forgive(const struct alloc *a, struct alloc_solution *s);

/* Fills in position and expected_at of a->solution's plans, for leases that hold nothing. */
void alloc_wait(struct alloc *a);

/* Lends what can be lent at once, marks what is wanted back; true where that changed anything. Cannot fail. */
bool alloc_settle(struct alloc *a);
/* Makes l's next snapshot from what it holds. True where it differs from the last one. */
bool alloc_snapshot(struct alloc *a, struct alloc_lease *l);
