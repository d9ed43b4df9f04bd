#include "core/cpuset.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#define BIT(pu) (UINT64_C(1) << ((pu) % 64))

static unsigned least(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

void cpuset_add(struct cpuset *set, unsigned pu)
{
        if (pu >= CPUSET_MAX)
                return;
        set->word[pu / 64] |= BIT(pu);
        if (set->n_words <= pu / 64)
                set->n_words = pu / 64 + 1;
}

void cpuset_add_range(struct cpuset *set, unsigned first, unsigned last)
{
        for (unsigned pu = first; pu <= last && pu < CPUSET_MAX; pu++)
                cpuset_add(set, pu);
}

void cpuset_remove(struct cpuset *set, unsigned pu)
{
        if (pu < CPUSET_MAX)
                set->word[pu / 64] &= ~BIT(pu);
}

bool cpuset_is_empty(const struct cpuset *set)
{
        for (unsigned i = 0; i < set->n_words; i++)
                if (set->word[i])
                        return false;
        return true;
}

bool cpuset_equal(const struct cpuset *a, const struct cpuset *b)
{
        return cpuset_is_subset(a, b) && cpuset_is_subset(b, a);
}

bool cpuset_intersects(const struct cpuset *a, const struct cpuset *b)
{
        unsigned n = least(a->n_words, b->n_words);

        for (unsigned i = 0; i < n; i++)
                if (a->word[i] & b->word[i])
                        return true;
        return false;
}

bool cpuset_is_subset(const struct cpuset *a, const struct cpuset *b)
{
        for (unsigned i = 0; i < a->n_words; i++)
                if (a->word[i] & ~b->word[i])
                        return false;
        return true;
}

unsigned cpuset_count(const struct cpuset *set)
{
        unsigned n = 0;

        for (unsigned i = 0; i < set->n_words; i++)
                n += (unsigned)__builtin_popcountll(set->word[i]);
        return n;
}

void cpuset_merge(struct cpuset *set, const struct cpuset *b)
{
        for (unsigned i = 0; i < b->n_words; i++)
                set->word[i] |= b->word[i];
        if (set->n_words < b->n_words)
                set->n_words = b->n_words;
}

void cpuset_restrict(struct cpuset *set, const struct cpuset *b)
{
        for (unsigned i = 0; i < set->n_words; i++)
                set->word[i] &= b->word[i];
}

void cpuset_subtract(struct cpuset *set, const struct cpuset *b)
{
        unsigned n = least(set->n_words, b->n_words);

        for (unsigned i = 0; i < n; i++)
                set->word[i] &= ~b->word[i];
}

struct cpuset cpuset_and(const struct cpuset *a, const struct cpuset *b)
{
        struct cpuset r = {.n_words = least(a->n_words, b->n_words)};

        for (unsigned i = 0; i < r.n_words; i++)
                r.word[i] = a->word[i] & b->word[i];
        return r;
}

struct cpuset cpuset_or(const struct cpuset *a, const struct cpuset *b)
{
        struct cpuset r = *a;

        cpuset_merge(&r, b);
        return r;
}

struct cpuset cpuset_andnot(const struct cpuset *a, const struct cpuset *b)
{
        struct cpuset r = *a;

        cpuset_subtract(&r, b);
        return r;
}

unsigned cpuset_next(const struct cpuset *set, unsigned from)
{
        unsigned i = from / 64;

        if (i >= set->n_words)
                return CPUSET_NONE;

        uint64_t word = set->word[i] & (~UINT64_C(0) << (from % 64));

        while (!word) {
                if (++i >= set->n_words)
                        return CPUSET_NONE;
                word = set->word[i];
        }
        return i * 64 + (unsigned)__builtin_ctzll(word);
}

unsigned cpuset_first_common(const struct cpuset *a, const struct cpuset *b)
{
        unsigned n = least(a->n_words, b->n_words);

        for (unsigned i = 0; i < n; i++)
                if (a->word[i] & b->word[i])
                        return i * 64 + (unsigned)__builtin_ctzll(a->word[i] & b->word[i]);
        return CPUSET_NONE;
}

/* Reads a number at *p, which must be a digit; -ERANGE above the largest index. */
static int parse_index(const char **p, const char *end, unsigned *ret_index)
{
        unsigned n = 0;

        if (*p == end || !isdigit((unsigned char)**p))
                return -EINVAL;
        for (; *p < end && isdigit((unsigned char)**p); (*p)++) {
                n = n * 10 + (unsigned)(**p - '0');
                if (n >= CPUSET_MAX)
                        return -ERANGE;
        }
        *ret_index = n;
        return 0;
}

int cpuset_parse(const char *text, size_t len, struct cpuset *ret_set)
{
        struct cpuset set = {0};
        const char *p = text, *end = text + len;

        while (p < end && isspace((unsigned char)*p))
                p++;
        while (end > p && isspace((unsigned char)end[-1]))
                end--;

        while (p < end) {
                unsigned first, last;
                int r = parse_index(&p, end, &first);

                if (r < 0)
                        return r;
                last = first;
                if (p < end && *p == '-') {
                        p++;
                        r = parse_index(&p, end, &last);
                        if (r < 0)
                                return r;
                        if (last < first)
                                return -EINVAL;
                }
                cpuset_add_range(&set, first, last);
                if (p == end)
                        break;
                if (*p++ != ',' || p == end)
                        return -EINVAL;
        }
        *ret_set = set;
        return 0;
}

int cpuset_format(const struct cpuset *set, char *buf, size_t size)
{
        size_t used = 0;

        if (size == 0)
                return -ENOSPC;
        buf[0] = '\0';
        for (unsigned first = cpuset_next(set, 0); first != CPUSET_NONE;) {
                unsigned last = first;

                while (last + 1 < CPUSET_MAX && cpuset_has(set, last + 1))
                        last++;
                const char *comma = used ? "," : "";
                int n = last == first ? snprintf(buf + used, size - used, "%s%u", comma, first)
                                      : snprintf(buf + used, size - used, "%s%u-%u", comma, first, last);
                if (n < 0 || (size_t)n >= size - used)
                        return -ENOSPC;
                used += (size_t)n;
                first = cpuset_next(set, last + 1);
        }
        return (int)used;
}
