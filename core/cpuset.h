/* A set of PUs by OS index: a fixed-size bitmap, passed by pointer, copied by value.
 *
 * Text form is the kernel's cpulist ("0-3,8,10-11"; the empty set is ""), the one /sys, taskset and
 * systemd's AllowedCPUs= use. Indices at or above CPUSET_MAX cannot be represented; cpuset_parse()
 * refuses them with -ERANGE and the rest of the program never makes them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        CPUSET_MAX = 4096,                /* PUs; OS indices 0 to CPUSET_MAX - 1 */
        CPUSET_WORDS = CPUSET_MAX / 64,
        CPUSET_TEXT_MAX = CPUSET_MAX * 5, /* bytes that hold any set's text and its NUL */
};

#define CPUSET_NONE ((unsigned)-1)

struct cpuset {
        uint64_t word[CPUSET_WORDS];
};

void cpuset_add(struct cpuset *set, unsigned pu);
void cpuset_add_range(struct cpuset *set, unsigned first, unsigned last);
void cpuset_remove(struct cpuset *set, unsigned pu);
bool cpuset_has(const struct cpuset *set, unsigned pu);
bool cpuset_is_empty(const struct cpuset *set);
bool cpuset_equal(const struct cpuset *a, const struct cpuset *b);
bool cpuset_intersects(const struct cpuset *a, const struct cpuset *b);
/* Whether every PU of a is in b. */
bool cpuset_is_subset(const struct cpuset *a, const struct cpuset *b);
unsigned cpuset_count(const struct cpuset *set);

struct cpuset cpuset_and(const struct cpuset *a, const struct cpuset *b);
struct cpuset cpuset_or(const struct cpuset *a, const struct cpuset *b);
struct cpuset cpuset_andnot(const struct cpuset *a, const struct cpuset *b);

/* The first PU at or after `from`; CPUSET_NONE where there is none. */
unsigned cpuset_next(const struct cpuset *set, unsigned from);

#define CPUSET_FOREACH(pu, set) \
        for (unsigned pu = cpuset_next((set), 0); pu != CPUSET_NONE; pu = cpuset_next((set), pu + 1))

/* Reads a cpulist; surrounding white space and a trailing newline are allowed, anything else malformed is
 * -EINVAL, an index too large -ERANGE. *ret_set stays untouched on failure. */
int cpuset_parse(const char *text, size_t len, struct cpuset *ret_set);

/* Writes the cpulist and its NUL; returns its length or -ENOSPC. */
int cpuset_format(const struct cpuset *set, char *buf, size_t size);
