/* Estimates: outliers, first runs, real changes, slow PUs, guesses from neighbours; and the bound against brute
 * force. */
#include "core/dispatch.h"
#include "core/estimate.h"
#include "tests/unit/test.h"

#include <math.h>

static bool near(double a, double b)
{
        return fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

static uint32_t random_below(uint32_t *state, uint32_t n)
{
        *state = *state * 1664525 + 1013904223;
        return (*state >> 16) % n;
}

static void sample(struct estimate *e, double wall)
{
        estimate_update(e,
                        &(struct estimate_sample){.wall = wall, .cpu = wall, .speed = 1, .outcome = ESTIMATE_PASSED});
}

static void test_first_run_is_forgotten(void)
{
        struct estimate e = {0};

        sample(&e, 5);
        CHECK(near(e.wall, 5));
        sample(&e, 0.5);
        CHECK(near(e.wall, 0.5));
        CHECK_INT(e.n_samples, 2);
}

static void test_one_outlier_moves_nothing(void)
{
        struct estimate e = {0};

        for (int i = 0; i < 5; i++)
                sample(&e, 1);
        sample(&e, 60);
        CHECK(near(e.wall, 1));
        sample(&e, 1);
        CHECK(near(e.wall, 1));
        CHECK(e.spread > 1);
}

static void test_a_real_change_is_believed(void)
{
        struct estimate e = {0};

        for (int i = 0; i < 5; i++)
                sample(&e, 1);
        for (int i = 0; i < 6; i++)
                sample(&e, 3);
        CHECK(e.wall > 2.8 && e.wall <= 3);
}

/* A throttled run: every test takes half as long again, of which one in a row moves nothing, and what is shown of the
 * suite as a whole stays within a few per cent even where the next runs are noisy. */
static void test_a_throttled_run(void)
{
        uint32_t state = 5;
        double before = 0, throttled = 0, after = 0;

        for (int i = 0; i < 200; i++) {
                struct estimate e = {0};

                for (int run = 0; run < 5; run++)
                        sample(&e, 1 + 0.001 * random_below(&state, 100));
                before += e.wall;
                sample(&e, 1.5 * (1 + 0.001 * random_below(&state, 100)));
                throttled += e.wall;
                CHECK(estimate_waits(&e) < 0.03); /* CPU seconds move no further than wall seconds */
                for (int run = 0; run < 3; run++)
                        sample(&e, 1 + 0.001 * random_below(&state, 100));
                after += e.wall;
        }
        CHECK(throttled < 1.04 * before && throttled > 0.98 * before);
        CHECK(after < 1.04 * before && after > 0.98 * before);
}

/* A loaded run: others have the PUs for half of the time, so that only the wall time is longer. */
static void test_a_loaded_run(void)
{
        struct estimate e = {0};
        struct estimate_sample quiet = {.wall = 1, .cpu = 0.95, .speed = 1, .outcome = ESTIMATE_PASSED}, loaded = quiet;

        loaded.wall = 2;
        for (int run = 0; run < 4; run++)
                estimate_update(&e, &quiet);
        estimate_update(&e, &loaded);
        CHECK(near(e.wall, 1) && near(e.cpu, 0.95) && near(estimate_waits(&e), 0.05));
        estimate_update(&e, &quiet);
        CHECK(near(e.wall, 1) && near(estimate_waits(&e), 0.05));
}

static void sample_of(struct estimate *e, double wall, uint64_t source)
{
        estimate_update(e,
                        &(struct estimate_sample){
                                .wall = wall, .cpu = wall, .speed = 1, .source = source, .outcome = ESTIMATE_PASSED});
}

/* Its file has changed: a time that is quite another one is believed at once, up or down, and one like before is one
 * more sample. */
static void test_a_changed_file(void)
{
        static const double times[] = {0.3, 1.6, 9};

        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                struct estimate e = {0};

                for (int run = 0; run < 5; run++)
                        sample_of(&e, 1, 7);
                CHECK(!estimate_is_stale(&e, 7) && !estimate_is_stale(&e, 0) && estimate_is_stale(&e, 8));
                CHECK(near(estimate_spread(&e, 7), 0) && near(estimate_spread(&e, 8), 0.5));
                sample_of(&e, times[i], 8);
                CHECK(near(e.wall, times[i]));
                CHECK_INT(e.n_samples, 1);
                CHECK(!estimate_is_stale(&e, 8));
        }
}

static void test_a_changed_file_like_before(void)
{
        struct estimate e = {0};

        for (int run = 0; run < 5; run++)
                sample_of(&e, 1, 7);
        sample_of(&e, 1.2, 8);
        CHECK(near(e.wall, 1));
        CHECK_INT(e.n_samples, 6);
        sample_of(&e, 60, 0); /* a run that could not look: as if nothing had changed */
        CHECK(near(e.wall, 1.1));
        CHECK_INT(e.source, 8);
}

static void test_an_imported_time_gives_way(void)
{
        struct estimate e = {.n_samples = 1, .wall = 0.1, .cpu = -1, .last = 0.1};

        CHECK(near(estimate_waits(&e), 0));
        estimate_update(&e, &(struct estimate_sample){.wall = 4, .cpu = 1, .speed = 1, .outcome = ESTIMATE_PASSED});
        CHECK(near(e.wall, 4) && near(e.cpu, 1) && near(estimate_waits(&e), 0.75));
        CHECK_INT(e.n_samples, 1);
}

/* One run in which a test computes what it otherwise waits for does not make it one that computes. */
static void test_cpu_outlier(void)
{
        struct estimate e = {0};
        struct estimate_sample s = {.wall = 2, .cpu = 0.1, .speed = 1, .outcome = ESTIMATE_PASSED};

        for (int run = 0; run < 4; run++)
                estimate_update(&e, &s);
        s.cpu = 2;
        estimate_update(&e, &s);
        CHECK(near(estimate_waits(&e), 0.95));
}

static void test_slow_pu(void)
{
        /* 2 s on a half-speed PU, of which 1 s asleep: half a second of work and the sleep. */
        CHECK(near(estimate_on_fast_core(2, 1, 0.5), 1.5));
        CHECK(near(estimate_on_fast_core(2, 4, 0.5), 1));
        CHECK(near(estimate_on_fast_core(2, 0, 0.5), 2));
}

/* Two workers take turns on one PU. */
static void test_taking_turns(void)
{
        CHECK(near(estimate_alone(2, 1, 2), 1)); /* only computes */
        CHECK(near(estimate_alone(5, 0, 2), 5)); /* only waits */
        CHECK(near(estimate_alone(3, 1, 2), 2)); /* waits for a second, and a second for its turn */
        CHECK(near(estimate_alone(1.5, 1, 2), 1));
        CHECK(near(estimate_alone(3, 1, 1), 3));
        CHECK(near(estimate_alone(2, 6, 2), 2)); /* its threads had more than one PU */
}

static void test_lost_and_nonsense_are_not_learned(void)
{
        struct estimate e = {0};

        sample(&e, 1);
        estimate_update(&e, &(struct estimate_sample){.wall = 9, .speed = 1, .outcome = ESTIMATE_LOST});
        CHECK_INT(e.n_samples, 1);
        CHECK_INT(e.outcome, ESTIMATE_LOST);
        sample(&e, nan(""));
        CHECK(near(e.wall, 1));
}

static void test_memory_falls_slowly(void)
{
        struct estimate e = {0};
        struct estimate_sample s = {.wall = 1, .speed = 1, .rss = 800, .outcome = ESTIMATE_PASSED};

        estimate_update(&e, &s);
        s.rss = 0;
        estimate_update(&e, &s);
        CHECK_INT(e.rss, 800);
        s.rss = 400;
        estimate_update(&e, &s);
        CHECK_INT(e.rss, 750);
}

/* Groups: 0 a package, 1 a module in it, 2 and 3 classes in that, 4 another module. */
static const uint32_t guess_parent[] = {ESTIMATE_NO_GROUP, 0, 1, 1, ESTIMATE_NO_GROUP};

static void test_guesses(void)
{
        static const uint32_t group[] = {2, 2, 2, 3, 1, 4, ESTIMATE_NO_GROUP, 0};
        static const char *const ids[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        const struct estimate_suite suite = {ids, group, 8, guess_parent, 5};
        double seconds[] = {1, 3, -1, -1, 7, -1, -1, -1}, spread[8] = {0.5};
        double nothing[] = {-1}, no_spread[] = {0};

        CHECK_INT(estimate_guess(&suite, seconds, spread), 0);
        CHECK(near(seconds[2], 3) && near(spread[2], 1)); /* its class: the upper of 1 and 3 */
        CHECK(near(seconds[3], 3) && near(spread[3], 2)); /* its module: 1, 3, 7 */
        CHECK(near(seconds[5], 3) && near(spread[5], 2)); /* the suite */
        CHECK(near(seconds[6], 3));
        CHECK(near(seconds[7], 3));
        CHECK(near(seconds[4], 7) && near(spread[4], 0) && near(spread[0], 0.5)); /* what is known stays */

        CHECK_INT(estimate_guess(&(struct estimate_suite){ids, group, 1, guess_parent, 5}, nothing, no_spread), 0);
        CHECK(nothing[0] < 0);
        CHECK_INT(estimate_guess(&(struct estimate_suite){0}, NULL, NULL), 0);
}

/* Another parameter of the same test tells more than the rest of its class. */
static void test_guesses_from_other_parameters(void)
{
        static const uint32_t group[] = {2, 2, 2, 2, 2, 2, 4};
        static const char *const ids[] = {"x[1]/m.py::test_a[1]", "x[1]/m.py::test_a[2::b[]", "x[1]/m.py::test_a[3]",
                                          "x[1]/m.py::test_b",    "x[1]/m.py::test_c[1]",     "x[1]/m.py::test_ab[1]",
                                          "x[1]/n.py::test_a[1]"};
        double seconds[] = {8, 9, -1, 1, -1, -1, -1}, spread[7] = {0};

        CHECK_INT(estimate_guess(&(struct estimate_suite){ids, group, 7, guess_parent, 5}, seconds, spread), 0);
        CHECK(near(seconds[2], 9) && near(spread[2], 0.5));
        CHECK(near(seconds[4], 8)); /* no other one is known: its class has 1, 8, 9 */
        CHECK(near(seconds[5], 8));
        CHECK(near(seconds[6], 8)); /* of the same name, but in another file */
}

/* The bound */

struct instance {
        struct dispatch_item items[6];
        struct dispatch_group groups[2];
        struct dispatch_pu pus[3];
        uint32_t n_items, n_groups, n_pus;
};

/* Seconds of one assignment, digit i of it being item i's PU; each PU sets up each group that it needs once. */
static double makespan(const struct instance *in, uint32_t assignment)
{
        double load[3] = {0}, end = 0;
        bool up[3][2] = {{false}};

        for (uint32_t i = 0; i < in->n_items; i++, assignment /= in->n_pus) {
                uint32_t pu = assignment % in->n_pus;

                for (uint32_t g = in->items[i].group; g != DISPATCH_NONE && !up[pu][g]; g = in->groups[g].parent) {
                        up[pu][g] = true;
                        load[pu] += in->groups[g].setup;
                }
                load[pu] += in->items[i].seconds;
        }
        for (uint32_t k = 0; k < in->n_pus; k++)
                end = fmax(end, load[k] / in->pus[k].speed);
        return end;
}

static double best_makespan(const struct instance *in)
{
        uint32_t n = 1;
        double best = HUGE_VAL;

        for (uint32_t i = 0; i < in->n_items; i++)
                n *= in->n_pus;
        for (uint32_t assignment = 0; assignment < n; assignment++)
                best = fmin(best, makespan(in, assignment));
        return best;
}

static int bound_of(const struct dispatch_item *items, uint32_t n_items, const struct dispatch_group *groups,
                    uint32_t n_groups, const struct dispatch_pu *pus, size_t n_pus, double *ret_bound)
{
        const struct dispatch_params params = {
                .items = items, .n_items = n_items, .groups = groups, .n_groups = n_groups};

        return dispatch_bound(&params, pus, n_pus, ret_bound);
}

static void test_bound_is_never_above_the_optimum(void)
{
        uint32_t state = 1, tight = 0;

        for (int round = 0; round < 400; round++) {
                struct instance in = {.n_items = 1 + random_below(&state, 6),
                                      .n_groups = 2,
                                      .n_pus = 1 + random_below(&state, 3),
                                      .groups = {{.parent = DISPATCH_NONE}, {.parent = 0}}};
                double bound, best;

                in.groups[0].setup = random_below(&state, 4);
                in.groups[1].setup = random_below(&state, 4) - 1.0;
                in.groups[1].setup = in.groups[1].setup < 0 ? 0 : in.groups[1].setup;
                for (uint32_t i = 0; i < in.n_items; i++)
                        in.items[i] = (struct dispatch_item){
                                .seconds = random_below(&state, 20),
                                .group = random_below(&state, 3) == 0 ? DISPATCH_NONE : random_below(&state, 2)};
                for (uint32_t k = 0; k < in.n_pus; k++)
                        in.pus[k] = (struct dispatch_pu){.os = k, .speed = 1.0 - 0.3 * random_below(&state, 3)};
                CHECK_INT(bound_of(in.items, in.n_items, in.groups, in.n_groups, in.pus, in.n_pus, &bound), 0);
                best = best_makespan(&in);
                CHECK(bound <= best * (1 + 1e-9));
                tight += near(bound, best);
        }
        CHECK(tight > 40); /* a bound of zero would pass the other check */
}

static void test_bound_by_hand(void)
{
        static const struct dispatch_item items[] = {
                {.seconds = 4, .group = DISPATCH_NONE}, {.seconds = 1}, {.seconds = -1}};
        static const struct dispatch_group groups[] = {{.parent = DISPATCH_NONE, .setup = 3},
                                                       {.parent = DISPATCH_NONE, .setup = 100}};
        static const struct dispatch_pu pus[] = {{.os = 0, .speed = 0.5}, {.os = 1, .speed = 1.0}};
        double bound = 0;

        CHECK_INT(bound_of(items, 3, groups, 2, pus, 2, &bound), 0);
        CHECK(near(bound, 8 / 1.5)); /* (4 + 1 + 0 + 3) / 1.5 is above 4 / 1 */
        CHECK_INT(bound_of(items, 1, groups, 2, pus, 2, &bound), 0);
        CHECK(near(bound, 4));
        CHECK_INT(bound_of(items, 0, groups, 2, pus, 2, &bound), 0);
        CHECK(near(bound, 0));
        CHECK(bound_of(items, 3, groups, 2, pus, 0, &bound) < 0);
        CHECK(near(bound, 0));
}

/* Of four items of 1 s on two PUs three may not run beside each other. */
static void test_bound_of_serial_groups(void)
{
        static const struct dispatch_item items[] = {{.seconds = 1, .group = DISPATCH_NONE, .serial = 4},
                                                     {.seconds = 1, .group = DISPATCH_NONE},
                                                     {.seconds = 1, .group = DISPATCH_NONE, .serial = 4},
                                                     {.seconds = 1, .group = DISPATCH_NONE, .serial = 4}};
        static const struct dispatch_pu pus[] = {{.os = 0, .speed = 1.0}, {.os = 1, .speed = 1.0}};
        double bound;

        CHECK_INT(bound_of(items, 4, NULL, 0, pus, 2, &bound), 0);
        CHECK(near(bound, 3));
}

/* Wall time alone, as pytest-xdist's reports have it. */
static void test_without_cpu_time(void)
{
        struct estimate e = {.n_samples = 1, .wall = 9, .cpu = -1, .last = 9}; /* imported */
        struct estimate_sample wall_only = {.wall = 2, .cpu = -1, .speed = 0.5, .outcome = ESTIMATE_PASSED};
        struct estimate_sample both = {.wall = 4, .cpu = 1, .speed = 1, .outcome = ESTIMATE_PASSED};

        CHECK(!estimate_is_measured(&e));
        estimate_update(&e, &wall_only);
        CHECK(e.wall == 1 && e.cpu < 0 && e.n_samples == 1 && estimate_is_measured(&e)); /* all of it computing */
        CHECK(estimate_waits(&e) == 0);
        estimate_update(&e, &wall_only);
        CHECK(e.wall == 1 && e.cpu < 0 && e.n_samples == 2);
        estimate_update(&e, &both);
        CHECK(e.wall == 4 && e.cpu == 1 && e.n_samples == 1);
        /* From then on it waits as much as it did. */
        wall_only.speed = 1;
        wall_only.wall = 8;
        for (unsigned i = 0; i < 8; i++)
                estimate_update(&e, &wall_only);
        CHECK(e.wall > 7 && e.wall <= 8);
        CHECK(estimate_waits(&e) > 0.74 && estimate_waits(&e) < 0.76);
        /* Whoever took no time at all computes. */
        e = (struct estimate){0};
        both.wall = both.cpu = 0;
        estimate_update(&e, &both);
        estimate_update(&e, &wall_only);
        CHECK(estimate_waits(&e) == 0);
}

int main(void)
{
        test_first_run_is_forgotten();
        test_one_outlier_moves_nothing();
        test_a_real_change_is_believed();
        test_a_throttled_run();
        test_a_loaded_run();
        test_a_changed_file();
        test_a_changed_file_like_before();
        test_an_imported_time_gives_way();
        test_cpu_outlier();
        test_slow_pu();
        test_taking_turns();
        test_bound_of_serial_groups();
        test_lost_and_nonsense_are_not_learned();
        test_memory_falls_slowly();
        test_guesses();
        test_guesses_from_other_parameters();
        test_bound_is_never_above_the_optimum();
        test_bound_by_hand();
        test_without_cpu_time();
        return 0;
}
