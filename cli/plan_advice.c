/* What would help most: the suite is simulated again with one thing changed, and again with another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plan_predict.h"
#include "core/placement.h"
#include "lib/util.h"

enum {
        SPLITS_MAX = 16, /* nobody rewrites more tests than that on advice */
        SETUPS_MAX = 2,  /* groups looked at, those with most set-up */
};

const char *plan_change_text(enum plan_change change)
{
        static const char *const texts[PLAN_CHANGES] = {
                [PLAN_SPLIT] = "split",   [PLAN_SETUP] = "setup",   [PLAN_SETUPS] = "setups",
                [PLAN_SERIAL] = "serial", [PLAN_WORKER] = "worker", [PLAN_WORKERS] = "workers",
                [PLAN_CORE] = "core",
        };

        return texts[change];
}

struct advising {
        const struct plan_input *in;
        struct plan_result *plan;
};

/* The greatest saving first; of equal ones the one that came first. */
static void insert(struct plan_result *plan, const struct plan_advice *advice)
{
        size_t at = plan->n_advice;

        while (at > 0 && plan->advice[at - 1].saves < advice->saves)
                at--;
        if (at == PLAN_ADVICE_MAX)
                return;
        if (plan->n_advice < PLAN_ADVICE_MAX)
                plan->n_advice++;
        memmove(&plan->advice[at + 1], &plan->advice[at], (plan->n_advice - 1 - at) * sizeof(*advice));
        plan->advice[at] = *advice;
}

/* Simulates the changed suite, and keeps the advice if it is worth it. */
static int weigh(struct plan_result *plan, struct plan_advice advice, const struct dispatch_params *suite,
                 const struct dispatch_pu *pus, size_t n_pus)
{
        struct sim_result result;
        int r = plan_simulate(suite, pus, n_pus, &result);

        if (r < 0)
                return r;
        advice.makespan = result.makespan;
        advice.saves = 1 - result.makespan / plan->sim.makespan;
        sim_result_finish(&result);
        if (advice.saves > PLAN_WORTH)
                insert(plan, &advice);
        return 0;
}

/* Long items */

struct length {
        uint32_t item;
        double seconds;
};

static int by_length(const void *pa, const void *pb)
{
        const struct length *a = pa, *b = pb;

        if (a->seconds > b->seconds || a->seconds < b->seconds)
                return a->seconds > b->seconds ? -1 : 1;
        return a->item < b->item ? -1 : a->item > b->item;
}

/* What is dealt by itself, longest first. */
static uint32_t sort_lengths(const struct dispatch_params *suite, struct length *lengths)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < suite->n_items; i++)
                if (!suite->items[i].alone && suite->items[i].serial == 0 && suite->items[i].seconds > 0)
                        lengths[n++] = (struct length){.item = i, .seconds = suite->items[i].seconds};
        qsort(lengths, n, sizeof(*lengths), by_length);
        return n;
}

/* Each of the n longest becomes two halves, beside each other in collection order. */
static int try_split(const struct advising *a, const struct length *lengths, uint32_t n)
{
        struct dispatch_params suite = *a->in->suite;
        CLEANUP_FREE struct dispatch_item *items = calloc(suite.n_items + (size_t)n, sizeof(*items));
        CLEANUP_FREE bool *split = calloc(suite.n_items, sizeof(*split));
        uint32_t count = 0;

        if (!items || !split)
                return -ENOMEM;
        for (uint32_t k = 0; k < n; k++)
                split[lengths[k].item] = true;
        for (uint32_t i = 0; i < suite.n_items; i++) {
                items[count++] = suite.items[i];
                if (split[i]) {
                        items[count - 1].seconds /= 2;
                        items[count] = items[count - 1];
                        count++;
                }
        }
        suite.items = items;
        suite.n_items = count;
        return weigh(a->plan, (struct plan_advice){.change = PLAN_SPLIT, .item = lengths[0].item, .n = n}, &suite,
                     a->in->pus, a->in->n_pus);
}

/* The longest one; where that does not help because others are as long, all that are at least half as long. */
static int advise_splits(const struct advising *a)
{
        CLEANUP_FREE struct length *lengths = calloc(a->in->suite->n_items + (size_t)1, sizeof(*lengths));
        uint32_t n, n_long = 1;
        size_t before = a->plan->n_advice;
        int r;

        if (!lengths)
                return -ENOMEM;
        n = sort_lengths(a->in->suite, lengths);
        if (n == 0 || lengths[0].seconds < PLAN_WORTH * a->plan->sim.makespan)
                return 0;
        r = try_split(a, lengths, 1);
        while (n_long < n && lengths[n_long].seconds >= lengths[0].seconds / 2)
                n_long++;
        if (r == 0 && a->plan->n_advice == before && n_long > 1 && n_long <= SPLITS_MAX)
                r = try_split(a, lengths, n_long);
        return r;
}

/* Set-ups */

struct paid {
        uint32_t group, times;
        double seconds; /* of one */
};

static int by_cost(const void *pa, const void *pb)
{
        const struct paid *a = pa, *b = pb;
        double x = a->times * a->seconds, y = b->times * b->seconds;

        if (x > y || x < y)
                return x > y ? -1 : 1;
        return a->group < b->group ? -1 : a->group > b->group;
}

/* How often each group was set up: for an item that is the first of its worker, or comes after one that was not in the
 * group. Returns how many groups cost anything, the dearest first. */
static uint32_t count_setups(const struct advising *a, uint32_t *seen, struct paid *paid)
{
        const struct dispatch_params *suite = a->in->suite;
        const struct sim_item *items = a->plan->sim.items;
        uint32_t n = 0;

        for (uint32_t g = 0; g < suite->n_groups; g++)
                paid[g] = (struct paid){.group = g, .seconds = suite->groups[g].setup};
        for (uint32_t k = 0, stamp = 1; k < a->plan->n_ran; k++, stamp++) {
                uint32_t item = a->plan->order[k];

                if (k > 0 && items[a->plan->order[k - 1]].worker != items[item].worker)
                        stamp++;
                for (uint32_t g = suite->items[item].group; g != DISPATCH_NONE; g = suite->groups[g].parent) {
                        paid[g].times += seen[g] == 0 || seen[g] != stamp - 1;
                        seen[g] = stamp;
                }
        }
        for (uint32_t g = 0; g < suite->n_groups; g++)
                if (paid[g].times > 0 && paid[g].seconds > 0)
                        paid[n++] = paid[g];
        qsort(paid, n, sizeof(*paid), by_cost);
        return n;
}

/* One group's, the session's (DISPATCH_NONE), or with paid NULL all. */
static int try_free_setup(const struct advising *a, const struct paid *paid)
{
        struct dispatch_params suite = *a->in->suite;
        CLEANUP_FREE struct dispatch_group *groups = calloc(suite.n_groups + (size_t)1, sizeof(*groups));
        struct plan_advice advice = {.change = PLAN_SETUPS, .seconds = a->plan->sim.setups};

        if (!groups)
                return -ENOMEM;
        if (suite.n_groups > 0)
                memcpy(groups, suite.groups, suite.n_groups * sizeof(*groups));
        if (paid)
                advice = (struct plan_advice){
                        .change = PLAN_SETUP, .group = paid->group, .seconds = paid->seconds, .workers = paid->times};
        if (!paid || paid->group == DISPATCH_NONE)
                suite.session_setup = 0;
        for (uint32_t g = 0; g < suite.n_groups; g++)
                if (!paid || paid->group == g)
                        groups[g].setup = 0;
        suite.groups = groups;
        return weigh(a->plan, advice, &suite, a->in->pus, a->in->n_pus);
}

static uint32_t count_workers(const struct plan_result *plan)
{
        uint32_t n = 0;

        for (uint32_t k = 0; k < plan->n_ran; k++)
                n += k == 0 || plan->sim.items[plan->order[k]].worker != plan->sim.items[plan->order[k - 1]].worker;
        return n;
}

static int advise_setups(const struct advising *a)
{
        const struct dispatch_params *suite = a->in->suite;
        const struct paid session = {
                .group = DISPATCH_NONE, .times = count_workers(a->plan), .seconds = suite->session_setup};
        CLEANUP_FREE uint32_t *seen = calloc(suite->n_groups + (size_t)1, sizeof(*seen));
        CLEANUP_FREE struct paid *paid = calloc(suite->n_groups + (size_t)1, sizeof(*paid));
        size_t before = a->plan->n_advice;
        uint32_t n;
        int r = 0;

        if (!seen || !paid)
                return -ENOMEM;
        n = count_setups(a, seen, paid);
        if (session.seconds > 0)
                r = try_free_setup(a, &session);
        for (uint32_t i = 0; r == 0 && i < n && i < SETUPS_MAX; i++)
                r = try_free_setup(a, &paid[i]);
        if (r == 0 && n > 0 && a->plan->n_advice == before)
                r = try_free_setup(a, NULL);
        return r;
}

/* Serial groups */

struct serial {
        uint32_t first, n;
        double seconds;
};

/* The one that takes longest; false where there is none. */
static bool find_longest_serial(const struct dispatch_params *suite, struct serial *sums, uint32_t *ret_number)
{
        uint32_t longest = 0;

        for (uint32_t i = 0; i < suite->n_items; i++) {
                const struct dispatch_item *item = &suite->items[i];
                struct serial *sum = &sums[item->serial];

                if (item->serial == 0 || item->alone)
                        continue;
                if (sum->n++ == 0)
                        sum->first = i;
                sum->seconds += item->seconds > 0 ? item->seconds : 0;
                if (sum->n > 1 && (longest == 0 || sum->seconds > sums[longest].seconds))
                        longest = item->serial;
        }
        *ret_number = longest;
        return longest > 0;
}

static int advise_serial(const struct advising *a)
{
        struct dispatch_params suite = *a->in->suite;
        CLEANUP_FREE struct serial *sums = calloc(suite.n_items + (size_t)1, sizeof(*sums));
        CLEANUP_FREE struct dispatch_item *items = calloc(suite.n_items + (size_t)1, sizeof(*items));
        uint32_t number;

        if (!sums || !items)
                return -ENOMEM;
        if (!find_longest_serial(&suite, sums, &number))
                return 0;
        for (uint32_t i = 0; i < suite.n_items; i++) {
                items[i] = suite.items[i];
                if (items[i].serial == number)
                        items[i].serial = 0;
        }
        suite.items = items;
        return weigh(a->plan,
                     (struct plan_advice){.change = PLAN_SERIAL,
                                          .item = sums[number].first,
                                          .n = sums[number].n,
                                          .seconds = sums[number].seconds},
                     &suite, a->in->pus, a->in->n_pus);
}

/* PUs */

static void add_worker(struct dispatch_params *suite)
{
        if (suite->max_workers < DISPATCH_WORKERS_MAX)
                suite->max_workers++;
        if (suite->min_workers > 0 && suite->min_workers < suite->max_workers)
                suite->min_workers++;
}

/* On the PU that a lease would get next. */
static int try_worker(const struct advising *a, struct dispatch_pu *pus)
{
        struct dispatch_params suite = *a->in->suite;
        CLEANUP_FREE unsigned *order = calloc(a->in->n_pus + 1, sizeof(*order));
        struct placement_choice choice;
        struct cpuset own = {0};

        if (!order)
                return -ENOMEM;
        for (size_t i = 0; i < a->in->n_pus; i++) {
                order[i] = a->in->pus[i].os;
                cpuset_add(&own, order[i]);
        }
        if (!placement_next(&a->in->machine->machine, NULL, &a->in->spare, &own, &own, &choice))
                return 0;
        order[a->in->n_pus] = choice.pu;
        run_machine_rate(a->in->machine, order, a->in->n_pus + 1, pus);
        add_worker(&suite);
        return weigh(a->plan, (struct plan_advice){.change = PLAN_WORKER, .pu = choice.pu}, &suite, pus,
                     a->in->n_pus + 1);
}

/* One that nobody has: numbers above all others. */
static int try_core(const struct advising *a, struct dispatch_pu *pus)
{
        struct dispatch_params suite = *a->in->suite;
        struct dispatch_pu core = {.speed = 1, .alone = 1};

        for (size_t i = 0; i < a->in->n_pus; i++) {
                pus[i + 1] = a->in->pus[i];
                core.os = core.os > a->in->pus[i].os ? core.os : a->in->pus[i].os + 1;
                core.core = core.core > a->in->pus[i].core ? core.core : a->in->pus[i].core + 1;
        }
        pus[0] = core;
        add_worker(&suite);
        return weigh(a->plan, (struct plan_advice){.change = PLAN_CORE, .pu = core.os}, &suite, pus, a->in->n_pus + 1);
}

static int advise_pus(const struct advising *a)
{
        CLEANUP_FREE struct dispatch_pu *pus = calloc(a->in->n_pus + 1, sizeof(*pus));

        if (!pus)
                return -ENOMEM;
        if (a->in->machine && a->in->machine->known && !cpuset_is_empty(&a->in->spare))
                return try_worker(a, pus);
        return try_core(a, pus);
}

/* Twice as many beyond one a PU, where all that there may be were needed. */
static int advise_workers(const struct advising *a)
{
        struct dispatch_params suite = *a->in->suite;
        uint32_t most = (uint32_t)a->in->n_pus + suite.extra_workers;

        if (suite.extra_workers == 0 || a->plan->sim.n_workers < most || 2 * most > DISPATCH_WORKERS_MAX)
                return 0;
        suite.extra_workers += most;
        suite.max_workers = suite.max_workers > 2 * most ? suite.max_workers : 2 * most;
        return weigh(a->plan, (struct plan_advice){.change = PLAN_WORKERS, .workers = 2 * most}, &suite, a->in->pus,
                     a->in->n_pus);
}

int plan_advise(const struct plan_input *in, struct plan_result *plan)
{
        const struct advising a = {.in = in, .plan = plan};
        int r = 0;

        if (!(plan->sim.makespan > 0))
                return 0;
        r = advise_splits(&a);
        if (r == 0)
                r = advise_setups(&a);
        if (r == 0)
                r = advise_serial(&a);
        if (r == 0)
                r = advise_workers(&a);
        if (r == 0)
                r = advise_pus(&a);
        return r;
}
