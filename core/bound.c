/* The least makespan possible on uniform machines: what a run's result is held against.
 *
 * Horvath, Lam, Sethi 1977, "A level algorithm for preemptive scheduling": even with preemption the k longest items
 * cannot end before their sum over the k fastest speeds, nor all work before the sum over all speeds. Set-ups: each
 * group that has an item is set up at least once, wherever. A k-item prefix is bounded without set-ups, which only
 * makes it smaller. Items of a serial group never run beside each other: together they are one item.
 */
#include "core/dispatch.h"

#include <errno.h>
#include <stdlib.h>

static int descending(const void *pa, const void *pb)
{
        double a = *(const double *)pa, b = *(const double *)pb;

        return (a < b) - (a > b);
}

static void mark_groups(const struct dispatch_item *items, uint32_t n_items, const struct dispatch_group *groups,
                        bool *used)
{
        for (uint32_t i = 0; i < n_items; i++)
                for (uint32_t g = items[i].group; g != DISPATCH_NONE && !used[g]; g = groups[g].parent)
                        used[g] = true;
}

static double sum_setups(const struct dispatch_group *groups, uint32_t n_groups, const bool *used)
{
        double sum = 0;

        for (uint32_t g = 0; g < n_groups; g++)
                if (used[g] && groups[g].setup > 0)
                        sum += groups[g].setup;
        return sum;
}

/* The larger of all k-prefixes' and of the whole's; both arrays are in descending order. */
static double greatest_ratio(const double *seconds, size_t n_items, const double *speeds, size_t n_pus, double setups)
{
        double work = 0, speed = 0, bound = 0;
        size_t i;

        for (i = 0; i < n_items && i < n_pus; i++) {
                work += seconds[i];
                speed += speeds[i];
                if (work / speed > bound)
                        bound = work / speed;
        }
        for (size_t k = i; k < n_items; k++)
                work += seconds[k];
        for (size_t k = i; k < n_pus; k++)
                speed += speeds[k];
        return (work + setups) / speed > bound ? (work + setups) / speed : bound;
}

/* Every item's seconds; those of a serial group with its first one. first_of: n_items + 1, zeroed. */
static void sum_parts(const struct dispatch_item *items, uint32_t n_items, uint32_t *first_of, double *seconds)
{
        for (uint32_t i = 0; i < n_items; i++) {
                uint32_t *first = &first_of[items[i].serial];

                if (items[i].serial > 0 && *first == 0)
                        *first = i + 1;
                seconds[items[i].serial > 0 ? *first - 1 : i] += items[i].seconds > 0 ? items[i].seconds : 0;
        }
}

int dispatch_bound(const struct dispatch_item *items, uint32_t n_items, const struct dispatch_group *groups,
                   uint32_t n_groups, const struct dispatch_pu *pus, size_t n_pus, double *ret_seconds)
{
        double *seconds, *speeds;
        uint32_t *first_of;
        bool *used;
        int r = -ENOMEM;

        if (n_pus == 0)
                return -EINVAL;
        seconds = calloc(n_items + (size_t)1, sizeof(*seconds));
        speeds = calloc(n_pus, sizeof(*speeds));
        used = calloc(n_groups + (size_t)1, sizeof(*used));
        first_of = calloc(n_items + (size_t)1, sizeof(*first_of));
        if (!seconds || !speeds || !used || !first_of)
                goto out;

        sum_parts(items, n_items, first_of, seconds);
        for (size_t i = 0; i < n_pus; i++)
                speeds[i] = pus[i].speed;
        qsort(seconds, n_items, sizeof(*seconds), descending);
        qsort(speeds, n_pus, sizeof(*speeds), descending);
        mark_groups(items, n_items, groups, used);

        *ret_seconds = greatest_ratio(seconds, n_items, speeds, n_pus, sum_setups(groups, n_groups, used));
        r = 0;
out:
        free(seconds);
        free(speeds);
        free(used);
        free(first_of);
        return r;
}
