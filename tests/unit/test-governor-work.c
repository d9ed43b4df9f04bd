/* Lost work: fewer PUs are tried against the work rate that runs report, and kept only where nothing is lost by it. */
#include "tests/unit/governor-scene.h"

#include <errno.h>
#include <math.h>

static uint64_t random_state;

/* About normal, mean 0, sigma 1: a sum of twelve uniform numbers. */
static double noise(void)
{
        double sum = -6;

        for (unsigned i = 0; i < 12; i++) {
                random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                sum += (double)(random_state >> 11) / 9007199254740992.0;
        }
        return sum;
}

/* The machine: throttled all the time, at so much of base frequency; the work that n PUs do; its noise. */
static struct {
        double (*rate)(unsigned n);
        double speed, noise;
} world;

static double flat(unsigned n)
{
        return n > 0 ? 5 : 0;
}

static double in_proportion(unsigned n)
{
        return 0.5 * n;
}

/* Best with 12: each further one costs 3 %. */
static double peak_at_12(unsigned n)
{
        return n <= 12 ? n / 2.0 : 6 * (1 - 0.03 * (n - 12));
}

static void work(struct scene *s)
{
        unsigned n = cpuset_count(&s->lent);
        struct readings_package *p = &s->readings.packages[0];

        p->throttled_ms += 900;
        p->n_measured = n;
        p->n_below_base = world.speed < 1 ? n : 0;
        p->frequency = world.speed;
        s->situation.work_rate = world.rate ? world.rate(n) * (1 + world.noise * noise()) : -1;
}

static void start(struct scene *s, double (*rate)(unsigned n), double speed, double error)
{
        struct readings_package *p;

        world.rate = rate;
        world.speed = speed;
        world.noise = error;
        random_state = 1;
        scene_init(s, 16, 1, GOVERNOR_BALANCED);
        p = scene_package(s);
        p->throttle_error = p->frequency_error = 0;
        s->before = work;
}

/* One PU less does as much, so it is kept, and then another, and so on. */
static void test_nothing_lost_is_kept(void)
{
        struct scene s;

        start(&s, flat, 0.9, 0);
        scene_run(&s, 60);
        CHECK_INT(s.decision.budget, 16);
        scene_run(&s, 5);
        CHECK_INT(s.decision.budget, 15);
        CHECK_STR(s.decision.text, "15 of 16: throttled 90 % of the time at 90 % of base frequency; next 16 when less "
                                   "work is done with 15");
        CHECK_INT(s.decision.cause, GOVERNOR_LOST_WORK);
        scene_run(&s, 300);
        CHECK(s.decision.budget <= 14 && s.decision.budget >= 12);
        scene_finish(&s);
}

/* One PU less does less: it comes back, and the next trial waits longer every time. */
static void test_a_loss_is_taken_back(void)
{
        struct scene s;
        unsigned least = 16, seconds = 0;

        start(&s, in_proportion, 0.9, 0);
        for (unsigned i = 0; i < 3600; i++) {
                scene_run(&s, 1);
                least = s.decision.budget < least ? s.decision.budget : least;
                seconds += s.decision.budget < 16;
        }
        CHECK_INT(least, 15);
        CHECK(seconds >= 80 && seconds <= 5 * 90);
        scene_finish(&s);
}

static void test_finds_the_best(void)
{
        struct scene s;

        start(&s, peak_at_12, 0.9, 0);
        scene_run(&s, 1200);
        CHECK(s.decision.budget >= 11 && s.decision.budget <= 13);
        scene_finish(&s);
}

/* Far below base: half way down at once, and back by halves. */
static void test_leap(void)
{
        struct scene s;

        start(&s, flat, 0.25, 0);
        scene_run(&s, 70);
        CHECK_INT(s.decision.budget, 8);
        CHECK(strstr(s.decision.text, "; next 16 when less work is done with 8"));
        scene_finish(&s);

        start(&s, in_proportion, 0.25, 0);
        scene_run(&s, 70);
        CHECK_INT(s.decision.budget, 8);
        scene_run(&s, 90);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);

        start(&s, peak_at_12, 0.25, 0);
        scene_run(&s, 2400);
        CHECK(s.decision.budget >= 11 && s.decision.budget <= 13);
        scene_finish(&s);
}

/* Half way down is no way down on a small machine: there one PU less is tried. */
static void test_no_room_to_leap(void)
{
        struct scene s;

        start(&s, flat, 0.7, 0);
        for (unsigned pu = 4; pu < 16; pu++)
                cpuset_remove(&s.usable, pu);
        scene_lend(&s, 4);
        scene_run(&s, 70);
        CHECK(strstr(s.decision.text, "3 of 4: throttled"));
        scene_finish(&s);
}

/* PUs went away, and what was cut is more than is left: that is no cut any more, and it begins anew. */
static void test_less_is_usable(void)
{
        struct scene s;

        start(&s, flat, 0.9, 0);
        scene_run(&s, 400);
        CHECK(s.decision.budget > 8 && s.decision.budget < 16);
        for (unsigned pu = 8; pu < 16; pu++)
                cpuset_remove(&s.usable, pu);
        scene_lend(&s, 8);
        scene_run(&s, 900); /* the trial under way failed, and the next one waits for that */
        CHECK(s.decision.budget < 8);
        scene_finish(&s);
}

/* Frequencies are read of some cores, throttling is counted of all of them. */
static void measure_some(struct scene *s)
{
        work(s);
        s->readings.packages[0].throttled_ms = 0;
        s->readings.packages[0].n_measured = s->readings.packages[0].n_below_base = 16;
        s->readings.packages[0].core_throttled_ms += 64 * (uint64_t)s->value;
}

static void test_many_cores(void)
{
        struct scene s;

        start(&s, flat, 0.9, 0);
        scene_finish(&s);
        scene_init(&s, 64, 1, GOVERNOR_BALANCED);
        *scene_package(&s) = (struct readings_package){.energy_error = -EACCES, .limit_error = -ENOENT, .cap = 1};
        s.before = measure_some;
        s.value = 20; /* ms a second */
        scene_run(&s, 300);
        CHECK_STR(s.decision.text, "64 of 64: nothing limits");
        CHECK(!scene_limit(&s, GOVERNOR_LOST_WORK));
        s.value = 200;
        scene_run(&s, 50);
        CHECK(scene_limit(&s, GOVERNOR_LOST_WORK));
        CHECK(strstr(scene_limit(&s, GOVERNOR_LOST_WORK)->what, "throttled 20 % of the time"));
        scene_finish(&s);
}

/* Noise in which a loss of one PU would not be seen: nothing is given up for nothing. */
static void test_noise(void)
{
        for (unsigned seed = 1; seed <= 20; seed++) {
                struct scene s;
                double lost = 0;

                start(&s, in_proportion, 0.9, 0.2);
                random_state = seed;
                for (unsigned i = 0; i < 2400; i++) {
                        scene_run(&s, 1);
                        lost += (16 - s.decision.budget) / 16.0 / 2400;
                }
                CHECK(lost < 0.03);
                scene_finish(&s);
        }
}

/* Not all runs say what they do: no cut, and it is said. */
static void test_no_rates_no_cut(void)
{
        struct scene s;

        start(&s, NULL, 0.3, 0);
        scene_run(&s, 1800);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        CHECK_STR(scene_limit(&s, GOVERNOR_LOST_WORK)->what,
                  "throttled 90 % of the time at 30 % of base frequency, no cut since not all runs report work");
        CHECK_INT(scene_limit(&s, GOVERNOR_LOST_WORK)->pus, 16);
        world.rate = flat;
        scene_run(&s, 100);
        CHECK(s.decision.budget < 16);
        world.rate = NULL; /* a run without rates came */
        scene_run(&s, 31);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

/* Throttled and yet at base frequency or above, or slow without being throttled: no work is lost. */
static void test_both_or_nothing(void)
{
        struct scene s;

        start(&s, flat, 1.3, 0);
        scene_run(&s, 1200);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        CHECK(!scene_limit(&s, GOVERNOR_LOST_WORK));
        scene_finish(&s);

        start(&s, flat, 0.3, 0);
        for (unsigned i = 0; i < 1200; i++) {
                scene_run(&s, 1);
                s.readings.packages[0].throttled_ms -= 900;
                CHECK_INT(s.decision.budget, 16);
        }
        CHECK(!scene_limit(&s, GOVERNOR_LOST_WORK));
        scene_finish(&s);
}

/* What is lent changes while it is measured: the trial proves nothing and is given up. */
static void test_a_disturbed_trial(void)
{
        struct scene s;

        start(&s, flat, 0.9, 0);
        scene_run(&s, 90);
        CHECK_INT(s.decision.budget, 15);
        s.follow = false;
        scene_lend(&s, 9);
        scene_run(&s, 2);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

/* A cut that has been kept is tried upwards again. */
static void test_tried_again_upwards(void)
{
        struct scene s;
        unsigned cut;

        start(&s, flat, 0.9, 0);
        scene_run(&s, 400);
        cut = s.decision.budget;
        CHECK(cut < 16);
        world.rate = in_proportion; /* another suite, of which each PU does its share */
        world.speed = 1.1;
        s.readings.packages[0].throttle_error = -1;
        scene_run(&s, 3000);
        CHECK(s.decision.budget >= cut + 3);
        scene_finish(&s);
}

/* Kernels that only count events: a second with one is a throttled one. */
static void count_events(struct scene *s)
{
        work(s);
        s->readings.packages[0].throttled_ms = 0;
        s->readings.packages[0].throttle_events += 3;
}

static void test_events_only(void)
{
        struct scene s;

        start(&s, flat, 0.9, 0);
        s.before = count_events;
        scene_run(&s, 100);
        CHECK(s.decision.budget < 16);
        scene_finish(&s);
}

/* CPUs without counters: a die at its limit counts as throttled, where it names none at 95 °C. */
static void no_counters(struct scene *s)
{
        work(s);
        s->readings.packages[0].throttle_error = -ENOENT;
}

static void test_no_counters(void)
{
        struct scene s;

        start(&s, flat, 0.6, 0);
        s.before = no_counters;
        scene_zone(&s, "k10temp Tctl", READINGS_DIE, 90);
        scene_run(&s, 600);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        s.readings.zones[0].millicelsius = 95000;
        scene_run(&s, 120);
        CHECK(s.decision.budget < 16);
        CHECK(strstr(s.decision.text,
                     ": at the die's limit 100 % of the time at 60 % of base frequency; next 16 when "));
        scene_finish(&s);

        start(&s, flat, 1.1, 0); /* by design */
        s.before = no_counters;
        scene_zone(&s, "k10temp Tctl", READINGS_DIE, 95);
        scene_run(&s, 1200);
        CHECK_STR(s.decision.text, "16 of 16: nothing limits");
        scene_finish(&s);
}

/* A suspend forgets the cut with what was learned. */
static void test_suspend(void)
{
        struct scene s;

        start(&s, flat, 0.9, 0);
        scene_run(&s, 300);
        CHECK(s.decision.budget < 16);
        s.readings.now += UINT64_C(3600000000);
        scene_run(&s, 1);
        CHECK_INT(s.decision.budget, 16);
        scene_finish(&s);
}

int main(void)
{
        test_nothing_lost_is_kept();
        test_a_loss_is_taken_back();
        test_finds_the_best();
        test_leap();
        test_no_room_to_leap();
        test_less_is_usable();
        test_many_cores();
        test_noise();
        test_no_rates_no_cut();
        test_both_or_nothing();
        test_a_disturbed_trial();
        test_tried_again_upwards();
        test_events_only();
        test_no_counters();
        test_suspend();
        return 0;
}
