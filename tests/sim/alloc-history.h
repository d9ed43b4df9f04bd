/* One simulated history of the allocator: its clients, the facts they were told, and a step that asserts what every
 * step must obey. Breaking one prints the seed and the state, and ends the program. */
#pragma once

#include "tests/sim/alloc-laws.h"
#include "tests/sim/alloc-world.h"

enum {
        HISTORY_LEASES = 24,
        HISTORY_PUS = 64,
};

/* How a client answers when PUs are wanted back. */
enum client_manner { CLIENT_PROMPT, CLIENT_LATE, CLIENT_NEVER, CLIENT_MANNERS };

/* What the service has written down of a lease. */
struct client_record {
        struct alloc_request request;
        uint64_t generation;
        struct cpuset pus, slots;
};

struct client {
        alloc_id id;
        enum client_manner manner;
        struct cpuset unusable;
        struct alloc_grant before; /* as the latest step found it; generation 0 for one just opened */
        struct alloc_grant told;   /* the latest that the client has heard of */
        struct client_record record;
};

struct history {
        struct alloc *alloc;
        struct alloc_actions actions;
        struct rng rng;
        uint64_t seed, hash, now;
        bool verbose, backgrounds, masks;
        unsigned n_users;
        enum placement_aim aim;
        enum world_shape shape;
        unsigned n_pus;
        struct cpuset offline;
        struct machine machine; /* as the allocator knows it */
        struct laws_facts facts;
        struct client clients[HISTORY_LEASES]; /* by opening, as the allocator has them */
        size_t n_clients;
        struct cpuset unusable[HISTORY_LEASES]; /* the clients', as the laws are told of them */
        alloc_id next_id;
        struct cpuset lent_before;
};

void history_require(const struct history *h, bool holds, const char *broken);
/* `broken` as alloc_check() and the laws return it. */
void history_require_law(const struct history *h, const char *broken);

/* True once in so many times. */
bool history_chance(struct history *h, unsigned one_in);

void history_add_client(struct history *h, alloc_id id);
/* SIZE_MAX where there is none. */
size_t history_client_index(const struct history *h, alloc_id id);

/* Lets the allocator take the step at the history's time, now and then with an allocation that fails, and asserts what
 * must hold after it. Returns 0 or the enum alloc_error. */
int history_step(struct history *h, struct alloc_event event);
/* The service writes down what the allocator shows of the lease. */
void history_record(struct history *h, alloc_id id);
/* Takes what the allocator shows for what was before the next step. */
void history_remember(struct history *h);
