/* The search for a schedule: greedy, then moves and swaps. */
#include "core/dispatch_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A gain below this part of the whole is rounding. */
static const double EPSILON = 1e-9;
/* What the order of items is worth, and to stay with a plan, of what splitting a unit has to gain. */
static const double SLACK = 0.3;

enum {
        ORDERS = 16,  /* so many are tried… */
        SEARCHES = 4, /* …as long as it takes no more than so many searches may */
        TARGETS = 8,  /* workers that end first: only with these, and where a block is up, is anything exchanged */
};

struct search {
        struct plan *p;
        bool whole;      /* blocks move, not parts */
        uint32_t jumble; /* which of the orders that are not quite longest first; 0: longest first */
        uint64_t max_steps;
        double target; /* seconds: workers of cores that end before that are targets */
};

struct change {
        uint32_t worker;
        double work;
};

/* Seconds from now until all workers of the core are done, after up to two changes of their work. */
static double core_end(const struct plan *p, uint32_t core, const struct change *changes, unsigned n_changes)
{
        const struct plan_core *c = &p->cores[core];
        double works[PLAN_SIBLINGS_MAX], end = 0, done = 0;

        for (uint32_t i = 0; i < c->n; i++) {
                double work = p->workers[c->first + i].work;
                uint32_t at = i;

                for (unsigned k = 0; k < n_changes; k++)
                        work += changes[k].worker == c->first + i ? changes[k].work : 0;
                for (; at > 0 && works[at - 1] > work; at--)
                        works[at] = works[at - 1];
                works[at] = work;
        }
        for (uint32_t i = 0; i < c->n; i++) {
                end += (works[i] - done) / c->rate[c->n - i];
                done = works[i];
        }
        return end;
}

static uint16_t *count_of(struct plan *p, uint32_t block, uint32_t worker)
{
        return &p->n_of[(size_t)block * p->n_workers + worker];
}

/* What the parts are on this worker: those that wait do not wait the shorter for a fast core. */
static double parts_work(const struct plan *p, uint32_t first, uint32_t n, uint32_t worker)
{
        double speed = p->cores[p->workers[worker].core].rate[1], work = 0;

        for (uint32_t i = first; i < first + n; i++)
                work += p->parts[i].cpu + p->parts[i].waits * speed;
        return work;
}

/* The set-up that a worker pays for the first part of a block, and saves with the last. */
static double setup_without(struct plan *p, uint32_t block, uint32_t worker, uint32_t n)
{
        bool up = p->workers[worker].alive == block || p->blocks[block].paid == worker;

        return !up && *count_of(p, block, worker) == n ? p->blocks[block].setup : 0;
}

static void take(struct plan *p, uint32_t first, uint32_t n)
{
        uint32_t worker = p->parts[first].worker, block = p->parts[first].block;

        p->workers[worker].work -= parts_work(p, first, n, worker) + setup_without(p, block, worker, n);
        *count_of(p, block, worker) = (uint16_t)(*count_of(p, block, worker) - n);
}

static void give(struct plan *p, uint32_t first, uint32_t n, uint32_t worker)
{
        uint32_t block = p->parts[first].block;

        p->workers[worker].work += parts_work(p, first, n, worker) + setup_without(p, block, worker, 0);
        *count_of(p, block, worker) = (uint16_t)(*count_of(p, block, worker) + n);
        for (uint32_t i = first; i < first + n; i++)
                p->parts[i].worker = worker;
}

static void clear(struct plan *p)
{
        memset(p->n_of, 0, (size_t)p->n_blocks * p->n_workers * sizeof(*p->n_of));
        for (uint32_t i = 0; i < p->n_workers; i++)
                p->workers[i].work = p->workers[i].held;
}

static double find_ends(struct plan *p)
{
        double end = 0;

        for (uint32_t i = 0; i < p->n_cores; i++) {
                p->cores[i].end = core_end(p, i, NULL, 0);
                end = p->cores[i].end > end ? p->cores[i].end : end;
        }
        return end;
}

static double work_out(struct plan *p, const struct plan_piece *piece)
{
        return parts_work(p, piece->first, piece->n, piece->worker) +
               setup_without(p, p->parts[piece->first].block, piece->worker, piece->n);
}

static double work_in(struct plan *p, const struct plan_piece *piece, uint32_t worker)
{
        return parts_work(p, piece->first, piece->n, worker) +
               setup_without(p, p->parts[piece->first].block, worker, 0);
}

/* Greedy */

/* The piece that ends before the part `at`. */
static struct plan_piece piece_before(const struct search *s, uint32_t at)
{
        const struct plan_part *last = &s->p->parts[at - 1];
        uint32_t n = s->whole ? s->p->blocks[last->block].n : 1;

        return (struct plan_piece){.first = at - n, .n = n, .worker = last->worker};
}

/* Longest first, among equals the one collected first. */
static int by_seconds(const void *pa, const void *pb)
{
        const struct plan_piece *a = pa, *b = pb;

        if (a->seconds > b->seconds || a->seconds < b->seconds)
                return a->seconds > b->seconds ? -1 : 1;
        return (a->from > b->from) - (a->from < b->from);
}

/* 1 to 2, or 1 where the order is longest first: the same for the same piece and order (splitmix64's finalizer). */
static double jumbled(const struct search *s, uint32_t piece)
{
        uint64_t z = ((uint64_t)s->jumble << 32 | piece) * UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return s->jumble ? 1 + (double)(z >> 40) * 0x1p-24 : 1;
}

static uint32_t sort_pieces(const struct search *s)
{
        struct plan *p = s->p;
        uint32_t n = 0;

        for (uint32_t at = p->n_parts; at > 0; at = p->order[n++].first) {
                struct plan_piece piece = piece_before(s, at);
                const struct plan_block *block = &p->blocks[p->parts[piece.first].block];

                piece.from = p->parts[piece.first].from;
                piece.seconds = block->setup + block->spread;
                for (uint32_t i = piece.first; i < piece.first + piece.n; i++)
                        piece.seconds += p->parts[i].cpu + p->parts[i].waits;
                piece.seconds *= jumbled(s, piece.first);
                p->order[n] = piece;
        }
        qsort(p->order, n, sizeof(*p->order), by_seconds);
        return n;
}

static uint32_t earliest(struct plan *p, const struct plan_piece *piece)
{
        uint32_t best = 0;
        double best_end = HUGE_VAL;

        for (uint32_t i = 0; i < p->n_workers; i++) {
                const struct change change = {i, work_in(p, piece, i)};
                double end = core_end(p, p->workers[i].core, &change, 1);

                if (end < best_end) {
                        best_end = end;
                        best = i;
                }
        }
        p->steps += p->n_workers;
        return best;
}

/* The worker that a block begins with: in whose queue it is, or, of whole ones that cost a set-up, where that is paid.
 * To move it from there is not free, and what it costs does not show in the end of a schedule that others decide.
 * PLAN_NONE. */
static uint32_t home_of(const struct search *s, uint32_t block)
{
        const struct plan *p = s->p;
        uint32_t home = p->blocks[block].paid;

        for (uint32_t i = 0; s->whole && p->blocks[block].setup > 0 && i < p->n_workers; i++)
                if (p->workers[i].alive == block && (home == PLAN_NONE || p->workers[i].held < p->workers[home].held))
                        home = i;
        return home;
}

static void place_greedily(const struct search *s)
{
        struct plan *p = s->p;
        uint32_t n = sort_pieces(s);

        clear(p);
        for (uint32_t i = 0; i < p->n_blocks; i++) {
                p->blocks[i].home = home_of(s, i);
                if (p->blocks[i].home != PLAN_NONE)
                        give(p, p->blocks[i].first, p->blocks[i].n, p->blocks[i].home);
        }
        for (uint32_t i = 0; i < n; i++)
                if (p->blocks[p->parts[p->order[i].first].block].home == PLAN_NONE)
                        give(p, p->order[i].first, p->order[i].n, earliest(p, &p->order[i]));
}

/* Moves and swaps */

struct best {
        double end;
        struct plan_piece from, against; /* against.n == 0: a move to against.worker */
};

/* The later end of the two cores that an exchange concerns. */
static double later_end(const struct plan *p, uint32_t a, double da, uint32_t b, double db)
{
        const struct change changes[] = {{a, da}, {b, db}};
        uint32_t core_a = p->workers[a].core, core_b = p->workers[b].core;
        double end = core_end(p, core_a, changes, 2);

        return core_a == core_b ? end : fmax(end, core_end(p, core_b, changes, 2));
}

static void try_move(struct search *s, const struct plan_piece *from, double out, uint32_t to, struct best *best)
{
        double end = later_end(s->p, from->worker, -out, to, work_in(s->p, from, to));

        s->p->steps++;
        if (end < best->end)
                *best = (struct best){.end = end, .from = *from, .against = {.worker = to}};
}

static void try_swap(struct search *s, const struct plan_piece *from, double out, const struct plan_piece *against,
                     struct best *best)
{
        double end, in;

        s->p->steps++;
        if (s->p->parts[from->first].block == s->p->parts[against->first].block)
                return;
        in = work_in(s->p, against, from->worker);
        if (in >= out)
                return;
        end = later_end(s->p, from->worker, in - out, against->worker,
                        work_in(s->p, from, against->worker) - work_out(s->p, against));
        if (end < best->end)
                *best = (struct best){.end = end, .from = *from, .against = *against};
}

static bool is_target(const struct search *s, uint32_t worker)
{
        return s->p->cores[s->p->workers[worker].core].end <= s->target;
}

static void try_piece(struct search *s, const struct plan_piece *from, struct best *best)
{
        struct plan *p = s->p;
        uint32_t block = p->parts[from->first].block;
        double out = work_out(p, from);

        for (uint32_t i = 0; i < p->n_workers; i++)
                if (i != from->worker && (is_target(s, i) || *count_of(p, block, i) > 0))
                        try_move(s, from, out, i, best);
        for (uint32_t at = p->n_parts; at > 0 && p->steps < s->max_steps;) {
                struct plan_piece against = piece_before(s, at);

                if (against.worker != from->worker && is_target(s, against.worker))
                        try_swap(s, from, out, &against, best);
                at = against.first;
        }
}

static uint32_t last_core(const struct plan *p)
{
        uint32_t last = 0;

        for (uint32_t i = 1; i < p->n_cores; i++)
                if (p->cores[i].end > p->cores[last].end)
                        last = i;
        return last;
}

/* The end of the core that is TARGETS-th from the first one to end. */
static double find_target(const struct plan *p)
{
        double ends[TARGETS + 1] = {0};
        uint32_t n = 0;

        for (uint32_t i = 0; i < p->n_cores; i++) {
                uint32_t at = n < TARGETS ? n++ : TARGETS;

                for (; at > 0 && ends[at - 1] > p->cores[i].end; at--)
                        ends[at] = ends[at - 1];
                ends[at] = p->cores[i].end;
        }
        return n > 0 ? ends[n - 1] : 0;
}

static void apply(struct plan *p, const struct best *best)
{
        uint32_t a = best->from.worker, b = best->against.worker;

        take(p, best->from.first, best->from.n);
        if (best->against.n > 0) {
                take(p, best->against.first, best->against.n);
                give(p, best->against.first, best->against.n, a);
        }
        give(p, best->from.first, best->from.n, b);
        p->cores[p->workers[a].core].end = core_end(p, p->workers[a].core, NULL, 0);
        p->cores[p->workers[b].core].end = core_end(p, p->workers[b].core, NULL, 0);
}

/* Takes from whoever ends last, the exchange that helps most first, until none helps. */
static double improve(struct search *s)
{
        struct plan *p = s->p;
        double end = find_ends(p);

        while (p->steps < s->max_steps) {
                uint32_t last = last_core(p);
                struct best best = {.end = p->cores[last].end * (1 - EPSILON)};

                s->target = find_target(p);
                /* From the back, so that of equal parts of a unit it keeps the first ones. */
                for (uint32_t at = p->n_parts; at > 0;) {
                        struct plan_piece piece = piece_before(s, at);

                        if (p->workers[piece.worker].core == last)
                                try_piece(s, &piece, &best);
                        at = piece.first;
                }
                if (best.from.n == 0)
                        break;
                apply(p, &best);
                end = p->cores[last_core(p)].end;
        }
        return end;
}

/* The candidates */

static void keep(struct plan *p)
{
        for (uint32_t i = 0; i < p->n_parts; i++)
                p->kept[i] = p->parts[i].worker;
}

static double place_as(struct plan *p, const uint32_t *workers)
{
        clear(p);
        for (uint32_t i = 0; i < p->n_parts; i++)
                give(p, i, 1, workers[i]);
        return find_ends(p);
}

/* False where some part was in no schedule. */
static bool place_as_before(struct plan *p, const uint32_t *before, double *ret_end)
{
        for (uint32_t i = 0; i < p->n_parts; i++)
                if (before[i] == PLAN_NONE)
                        return false;
        *ret_end = place_as(p, before);
        return true;
}

static double search_on(struct search *s, uint64_t steps)
{
        s->max_steps = s->p->steps + steps;
        return improve(s);
}

/* Another schedule of parts, if it ends so much sooner than the best so far. */
static void try_split(struct search *s, uint64_t steps, double worth, double *end)
{
        double other = search_on(s, steps);

        if (other >= *end - worth)
                return;
        *end = other;
        keep(s->p);
}

/* Gives each of the workers that share a block as many parts as before, but neighbours, in the order of their first
 * ones. Tests that depend on the one before, though they should not, meet it more often. */
static void line_up(struct plan *p, const struct plan_block *block)
{
        uint32_t *lined = p->kept + block->first, n = 0;

        for (uint32_t i = block->first; i < block->first + block->n; i++) {
                uint32_t worker = p->parts[i].worker, before = block->first;

                while (before < i && p->parts[before].worker != worker)
                        before++;
                for (uint32_t k = *count_of(p, (uint32_t)(block - p->blocks), worker); before == i && k > 0; k--)
                        lined[n++] = worker;
        }
}

static void give_block(struct plan *p, const struct plan_block *block, const uint32_t *workers)
{
        for (uint32_t i = 0; i < block->n; i++)
                take(p, block->first + i, 1);
        for (uint32_t i = 0; i < block->n; i++)
                give(p, block->first + i, 1, workers[i]);
}

/* slack: seconds by which the end may come later for it. */
static void tidy(struct plan *p, double slack)
{
        double end = find_ends(p) + slack;

        for (uint32_t b = 0; b < p->n_blocks; b++) {
                const struct plan_block *block = &p->blocks[b];

                if (block->n < 2)
                        continue;
                for (uint32_t i = 0; i < block->n; i++)
                        p->order[i].worker = p->parts[block->first + i].worker;
                line_up(p, block);
                give_block(p, block, p->kept + block->first);
                if (find_ends(p) <= end)
                        continue;
                for (uint32_t i = 0; i < block->n; i++)
                        p->kept[block->first + i] = p->order[i].worker;
                give_block(p, block, p->kept + block->first);
        }
}

void plan_search(struct plan *p, const uint32_t *before, double worth, uint64_t max_steps)
{
        struct search whole = {.p = p, .whole = true}, split = {.p = p};
        double end, unsplit, other;

        p->steps = 0;
        place_greedily(&whole);
        end = unsplit = search_on(&whole, max_steps);
        keep(p);
        try_split(&split, max_steps, worth, &end);
        for (uint32_t greedy = p->n_parts * p->n_workers;
             split.jumble < ORDERS && p->steps + greedy < SEARCHES * max_steps; split.jumble++) {
                place_greedily(&split);
                try_split(&split, max_steps, end < unsplit ? 0 : worth, &end);
        }
        if (place_as_before(p, before, &other) && other <= end + SLACK * worth)
                return;
        place_as(p, p->kept);
        tidy(p, SLACK * worth);
}
