/* The allocator's scenes: what is decided, in what order, and why. "1/2 has 0-3" is lease 1's grant of generation 2. */
#include "tests/unit/alloc-trace.h"
#include "tests/unit/test.h"

static void two_runs_share_and_one_ends(void)
{
        struct scene s;

        scene_begin(&s, 8);
        scene_open(&s, 1, scene_request());
        scene_open(&s, 2, scene_request());
        scene_answer(&s, 1);
        scene_open(&s, 3, scene_request());
        scene_answer(&s, 1);
        scene_answer(&s, 2);
        scene_close(&s, 1);
        scene_close(&s, 2);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-7: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-7, shared 4, wanted 4-7 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 4, shared 4: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-3: fair share\n"
                  "  2/2 has 4-7: CPUs became free\n"
                  "open 3\n"
                  "  1/4 has 0-3, shared 3, wanted 3 by 1000 ms (fair share): fair share\n"
                  "  2/3 has 4-7, wanted 7 by 1000 ms (fair share): fair share\n"
                  "  3/1 has 3, shared 3: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/5 has 0-2: fair share\n"
                  "  3/2 has 3: fair share\n"
                  "return 2\n"
                  "  2/4 has 4-6: fair share\n"
                  "  3/3 has 3,7: CPUs became free\n"
                  "close 1\n"
                  "  2/5 has 1,4-6: CPUs became free\n"
                  "  3/4 has 0,2-3,7: CPUs became free\n"
                  "close 2\n"
                  "  3/5 has 0-7: CPUs became free\n");
}

static void a_minimum_comes_before_fair_shares(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 8);
        scene_open(&s, 1, scene_request());
        r.min = 6;
        scene_open(&s, 2, r);
        scene_answer(&s, 1);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-7: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-7, shared 2, wanted 2-7 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-1: fair share\n"
                  "  2/2 has 2-7: CPUs became free\n");
}

static void weights_divide(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 8);
        r.weight = 300;
        scene_open(&s, 1, r);
        scene_open(&s, 2, scene_request());
        scene_answer(&s, 1);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-7: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-7, shared 6, wanted 6-7 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 6, shared 6: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-5: fair share\n"
                  "  2/2 has 6-7: CPUs became free\n");
}

static void the_first_pu_is_shared_when_all_are_lent(void)
{
        struct scene s;

        scene_begin(&s, 2);
        for (alloc_id id = 1; id <= 4; id++)
                scene_open(&s, id, scene_request());
        scene_answer(&s, 1);
        scene_close(&s, 1);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-1: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-1, shared 1, wanted 1 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 1, shared 1: shared, every CPU is lent\n"
                  "open 3\n"
                  "  1/3 has 0-1, shared 0-1, wanted 1 by 1000 ms (fair share): fair share\n"
                  "  3/1 has 0, shared 0: shared, every CPU is lent\n"
                  "open 4\n"
                  "  4/1 has 1, shared 1: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/4 has 0, shared 0: fair share\n"
                  "close 1\n"
                  "  3/2 has 0: fair share\n");
}

static void a_batch_run_waits(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 2);
        r.max = 1;
        scene_open(&s, 1, r);
        scene_open(&s, 2, r);
        r.priority = ALLOC_BATCH;
        scene_open(&s, 3, r);
        scene_open(&s, 4, r);
        scene_close(&s, 1);
        scene_close(&s, 2);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0: its maximum\n"
                  "open 2\n"
                  "  2/1 has 1: its maximum\n"
                  "open 3\n"
                  "  3/1 waits, number 1: every CPU is lent\n"
                  "open 4\n"
                  "  4/1 waits, number 2: every CPU is lent\n"
                  "close 1\n"
                  "  3/2 has 0: its maximum\n"
                  "  4/2 waits, number 1: every CPU is lent\n"
                  "close 2\n"
                  "  4/3 has 1: its maximum\n");
}

static void a_run_that_does_not_answer_shares(void)
{
        struct scene s;

        scene_begin(&s, 4);
        scene_open(&s, 1, scene_request());
        scene_open(&s, 2, scene_request());
        scene_time(&s, 1000);
        CHECK_INT(alloc_next_deadline(s.alloc), ALLOC_HARD_US);
        scene_time(&s, 3000);
        CHECK(alloc_next_deadline(s.alloc) == ALLOC_NEVER);
        scene_return(&s, 1, 2, "2-3");
        scene_return(&s, 1, 2, "2-3");
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "time\n"
                  "time\n"
                  "  1/3 has 0-3, shared 2-3, wanted 2-3 by 1000 ms (wanted back in vain): fair share\n"
                  "  2/2 has 2-3, shared 2-3: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/4 has 0-1: fair share\n"
                  "  2/3 has 2-3: fair share\n"
                  "return 1\n");
}

static void a_late_return_names_an_old_generation(void)
{
        struct scene s;

        scene_begin(&s, 4);
        scene_open(&s, 1, scene_request());
        scene_open(&s, 2, scene_request());
        scene_answer(&s, 1);
        scene_close(&s, 2);
        scene_return(&s, 1, 2, "2-3");
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-1: fair share\n"
                  "  2/2 has 2-3: CPUs became free\n"
                  "close 2\n"
                  "  1/4 has 0-3: CPUs became free\n"
                  "return 1\n");
}

static void pus_go_offline(void)
{
        struct scene s;

        scene_begin(&s, 4);
        scene_open(&s, 1, scene_request());
        scene_open(&s, 2, scene_request());
        scene_answer(&s, 1);
        scene_online(&s, "0-1");
        scene_online(&s, "0-3");
        scene_usable(&s, "0-2");
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-1: fair share\n"
                  "  2/2 has 2-3: CPUs became free\n"
                  "machine\n"
                  "  1/4 has 0-1, shared 1, wanted 1 by 1000 ms (fair share): fair share\n"
                  "  2/3 has 1, shared 1, lost 2-3 (the machine changed): shared, every CPU is lent\n"
                  "machine\n"
                  "  1/5 has 0-1, shared 1: fair share\n"
                  "  2/4 has 1-3, shared 1, wanted 1 by 1000 ms (fair share): CPUs became free\n"
                  "policy\n"
                  "  2/5 has 1-3, shared 1, wanted 1,3 by 1000 ms (the machine changed): fair share\n");
}

static void a_restart_and_a_claim(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        /* The lease that is opened meanwhile shares; the one that nobody claims ends. */
        struct cpuset first = scene_set("0-1"), second = scene_set("2-3"), claimed = scene_set("0,2");

        scene_begin(&s, 4);
        scene_step(&s, "recover",
                   (struct alloc_event){.type = ALLOC_RECOVER,
                                        .lease = 1,
                                        .request = &r,
                                        .generation = 7,
                                        .pus = &first,
                                        .slots = &first});
        scene_step(&s, "recover",
                   (struct alloc_event){.type = ALLOC_RECOVER,
                                        .lease = 2,
                                        .request = &r,
                                        .generation = 3,
                                        .pus = &second,
                                        .slots = &second});
        scene_open(&s, 3, scene_request());
        scene_time(&s, 500);
        scene_step(&s, "claim",
                   (struct alloc_event){.type = ALLOC_CLAIM, .lease = 1, .generation = 7, .pus = &claimed});
        CHECK_INT(alloc_next_deadline(s.alloc), ALLOC_HARD_US);
        scene_answer(&s, 3);
        scene_time(&s, 5000);
        scene_step(&s, "claim", (struct alloc_event){.type = ALLOC_CLAIM, .lease = 2, .generation = 3, .pus = &second});
        scene_end(&s, __func__,
                  "recover 1\n"
                  "recover 2\n"
                  "open 3\n"
                  "  3/1 has 3, shared 3: shared, every CPU is lent\n"
                  "time\n"
                  "claim 1\n"
                  "  1/8 has 0: claimed\n"
                  "  3/2 has 1,3, shared 3, wanted 3 by 1500 ms (fair share): CPUs became free\n"
                  "return 3\n"
                  "  3/3 has 1: fair share\n"
                  "time\n"
                  "  2 ends: no such lease\n"
                  "  1/9 has 0,3: CPUs became free\n"
                  "  3/4 has 1-2: CPUs became free\n"
                  "claim 2: no such lease\n");
}

static void a_restricted_run_gets_its_pus_from_an_unrestricted_one(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 4);
        r.max = 2;
        scene_open(&s, 1, r);
        r.allowed = scene_set("0");
        scene_open(&s, 2, r);
        scene_answer(&s, 1);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-1: its maximum\n"
                  "open 2\n"
                  "  1/2 has 0-2, shared 0, wanted 0 by 1000 ms (fair share): CPUs became free\n"
                  "  2/1 has 0, shared 0: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 1-2: its maximum\n"
                  "  2/2 has 0: outside the allowed CPUs\n");
}

static void a_quota_limits_a_group(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 8);
        r.quota = 2.5;
        r.quota_group = 7;
        scene_open(&s, 1, r);
        scene_open(&s, 2, r);
        scene_answer(&s, 1);
        scene_open(&s, 3, scene_request());
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-2: the cgroup's quota\n"
                  "open 2\n"
                  "  1/2 has 0-2, wanted 2 by 1000 ms (the cgroup's quota): the cgroup's quota\n"
                  "  2/1 has 3: the cgroup's quota\n"
                  "return 1\n"
                  "  1/3 has 0-1: the cgroup's quota\n"
                  "open 3\n"
                  "  3/1 has 2,4-7: fair share\n");
}

/* Lease 3 can only share a first PU; for the quota that is one like any other. */
static void a_shared_pu_counts_for_the_quota(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 3);
        r.allowed = scene_set("0");
        scene_open(&s, 1, r);
        r = scene_request();
        r.quota = 2;
        scene_open(&s, 2, r);
        r.allowed = scene_set("0");
        scene_open(&s, 3, r);
        scene_answer(&s, 2);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0: outside the allowed CPUs\n"
                  "open 2\n"
                  "  2/1 has 1-2: the cgroup's quota\n"
                  "open 3\n"
                  "  1/2 has 0, shared 0: outside the allowed CPUs\n"
                  "  2/2 has 1-2, wanted 2 by 1000 ms (the cgroup's quota): the cgroup's quota\n"
                  "  3/1 has 0, shared 0: shared, every CPU is lent\n"
                  "return 2\n"
                  "  2/3 has 1: the cgroup's quota\n");
}

static void the_budget_is_cut(void)
{
        struct scene s;

        scene_begin(&s, 8);
        scene_open(&s, 1, scene_request());
        scene_budget(&s, 5);
        scene_answer(&s, 1);
        scene_open(&s, 2, scene_request());
        scene_answer(&s, 1);
        scene_budget(&s, 1);
        scene_budget(&s, 8);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-7: all it may use\n"
                  "budget\n"
                  "  1/2 has 0-7, wanted 5-7 by 1000 ms (budget): budget\n"
                  "return 1\n"
                  "  1/3 has 0-4: budget\n"
                  "open 2\n"
                  "  1/4 has 0-4, shared 3, wanted 3-4 by 1000 ms (fair share): budget\n"
                  "  2/1 has 3, shared 3: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/5 has 0-2: budget\n"
                  "  2/2 has 3-4: CPUs became free\n"
                  "budget\n"
                  "  1/6 has 0-2, wanted 1-2 by 1000 ms (budget): budget\n"
                  "  2/3 has 3-4, wanted 4 by 1000 ms (budget): budget\n"
                  "budget\n"
                  "  1/7 has 0-2,6: CPUs became free\n"
                  "  2/4 has 3-5,7: CPUs became free\n");
}

static void a_suite_ends(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 4);
        scene_open(&s, 1, r);
        r.max = 1;
        scene_update(&s, 1, r);
        scene_return(&s, 1, 2, "1-3");
        r.max = 0;
        scene_update(&s, 1, r);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "update 1\n"
                  "  1/2 has 0-3, wanted 1-3 by 1000 ms (its maximum): its maximum\n"
                  "return 1\n"
                  "  1/3 has 0: its maximum\n"
                  "update 1: the request's numbers do not fit together\n");
}

static void a_pu_is_refused(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        struct cpuset refused = scene_set("0-1");

        scene_begin(&s, 4);
        r.max = 2;
        r.allowed = scene_set("0-2");
        scene_open(&s, 1, r);
        scene_step(&s, "refuse",
                   (struct alloc_event){.type = ALLOC_REFUSED, .lease = 1, .generation = 1, .pus = &refused});
        refused = scene_set("2");
        scene_step(&s, "refuse",
                   (struct alloc_event){.type = ALLOC_REFUSED, .lease = 1, .generation = 2, .pus = &refused});
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-1: its maximum\n"
                  "refuse 1\n"
                  "  1/2 has 2, lost 0-1 (cannot be pinned to): CPUs became free\n"
                  "refuse 1\n"
                  "  1 ends: no CPU is both usable and allowed\n");
}

static void a_lost_connection(void)
{
        struct scene s;

        scene_begin(&s, 4);
        scene_open(&s, 1, scene_request());
        scene_step(&s, "detach", (struct alloc_event){.type = ALLOC_DETACH, .lease = 1});
        CHECK_INT(alloc_next_deadline(s.alloc), ALLOC_RECOVER_US);
        scene_open(&s, 2, scene_request());
        scene_time(&s, 5000);
        scene_step(&s, "claim", (struct alloc_event){.type = ALLOC_CLAIM, .lease = 1, .pus = &s.usable});
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "detach 1\n"
                  "open 2\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "time\n"
                  "  1 ends: no such lease\n"
                  "  2/2 has 0-3: CPUs became free\n"
                  "claim 1: no such lease\n");
}

/* It is due a PU, for which lease 1 could take another, but lease 1 cannot be asked. So it waits, and not because
 * nothing is left that it may use. */
static void a_waiting_run_hears_what_it_waits_for(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        struct cpuset pus;
        enum alloc_reason reason;

        scene_begin(&s, 2);
        r.max = 1;
        scene_open(&s, 1, r);
        scene_step(&s, "detach", (struct alloc_event){.type = ALLOC_DETACH, .lease = 1});
        r.priority = ALLOC_BATCH;
        r.allowed = scene_set("0");
        CHECK_INT(alloc_suggest(s.alloc, &r, &pus, &reason), 0);
        CHECK(cpuset_is_empty(&pus));
        CHECK_INT(reason, ALLOC_ALL_LENT);
        scene_open(&s, 2, r);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0: its maximum\n"
                  "detach 1\n"
                  "open 2\n"
                  "  2/1 waits, number 1: every CPU is lent\n");
}

int main(void)
{
        two_runs_share_and_one_ends();
        a_minimum_comes_before_fair_shares();
        weights_divide();
        the_first_pu_is_shared_when_all_are_lent();
        a_batch_run_waits();
        a_waiting_run_hears_what_it_waits_for();
        a_run_that_does_not_answer_shares();
        a_late_return_names_an_old_generation();
        pus_go_offline();
        a_restart_and_a_claim();
        a_restricted_run_gets_its_pus_from_an_unrestricted_one();
        a_quota_limits_a_group();
        a_shared_pu_counts_for_the_quota();
        the_budget_is_cut();
        a_suite_ends();
        a_pu_is_refused();
        a_lost_connection();
        return 0;
}
