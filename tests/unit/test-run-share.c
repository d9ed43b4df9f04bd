/* Dividing a run's PUs among its suites: fairly, keeping what they have, and with more suites than PUs. */
#include "cli/run_share.h"

#include "core/alloc.h"
#include "tests/unit/test.h"

enum { PUS = 8, MANY = 200 };

static struct machine plain_machine(unsigned n)
{
        const struct machine_kind kind = {.speed = 1};
        struct machine_pu *pus = calloc(n, sizeof(*pus));
        struct machine m;

        CHECK(pus);
        for (unsigned i = 0; i < n; i++)
                pus[i] = (struct machine_pu){.os = i, .core = i};
        CHECK_INT(machine_init(pus, n, &kind, 1, &m), 0);
        return m;
}

/* For suites of these numbers. */
static int divide(struct run_share *share, const struct machine *m, const struct cpuset *pus, const uint32_t *suites,
                  size_t n, struct cpuset *ret_shares)
{
        struct run_share_party parties[MANY];

        for (size_t i = 0; i < n; i++)
                parties[i] = run_share_party(suites[i]);
        return run_share_divide(share, m, pus, parties, n, ret_shares);
}

static struct cpuset first(unsigned n)
{
        struct cpuset set = {0};

        cpuset_add_range(&set, 0, n - 1);
        return set;
}

static unsigned count_common(const struct cpuset *a, const struct cpuset *b)
{
        struct cpuset common = cpuset_and(a, b);

        return cpuset_count(&common);
}

/* A second suite takes half, a third takes as few as it can, and when the first ends nobody loses anything. */
static void suites_keep_what_they_have(void)
{
        struct machine m = plain_machine(PUS);
        struct cpuset pus = first(PUS), before[3], now[3];
        struct run_share share = {0};
        const uint32_t suites[] = {0, 1, 2};

        CHECK_INT(divide(&share, &m, &pus, suites, 1, before), 0);
        CHECK_INT(cpuset_count(&before[0]), PUS);
        CHECK_INT(divide(&share, &m, &pus, suites, 2, before), 0);
        CHECK_INT(cpuset_count(&before[0]), PUS / 2);
        CHECK(!cpuset_intersects(&before[0], &before[1]));
        CHECK_INT(divide(&share, &m, &pus, suites, 3, now), 0);
        CHECK_INT(cpuset_count(&now[0]) + cpuset_count(&now[1]) + cpuset_count(&now[2]), PUS);
        CHECK(cpuset_is_subset(&now[0], &before[0]) && cpuset_is_subset(&now[1], &before[1]));
        memcpy(before, now, sizeof(before));
        CHECK_INT(divide(&share, &m, &pus, suites + 1, 2, now), 0);
        CHECK(cpuset_is_subset(&before[1], &now[0]) && cpuset_is_subset(&before[2], &now[1]));
        CHECK_INT(cpuset_count(&now[0]), PUS / 2);
        run_share_finish(&share);
        machine_finish(&m);
}

/* One ends as another comes: the new one gets what the other had, and the third hears of nothing. */
static void a_new_suite_takes_an_ended_ones_place(void)
{
        struct machine m = plain_machine(PUS);
        struct cpuset pus = first(PUS), before[2], now[2];
        struct run_share share = {0};

        CHECK_INT(divide(&share, &m, &pus, (const uint32_t[]){0, 1}, 2, before), 0);
        CHECK_INT(divide(&share, &m, &pus, (const uint32_t[]){1, 2}, 2, now), 0);
        CHECK(cpuset_equal(&now[0], &before[1]));
        CHECK(cpuset_equal(&now[1], &before[0]));
        run_share_finish(&share);
        machine_finish(&m);
}

/* The lease shrinks: only what left it moves. */
static void a_shrunken_lease_is_divided(void)
{
        struct machine m = plain_machine(PUS);
        struct cpuset pus = first(PUS), before[2], now[2];
        struct run_share share = {0};
        const uint32_t suites[] = {0, 1};

        CHECK_INT(divide(&share, &m, &pus, suites, 2, before), 0);
        pus = first(PUS - 2);
        CHECK_INT(divide(&share, &m, &pus, suites, 2, now), 0);
        for (unsigned i = 0; i < 2; i++) {
                CHECK_INT(cpuset_count(&now[i]), PUS / 2 - 1);
                CHECK(cpuset_is_subset(&now[i], &pus));
                CHECK(count_common(&now[i], &before[i]) >= PUS / 2 - 2);
        }
        run_share_finish(&share);
        machine_finish(&m);
}

/* Each PU has at most 2 + ALLOC_SHARED_PER_PU_MAX suites; the others wait, and one of them goes on when another ends.
 */
static void more_suites_than_pus_share_or_wait(void)
{
        struct machine m = plain_machine(2);
        struct cpuset pus = first(2), shares[MANY];
        struct run_share share = {0};
        uint32_t suites[MANY];
        unsigned n = 0;

        for (uint32_t i = 0; i < MANY; i++)
                suites[i] = i;
        CHECK_INT(divide(&share, &m, &pus, suites, MANY, shares), 0);
        for (unsigned i = 0; i < MANY; i++)
                n += !cpuset_is_empty(&shares[i]);
        CHECK_INT(n, 2 * (2 + ALLOC_SHARED_PER_PU_MAX));
        CHECK_INT(divide(&share, &m, &pus, suites + 1, MANY - 1, shares), 0);
        n = 0;
        for (unsigned i = 0; i < MANY - 1; i++)
                n += !cpuset_is_empty(&shares[i]);
        CHECK_INT(n, 2 * (2 + ALLOC_SHARED_PER_PU_MAX));
        run_share_finish(&share);
        machine_finish(&m);
}

/* On a large machine more than 128 suites have a PU each. */
static void many_suites_have_a_pu_each(void)
{
        struct machine m = plain_machine(256);
        struct cpuset pus = first(256), shares[MANY];
        struct cpuset used = {0};
        struct run_share share = {0};
        uint32_t suites[MANY];

        for (uint32_t i = 0; i < MANY; i++)
                suites[i] = i;
        CHECK_INT(divide(&share, &m, &pus, suites, MANY, shares), 0);
        for (unsigned i = 0; i < MANY; i++) {
                CHECK(!cpuset_is_empty(&shares[i]) && !cpuset_intersects(&shares[i], &used));
                used = cpuset_or(&used, &shares[i]);
        }
        CHECK(cpuset_equal(&used, &pus));
        run_share_finish(&share);
        machine_finish(&m);
}

static unsigned divide_with_jobs(struct run_share *share, const struct machine *m, struct run_share_party suite,
                                 unsigned min, unsigned max, struct cpuset *ret_suite)
{
        struct run_share_party parties[] = {suite, {.number = RUN_SHARE_JOBS, .min = min, .max = max}};
        struct cpuset pus = first(PUS), shares[2];

        CHECK_INT(run_share_divide(share, m, &pus, parties, 2, shares), 0);
        CHECK(!cpuset_intersects(&shares[0], &shares[1]));
        *ret_suite = shares[0];
        return cpuset_count(&shares[1]);
}

/* Jobs that run keep their PUs, all but one; as they end the suite gets them. */
static void jobs_that_run_come_before_a_suites_share(void)
{
        struct run_share_party suite = run_share_party(0);
        struct machine m = plain_machine(PUS);
        struct run_share share = {0};
        struct cpuset before, now;

        CHECK_INT(divide_with_jobs(&share, &m, suite, PUS - 1, PUS - 1, &before), PUS - 1);
        CHECK_INT(cpuset_count(&before), 1);
        CHECK_INT(divide_with_jobs(&share, &m, suite, PUS / 2, PUS / 2, &now), PUS / 2);
        CHECK_INT(cpuset_count(&now), PUS / 2);
        CHECK(cpuset_is_subset(&before, &now));
        CHECK_INT(divide_with_jobs(&share, &m, suite, 1, 1, &now), 1);
        CHECK_INT(cpuset_count(&now), PUS - 1);
        run_share_finish(&share);
        machine_finish(&m);
}

/* A suite that runs dry gives up just the PUs that it names, and is not given others. */
static void what_a_suite_leaves_is_for_jobs(void)
{
        struct run_share_party suite = run_share_party(0);
        struct machine m = plain_machine(PUS);
        struct run_share share = {0};
        struct cpuset before, now;

        divide_with_jobs(&share, &m, suite, 1, 1, &before);
        suite.max = 2;
        suite.left = before;
        cpuset_remove(&suite.left, cpuset_next(&before, 0));
        cpuset_remove(&suite.left, cpuset_next(&suite.left, 0));
        CHECK_INT(divide_with_jobs(&share, &m, suite, 1, PUS - 2, &now), PUS - 2);
        CHECK_INT(cpuset_count(&now), 2);
        CHECK(!cpuset_intersects(&now, &suite.left));
        suite.left = (struct cpuset){0};
        before = now;
        CHECK_INT(divide_with_jobs(&share, &m, suite, 1, PUS - 2, &now), PUS - 2);
        CHECK(cpuset_equal(&now, &before));
        run_share_finish(&share);
        machine_finish(&m);
}

/* What it has left it is not given again, though nobody else is there. */
static void a_lone_suite_has_no_more_than_it_uses(void)
{
        struct machine m = plain_machine(PUS);
        struct run_share_party suite = run_share_party(0);
        struct cpuset pus = first(PUS), share_of;
        struct run_share share = {0};

        CHECK_INT(run_share_divide(&share, &m, &pus, &suite, 1, &share_of), 0);
        CHECK_INT(cpuset_count(&share_of), PUS);
        suite.max = 2;
        suite.left = first(PUS - 2);
        CHECK_INT(run_share_divide(&share, &m, &pus, &suite, 1, &share_of), 0);
        CHECK_INT(cpuset_count(&share_of), 2);
        CHECK(!cpuset_intersects(&share_of, &suite.left));
        run_share_finish(&share);
        machine_finish(&m);
}

int main(void)
{
        a_lone_suite_has_no_more_than_it_uses();
        jobs_that_run_come_before_a_suites_share();
        what_a_suite_leaves_is_for_jobs();
        suites_keep_what_they_have();
        a_new_suite_takes_an_ended_ones_place();
        a_shrunken_lease_is_divided();
        more_suites_than_pus_share_or_wait();
        many_suites_have_a_pu_each();
        return 0;
}
