/* Sharing among users, priorities and kinds; pauses, holds and aims; what waiting runs hear. */
#include "tests/unit/alloc-trace.h"
#include "tests/unit/test.h"

static struct alloc_request request_of(uint32_t uid, enum alloc_priority priority)
{
        struct alloc_request r = scene_request();

        r.uid = uid;
        r.priority = priority;
        return r;
}

/* Two leases of one user have as much as one of another; a user who weighs three times as much has so much more. */
static void users_come_before_their_leases(void)
{
        struct scene s;
        struct alloc_request r = request_of(1001, ALLOC_NORMAL);

        scene_begin(&s, 8);
        scene_open(&s, 1, request_of(1000, ALLOC_NORMAL));
        scene_open(&s, 2, request_of(1000, ALLOC_NORMAL));
        scene_answer_all(&s);
        scene_open(&s, 3, r);
        scene_answer_all(&s);
        r.user_weight = 300;
        scene_update(&s, 3, r);
        scene_answer_all(&s);
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
                  "  1/4 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "  2/3 has 4-7, wanted 6-7 by 1000 ms (fair share): fair share\n"
                  "  3/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/5 has 0-1: fair share\n"
                  "  3/2 has 2-3: CPUs became free\n"
                  "return 2\n"
                  "  2/4 has 4-5: fair share\n"
                  "  3/3 has 2-3,6-7: CPUs became free\n"
                  "update 3\n"
                  "  1/6 has 0-1, wanted 1 by 1000 ms (fair share): fair share\n"
                  "  2/5 has 4-5, wanted 5 by 1000 ms (fair share): fair share\n"
                  "return 1\n"
                  "  1/7 has 0: fair share\n"
                  "  3/4 has 1-3,6-7: CPUs became free\n"
                  "return 2\n"
                  "  2/6 has 4: fair share\n"
                  "  3/5 has 1-3,5-7: CPUs became free\n");
}

/* For its first minute it has four times a normal lease's share, of its user's part and no more; then an even one. */
static void an_interactive_run_has_more_while_young(void)
{
        struct scene s;

        scene_begin(&s, 10);
        scene_open(&s, 1, request_of(1000, ALLOC_NORMAL));
        scene_open(&s, 2, request_of(1000, ALLOC_INTERACTIVE));
        scene_answer_all(&s);
        scene_open(&s, 3, request_of(1001, ALLOC_NORMAL));
        scene_answer_all(&s);
        CHECK(alloc_next_deadline(s.alloc) == ALLOC_YOUNG_US);
        scene_time(&s, 60000);
        scene_answer_all(&s);
        CHECK(alloc_next_deadline(s.alloc) == ALLOC_NEVER);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-9: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-9, shared 2, wanted 2-9 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-1: fair share\n"
                  "  2/2 has 2-9: CPUs became free\n"
                  "open 3\n"
                  "  1/4 has 0-1, shared 1, wanted 1 by 1000 ms (fair share): fair share\n"
                  "  2/3 has 2-9, wanted 6-9 by 1000 ms (fair share): fair share\n"
                  "  3/1 has 1, shared 1: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/5 has 0: fair share\n"
                  "  3/2 has 1: fair share\n"
                  "return 2\n"
                  "  2/4 has 2-5: fair share\n"
                  "  3/3 has 1,6-9: CPUs became free\n"
                  "time\n"
                  "  2/5 has 2-5, wanted 4-5 by 61000 ms (fair share): fair share\n"
                  "return 2\n"
                  "  1/6 has 0,4-5: CPUs became free\n"
                  "  2/6 has 2-3: fair share\n");
}

/* It has what is left, gives all of it back but for a place beside whoever takes its last PU, and gets it again. */
static void a_batch_run_takes_what_is_left(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin(&s, 4);
        scene_open(&s, 1, request_of(1001, ALLOC_BATCH));
        r.max = 3;
        scene_open(&s, 2, r);
        scene_answer_all(&s);
        r.max = 4;
        scene_update(&s, 2, r);
        scene_answer_all(&s);
        scene_close(&s, 2);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 1, wanted 1-3 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 1, shared 1: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0: fair share\n"
                  "  2/2 has 1-3: CPUs became free\n"
                  "update 2\n"
                  "  1/4 has 0, shared 0: shared, every CPU is lent\n"
                  "  2/3 has 0-3, shared 0: CPUs became free\n"
                  "close 2\n"
                  "  1/5 has 0-3: CPUs became free\n");
}

/* Six fast cores and eight slow ones: two runs have three and four each, whoever came first. */
static void nobody_has_all_the_fast_cores(void)
{
        struct scene s;

        scene_begin_hybrid(&s, 6, 8);
        scene_open(&s, 1, request_of(1000, ALLOC_NORMAL));
        scene_open(&s, 2, request_of(1001, ALLOC_NORMAL));
        scene_answer_all(&s);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-13: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-13, shared 3, wanted 3-5,7-10 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 3, shared 3: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-2,6,11-13: fair share\n"
                  "  2/2 has 3-5,7-10: CPUs became free\n");
}

/* Both hold two PUs and one of them both fast ones: they change one each, and neither is ever left with nothing. */
static void kinds_are_exchanged(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin_hybrid(&s, 2, 2);
        r.max = 2;
        scene_open(&s, 1, r);
        r.allowed = scene_set("2-3");
        scene_open(&s, 2, r);
        r.allowed = scene_set("0-3");
        scene_update(&s, 2, r);
        scene_answer_all(&s);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-1: its maximum\n"
                  "open 2\n"
                  "  2/1 has 2-3: its maximum\n"
                  "update 2\n"
                  "  1/2 has 0-1, wanted 1 by 1000 ms (fair share): its maximum\n"
                  "return 1\n"
                  "  1/3 has 0: its maximum\n"
                  "  2/2 has 1-3, wanted 3 by 1000 ms (fair share): CPUs became free\n"
                  "return 2\n"
                  "  1/4 has 0,3: CPUs became free\n"
                  "  2/3 has 1-2: its maximum\n");
}

static void a_background_run_has_the_slower_cores(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin_hybrid(&s, 2, 2);
        scene_open(&s, 1, request_of(1000, ALLOC_BATCH));
        r.max = 2;
        scene_open(&s, 2, r);
        scene_answer_all(&s);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 0, wanted 0-1 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 0, shared 0: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 2-3: fair share\n"
                  "  2/2 has 0-1: CPUs became free\n");
}

static void a_paused_run_holds_nothing(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin(&s, 4);
        scene_open(&s, 1, r);
        scene_open(&s, 2, r);
        scene_answer_all(&s);
        r.paused = true;
        scene_update(&s, 1, r);
        scene_answer_all(&s);
        r.paused = false;
        scene_update(&s, 1, r);
        scene_answer_all(&s);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-1: fair share\n"
                  "  2/2 has 2-3: CPUs became free\n"
                  "update 1\n"
                  "  1/4 has 0-1, wanted 0-1 by 1000 ms (paused): paused\n"
                  "return 1\n"
                  "  1/5: paused\n"
                  "  2/3 has 0-3: CPUs became free\n"
                  "update 1\n"
                  "  1/6 has 2, shared 2: shared, every CPU is lent\n"
                  "  2/4 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "return 2\n"
                  "  1/7 has 2-3: CPUs became free\n"
                  "  2/5 has 0-1: fair share\n");
}

static void hold(struct scene *s, bool on)
{
        scene_step(s, on ? "hold" : "go on", (struct alloc_event){.type = ALLOC_BUDGET_SET, .budget = 8, .hold = on});
}

/* Nobody grows but for first PUs; what is given back stays free until the hold is over. */
static void growth_is_held(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin(&s, 8);
        r.max = 4;
        scene_open(&s, 1, r);
        hold(&s, true);
        r.max = 8;
        scene_update(&s, 1, r);
        scene_open(&s, 2, r);
        scene_open(&s, 3, request_of(1000, ALLOC_BATCH));
        scene_return(&s, 1, 9, "3");
        hold(&s, false);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: its maximum\n"
                  "hold\n"
                  "update 1\n"
                  "  1/2 has 0-3: memory pressure\n"
                  "open 2\n"
                  "  2/1 has 4: memory pressure\n"
                  "open 3\n"
                  "  3/1 waits, number 1: memory pressure\n"
                  "return 1\n"
                  "  1/3 has 0-2: memory pressure\n"
                  "go on\n"
                  "  1/4 has 0-2,6: CPUs became free\n"
                  "  2/2 has 3-5,7: CPUs became free\n"
                  "  3/2 waits, number 1: every CPU is lent\n");
}

static void aim(struct scene *s, enum placement_aim to, unsigned budget)
{
        scene_step(s, "aim",
                   (struct alloc_event){.type = ALLOC_BUDGET_SET, .budget = budget, .aim = to, .hot_package = 0});
}

/* On battery the fast cores go first, for work's sake the slow ones. */
static void the_aim_decides_what_goes(void)
{
        struct scene s;

        scene_begin_hybrid(&s, 2, 2);
        scene_open(&s, 1, request_of(1000, ALLOC_NORMAL));
        aim(&s, PLACEMENT_EFFICIENT, 2);
        aim(&s, PLACEMENT_WORK, 4);
        aim(&s, PLACEMENT_WORK, 2);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "aim\n"
                  "  1/2 has 0-3, wanted 0-1 by 1000 ms (budget): budget\n"
                  "aim\n"
                  "  1/3 has 0-3: all it may use\n"
                  "aim\n"
                  "  1/4 has 0-3, wanted 2-3 by 1000 ms (budget): budget\n");
}

/* The cpuset of a client's cgroup moved, and it was given a quota: both are followed. */
static void bounds_change(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin(&s, 8);
        r.max = 4;
        scene_open(&s, 1, r);
        r.allowed = scene_set("2-7");
        scene_update(&s, 1, r);
        scene_answer_all(&s);
        r.quota = 2;
        scene_update(&s, 1, r);
        scene_answer_all(&s);
        r.allowed = (struct cpuset){0};
        scene_update(&s, 1, r);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: its maximum\n"
                  "update 1\n"
                  "  1/2 has 0-5, wanted 0-1 by 1000 ms (outside the allowed CPUs): CPUs became free\n"
                  "return 1\n"
                  "  1/3 has 2-5: its maximum\n"
                  "update 1\n"
                  "  1/4 has 2-5, wanted 4-5 by 1000 ms (the cgroup's quota): the cgroup's quota\n"
                  "return 1\n"
                  "  1/5 has 2-3: the cgroup's quota\n"
                  "update 1: the request's numbers do not fit together\n");
}

/* Who waits hears when: at the first known end after which it is due a PU, in its turn by user. */
static void waiting_runs_hear_when(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin(&s, 2);
        r.max = 1;
        r.ends_at = 30000000;
        scene_open(&s, 1, r);
        r.ends_at = 90000000;
        scene_open(&s, 2, r);
        r = request_of(1001, ALLOC_BATCH);
        r.max = 1;
        scene_open(&s, 3, r);
        scene_open(&s, 4, r);
        r.uid = 1002;
        scene_open(&s, 5, r);
        r = request_of(1000, ALLOC_NORMAL);
        r.max = 1;
        r.ends_at = 30500000;
        scene_update(&s, 1, r);
        r.ends_at = 50000000;
        scene_update(&s, 1, r);
        r.ends_at = 0;
        scene_update(&s, 1, r);
        scene_close(&s, 1);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0: its maximum\n"
                  "open 2\n"
                  "  2/1 has 1: its maximum\n"
                  "open 3\n"
                  "  3/1 waits, number 1, until 30000 ms: every CPU is lent\n"
                  "open 4\n"
                  "  4/1 waits, number 2, until 90000 ms: every CPU is lent\n"
                  "open 5\n"
                  "  4/2 waits, number 3: every CPU is lent\n"
                  "  5/1 waits, number 2, until 90000 ms: every CPU is lent\n"
                  "update 1\n"
                  "update 1\n"
                  "  3/2 waits, number 1, until 50000 ms: every CPU is lent\n"
                  "update 1\n"
                  "  3/3 waits, number 1, until 90000 ms: every CPU is lent\n"
                  "  5/2 waits, number 2: every CPU is lent\n"
                  "close 1\n"
                  "  3/4 has 0: its maximum\n"
                  "  4/3 waits, number 2: every CPU is lent\n"
                  "  5/3 waits, number 1, until 90000 ms: every CPU is lent\n");
}

/* Two users are level: the run that was opened first is next, whoever else of its user was there before and ends. */
static void who_waits_goes_by_opening(void)
{
        struct scene s;
        struct alloc_request r = request_of(1000, ALLOC_NORMAL);

        scene_begin(&s, 1);
        r.ends_at = 30000000;
        scene_open(&s, 1, r);
        scene_open(&s, 2, request_of(1001, ALLOC_BATCH));
        scene_open(&s, 3, request_of(1000, ALLOC_BATCH));
        scene_close(&s, 1);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0: all it may use\n"
                  "open 2\n"
                  "  2/1 waits, number 1, until 30000 ms: every CPU is lent\n"
                  "open 3\n"
                  "  3/1 waits, number 2: every CPU is lent\n"
                  "close 1\n"
                  "  2/2 has 0: all it may use\n"
                  "  3/2 waits, number 1: every CPU is lent\n");
}

static void a_suggestion_knows_users_and_priorities(void)
{
        struct scene s;
        struct alloc_request r = request_of(1001, ALLOC_NORMAL);
        struct cpuset pus;
        enum alloc_reason reason;

        scene_begin(&s, 8);
        scene_open(&s, 1, request_of(1000, ALLOC_NORMAL));
        scene_open(&s, 2, request_of(1000, ALLOC_NORMAL));
        CHECK_INT(alloc_suggest(s.alloc, &r, &pus, &reason), 0);
        CHECK_INT(cpuset_count(&pus), 4);
        r.priority = ALLOC_BATCH;
        CHECK_INT(alloc_suggest(s.alloc, &r, &pus, &reason), 0);
        CHECK_INT(cpuset_count(&pus), 0);
        CHECK_INT(reason, ALLOC_ALL_LENT);
        r.uid = 1000;
        r.priority = ALLOC_INTERACTIVE;
        CHECK_INT(alloc_suggest(s.alloc, &r, &pus, &reason), 0);
        CHECK_INT(cpuset_count(&pus), 4);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-7: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-7, shared 4, wanted 4-7 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 4, shared 4: shared, every CPU is lent\n");
}

/* Nothing that others have is in its mask, and the budget has no room for it. */
static void who_is_beyond_the_budget_keeps_one_of_its_own(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 8);
        r.max = 1;
        scene_open(&s, 1, r);
        r.max = 3;
        r.priority = ALLOC_BATCH;
        r.allowed = scene_set("2-7");
        scene_open(&s, 2, r);
        scene_budget(&s, 1);
        scene_answer_all(&s);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0: its maximum\n"
                  "open 2\n"
                  "  2/1 has 2-4: its maximum\n"
                  "budget\n"
                  "  2/2 has 2-4, shared 2, wanted 3-4 by 1000 ms (budget): budget\n"
                  "return 2\n"
                  "  2/3 has 2, shared 2: shared, every CPU is lent\n");
}

/* Run 2 is to have what run 1 gives back; there is something free, but the budget has room for one PU only, and run 3
 * can use no other than its own. */
static void the_budget_leaves_room_for_first_pus(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 4);
        scene_budget(&s, 2);
        scene_open(&s, 1, r);
        scene_open(&s, 2, r);
        r.allowed = scene_set("3");
        scene_open(&s, 3, r);
        scene_return(&s, 3, 1, "3");
        scene_answer_all(&s);
        scene_end(&s, __func__,
                  "budget\n"
                  "open 1\n"
                  "  1/1 has 0-1: budget\n"
                  "open 2\n"
                  "  1/2 has 0-1, shared 1, wanted 1 by 1000 ms (fair share): budget\n"
                  "  2/1 has 1, shared 1: shared, every CPU is lent\n"
                  "open 3\n"
                  "  3/1 has 3: outside the allowed CPUs\n"
                  "return 3\n"
                  "  3/2 has 3: outside the allowed CPUs\n"
                  "return 1\n"
                  "  1/3 has 0: budget\n"
                  "  2/2 has 1: budget\n");
}

int main(void)
{
        who_is_beyond_the_budget_keeps_one_of_its_own();
        the_budget_leaves_room_for_first_pus();
        users_come_before_their_leases();
        an_interactive_run_has_more_while_young();
        a_batch_run_takes_what_is_left();
        nobody_has_all_the_fast_cores();
        kinds_are_exchanged();
        a_background_run_has_the_slower_cores();
        a_paused_run_holds_nothing();
        growth_is_held();
        the_aim_decides_what_goes();
        bounds_change();
        waiting_runs_hear_when();
        who_waits_goes_by_opening();
        a_suggestion_knows_users_and_priorities();
        return 0;
}
