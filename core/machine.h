/* The machine: PUs, cores, SMT rank, kinds of core, packages, NUMA nodes, last-level caches, relative speed.
 *
 * hw/ fills it; core/ reads it. Plain data, owned by whoever holds the struct; machine_finish() frees the
 * array. PUs are sorted by OS index and only online PUs are in it. Cores, packages, nodes and caches are
 * dense numbers from 0, kinds likewise with 0 the fastest.
 */
#pragma once

#include "core/cpuset.h"

enum {
        MACHINE_KINDS_MAX = 8,
        MACHINE_KIND_NAME_MAX = 16,
};

/* What SMT is worth where nothing better is known: two busy siblings do about a quarter more than one alone. Bulpin
 * and Pratt 2004 found a fifth on average for mixed programs on the first SMT processors; later cores gain more. */
#define MACHINE_SMT_GAIN_DEFAULT 0.25

/* What a further busy sibling adds to the power of its core, where that core alone takes 1: Li, Brooks, Hu, Skadron and
 * Bose 2004 (Understanding the energy efficiency of simultaneous multithreading) found roughly 24 % for two threads. So
 * a sibling does about as much work for its energy as a core of its kind, and neither needs the other's place. */
#define MACHINE_SMT_POWER 0.24

/* What a class of cores is called: on a hybrid machine P, E and LP-E, elsewhere a number, and nothing where
 * all cores are alike. */
struct machine_kind {
        char name[MACHINE_KIND_NAME_MAX]; /* "P", "E", "LP-E", "0", "1"…; "" on a uniform machine */
        double speed;                     /* of one core alone, relative to the fastest kind: (0, 1] */
        double power;                     /* of one busy core, relative to the fastest kind; 0: derived from speed */
        unsigned n_cores;
};

struct machine_pu {
        unsigned os; /* OS index */
        unsigned core;
        unsigned smt_rank; /* 0 for the core's first PU */
        unsigned kind;
        unsigned package;
        unsigned node;  /* NUMA node */
        unsigned cache; /* last-level cache it shares */
};

struct machine {
        struct machine_pu *pus; /* n_pus of them, by OS index */
        unsigned n_pus;
        unsigned n_cores;
        unsigned n_kinds;
        unsigned n_packages;
        unsigned n_nodes;
        unsigned n_caches;
        double smt_gain; /* what a core's throughput gains by each further busy sibling: [0, 1], 0.25 by default */
        struct machine_kind kinds[MACHINE_KINDS_MAX];
};

/* Takes over `pus` (malloc'ed), sorts it, derives the counts (kinds' n_cores too) and checks it: distinct OS
 * indices, dense numbers, one kind a core, SMT ranks 0 to k - 1 in each core, speeds within (0, 1] and falling, powers
 * finite and not negative. -EINVAL where that does not hold; ret_machine is then untouched and pus still the caller's.
 *
 * Where a kind's power is not given it is the square of its speed: power goes with a core's complexity and speed with
 * the square root of that (Pollack's rule; Borkar and Chien 2011, The future of microprocessors). A core at half the
 * speed takes a quarter of the power, and so does twice the work for its energy. */
int machine_init(struct machine_pu *pus, unsigned n_pus, const struct machine_kind *kinds, unsigned n_kinds,
                 struct machine *ret_machine);
void machine_finish(struct machine *m);
int machine_copy(const struct machine *m, struct machine *ret_copy);

/* NULL where the machine has no such PU. O(log n). */
const struct machine_pu *machine_find(const struct machine *m, unsigned os);
struct cpuset machine_cpuset(const struct machine *m);
/* The PUs of one core, one kind, one package… are found by filtering pus; these two are asked often. */
struct cpuset machine_siblings(const struct machine *m, unsigned os);
struct cpuset machine_kind_cpuset(const struct machine *m, unsigned kind);

/* Speed of one PU relative to the fastest core alone when the PUs in `busy` (itself counted in or not) run
 * at the same time: kind speed x (1 + gain x (k - 1)) / k, k the busy PUs of its core. (0, 1]; 0 where the machine
 * has no such PU. */
double machine_pu_speed(const struct machine *m, unsigned os, const struct cpuset *busy);
