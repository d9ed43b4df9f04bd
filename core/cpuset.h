/* A set of PUs by OS index: a fixed-size bitmap, passed by pointer, copied by value.
 *
 * Text form is the kernel's cpulist ("0-3,8,10-11"; the empty set is ""), the one /sys, taskset and
 * systemd's AllowedCPUs= use. Indices at or above CPUSET_MAX cannot be represented; cpuset_parse()
 * refuses them with -ERANGE and the rest of the program never makes them.
 *
 * Machines have few of the PUs that a set has room for, so it knows how many of its words may be used and looks at no
 * others. {0} is the empty set; `word` as a whole has the layout of the kernel's cpu_set_t.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        CPUSET_MAX = 4096, /* PUs; OS indices 0 to CPUSET_MAX - 1 */
        CPUSET_WORDS = CPUSET_MAX / 64,
        CPUSET_TEXT_MAX = CPUSET_MAX * 5, /* bytes that hold any set's text and its NUL */
};

#define CPUSET_NONE ((unsigned)-1)

struct cpuset {
        uint64_t word[CPUSET_WORDS];
        unsigned n_words; /* from here on words are 0 */
};

void cpuset_add(struct cpuset *set, unsigned pu);
void cpuset_add_range(struct cpuset *set, unsigned first, unsigned last);
void cpuset_remove(struct cpuset *set, unsigned pu);
static inline bool cpuset_has(const struct cpuset *set, unsigned pu)
{
        return pu / 64 < set->n_words && (set->word[pu / 64] >> (pu % 64) & 1);
}
bool cpuset_is_empty(const struct cpuset *set);
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);
bool cpuset_intersects(const struct cpuset *a, const struct cpuset *b);
/* Whether every PU of a is in b. */
bool cpuset_is_subset(const struct cpuset *a, const struct cpuset *b);
unsigned cpuset_count(const struct cpuset *set);

/* In place: adds b, leaves only what is in b too, takes b away. */
void cpuset_merge(struct cpuset *set, const struct cpuset *b);
void cpuset_restrict(struct cpuset *set, const struct cpuset *b);
void cpuset_subtract(struct cpuset *set, const struct cpuset *b);

struct cpuset cpuset_and(const struct cpuset *a, const struct cpuset *b);
struct cpuset cpuset_or(const struct cpuset *a, const struct cpuset *b);
struct cpuset cpuset_andnot(const struct cpuset *a, const struct cpuset *b);

/* The first PU at or after `from`; CPUSET_NONE where there is none. */
unsigned cpuset_next(const struct cpuset *set, unsigned from);

/* The first PU that both have; CPUSET_NONE where there is none. */
unsigned cpuset_first_common(const struct cpuset *a, const struct cpuset *b);

#define CPUSET_FOREACH(pu, set)                                                                                        \
        for (unsigned pu = cpuset_next((set), 0); pu != CPUSET_NONE; pu = cpuset_next((set), pu + 1))

/* Reads a cpulist; surrounding white space and a trailing newline are allowed, anything else malformed is
 * -EINVAL, an index too large -ERANGE. *ret_set stays untouched on failure. */
int cpuset_parse(const char *text, size_t len, struct cpuset *ret_set);

/* Writes the cpulist and its NUL; returns its length or -ENOSPC. */
int cpuset_format(const struct cpuset *set, char *buf, size_t size);
