#include <errno.h>
#include <stdlib.h>

#include "cli/run_measure.h"
#include "lib/util.h"

int run_measure_init(struct run_measure *m, const struct run_listing *listing)
{
        *m = (struct run_measure){.n_items = listing->n_items, .n_groups = listing->n_groups};
        m->items = calloc(m->n_items + (size_t)1, sizeof(*m->items));
        m->groups = calloc(m->n_groups + (size_t)1, sizeof(*m->groups));
        if (m->items && m->groups)
                return 0;
        run_measure_finish(m);
        return -ENOMEM;
}

void run_measure_finish(struct run_measure *m)
{
        free(m->items);
        free(m->groups);
        free(m->pus);
        *m = (struct run_measure){0};
}

void run_measure_expect(struct run_measure *m, const struct dispatch_item *items)
{
        m->n_unexpected = 0;
        for (uint32_t i = 0; i < m->n_items; i++) {
                m->items[i].expected = items[i].seconds;
                m->n_unexpected += items[i].seconds < 0;
        }
}

bool run_measure_is_expected(const struct run_measure *m)
{
        return m->n_unexpected == 0;
}

static struct run_measure_pu *find_pu(struct run_measure *m, unsigned os)
{
        for (size_t i = 0; i < m->n_pus; i++)
                if (m->pus[i].os == os)
                        return &m->pus[i];
        return NULL;
}

static void stop_counting(struct run_measure_pu *pu, uint64_t now)
{
        if (!pu->since || pu->spare)
                return;
        pu->held += now - pu->since;
        pu->since = 0;
}

int run_measure_pus(struct run_measure *m, uint64_t now, const struct dispatch_pu *pus, size_t n)
{
        struct run_measure_pu *grown = realloc(m->pus, (m->n_pus + n + 1) * sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        m->pus = grown;
        for (size_t i = 0; i < m->n_pus; i++)
                stop_counting(&m->pus[i], now);
        for (size_t i = 0; i < n; i++) {
                struct run_measure_pu *pu = find_pu(m, pus[i].os);

                if (!pu) {
                        pu = &m->pus[m->n_pus++];
                        *pu = (struct run_measure_pu){.os = pus[i].os};
                }
                pu->speed = pus[i].speed;
                pu->alone = pus[i].alone;
                pu->core = pus[i].core;
                if (!pu->since)
                        pu->since = now;
        }
        return 0;
}

void run_measure_spare(struct run_measure *m, unsigned os)
{
        struct run_measure_pu *pu = find_pu(m, os);

        if (pu && pu->since)
                pu->spare = true;
}

void run_measure_ready(struct run_measure *m, uint64_t now, uint32_t worker)
{
        if (!m->begun)
                m->begun = now;
        if (m->n_workers <= worker)
                m->n_workers = worker + 1;
}

/* Who was not seen to wait is taken to have computed. */
static double item_cpu(const struct run_measure_item *item)
{
        return item->cpu < 0 ? item->wall : item->cpu;
}

static double item_work(const struct run_measure_item *item)
{
        return item->speed > 0 ? estimate_on_fast_core(item->wall, item_cpu(item), item->speed) : 0;
}

/* An item is done, whatever is known of how. */
static void count_done(struct run_measure *m, uint32_t index)
{
        struct run_measure_item *item = &m->items[index];

        if (item->done)
                return;
        item->done = true;
        m->n_done++;
        m->work += item->expected >= 0 ? item->expected : item_work(item);
}

void run_measure_record(struct run_measure *m, uint64_t now, const struct run_done_record *record, double speed)
{
        struct run_measure_item *item;

        if (record->op == RUN_DONE_SETUP) {
                struct run_measure_group *group = record->arg == RUN_NO_INDEX ? &m->session : &m->groups[record->arg];

                group->work += record->wall * speed;
                group->n++;
                m->work += record->wall * speed;
                return;
        }
        item = &m->items[record->arg];
        *item = (struct run_measure_item){.wall = record->wall,
                                          .cpu = record->cpu,
                                          .rss = record->rss,
                                          .speed = speed,
                                          .expected = item->expected,
                                          .done = item->done};
        count_done(m, record->arg);
        m->ended = now;
}

void run_measure_exited(struct run_measure *m, const struct run_exited *exited)
{
        for (size_t i = 0; i < exited->finished.n; i++)
                count_done(m, exited->finished.items[i]);
        m->n_crashes += exited->status != 0;
        if (exited->running == RUN_NO_INDEX)
                return;
        m->n_lost++;
        m->items[exited->running].lost = true;
}

static void set_outcome(struct run_measure *m, const struct run_items *list, enum estimate_outcome outcome)
{
        for (size_t i = 0; i < list->n; i++)
                m->items[list->items[i]].outcome = outcome;
}

void run_measure_outcomes(struct run_measure *m, const struct run_result *result)
{
        if (!result->has_outcomes)
                return;
        for (uint32_t i = 0; i < m->n_items; i++)
                m->items[i].outcome = m->items[i].done ? ESTIMATE_PASSED : ESTIMATE_UNKNOWN;
        set_outcome(m, &result->skipped_items, ESTIMATE_SKIPPED);
        set_outcome(m, &result->failed_items, ESTIMATE_FAILED);
        for (uint32_t i = 0; i < m->n_items; i++)
                if (m->items[i].lost)
                        m->items[i].outcome = ESTIMATE_LOST;
}

static double least(double a, double b)
{
        return a < b ? a : b;
}

static double setup_mean(const struct run_measure_group *group)
{
        return group->n ? group->work / group->n : 0;
}

static int compare_speed(const void *a, const void *b)
{
        const struct dispatch_pu *x = a, *y = b;

        return (x->speed < y->speed) - (x->speed > y->speed);
}

/* The PUs as a relaxation of when they were held: one held half of the time counts as half as fast. */
static size_t average_pus(const struct run_measure *m, struct dispatch_pu *ret_pus)
{
        double span = (double)(m->ended - m->begun);
        size_t n = 0;

        for (size_t i = 0; i < m->n_pus; i++) {
                const struct run_measure_pu *pu = &m->pus[i];
                double held =
                        (double)pu->held + (pu->since && pu->since < m->ended ? (double)(m->ended - pu->since) : 0);
                double share = held < span ? held / span : 1;

                if (share > 0)
                        ret_pus[n++] = (struct dispatch_pu){
                                .os = pu->os, .speed = pu->speed * share, .alone = pu->alone * share, .core = pu->core};
        }
        qsort(ret_pus, n, sizeof(*ret_pus), compare_speed);
        return n;
}

static double serial_seconds(const struct run_measure *m)
{
        double seconds = 0;

        for (uint32_t i = 0; i < m->n_items; i++)
                seconds += item_work(&m->items[i]);
        for (uint32_t i = 0; i < m->n_groups; i++)
                seconds += setup_mean(&m->groups[i]);
        return seconds + setup_mean(&m->session);
}

/* The part of an item's time in which it used no CPU. */
static double item_waits(const struct run_measure_item *item)
{
        double seconds = item_work(item);

        return seconds > 0 && item->wall > item_cpu(item) ? least(1, (item->wall - item_cpu(item)) / seconds) : 0;
}

static void describe_items(const struct run_measure *m, const struct run_listing *l, struct dispatch_item *items)
{
        for (uint32_t i = 0; i < m->n_items; i++)
                items[i] = (struct dispatch_item){.seconds = item_work(&m->items[i]),
                                                  .waits = item_waits(&m->items[i]),
                                                  .group = l->group[i],
                                                  .serial = l->serial ? l->serial[i] : 0};
        run_needs_tell(&l->needs, items, m->n_items);
}

static void describe_groups(const struct run_measure *m, const struct run_listing *l, struct dispatch_group *groups)
{
        for (uint32_t i = 0; i < m->n_groups; i++)
                groups[i] = (struct dispatch_group){
                        .parent = l->group_parent[i], .setup = setup_mean(&m->groups[i]), .loose = l->group_loose[i]};
}

/* How much of each resource was in use, over the makespan and all that there is of it. */
static double *shares_in_use(const struct run_measure *m, const struct run_needs *n, double makespan)
{
        double *shares = calloc(n->n_resources + (size_t)1, sizeof(*shares));

        if (!shares || !n->items)
                return shares;
        for (uint32_t i = 0; i < m->n_items; i++)
                for (uint32_t k = 0; k < n->items[i].n; k++) {
                        const struct dispatch_need *need = &n->needs[n->items[i].first + k];

                        shares[need->resource] +=
                                need->amount * m->items[i].wall / (n->capacities[need->resource] * makespan);
                }
        return shares;
}

static int bound(const struct run_measure *m, const struct run_listing *l, const struct dispatch_params *limits,
                 double *ret_seconds)
{
        CLEANUP_FREE struct dispatch_item *items = calloc(m->n_items + (size_t)1, sizeof(*items));
        CLEANUP_FREE struct dispatch_group *groups = calloc(m->n_groups + (size_t)1, sizeof(*groups));
        CLEANUP_FREE struct dispatch_pu *pus = calloc(m->n_pus + 1, sizeof(*pus));
        struct dispatch_params params = *limits;

        if (!items || !groups || !pus)
                return -ENOMEM;
        describe_items(m, l, items);
        describe_groups(m, l, groups);
        params.items = items;
        params.n_items = m->n_items;
        params.groups = groups;
        params.n_groups = m->n_groups;
        params.capacities = l->needs.capacities;
        params.n_resources = l->needs.n_resources;
        params.needs = l->needs.needs;
        params.n_needs = l->needs.n_needs;
        params.session_setup = setup_mean(&m->session);
        return dispatch_bound(&params, pus, average_pus(m, pus), ret_seconds);
}

int run_measure_figures(struct run_measure *m, const struct run_listing *listing, const struct dispatch_params *limits,
                        struct run_measure_figures *ret_figures)
{
        struct run_measure_figures f = {0};
        int r;

        if (!m->begun || m->ended <= m->begun || m->n_pus == 0) {
                *ret_figures = f;
                return 0;
        }
        r = bound(m, listing, limits, &f.bound);
        if (r < 0)
                return r;
        f.makespan = (double)(m->ended - m->begun) / 1e6;
        if (f.bound > f.makespan) /* PUs that took turns: the relaxation is no bound there */
                f.bound = f.makespan;
        f.serial = serial_seconds(m);
        f.in_use = shares_in_use(m, &listing->needs, f.makespan);
        if (!f.in_use)
                return -ENOMEM;
        *ret_figures = f;
        return 0;
}

void run_measure_figures_finish(struct run_measure_figures *f)
{
        free(f->in_use);
        *f = (struct run_measure_figures){0};
}
