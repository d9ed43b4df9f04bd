/* The simulated machine itself: how fast what runs gets on, what a run comes to, and what happens without memory. */
#include "core/sim_state.h"
#include "tests/sim/dispatch-world.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <math.h>

/* The n-th allocation from now on fails; 0: none does. */
static unsigned long fail_at, n_allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
        return ++n_allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
        return fails() ? NULL : __real_realloc(old, size);
}

#define CHECK_NEAR(actual, expected)                                                                                   \
        do {                                                                                                           \
                double a_ = (actual), e_ = (expected);                                                                 \
                if (!(fabs(a_ - e_) < 1e-9)) {                                                                         \
                        fprintf(stderr, "%s:%d: %s is %.12g, not %.12g\n", __FILE__, __LINE__, #actual, a_, e_);       \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

static struct world w;

/* Rates */

enum { WORKERS = 12 };

static struct sim s;
static struct sim_worker workers[WORKERS];
static double due[WORKERS];

/* Workers on PUs 0, 1, … of the world's, or floating. */
static void open_machine(uint32_t n_workers, bool floating)
{
        s = (struct sim){.p = &w.params, .suite = &w.suite, .workers = workers, .due = due, .n_workers = n_workers};
        memset(workers, 0, sizeof(workers));
        CHECK_INT(sim_machine_init(&s), 0);
        sim_machine_hold(&s, w.pus, w.params.n_pus);
        for (uint32_t i = 0; i < n_workers; i++)
                sim_machine_place(&s, i, floating ? DISPATCH_FLOATING : i);
}

static void busy(uint32_t worker, double waits)
{
        sim_machine_begin(&s, worker, (struct sim_load){.busy = true, .waits = waits}, 1);
        sim_machine_settle(&s);
}

static void test_siblings(void)
{
        world_init(&w);
        world_add_cores(&w, 1, 2, 1.0, 0.6);
        open_machine(2, false);
        busy(0, 0);
        CHECK_NEAR(workers[0].rate, 1);
        busy(1, 0);
        CHECK_NEAR(workers[0].rate, 0.6);
        CHECK_NEAR(workers[1].rate, 0.6);
        sim_machine_rest(&s, 0);
        sim_machine_settle(&s);
        CHECK_NEAR(workers[1].rate, 1);
        /* One that computes half of the time slows the other down half as much. */
        busy(0, 0.5);
        CHECK_NEAR(workers[1].rate, 0.8);
        sim_machine_finish(&s.machine);
}

static void test_sharing(void)
{
        world_init(&w);
        world_add_pus(&w, 1, 1.0);
        open_machine(3, false);
        for (uint32_t i = 0; i < 3; i++)
                sim_machine_place(&s, i, 0);
        busy(0, 0);
        busy(1, 0);
        CHECK_NEAR(workers[0].rate, 0.5);
        /* It wants a fifth, which is less than a third, and gets it. */
        busy(2, 0.8);
        CHECK_NEAR(workers[2].rate, 1);
        CHECK_NEAR(workers[0].rate, 0.4);
        /* It wants half and gets a third: what it computes takes half as long again, what it waits does not. */
        busy(2, 0.5);
        CHECK_NEAR(workers[2].rate, 1.0 / 3 / 0.5);
        CHECK_NEAR(workers[0].rate, 1.0 / 3);
        sim_machine_finish(&s.machine);
}

static void test_waiting(void)
{
        world_init(&w);
        world_add_pus(&w, 1, 0.5);
        open_machine(2, true);
        busy(0, 1);
        CHECK_NEAR(workers[0].rate, 1);
        busy(1, 0.5);
        CHECK_NEAR(workers[1].rate, 1 / (0.5 + 0.5 / 0.5));
        CHECK_NEAR(s.machine.used, 2.0 / 3);
        sim_machine_finish(&s.machine);
}

static void test_floating(void)
{
        world_init(&w);
        world_add_pus(&w, 2, 1.0);
        world_add_pus(&w, 1, 0.5);
        open_machine(4, true);
        sim_machine_place(&s, 0, 0);
        busy(0, 0);
        /* Onto the PU that nobody is on, the first of them. */
        busy(1, 0);
        CHECK_NEAR(workers[0].rate, 1);
        CHECK_NEAR(workers[1].rate, 1);
        /* Two of them share these two. */
        busy(2, 0);
        CHECK_NEAR(workers[1].rate, 0.75);
        CHECK_NEAR(workers[2].rate, 0.75);
        /* Four workers on three PUs: each has three quarters, one of a fast one. */
        busy(3, 0);
        CHECK_NEAR(workers[0].use, 0.75);
        CHECK_NEAR(workers[0].rate, 0.75);
        CHECK_NEAR(workers[3].use, 0.75);
        CHECK_NEAR(workers[1].rate + workers[2].rate + workers[3].rate, 1 + 0.5 + 0.25);
        sim_machine_finish(&s.machine);
}

/* On cores to themselves each would want half of a PU; slowed down by siblings they want two thirds, and get a half. */
static void test_floating_on_siblings(void)
{
        world_init(&w);
        world_add_cores(&w, 1, 2, 1.0, 0.5);
        open_machine(4, true);
        for (uint32_t i = 0; i < 4; i++)
                busy(i, 0.5);
        CHECK_NEAR(s.machine.used, 2);
        for (uint32_t i = 0; i < 4; i++)
                CHECK_NEAR(workers[i].use, 0.5);
        sim_machine_finish(&s.machine);
}

static void test_wide(void)
{
        world_init(&w);
        world_add_pus(&w, 1, 1.0);
        world_add_pus(&w, 1, 0.5);
        open_machine(2, false);
        sim_machine_widen(&s, 0, 1);
        sim_machine_begin(&s, 0, (struct sim_load){.busy = true, .cpus = 2}, 1);
        sim_machine_settle(&s);
        CHECK_NEAR(workers[0].rate, 0.75);
        CHECK_NEAR(workers[0].use, 2);
        /* Somebody else on one of its PUs. */
        busy(1, 0);
        CHECK_NEAR(workers[0].rate, 0.625);
        CHECK_NEAR(workers[1].rate, 0.25);
        sim_machine_rest(&s, 1);
        sim_machine_place(&s, 0, 0);
        sim_machine_settle(&s);
        CHECK_NEAR(workers[0].rate, 1);
        sim_machine_finish(&s.machine);
}

/* What was done at one rate counts when another one begins. */
static void test_change(void)
{
        world_init(&w);
        world_add_cores(&w, 1, 2, 1.0, 0.5);
        open_machine(2, false);
        busy(0, 0);
        CHECK_NEAR(due[0], 1);
        s.now = 0.5;
        busy(1, 0);
        CHECK_NEAR(due[0], 1.5);
        CHECK_NEAR(due[1], 2.5);
        s.now = 1.5;
        sim_machine_advance(&s, 0);
        CHECK_NEAR(workers[0].left, 0);
        CHECK_NEAR(workers[0].used, 1.5);
        sim_machine_rest(&s, 0);
        sim_machine_settle(&s);
        CHECK_NEAR(due[1], 2);
        s.now = 2;
        sim_machine_count_use(&s);
        CHECK_NEAR(s.machine.busy, 0.5 + 2 + 0.5);
        CHECK_NEAR(s.machine.idle, 1);
        sim_machine_finish(&s.machine);
}

/* Whatever runs where: no PU gives more than it has, nobody gets more than it wants, and where somebody gets less, all
 * PUs that it may use are full, and nobody has more of them than it has. */

static double wants(uint32_t i)
{
        double waits = workers[i].load.waits,
               speed = s.machine.shares[i].use > 0 ? s.machine.shares[i].work / s.machine.shares[i].use : 1;

        return (1 - waits) / (waits * speed + 1 - waits);
}

static double used_of_pu(unsigned os)
{
        double sum = 0;

        for (uint32_t i = 0; i < s.n_workers; i++)
                sum += workers[i].load.busy && workers[i].pu == os ? workers[i].use : 0;
        return sum;
}

static void check_worker(uint32_t i)
{
        bool floats = workers[i].pu == DISPATCH_FLOATING;
        double full = floats ? (double)s.machine.n_held : 1 - s.machine.pus[workers[i].pu].floating;

        CHECK(workers[i].use >= 0 && workers[i].use <= wants(i) + 1e-9);
        if (workers[i].use >= wants(i) - 1e-6)
                return;
        CHECK((floats ? s.machine.used : used_of_pu(workers[i].pu)) >= full - 1e-6);
        for (uint32_t k = 0; k < s.n_workers; k++)
                if (workers[k].load.busy && workers[k].pu == workers[i].pu)
                        CHECK(workers[k].use <= workers[i].use + 1e-6);
}

static void random_loads(uint64_t *random, bool siblings)
{
        world_init(&w);
        if (siblings)
                world_add_cores(&w, 1 + random_below(random, 3), 2, 1.0, 0.5 + 0.5 * random_uniform(random));
        else
                world_add_pus(&w, 1 + random_below(random, 6), 1.0);
        open_machine(1 + random_below(random, WORKERS), true);
        for (uint32_t i = 0; i < s.n_workers; i++) {
                if (random_below(random, 2))
                        sim_machine_place(&s, i, random_below(random, (uint32_t)w.params.n_pus));
                if (random_below(random, 4))
                        sim_machine_begin(&s, i,
                                          (struct sim_load){.busy = true,
                                                            .waits = random_below(random, 2) * random_uniform(random)},
                                          1);
        }
        sim_machine_settle(&s);
}

static void test_any_loads(void)
{
        for (uint64_t seed = 1; seed <= 20000; seed++) {
                uint64_t random = seed;
                bool siblings = seed % 2;

                random_loads(&random, siblings);
                CHECK(s.machine.used <= (double)s.machine.n_held + 1e-9);
                for (size_t p = 0; p < s.machine.n_pus; p++)
                        CHECK(used_of_pu(s.machine.pus[p].os) + s.machine.pus[p].floating <= 1 + 1e-9);
                for (uint32_t i = 0; i < s.n_workers && !siblings; i++)
                        if (workers[i].load.busy)
                                check_worker(i);
                sim_machine_finish(&s.machine);
        }
}

/* Whole runs */

static void test_result(void)
{
        struct sim_result r;
        uint32_t module;

        world_init_ideal(&w);
        world_add_pus(&w, 1, 0.5);
        w.session_setup = w.suite.session_setup = 0.25;
        module = world_add_group(&w, DISPATCH_NONE, 0.5);
        world_add_item(&w, 1, module);
        world_add_item(&w, 2, module);
        world_add_item(&w, 4, DISPATCH_NONE)->alone = true;
        w.waits[1] = 0.5;
        CHECK_INT(sim_run(&w.params, &r), 0);
        CHECK_INT(r.n_items, 3);
        CHECK_INT(r.done, 2);
        CHECK_INT(r.lost + r.left, 0);
        CHECK_INT(r.n_workers, 1);
        CHECK_NEAR(r.setups, 1.5);
        CHECK_NEAR(r.makespan, 1.5 + 2 + 3);
        CHECK_NEAR(r.busy, 1.5 + 2 + 2);
        CHECK_NEAR(r.items[0].end - r.items[0].begin + r.items[1].end - r.items[1].begin, 6.5);
        CHECK_NEAR(r.items[0].setup + r.items[1].setup, 1.5);
        CHECK_NEAR(r.items[2].end, 0);
        sim_result_finish(&r);
}

/* Records of DONE say what the item took without its set-ups, and as on a PU of its own. */
struct seen {
        double wall, cpu;
};

static void see(void *data, double now, const struct dispatch_event *e)
{
        struct seen *seen = data;

        if (e->type == DISPATCH_DONE)
                seen[e->item] = (struct seen){.wall = e->wall, .cpu = e->cpu};
}

static void test_records(void)
{
        struct seen seen[2];
        const struct sim_hooks hooks = {.data = seen, .event = see};
        struct sim_result r;
        uint32_t module;

        world_init_ideal(&w);
        world_add_pus(&w, 1, 0.5);
        w.suite.min_workers = w.suite.max_workers = 2;
        module = world_add_group(&w, DISPATCH_NONE, 0.5);
        world_add_item(&w, 1, module);
        world_add_item(&w, 2, DISPATCH_NONE);
        w.waits[0] = w.items[0].waits = 0.25;
        w.params.hooks = &hooks;
        CHECK_INT(sim_run(&w.params, &r), 0);
        CHECK_INT(r.n_workers, 2);
        CHECK_NEAR(seen[0].cpu, 1.5);
        CHECK_NEAR(seen[0].wall, 1.75);
        CHECK_NEAR(seen[1].cpu, 4);
        CHECK_NEAR(seen[1].wall, 4);
        sim_result_finish(&r);
}

static void make_some_suite(void)
{
        uint64_t random = 5;

        world_init(&w);
        world_add_cores(&w, 2, 2, 1.0, 0.6);
        w.suite.min_workers = w.suite.max_workers = 6;
        for (unsigned m = 0; m < 5; m++) {
                uint32_t group = world_add_group(&w, DISPATCH_NONE, 0.1);

                for (unsigned i = 0; i < 10; i++)
                        world_add_item(&w, random_seconds(&random), group);
        }
        w.changes[0] = (struct sim_change){.at = 0.5, .pus = w.pus, .n_pus = 2};
        w.params.n_changes = 1;
}

/* Every allocation that fails is told, and nothing is left behind (LeakSanitizer sees to that). */
static void test_without_memory(void)
{
        struct sim_result r;
        unsigned long n;

        make_some_suite();
        n_allocations = 0;
        CHECK_INT(sim_run(&w.params, &r), 0);
        sim_result_finish(&r);
        n = n_allocations;
        CHECK(n > 10);
        for (unsigned long i = 1; i <= n; i++) {
                n_allocations = 0;
                fail_at = i;
                CHECK_INT(sim_run(&w.params, &r), -ENOMEM);
        }
        fail_at = 0;
}

static void test_refusals(void)
{
        struct sim_result r;

        make_some_suite();
        w.params.n_pus = 0;
        CHECK_INT(sim_run(&w.params, &r), -EINVAL);
        make_some_suite();
        w.suite.max_workers = 0;
        CHECK_INT(sim_run(&w.params, &r), -EINVAL);
        make_some_suite();
        w.params.latency = -1;
        CHECK_INT(sim_run(&w.params, &r), -EINVAL);
}

int main(void)
{
        test_siblings();
        test_sharing();
        test_waiting();
        test_floating();
        test_floating_on_siblings();
        test_wide();
        test_change();
        test_any_loads();
        test_result();
        test_records();
        test_without_memory();
        test_refusals();
        return 0;
}
