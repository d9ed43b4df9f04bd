/* What PUs are worth beside each other. */
#include "core/cpuset.h"
#include "core/dispatch.h"

#include <stdlib.h>

static double alone(const struct dispatch_pu *pu)
{
        return pu->alone > pu->speed ? pu->alone : pu->speed;
}

static bool are_siblings(const struct dispatch_pu *a, const struct dispatch_pu *b)
{
        return a->core == b->core && alone(a) > a->speed && alone(b) > b->speed;
}

/* What pus[i] adds to what its siblings before it do. */
static double gain(const struct dispatch_pu *pus, size_t n, size_t i)
{
        double sum = 0, rest;
        size_t siblings = 0;

        for (size_t k = 0; k < n; k++) {
                if (!are_siblings(&pus[i], &pus[k]))
                        continue;
                if (siblings++ == 0 && k == i)
                        return alone(&pus[i]);
                sum += pus[k].speed;
        }
        if (siblings == 0)
                return pus[i].speed;
        rest = sum - alone(&pus[i]);
        return rest > 0 ? rest / (double)(siblings - 1) : 0;
}

void dispatch_pu_gains(const struct dispatch_pu *pus, size_t n, double *ret_gains)
{
        for (size_t i = 0; i < n; i++)
                ret_gains[i] = gain(pus, n, i);
}

static int by_number(const void *pa, const void *pb)
{
        const struct dispatch_pu *a = pa, *b = pb;

        return (a->os > b->os) - (a->os < b->os);
}

/* A core's first is worth more than its others, so each is still worth in the new order what it was in the old one. */
void dispatch_sort_pus(struct dispatch_pu *pus, size_t n)
{
        double gains[CPUSET_MAX];

        qsort(pus, n, sizeof(*pus), by_number);
        dispatch_pu_gains(pus, n, gains);
        for (size_t i = 1; i < n; i++) {
                struct dispatch_pu pu = pus[i];
                double worth = gains[i];
                size_t at = i;

                for (; at > 0 && gains[at - 1] < worth; at--) {
                        pus[at] = pus[at - 1];
                        gains[at] = gains[at - 1];
                }
                pus[at] = pu;
                gains[at] = worth;
        }
}
