/* How fast simulated workers get on.
 *
 * A fluid model: between two changes of who wants what, each worker gets a constant part of the PUs. What computes
 * for a share of its time wants that share of a PU; where more is wanted than a PU has, it is divided evenly, and who
 * wants less than an even part gets all of it (max-min fairness, as the kernel's fair scheduler comes to it; Bertsekas,
 * Gallager, "Data Networks", 6.5). Workers that float take what is left of the PUs, the least busy ones first, and an
 * even part where that is too little. A PU's speed falls from `alone` to `speed` in proportion to the busy share of its
 * siblings' time. What is bound to several PUs advances at the mean of what it gets of them.
 *
 * Seconds of waiting pass as they are; seconds of computing as the PU's speed and the worker's part of it let them:
 * with waits w, speed v and use u of a PU, an item advances by u v / (1 - w), and wants u = (1 - w) / (w v + 1 - w).
 */
#include "core/sim_state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* The PUs */

static size_t find_pu(const struct sim_machine *m, unsigned os)
{
        size_t i = 0;

        while (i < m->n_pus && m->pus[i].os != os)
                i++;
        return i;
}

static double alone_speed(const struct dispatch_pu *pu)
{
        return pu->alone > pu->speed ? pu->alone : pu->speed;
}

static void add_pus(struct sim_machine *m, const struct dispatch_pu *pus, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (find_pu(m, pus[i].os) == m->n_pus)
                        m->pus[m->n_pus++] = (struct sim_pu){.os = pus[i].os, .widened_for = DISPATCH_NONE};
}

int sim_machine_init(struct sim *s)
{
        const struct sim_params *p = s->p;
        struct sim_machine *m = &s->machine;
        size_t n = p->n_pus;

        for (size_t i = 0; i < p->n_changes; i++)
                n += p->changes[i].n_pus;
        m->pus = calloc(n + 1, sizeof(*m->pus));
        m->claims = calloc(n + s->n_workers + 1, sizeof(*m->claims));
        m->shares = calloc(s->n_workers + (size_t)1, sizeof(*m->shares));
        if (!m->pus || !m->claims || !m->shares)
                return -ENOMEM;
        add_pus(m, p->pus, p->n_pus);
        for (size_t i = 0; i < p->n_changes; i++)
                add_pus(m, p->changes[i].pus, p->changes[i].n_pus);
        return 0;
}

void sim_machine_finish(struct sim_machine *m)
{
        free(m->pus);
        free(m->claims);
        free(m->shares);
}

void sim_machine_hold(struct sim *s, const struct dispatch_pu *pus, size_t n)
{
        struct sim_machine *m = &s->machine;

        sim_machine_count_use(s);
        for (size_t i = 0; i < m->n_pus; i++)
                m->pus[i].held = false;
        for (size_t i = 0; i < n; i++) {
                struct sim_pu *pu = &m->pus[find_pu(m, pus[i].os)];

                pu->held = true;
                pu->speed = pus[i].speed;
                pu->alone = alone_speed(&pus[i]);
                pu->core = pus[i].core;
        }
        m->n_held = n;
        m->stale = true;
}

void sim_machine_return(struct sim *s, unsigned os)
{
        struct sim_machine *m = &s->machine;

        sim_machine_count_use(s);
        m->pus[find_pu(m, os)].held = false;
        m->n_held--;
        m->stale = true;
}

bool sim_machine_holds(const struct sim *s, unsigned os)
{
        size_t i = find_pu(&s->machine, os);

        return i < s->machine.n_pus && s->machine.pus[i].held;
}

void sim_machine_place(struct sim *s, uint32_t worker, unsigned os)
{
        struct sim_machine *m = &s->machine;

        for (size_t i = 0; i < m->n_pus; i++)
                if (m->pus[i].widened_for == worker)
                        m->pus[i].widened_for = DISPATCH_NONE;
        s->workers[worker].pu = os;
        m->stale = true;
}

void sim_machine_widen(struct sim *s, uint32_t worker, unsigned os)
{
        struct sim_machine *m = &s->machine;

        m->pus[find_pu(m, os)].widened_for = worker;
        m->stale = true;
}

/* What each wants */

static double wanted(double waits, double speed)
{
        return (1 - waits) / (waits * speed + 1 - waits);
}

static void claim(struct sim_machine *m, struct sim_pu *pu, uint32_t worker)
{
        m->claims[m->n_claims] = (struct sim_claim){.worker = worker, .next = pu->first};
        pu->first = m->n_claims++;
        pu->n++;
        m->shares[worker].n++;
}

/* PUs that a floating worker spreads over. */
static uint32_t floating_width(const struct sim *s, uint32_t worker)
{
        uint32_t cpus = s->workers[worker].load.cpus > 1 ? s->workers[worker].load.cpus : 1;

        return cpus < s->machine.n_held || s->machine.n_held == 0 ? cpus : (uint32_t)s->machine.n_held;
}

/* Who is bound to a PU: everybody to his own, and what needs several to those that it was given. */
static void collect_claims(struct sim *s)
{
        struct sim_machine *m = &s->machine;

        m->n_claims = 0;
        for (size_t i = 0; i < m->n_pus; i++) {
                m->pus[i].first = DISPATCH_NONE;
                m->pus[i].n = 0;
                m->pus[i].floating = 0;
        }
        for (uint32_t i = 0; i < s->n_workers; i++) {
                const struct sim_worker *w = &s->workers[i];

                m->shares[i] = (struct sim_share){0};
                if (w->load.busy && w->pu != DISPATCH_FLOATING)
                        claim(m, &m->pus[find_pu(m, w->pu)], i);
        }
        for (size_t i = 0; i < m->n_pus; i++) {
                uint32_t worker = m->pus[i].widened_for;

                if (worker != DISPATCH_NONE && s->workers[worker].load.cpus > 1 &&
                    m->pus[i].os != s->workers[worker].pu)
                        claim(m, &m->pus[i], worker);
        }
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (s->workers[i].load.busy && m->shares[i].n == 0)
                        m->shares[i] = (struct sim_share){.floats = true, .n = floating_width(s, i)};
}

/* What is wanted of the PU by those bound to it, of each at most `level`. */
static double claimed(const struct sim *s, const struct sim_pu *pu, double speed, double level)
{
        double sum = 0;

        for (uint32_t c = pu->first; c != DISPATCH_NONE; c = s->machine.claims[c].next)
                sum += fmin(wanted(s->workers[s->machine.claims[c].worker].load.waits, speed), level);
        return sum;
}

static double mean_speed(const struct sim_machine *m)
{
        double sum = 0;

        for (size_t i = 0; i < m->n_pus; i++)
                sum += m->pus[i].held ? m->pus[i].alone : 0;
        return m->n_held > 0 ? sum / m->n_held : 1;
}

static double wanted_by_floats(const struct sim *s, double speed, double level)
{
        double sum = 0;

        for (uint32_t i = 0; i < s->n_workers; i++)
                if (s->machine.shares[i].floats)
                        sum += s->machine.shares[i].n * fmin(wanted(s->workers[i].load.waits, speed), level);
        return sum;
}

/* Of this PU, where nobody bound to it gets more than `level`. */
static double left_for_floats(const struct sim *s, const struct sim_pu *pu, double level)
{
        return pu->held ? fmax(1 - claimed(s, pu, pu->alone, level), 0) : 0;
}

static double all_left(const struct sim *s, double level)
{
        double sum = 0;

        for (size_t i = 0; i < s->machine.n_pus; i++)
                sum += left_for_floats(s, &s->machine.pus[i], level);
        return sum;
}

/* Whether floating workers can have what they want of the PUs, but at most `level` each. */
static bool is_left(const struct sim *s, double speed, double level, double left)
{
        return wanted_by_floats(s, speed, level) <= (left < 0 ? all_left(s, level) : left);
}

/* The most of a PU, up to `high`, that a floating worker gets if all share evenly what is left: so many PUs, or (< 0)
 * what those leave that are bound to one and get no more than that either. Found by halving: what they want grows with
 * it, and what is left for them shrinks. */
static double level_of_floats(const struct sim *s, double speed, double high, double left)
{
        enum { HALVINGS = 48 }; /* to a double's precision */
        double low = 0;

        if (is_left(s, speed, high, left))
                return high;
        for (unsigned i = 0; i < HALVINGS; i++) {
                double level = (low + high) / 2;

                if (is_left(s, speed, level, left))
                        low = level;
                else
                        high = level;
        }
        return low;
}

/* The least busy PUs first; of equal ones the first. */
static size_t least_busy(const struct sim *s, double level)
{
        const struct sim_machine *m = &s->machine;
        size_t best = m->n_pus;
        double most = 0;

        for (size_t i = 0; i < m->n_pus; i++) {
                double left = m->pus[i].floating > 0 ? 0 : left_for_floats(s, &m->pus[i], level);

                if (left > most) {
                        most = left;
                        best = i;
                }
        }
        return best;
}

/* Takes what floating workers use off the PUs; returns what one of them may have of a PU at most. */
static double spread_floats(struct sim *s)
{
        struct sim_machine *m = &s->machine;
        double speed = mean_speed(m), all = wanted_by_floats(s, speed, 1), level, rest;

        if (all <= 0)
                return 1;
        level = level_of_floats(s, speed, 1, -1);
        rest = wanted_by_floats(s, speed, level);
        for (size_t i; rest > 0 && (i = least_busy(s, level)) < m->n_pus;) {
                m->pus[i].floating = fmin(rest, left_for_floats(s, &m->pus[i], level));
                rest -= m->pus[i].floating;
        }
        return level;
}

/* What each gets */

static bool are_siblings(const struct sim_pu *a, const struct sim_pu *b)
{
        return a != b && b->held && a->core == b->core && a->alone > a->speed && b->alone > b->speed;
}

static void slow_down(struct sim_machine *m, struct sim_pu *pu)
{
        double busy = 0;
        uint32_t n = 0;

        for (size_t i = 0; i < m->n_pus && pu->alone > pu->speed; i++)
                if (are_siblings(pu, &m->pus[i])) {
                        busy += m->pus[i].used;
                        n++;
                }
        pu->now_speed = pu->alone - (n > 0 ? (pu->alone - pu->speed) * busy / n : 0);
}

/* The even part of a PU: whoever wants less gets that, and the others what is left, evenly. */
static double even_part(const struct sim *s, const struct sim_pu *pu, double capacity)
{
        double level = pu->n > 0 ? capacity / pu->n : 0;

        for (uint32_t n_satisfied = 0;;) {
                double given = 0;
                uint32_t n = 0;

                for (uint32_t c = pu->first; c != DISPATCH_NONE; c = s->machine.claims[c].next)
                        if (s->machine.claims[c].wanted <= level) {
                                given += s->machine.claims[c].wanted;
                                n++;
                        }
                if (n == pu->n)
                        return 1;
                if (n == n_satisfied)
                        return level;
                n_satisfied = n;
                level = (capacity - given) / (pu->n - n);
        }
}

static void give_to_claims(struct sim *s, const struct sim_pu *pu)
{
        struct sim_machine *m = &s->machine;
        double level;

        for (uint32_t c = pu->first; c != DISPATCH_NONE; c = m->claims[c].next)
                m->claims[c].wanted = wanted(s->workers[m->claims[c].worker].load.waits, pu->now_speed);
        level = even_part(s, pu, 1 - pu->floating);
        for (uint32_t c = pu->first; c != DISPATCH_NONE; c = m->claims[c].next) {
                double use = fmin(m->claims[c].wanted, level);

                m->shares[m->claims[c].worker].use += use;
                m->shares[m->claims[c].worker].work += use * pu->now_speed;
        }
}

/* What those bound to PUs leave of all. */
static double left_by_claims(const struct sim *s)
{
        const struct sim_machine *m = &s->machine;
        double left = m->n_held;

        for (uint32_t i = 0; i < s->n_workers; i++)
                left -= m->shares[i].floats ? 0 : m->shares[i].use;
        return fmax(left, 0);
}

static void give_to_floats(struct sim *s, double level)
{
        struct sim_machine *m = &s->machine;
        double used = 0, work = 0, speed;

        for (size_t i = 0; i < m->n_pus; i++) {
                used += m->pus[i].floating;
                work += m->pus[i].floating * m->pus[i].now_speed;
        }
        speed = used > 0 ? work / used : mean_speed(m);
        /* At this speed they may want more than they seemed to: what waits does so for a smaller part of its time. */
        level = level_of_floats(s, speed, level, left_by_claims(s));
        for (uint32_t i = 0; i < s->n_workers; i++)
                if (m->shares[i].floats) {
                        m->shares[i].use = m->shares[i].n * fmin(wanted(s->workers[i].load.waits, speed), level);
                        m->shares[i].work = m->shares[i].use * speed;
                }
}

static void share_out(struct sim *s)
{
        struct sim_machine *m = &s->machine;
        double level;

        collect_claims(s);
        level = spread_floats(s);
        for (size_t i = 0; i < m->n_pus; i++) {
                struct sim_pu *pu = &m->pus[i];

                pu->used = pu->floating + fmin(claimed(s, pu, pu->alone, 1), 1 - pu->floating);
        }
        for (size_t i = 0; i < m->n_pus; i++)
                slow_down(m, &m->pus[i]);
        for (size_t i = 0; i < m->n_pus; i++)
                give_to_claims(s, &m->pus[i]);
        give_to_floats(s, level);
}

/* Time */

void sim_machine_count_use(struct sim *s)
{
        struct sim_machine *m = &s->machine;
        double passed = s->now - m->since;

        m->busy += m->used * passed;
        m->idle += fmax(m->n_held - m->used, 0) * passed;
        m->since = s->now;
}

void sim_machine_advance(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];
        double passed = s->now - w->since;

        w->since = s->now;
        if (!w->load.busy || passed <= 0)
                return;
        w->left = fmax(w->left - w->rate * passed, 0);
        w->used += w->use * passed;
        w->computed += w->part * passed;
        w->demand += fmax(1 - w->load.waits * w->rate, 0) * passed * (w->load.cpus > 1 ? w->load.cpus : 1);
}

static void set_due(struct sim *s, uint32_t worker)
{
        const struct sim_worker *w = &s->workers[worker];

        s->due[worker] = w->rate > 0 ? s->now + w->left / w->rate : w->left > 0 ? HUGE_VAL : s->now;
}

static bool is_same_load(const struct sim_load *a, const struct sim_load *b)
{
        return a->busy == b->busy && a->cpus == b->cpus && !(a->waits < b->waits || a->waits > b->waits);
}

void sim_machine_begin(struct sim *s, uint32_t worker, struct sim_load load, double seconds)
{
        struct sim_worker *w = &s->workers[worker];

        s->machine.stale |= !is_same_load(&w->load, &load);
        w->load = load;
        w->left = seconds;
        w->used = w->computed = 0;
        w->since = s->now;
        set_due(s, worker);
}

void sim_machine_rest(struct sim *s, uint32_t worker)
{
        struct sim_worker *w = &s->workers[worker];

        s->machine.stale |= w->load.busy;
        w->load = (struct sim_load){0};
        w->rate = w->use = w->part = 0;
}

static double rate_of(const struct sim_load *load, const struct sim_share *share)
{
        return load->waits < 1 ? share->work / share->n / (1 - load->waits) : 1;
}

void sim_machine_settle(struct sim *s)
{
        struct sim_machine *m = &s->machine;

        if (!m->stale)
                return;
        m->stale = false;
        sim_machine_count_use(s);
        share_out(s);
        m->used = 0;
        for (uint32_t i = 0; i < s->n_workers; i++) {
                struct sim_worker *w = &s->workers[i];
                double rate;

                if (!w->load.busy)
                        continue;
                sim_machine_advance(s, i);
                rate = rate_of(&w->load, &m->shares[i]);
                w->use = m->shares[i].use;
                w->part = w->use / m->shares[i].n;
                m->used += w->use;
                if (rate < w->rate || rate > w->rate) {
                        w->rate = rate;
                        set_due(s, i);
                }
        }
}
