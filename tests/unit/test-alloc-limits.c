/* What the allocator refuses, its limits, slots, suggestions, and its second use inside a run. */
#include "tests/unit/alloc-trace.h"
#include "tests/unit/test.h"

static int try_open(struct scene *s, alloc_id id, struct alloc_request request)
{
        return alloc_step(s->alloc, &(struct alloc_event){.type = ALLOC_OPEN, .lease = id, .request = &request},
                          &s->actions);
}

static void malformed_requests_are_refused(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 4);
        r.max = 0;
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_INVALID);
        r.max = 2;
        r.min = 3;
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_INVALID);
        r.min = 1;
        r.weight = ALLOC_WEIGHT_MAX + 1;
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_INVALID);
        r.weight = ALLOC_WEIGHT_MIN - 1;
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_INVALID);
        r.weight = ALLOC_WEIGHT_DEFAULT;
        r.quota = -1;
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_INVALID);
        r.quota = 0;
        r.allowed = (struct cpuset){0};
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_INVALID);
        r.allowed = scene_set("4-7");
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_NO_USABLE_PU);
        r.allowed = s.usable;
        CHECK_INT(try_open(&s, 0, r), ALLOC_ERROR_INVALID);
        CHECK_INT(try_open(&s, 1, r), 0);
        CHECK_INT(try_open(&s, 1, r), ALLOC_ERROR_EXISTS);
        CHECK_INT(alloc_n_leases(s.alloc), 1);
        scene_end(&s, __func__, "");
}

static void an_unknown_lease_is_refused(void)
{
        static const enum alloc_event_type types[] = {ALLOC_UPDATE, ALLOC_RETURN, ALLOC_REFUSED,
                                                      ALLOC_CLOSE,  ALLOC_CLAIM,  ALLOC_DETACH};
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 4);
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                struct alloc_event event = {.type = types[i], .lease = 9, .request = &r, .pus = &s.usable};

                CHECK_INT(alloc_step(s.alloc, &event, &s.actions), ALLOC_ERROR_NO_SUCH_LEASE);
        }
        scene_end(&s, __func__, "");
}

static void leases_of_a_user_are_bounded(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 2);
        r.max = 1;
        r.priority = ALLOC_BATCH;
        for (alloc_id id = 1; id <= ALLOC_LEASES_PER_UID_MAX; id++)
                CHECK_INT(try_open(&s, id, r), 0);
        CHECK_INT(try_open(&s, ALLOC_LEASES_MAX, r), ALLOC_ERROR_TOO_MANY_OF_UID);
        r.uid++;
        CHECK_INT(try_open(&s, ALLOC_LEASES_MAX, r), 0);
        CHECK(!alloc_check(s.alloc));
        scene_end(&s, __func__, "");
}

/* Guests up to the bound keep nobody out to whom a PU is due. */
static void guests_of_a_user_keep_no_other_out(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        struct alloc_lease_view view;

        scene_begin(&s, 2);
        for (alloc_id id = 1; id <= 2 * (1 + ALLOC_SHARED_PER_PU_MAX) + 5; id++)
                CHECK_INT(try_open(&s, id, r), 0);
        r.uid++;
        CHECK_INT(try_open(&s, ALLOC_LEASES_MAX, r), 0);
        CHECK(!alloc_check(s.alloc));
        CHECK(alloc_lease_find(s.alloc, ALLOC_LEASES_MAX, &view));
        CHECK_INT(cpuset_count(&view.grant->pus), 1);
        CHECK_INT(try_open(&s, ALLOC_LEASES_MAX + 1, r), 0);
        CHECK(!alloc_check(s.alloc));
        scene_end(&s, __func__, "");
}

static void leases_are_bounded(void)
{
        struct scene s;
        struct alloc_request r = scene_request();

        scene_begin(&s, 2);
        r.priority = ALLOC_BATCH;
        for (alloc_id id = 1; id <= ALLOC_LEASES_MAX; id++) {
                r.uid = (uint32_t)(id / ALLOC_LEASES_PER_UID_MAX);
                CHECK_INT(try_open(&s, id, r), 0);
        }
        r.uid = UINT32_MAX;
        CHECK_INT(try_open(&s, ALLOC_LEASES_MAX + 1, r), ALLOC_ERROR_TOO_MANY_LEASES);
        CHECK(!alloc_check(s.alloc));
        CHECK_INT(alloc_step(s.alloc, &(struct alloc_event){.type = ALLOC_CLOSE, .lease = 3}, &s.actions), 0);
        CHECK_INT(try_open(&s, ALLOC_LEASES_MAX + 1, r), 0);
        CHECK(!alloc_check(s.alloc));
        scene_end(&s, __func__, "");
}

/* On a machine so large that a few leases could take every slot, each leaves most of what is left. */
static void slots_last_for_many_leases(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        struct alloc_lease_view view;

        scene_begin(&s, 384);
        r.max = 384;
        for (alloc_id id = 1; id <= 64; id++)
                CHECK_INT(try_open(&s, id, r), 0);
        CHECK(!alloc_check(s.alloc));
        CHECK(alloc_lease_find(s.alloc, 1, &view));
        CHECK_INT(cpuset_count(&view.grant->slots), 384);
        CHECK(alloc_lease_find(s.alloc, 64, &view));
        CHECK(!cpuset_is_empty(&view.grant->slots));
        scene_end(&s, __func__, "");
}

/* For more workers than PUs: as many as are asked for, at once and unasked, and never more than an eighth of what is
 * free. */
static void slots_for_more_workers(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        struct alloc_event more = {.type = ALLOC_UPDATE, .lease = 2, .request = &r};
        struct cpuset expected = scene_set("2-9");
        struct alloc_lease_view view;

        scene_begin(&s, 2);
        CHECK_INT(try_open(&s, 1, r), 0);
        r.max = 1;
        r.slots = 8;
        CHECK_INT(try_open(&s, 2, r), 0);
        CHECK(alloc_lease_find(s.alloc, 2, &view));
        CHECK(cpuset_equal(&view.grant->slots, &expected));
        CHECK_INT(cpuset_count(&view.grant->pus), 1);
        r.slots = 10;
        CHECK_INT(alloc_step(s.alloc, &more, &s.actions), 0);
        CHECK(s.actions.n == 2 && s.actions.items[1].type == ALLOC_DO_GRANT);
        CHECK_INT(cpuset_count(&s.actions.items[1].grant.slots), 10);
        r.slots = ALLOC_SLOTS_MAX;
        CHECK_INT(alloc_step(s.alloc, &more, &s.actions), 0);
        CHECK(alloc_lease_find(s.alloc, 2, &view));
        CHECK_INT(cpuset_count(&view.grant->slots), 10 + (ALLOC_SLOTS_MAX - 12 - (ALLOC_LEASES_MAX - 2)) / 8);
        CHECK(!alloc_check(s.alloc));
        scene_end(&s, __func__, "");
}

/* The lowest free numbers, kept when max falls. */
static void slots_are_kept(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        struct alloc_lease_view view;
        struct cpuset expected = scene_set("2-3");

        scene_begin(&s, 4);
        r.max = 2;
        CHECK_INT(try_open(&s, 1, r), 0);
        CHECK_INT(try_open(&s, 2, r), 0);
        r.max = 1;
        CHECK_INT(
                alloc_step(s.alloc, &(struct alloc_event){.type = ALLOC_UPDATE, .lease = 2, .request = &r}, &s.actions),
                0);
        CHECK(alloc_lease_find(s.alloc, 2, &view));
        CHECK(cpuset_equal(&view.grant->slots, &expected));
        scene_end(&s, __func__, "");
}

/* A suggestion is the share that is due once the others have answered. */
static void a_suggestion_is_the_fair_share(void)
{
        struct scene s;
        struct alloc_request r = scene_request();
        struct cpuset pus;
        enum alloc_reason reason;

        scene_begin(&s, 8);
        CHECK_INT(alloc_suggest(s.alloc, &r, &pus, &reason), 0);
        CHECK_INT(cpuset_count(&pus), 8);
        CHECK_INT(reason, ALLOC_OK);
        CHECK_INT(try_open(&s, 1, r), 0);
        CHECK_INT(alloc_suggest(s.alloc, &r, &pus, &reason), 0);
        CHECK_INT(cpuset_count(&pus), 4);
        CHECK_INT(alloc_n_leases(s.alloc), 1);
        r.allowed = scene_set("8-9");
        CHECK_INT(alloc_suggest(s.alloc, &r, &pus, &reason), ALLOC_ERROR_NO_USABLE_PU);
        CHECK_INT(cpuset_count(&pus), 4);
        scene_end(&s, __func__, "");
}

/* A run divides its lease among its suites: the lease is the usable set, and what is wanted from the run is withdrawn
 * from it and so wanted from a suite. */
static void a_run_divides_its_lease(void)
{
        struct scene s;

        scene_begin(&s, 4);
        scene_open(&s, 1, scene_request());
        scene_open(&s, 2, scene_request());
        scene_answer(&s, 1);
        scene_usable(&s, "0-2");
        scene_answer(&s, 2);
        scene_usable(&s, "0-3");
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-1: fair share\n"
                  "  2/2 has 2-3: CPUs became free\n"
                  "policy\n"
                  "  2/3 has 2-3, wanted 3 by 1000 ms (the machine changed): fair share\n"
                  "return 2\n"
                  "  2/4 has 2: fair share\n"
                  "policy\n"
                  "  2/5 has 2-3: CPUs became free\n");
}

/* What is withdrawn from lease 1 is all it has, and lease 2 is slow: a first PU is shared with lease 1 at once, so that
 * it has something to move to. */
static void all_that_a_run_has_is_withdrawn(void)
{
        struct scene s;

        scene_begin(&s, 4);
        scene_open(&s, 1, scene_request());
        scene_open(&s, 2, scene_request());
        scene_answer(&s, 1);
        scene_usable(&s, "2-3");
        scene_time(&s, 3500);
        scene_answer(&s, 2);
        scene_answer(&s, 1);
        scene_end(&s, __func__,
                  "open 1\n"
                  "  1/1 has 0-3: all it may use\n"
                  "open 2\n"
                  "  1/2 has 0-3, shared 2, wanted 2-3 by 1000 ms (fair share): fair share\n"
                  "  2/1 has 2, shared 2: shared, every CPU is lent\n"
                  "return 1\n"
                  "  1/3 has 0-1: fair share\n"
                  "  2/2 has 2-3: CPUs became free\n"
                  "policy\n"
                  "  1/4 has 0-1,3, shared 3, wanted 0-1 by 1000 ms (the machine changed): CPUs became free\n"
                  "  2/3 has 2-3, shared 3, wanted 3 by 1000 ms (fair share): fair share\n"
                  "time\n"
                  "  1/5 has 0-1,3, shared 3, wanted 0-1 by 1000 ms (wanted back in vain): wanted back in vain\n"
                  "  2/4 has 2-3, shared 3, wanted 3 by 1000 ms (wanted back in vain): fair share\n"
                  "return 2\n"
                  "  1/6 has 0-1,3, wanted 0-1 by 1000 ms (wanted back in vain): wanted back in vain\n"
                  "  2/5 has 2: fair share\n"
                  "return 1\n"
                  "  1/7 has 3: fair share\n");
}

int main(void)
{
        malformed_requests_are_refused();
        an_unknown_lease_is_refused();
        leases_of_a_user_are_bounded();
        guests_of_a_user_keep_no_other_out();
        leases_are_bounded();
        slots_last_for_many_leases();
        slots_are_kept();
        slots_for_more_workers();
        a_suggestion_is_the_fair_share();
        a_run_divides_its_lease();
        all_that_a_run_has_is_withdrawn();
        return 0;
}
