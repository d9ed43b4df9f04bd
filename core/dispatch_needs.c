/* Items that need something of which there is only so much: limited resources, several PUs.
 *
 * Such an item is sent to a worker that has nothing else, if all it needs is there, and holds that until it leaves the
 * worker's hands. A worker that is sent one while the one before is being torn down holds the larger of both amounts:
 * the second cannot begin earlier. In the pool those that want the same are a kind; one look at a kind tells whether
 * any of its items can begin. Items of serial groups and those of an ordered suite are in no kind: their order decides.
 */
#include "core/dispatch_state.h"

#include <errno.h>
#include <stdlib.h>

/* So many kinds with items in the pool are looked at for one choice. */
enum { KINDS_TRIED = 64 };

/* A resource is urgent whose work alone takes this part of the rest of the run. */
static const double URGENT = 0.5;

/* Who wants what */

struct key {
        const struct dispatch_need *needs;
        uint32_t n_needs, cpus, item;
        uint64_t rank;
};

/* Widest first; otherwise any order that keeps equals together. */
static int by_wants(const struct key *a, const struct key *b)
{
        if (a->cpus != b->cpus)
                return a->cpus > b->cpus ? -1 : 1;
        if (a->n_needs != b->n_needs)
                return a->n_needs > b->n_needs ? -1 : 1;
        for (uint32_t i = 0; i < a->n_needs; i++) {
                if (a->needs[i].resource != b->needs[i].resource)
                        return a->needs[i].resource < b->needs[i].resource ? -1 : 1;
                if (a->needs[i].amount != b->needs[i].amount)
                        return a->needs[i].amount > b->needs[i].amount ? -1 : 1;
        }
        return 0;
}

static int by_wants_and_rank(const void *pa, const void *pb)
{
        const struct key *a = pa, *b = pb;
        int r = by_wants(a, b);

        return r ? r : a->rank < b->rank ? -1 : 1;
}

/* Items that wait in a kind: neither of a serial group nor in order. */
static uint32_t collect(const struct dispatch *d, struct key *keys, bool by_position)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < d->n_items; i++) {
                const struct item *it = &d->items[i];
                /* By length, the early ones before all others. */
                uint64_t rank = by_position ? it->position : it->length + (it->early ? 0 : UINT64_C(1) << 32);

                if (it->constrained && !d->pool.ordered && !d->pool.units[it->unit].serial)
                        keys[n++] = (struct key){.needs = &d->needs.list[it->first_need],
                                                 .n_needs = it->n_needs,
                                                 .cpus = it->cpus,
                                                 .rank = rank,
                                                 .item = i};
        }
        return n;
}

static void make_kinds(struct dispatch *d, struct key *keys, uint32_t n)
{
        struct needs *needs = &d->needs;

        qsort(keys, n, sizeof(*keys), by_wants_and_rank);
        for (uint32_t i = 0; i < n; i++) {
                if (i == 0 || by_wants(&keys[i - 1], &keys[i]) != 0)
                        needs->kinds[needs->n_kinds++] = (struct kind){.first = i, .cpus = keys[i].cpus};
                needs->kinds[needs->n_kinds - 1].end = i + 1;
                needs->by_length[i] = keys[i].item;
                d->items[keys[i].item].kind = needs->n_kinds - 1;
                d->items[keys[i].item].kind_length = i;
        }
}

static void order_positions(struct dispatch *d, struct key *keys, uint32_t n)
{
        collect(d, keys, true);
        qsort(keys, n, sizeof(*keys), by_wants_and_rank);
        for (uint32_t i = 0; i < n; i++) {
                d->needs.by_position[i] = keys[i].item;
                d->items[keys[i].item].kind_position = i;
        }
}

static int copy_needs(struct dispatch *d, const struct dispatch_params *params)
{
        struct needs *needs = &d->needs;
        size_t n = params->n_resources;

        needs->n_resources = params->n_resources;
        needs->capacities = calloc(n + 1, sizeof(*needs->capacities));
        needs->used = calloc(n + 1, sizeof(*needs->used));
        needs->wanted = calloc(n + 1, sizeof(*needs->wanted));
        needs->load = calloc(n + 1, sizeof(*needs->load));
        needs->held = calloc(n * d->max_workers + 1, sizeof(*needs->held));
        needs->list = calloc(params->n_needs + (size_t)1, sizeof(*needs->list));
        if (!needs->capacities || !needs->used || !needs->wanted || !needs->load || !needs->held || !needs->list)
                return -ENOMEM;
        for (uint32_t r = 0; r < params->n_resources; r++)
                needs->capacities[r] = params->capacities[r];
        for (uint32_t i = 0; i < params->n_needs; i++)
                needs->list[i] = params->needs[i];
        return 0;
}

int needs_init(struct dispatch *d, const struct dispatch_params *params)
{
        struct needs *needs = &d->needs;
        struct key *keys;
        uint32_t n;
        int r = copy_needs(d, params);

        for (uint32_t i = 0; i < d->n_items; i++)
                needs->n += d->items[i].constrained;
        for (uint32_t i = 0; i < d->n_items; i++)
                needs->any_wide |= d->items[i].cpus > 1;
        if (r < 0 || needs->n == 0)
                return r;
        keys = calloc(needs->n, sizeof(*keys));
        needs->kinds = calloc(needs->n, sizeof(*needs->kinds));
        needs->by_length = calloc(needs->n, sizeof(*needs->by_length));
        needs->by_position = calloc(needs->n, sizeof(*needs->by_position));
        if (keys && needs->kinds && needs->by_length && needs->by_position) {
                n = collect(d, keys, false);
                make_kinds(d, keys, n);
                order_positions(d, keys, n);
                r = rank_set_init(&needs->lengths, n);
                r = r < 0 ? r : rank_set_init(&needs->positions, n);
        } else {
                r = -ENOMEM;
        }
        free(keys);
        return r;
}

void needs_finish(struct needs *needs)
{
        rank_set_finish(&needs->lengths);
        rank_set_finish(&needs->positions);
        free(needs->capacities);
        free(needs->used);
        free(needs->wanted);
        free(needs->load);
        free(needs->held);
        free(needs->list);
        free(needs->kinds);
        free(needs->by_length);
        free(needs->by_position);
}

/* In the pool and out of it */

static const struct dispatch_need *need_of(const struct dispatch *d, uint32_t item, uint32_t i)
{
        return &d->needs.list[d->items[item].first_need + i];
}

void needs_count(struct dispatch *d, uint32_t item, int sign)
{
        struct needs *needs = &d->needs;
        const struct item *it = &d->items[item];
        double seconds = it->seconds >= 0 ? it->seconds : d->default_seconds;

        for (uint32_t i = 0; i < it->n_needs; i++) {
                const struct dispatch_need *need = need_of(d, item, i);

                needs->wanted[need->resource] += (uint32_t)sign;
                needs->load[need->resource] += sign * seconds * need->amount / needs->capacities[need->resource];
                if (needs->wanted[need->resource] == 0)
                        needs->load[need->resource] = 0;
        }
        if (it->kind == DISPATCH_NONE)
                return;
        needs->kinds[it->kind].n_pool += (uint32_t)sign;
        needs->n_pool += (uint32_t)sign;
        if (sign > 0) {
                rank_set_add(&needs->lengths, it->kind_length);
                rank_set_add(&needs->positions, it->kind_position);
        } else {
                rank_set_remove(&needs->lengths, it->kind_length);
                rank_set_remove(&needs->positions, it->kind_position);
        }
}

/* Held */

static uint32_t *held_by(const struct dispatch *d, uint32_t worker, uint32_t resource)
{
        return &d->needs.held[(size_t)worker * d->needs.n_resources + resource];
}

/* What the items in the worker's hands need of it: the most of any, for they run one after the other. */
static uint32_t most_needed(const struct dispatch *d, const struct worker *w, uint32_t resource)
{
        uint32_t most = 0;

        for (uint32_t k = 0; k < w->n_held; k++)
                for (uint32_t i = 0; i < d->items[w->held[k]].n_needs; i++) {
                        const struct dispatch_need *need = need_of(d, w->held[k], i);

                        if (need->resource == resource && need->amount > most)
                                most = need->amount;
                }
        return most;
}

void needs_update(struct dispatch *d, uint32_t worker, uint32_t item)
{
        const struct worker *w = &d->workers[worker];

        for (uint32_t i = 0; i < d->items[item].n_needs; i++) {
                uint32_t r = need_of(d, item, i)->resource, *held = held_by(d, worker, r), now = most_needed(d, w, r);

                d->freed |= now < *held;
                d->needs.used[r] += now - *held;
                *held = now;
        }
}

bool needs_has_nothing_else(const struct worker *w)
{
        return w->n_held == 0 || w->waiting;
}

/* Whether the resources are there, given what the worker itself holds for an item that is over. */
static bool resources_fit(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        for (uint32_t i = 0; i < d->items[item].n_needs; i++) {
                const struct dispatch_need *need = need_of(d, item, i);
                uint32_t held = *held_by(d, worker, need->resource);

                if (need->amount > held &&
                    need->amount - held > d->needs.capacities[need->resource] - d->needs.used[need->resource])
                        return false;
        }
        return true;
}

bool needs_fit(const struct dispatch *d, uint32_t worker, uint32_t item)
{
        if (!d->items[item].constrained)
                return true;
        return resources_fit(d, worker, item) && (d->items[item].cpus <= 1 || wide_fits(d, worker, item));
}

bool needs_are_blocked_by(const struct dispatch *d, uint32_t worker)
{
        for (uint32_t r = 0; r < d->needs.n_resources; r++)
                if (d->needs.wanted[r] > 0 && *held_by(d, worker, r) > 0)
                        return true;
        return false;
}

/* The choice */

/* The first in the pool of a kind's items at or after a rank of `set` that this worker has; DISPATCH_NONE. */
static uint32_t first_of(const struct dispatch *d, const struct rank_set *set, const uint32_t *order, uint32_t worker,
                         uint32_t from, uint32_t end)
{
        uint32_t rank = rank_set_next(set, from);

        while (rank < end && d->items[order[rank]].missed_by == worker)
                rank = rank_set_next(set, rank + 1);
        return rank < end ? order[rank] : DISPATCH_NONE;
}

static uint32_t longest_of(const struct dispatch *d, uint32_t worker, const struct kind *kind)
{
        return first_of(d, &d->needs.lengths, d->needs.by_length, worker, kind->first, kind->end);
}

/* The rank of the kind's first item at or after a position. */
static uint32_t at_position(const struct dispatch *d, const struct kind *kind, uint32_t position)
{
        uint32_t low = kind->first, high = kind->end;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (d->items[d->needs.by_position[middle]].position < position)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* The kind's next item, in collection order, of the unit that the worker is at. */
static uint32_t own_of(const struct dispatch *d, uint32_t worker, const struct kind *kind)
{
        const struct worker *w = &d->workers[worker];
        uint32_t from, end, item;

        if (w->unit == DISPATCH_NONE || w->tail == DISPATCH_NONE)
                return DISPATCH_NONE;
        from = at_position(d, kind, d->pool.units[w->unit].first);
        end = at_position(d, kind, d->pool.units[w->unit].end);
        item = first_of(d, &d->needs.positions, d->needs.by_position, worker,
                        at_position(d, kind, d->items[w->tail].position), end);
        return item != DISPATCH_NONE ? item : first_of(d, &d->needs.positions, d->needs.by_position, worker, from, end);
}

static bool is_urgent(const struct dispatch *d, uint32_t item)
{
        if (d->items[item].early)
                return true;
        for (uint32_t i = 0; i < d->items[item].n_needs; i++)
                if (d->needs.load[need_of(d, item, i)->resource] >= URGENT * d->outlook.rest)
                        return true;
        return false;
}

static bool is_longer(const struct dispatch *d, uint32_t item, uint32_t than)
{
        if (than == DISPATCH_NONE || d->items[item].early != d->items[than].early)
                return than == DISPATCH_NONE || d->items[item].early;
        return d->items[item].length < d->items[than].length;
}

uint32_t needs_pick(const struct dispatch *d, uint32_t worker, enum needs_which which, double room)
{
        const struct worker *w = &d->workers[worker];
        uint32_t best = DISPATCH_NONE;

        for (uint32_t k = 0, tried = 0; k < d->needs.n_kinds && tried < KINDS_TRIED; k++) {
                const struct kind *kind = &d->needs.kinds[k];
                uint32_t item;

                if (kind->n_pool == 0)
                        continue;
                tried++;
                item = which == NEEDS_OWN ? own_of(d, worker, kind) : longest_of(d, worker, kind);
                if (item == DISPATCH_NONE || (which == NEEDS_URGENT && !is_urgent(d, item)) ||
                    work_at(pool_item_work(d, item), w->speed) > room || !needs_fit(d, worker, item) ||
                    !demand_suits(d, worker, item))
                        continue;
                if (is_longer(d, item, best))
                        best = item;
        }
        return best;
}

uint32_t needs_next_wide(const struct dispatch *d, uint32_t worker)
{
        for (uint32_t k = 0; k < d->needs.n_kinds && d->needs.kinds[k].cpus > 1; k++) {
                const struct kind *kind = &d->needs.kinds[k];
                uint32_t item = kind->n_pool > 0 ? longest_of(d, worker, kind) : DISPATCH_NONE;

                if (item != DISPATCH_NONE && resources_fit(d, worker, item))
                        return item;
        }
        return DISPATCH_NONE;
}
