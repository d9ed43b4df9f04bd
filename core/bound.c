/* The least makespan possible on uniform machines: what a run's result is held against.
 *
 * Horvath, Lam, Sethi 1977, "A level algorithm for preemptive scheduling": even with preemption the k longest items
 * cannot end before their sum over the k fastest speeds, nor all work before the sum over all speeds. Set-ups: each
 * group that has an item is set up at least once, wherever. A k-item prefix is bounded without set-ups, which only
 * makes it smaller. Items of a serial group never run beside each other: together they are one item.
 *
 * Only the part of an item that computes needs a PU, and only that is the faster for a fast one. The terms for what is
 * limited besides (workers, resources, PUs that one item has to itself) are areas: Garey, Graham 1975, "Bounds for
 * multiprocessor scheduling with resource constraints".
 */
#include "core/dispatch.h"

#include <errno.h>
#include <stdlib.h>

/* An item, or all of a serial group. */
struct part {
        double cpu, waits; /* seconds on a fast core */
};

struct bounding {
        const struct dispatch_params *p;
        const struct dispatch_pu *pus;
        size_t n_pus;
        double fastest;
        struct part *parts; /* n_items; those of a serial group with its first item */
        uint32_t *first_of; /* by serial group */
        double *seconds;    /* n_items: the parts' CPU seconds, longest first */
        double *speeds;     /* n_pus: what each further PU adds, best first */
        double *areas;      /* by resource: amount x seconds */
        bool *used;         /* groups */
};

static int descending(const void *pa, const void *pb)
{
        double a = *(const double *)pa, b = *(const double *)pb;

        return (a < b) - (a > b);
}

static double larger(double a, double b)
{
        return a > b ? a : b;
}

static double lesser(double a, double b)
{
        return a < b ? a : b;
}

/* Seconds that this takes where nobody else runs. */
static double duration(const struct bounding *b, const struct part *part)
{
        return part->waits + part->cpu / b->fastest;
}

static struct part part_of(const struct dispatch_item *item)
{
        double seconds = item->seconds > 0 ? item->seconds : 0;

        return (struct part){.cpu = seconds * (1 - item->waits), .waits = seconds * item->waits};
}

static void collect_parts(struct bounding *b)
{
        for (uint32_t i = 0; i < b->p->n_items; i++) {
                const struct dispatch_item *item = &b->p->items[i];
                uint32_t *first = &b->first_of[item->serial];
                struct part part = part_of(item), *sum;

                if (item->serial > 0 && *first == 0)
                        *first = i + 1;
                sum = &b->parts[item->serial > 0 ? *first - 1 : i];
                sum->cpu += part.cpu;
                sum->waits += part.waits;
        }
}

/* Within a core the gains fall, so the k largest of all are the most that any k PUs can do. */
static void rate_pus(struct bounding *b)
{
        dispatch_pu_gains(b->pus, b->n_pus, b->speeds);
        qsort(b->speeds, b->n_pus, sizeof(*b->speeds), descending);
        b->fastest = b->speeds[0];
}

static double sum_setups(struct bounding *b)
{
        const struct dispatch_group *groups = b->p->groups;
        double sum = 0;

        for (uint32_t i = 0; i < b->p->n_items; i++)
                for (uint32_t g = b->p->items[i].group; g != DISPATCH_NONE && !b->used[g]; g = groups[g].parent) {
                        b->used[g] = true;
                        sum += groups[g].setup > 0 ? groups[g].setup : 0;
                }
        return sum;
}

/* The larger of all k-prefixes' and of the whole's. */
static double greatest_ratio(const struct bounding *b, double setups)
{
        double work = 0, speed = 0, bound = 0;
        size_t i;

        for (i = 0; i < b->p->n_items && i < b->n_pus; i++) {
                work += b->seconds[i];
                speed += b->speeds[i];
                bound = larger(bound, work / speed);
        }
        for (size_t k = i; k < b->p->n_items; k++)
                work += b->seconds[k];
        for (size_t k = i; k < b->n_pus; k++)
                speed += b->speeds[k];
        return larger((work + setups) / speed, bound);
}

/* Over workers, over PUs where items need several, and over each resource. */
static double greatest_area(struct bounding *b)
{
        const struct dispatch_params *p = b->p;
        double workers = larger((double)b->n_pus + p->extra_workers, p->min_workers), all = 0, pus = 0, bound;

        for (uint32_t i = 0; i < p->n_items; i++) {
                const struct dispatch_item *item = &p->items[i];
                struct part part = part_of(item);
                double seconds = duration(b, &part);

                all += seconds;
                pus += item->cpus > 1 ? lesser(item->cpus, (double)b->n_pus) * seconds : part.cpu / b->fastest;
                for (uint32_t k = item->first_need; k < item->first_need + item->n_needs; k++)
                        b->areas[p->needs[k].resource] += p->needs[k].amount * seconds;
        }
        bound = larger(all / workers, pus / (double)b->n_pus);
        for (uint32_t r = 0; r < p->n_resources; r++)
                bound = larger(bound, b->areas[r] / p->capacities[r]);
        return bound;
}

static double find_bound(struct bounding *b)
{
        double bound = 0;

        collect_parts(b);
        rate_pus(b);
        for (uint32_t i = 0; i < b->p->n_items; i++) {
                bound = larger(bound, duration(b, &b->parts[i]));
                b->seconds[i] = b->parts[i].cpu;
        }
        qsort(b->seconds, b->p->n_items, sizeof(*b->seconds), descending);
        bound = larger(bound, greatest_ratio(b, sum_setups(b)));
        return larger(bound, greatest_area(b));
}

int dispatch_bound(const struct dispatch_params *params, const struct dispatch_pu *pus, size_t n_pus,
                   double *ret_seconds)
{
        size_t n = params->n_items + (size_t)1;
        struct bounding b = {
                .p = params,
                .pus = pus,
                .n_pus = n_pus,
                .parts = calloc(n, sizeof(*b.parts)),
                .first_of = calloc(n, sizeof(*b.first_of)),
                .seconds = calloc(n, sizeof(*b.seconds)),
                .speeds = calloc(n_pus + 1, sizeof(*b.speeds)),
                .areas = calloc(params->n_resources + (size_t)1, sizeof(*b.areas)),
                .used = calloc(params->n_groups + (size_t)1, sizeof(*b.used)),
        };
        int r = n_pus > 0 ? -ENOMEM : -EINVAL;

        if (n_pus > 0 && b.parts && b.first_of && b.seconds && b.speeds && b.areas && b.used) {
                *ret_seconds = find_bound(&b);
                r = 0;
        }
        free(b.parts);
        free(b.first_of);
        free(b.seconds);
        free(b.speeds);
        free(b.areas);
        free(b.used);
        return r;
}
