/* Learning how fast classes of PUs are: what is true is found, whatever was assumed, and what nobody can know is left
 * as it is. */
#include "core/speeds.h"

#include <math.h>

#include "tests/unit/test.h"

enum { ITEMS = 240, RUNS = 16, SEEDS = 40 };

/* Four P cores of two PUs, four E cores of one: E at 0.55 and a gain of 0.25 by siblings are assumed. */
static struct machine hybrid(void)
{
        static const struct machine_kind kinds[] = {{.name = "P", .speed = 1}, {.name = "E", .speed = 0.55}};
        struct machine_pu *pus = calloc(12, sizeof(*pus));
        struct machine m = {0};

        CHECK(pus);
        for (unsigned i = 0; i < 12; i++)
                pus[i] = i < 8 ? (struct machine_pu){.os = i, .core = i / 2, .smt_rank = i % 2}
                               : (struct machine_pu){.os = i, .core = i - 4, .kind = 1};
        CHECK_INT(machine_init(pus, 12, kinds, 2, &m), 0);
        return m;
}

static struct speeds assumed(void)
{
        struct machine m = hybrid();
        struct speeds s;

        speeds_init(&s, &m);
        machine_finish(&m);
        return s;
}

static double ratio_of(const struct speeds *s, unsigned kind, unsigned siblings)
{
        const struct speeds_class *c = speeds_find(s, kind, siblings);

        CHECK(c);
        return c->ratio;
}

static bool near(double a, double b, double share)
{
        return fabs(a - b) <= share * b;
}

static void test_classes(void)
{
        struct speeds s = assumed();
        char name[SPEEDS_NAME_MAX];

        CHECK_STR(s.machine, "P 4 x 2, E 4 x 1");
        CHECK_INT(s.n_classes, 3);
        CHECK(near(ratio_of(&s, 0, 1), 1, 0) && near(ratio_of(&s, 0, 2), 0.625, 0) &&
              near(ratio_of(&s, 1, 1), 0.55, 0));
        CHECK(!speeds_find(&s, 1, 2));
        CHECK(!speeds_find_id(&s, 0));
        for (size_t i = 0; i < s.n_classes; i++)
                CHECK(speeds_find_id(&s, s.classes[i].id) == &s.classes[i]);
        speeds_format(&s.classes[1], name);
        CHECK_STR(name, "0/2");
}

static void test_restoring(void)
{
        struct speeds s = assumed();

        CHECK(speeds_restore(&s, "1/1", 0.7, 1e9));
        CHECK(near(ratio_of(&s, 1, 1), 0.7, 0));
        CHECK(speeds_find(&s, 1, 1)->weight <= SPEEDS_WEIGHT_MAX);
        CHECK(!speeds_restore(&s, "1/2", 0.7, 1));
        CHECK(!speeds_restore(&s, "", 0.7, 1));
        CHECK(!speeds_restore(&s, "1/1", 0, 1));
        CHECK(!speeds_restore(&s, "1/1", 1.5, 1));
        CHECK(!speeds_restore(&s, "1/1", nan(""), 1));
        CHECK(!speeds_restore(&s, "1/1", 0.6, nan("")));
        CHECK(!speeds_restore(&s, "1/1", 0.6, 0));
        CHECK(near(ratio_of(&s, 1, 1), 0.7, 0));
}

/* A simulated project on a machine whose E cores have 0.7 of a P core's speed, and whose siblings gain 0.4. */

struct world {
        struct speeds speeds;
        struct estimate items[ITEMS];
        double seconds[ITEMS]; /* really, on a fast core */
        double noise;          /* standard deviation of the log of a measurement */
        uint64_t random;
};

static double truth(const struct speeds_class *c)
{
        return c->kind == 1 ? 0.7 : c->siblings == 2 ? 0.7 : 1;
}

static double uniform(struct world *w)
{
        w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return ((double)(w->random >> 33) + 0.5) / (double)(UINT64_C(1) << 31);
}

static double normal(struct world *w)
{
        double radius = sqrt(-2 * log(uniform(w)));

        return radius * cos(6.283185307179586 * uniform(w));
}

static struct world *make_world(uint64_t seed, double noise)
{
        static struct world w;

        w = (struct world){.speeds = assumed(), .noise = noise, .random = seed};
        for (int i = 0; i < ITEMS; i++)
                w.seconds[i] = 0.05 * exp(normal(&w));
        return &w;
}

/* One run in which each item's class is chosen[i], everything taking `slow` times as long. */
static void run(struct world *w, const struct speeds_class *const chosen[static ITEMS], double slow)
{
        struct speeds_run evidence = {0};

        for (int i = 0; i < ITEMS; i++) {
                double seconds = w->seconds[i] * slow * exp(w->noise * normal(w)) / truth(chosen[i]);
                struct estimate_sample sample = {.wall = seconds,
                                                 .cpu = seconds,
                                                 .speed = chosen[i]->ratio,
                                                 .class = chosen[i]->id,
                                                 .outcome = ESTIMATE_PASSED};

                CHECK_INT(speeds_observe(&evidence, &w->speeds, &w->items[i], &sample), 0);
                estimate_update(&w->items[i], &sample);
        }
        CHECK_INT(speeds_learn(&w->speeds, &evidence), 0);
        speeds_run_finish(&evidence);
}

/* A long item goes to a P core and a short one to an E core, but for one in `loose`. */
static void run_by_length(struct world *w, unsigned siblings, double loose, double slow)
{
        const struct speeds_class *chosen[ITEMS];

        for (int i = 0; i < ITEMS; i++) {
                bool is_long = w->seconds[i] > 0.05, moves = uniform(w) < loose;

                chosen[i] = speeds_find(&w->speeds, is_long == moves, is_long == moves ? 1 : siblings);
        }
        run(w, chosen, slow);
}

static void run_all_in(struct world *w, unsigned kind, unsigned siblings, double slow)
{
        const struct speeds_class *chosen[ITEMS];

        for (int i = 0; i < ITEMS; i++)
                chosen[i] = speeds_find(&w->speeds, kind, siblings);
        run(w, chosen, slow);
}

/* Leases with and without siblings take turns; one run is throttled. Nine of ten items stay with their kind of core. */
static void test_converges(void)
{
        double worst_e = 0, worst_smt = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                struct world *w = make_world(seed, 0.1);

                for (int i = 0; i < RUNS; i++)
                        run_by_length(w, 1 + (unsigned)i % 2, 0.1, i == RUNS - 2 ? 1.5 : 1);
                worst_e = fmax(worst_e, fabs(ratio_of(&w->speeds, 1, 1) / 0.7 - 1));
                worst_smt = fmax(worst_smt, fabs(ratio_of(&w->speeds, 0, 2) / 0.7 - 1));
                CHECK(near(ratio_of(&w->speeds, 0, 1), 1, 0));
        }
        printf("off by at most %.3f (kinds), %.3f (siblings)\n", worst_e, worst_smt);
        CHECK(worst_e < 0.05 && worst_smt < 0.05);
}

/* A whole run at two thirds of its speed changes nothing, whether items stayed in their class or went both ways. */
static void test_a_throttled_run_cancels(void)
{
        for (int stay = 0; stay < 2; stay++) {
                struct world *w = make_world(7, 0);

                run_by_length(w, 1, 0, 1);
                run_by_length(w, 1, stay ? 0.5 : 1, 1.5);
                CHECK(near(ratio_of(&w->speeds, 1, 1), 0.7, 0.001));
        }
}

/* The whole suite went from one class to another: a slower class or a slower day, nobody can tell. */
static void test_what_cannot_be_told_apart(void)
{
        struct world *w = make_world(7, 0);

        run_all_in(w, 0, 1, 1);
        run_all_in(w, 1, 1, 1.2);
        CHECK(near(ratio_of(&w->speeds, 1, 1), 0.55, 0));
        CHECK(!(speeds_find(&w->speeds, 1, 1)->weight > 0));
}

static void test_relative_to_what_is_there(void)
{
        struct world *w = make_world(7, 0);

        /* Never a P core alone: its siblings' assumed speed stands, and E cores are seen to be as fast. */
        run_by_length(w, 2, 0, 1);
        run_by_length(w, 2, 0.5, 1);
        CHECK(near(ratio_of(&w->speeds, 0, 2), 0.625, 0));
        CHECK(near(ratio_of(&w->speeds, 1, 1), 0.625, 0.001));
}

/* A machine whose speeds have changed is believed within some runs. */
static void test_old_evidence_fades(void)
{
        struct world *w = make_world(3, 0.05);

        CHECK(speeds_restore(&w->speeds, "1/1", 0.3, SPEEDS_WEIGHT_MAX));
        for (int i = 0; i < RUNS; i++)
                run_by_length(w, 1, 0.3, 1);
        CHECK(near(ratio_of(&w->speeds, 1, 1), 0.7, 0.05));
}

/* n items that went each way, and as many that stayed in both classes; `now` may be spoiled. */
static double learned_from(int n, double cpu, struct estimate_sample now, uint64_t source, uint32_t class)
{
        struct speeds s = assumed();
        struct speeds_run evidence = {0};

        for (int i = 0; i < 4 * n; i++) {
                bool from = i & 1, to = i & 2;
                struct estimate e = {0};
                struct estimate_sample then = {.wall = cpu / (from ? 0.8 : 1),
                                               .cpu = cpu / (from ? 0.8 : 1),
                                               .speed = 1,
                                               .source = source,
                                               .class = class ? class : speeds_find(&s, from, 1)->id,
                                               .outcome = ESTIMATE_PASSED};

                estimate_update(&e, &then);
                now.wall = now.cpu = cpu / (to ? 0.8 : 1);
                now.speed = 1;
                now.class = speeds_find(&s, to, 1)->id;
                CHECK_INT(speeds_observe(&evidence, &s, &e, &now), 0);
        }
        CHECK_INT(speeds_learn(&s, &evidence), 0);
        speeds_run_finish(&evidence);
        return ratio_of(&s, 1, 1);
}

static void test_what_does_not_count(void)
{
        const struct estimate_sample passed = {.outcome = ESTIMATE_PASSED, .source = 1};
        const struct estimate_sample failed = {.outcome = ESTIMATE_FAILED, .source = 1};
        const int n = SPEEDS_ITEMS_MIN;

        CHECK(near(learned_from(n, 0.1, passed, 1, 0), 0.8, 1e-9));
        CHECK(near(learned_from(n / 2 - 1, 0.1, passed, 1, 0), 0.55, 0));                    /* too few */
        CHECK(near(learned_from(n, 0.01, passed, 1, 0), 0.55, 0));                           /* too short in sum */
        CHECK(near(learned_from(1000, SPEEDS_ITEM_SECONDS_MIN / 2, passed, 1, 0), 0.55, 0)); /* each too short */
        CHECK(near(learned_from(n, 0.1, failed, 1, 0), 0.55, 0));
        CHECK(near(learned_from(n, 0.1, passed, 2, 0), 0.55, 0));    /* its file has changed */
        CHECK(near(learned_from(n, 0.1, passed, 1, 4711), 0.55, 0)); /* of another machine */
}

static void test_limits(void)
{
        struct speeds s = assumed();
        struct speeds_run evidence = {0};

        CHECK_INT(speeds_learn(&s, &evidence), 0);
        for (int i = 0; i < 100; i++) {
                /* An E core that seems to be a thousand times as fast as a P core. */
                struct estimate e = {.n_samples = 1,
                                     .wall = 1,
                                     .cpu = 1,
                                     .last_cpu = i & 1 ? 1 : 1000,
                                     .last_class = speeds_find(&s, i & 1, 1)->id,
                                     .outcome = ESTIMATE_PASSED};
                struct estimate_sample now = {
                        .cpu = i & 1 ? 1000 : 1, .class = speeds_find(&s, !(i & 1), 1)->id, .outcome = ESTIMATE_PASSED};

                CHECK_INT(speeds_observe(&evidence, &s, &e, &now), 0);
        }
        CHECK_INT(speeds_learn(&s, &evidence), 0);
        CHECK(near(ratio_of(&s, 1, 1), 1, 0));
        speeds_run_finish(&evidence);
}

int main(void)
{
        test_classes();
        test_restoring();
        test_converges();
        test_a_throttled_run_cancels();
        test_what_cannot_be_told_apart();
        test_relative_to_what_is_there();
        test_old_evidence_fades();
        test_what_does_not_count();
        test_limits();
        return 0;
}
