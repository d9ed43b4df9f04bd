/* The dispatcher over simulated suites and machines: thousands of random histories in which everything that may go
 * wrong does, while the laws are watched. All of it is deterministic.
 *
 * Usage: sim-dispatch [HISTORIES [SEED]]: with a seed that one first, with a trace. */
#include "tests/sim/dispatch-random.h"
#include "tests/unit/test.h"

/* Histories */

struct tally {
        uint64_t done, lost, left, recalls;
        uint32_t crowded; /* histories with more workers than PUs */
};

/* The same run a second time is the same. */
static void repeat(struct trial *t)
{
        struct sim_result again;
        uint64_t hash = t->hash;

        trial_run(t, &again);
        CHECK(t->hash == hash);
        sim_result_finish(&again);
}

static void test_history(uint64_t seed, bool trace, struct tally *tally)
{
        static struct world w;
        struct trial t = {.world = &w, .seed = seed, .trace = trace};
        struct sim_result result;

        random_world(&t, &w);
        trial_run(&t, &result);
        tally->done += result.done;
        tally->lost += result.lost;
        tally->left += result.left;
        tally->recalls += result.recalls;
        tally->crowded += result.n_workers > w.params.n_pus && w.suite.min_workers == 0;
        sim_result_finish(&result);
        if (seed % 16 == 0)
                repeat(&t);
}

int main(int argc, char **argv)
{
        uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 4000;
        struct tally tally = {0};

        if (argc > 2)
                test_history(strtoull(argv[2], NULL, 10), true, &tally);
        for (uint64_t seed = 1; seed <= n; seed++)
                test_history(seed, false, &tally);
        printf("%u histories: %llu items done, %llu lost, %llu left, %llu recalls; %u with more workers than PUs\n", n,
               (unsigned long long)tally.done, (unsigned long long)tally.lost, (unsigned long long)tally.left,
               (unsigned long long)tally.recalls, tally.crowded);
        CHECK(tally.lost > 0 && tally.left > 0 && tally.recalls > 0 && tally.crowded > 0);
        return 0;
}
