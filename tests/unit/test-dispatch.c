/* The dispatcher's choices, as scenes. */
#include "tests/unit/dispatch-scene.h"

#include <math.h>

/* Three items, the long one last in collection order: it is begun first, nothing is put behind it, and the short
 * ones share the other PU. */
static void test_long_one_last(void)
{
        static const struct dispatch_item items[] = {ITEM(0.8, DISPATCH_NONE), ITEM(0.8, DISPATCH_NONE),
                                                     ITEM(2.0, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 3, .max_workers = 8, .default_seconds = 0.1});
        pus(&s, two_pus, 2);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n");
        event(&s, DISPATCH_READY, 0, 0);
        expect(&s, "w0 gets 2: the longest left\n");
        event(&s, DISPATCH_READY, 1, 0);
        expect(&s, "w1 gets 0: the longest left\n");
        event(&s, DISPATCH_STARTED, 0, 2);
        expect(&s, "");
        event(&s, DISPATCH_STARTED, 1, 0);
        expect(&s, "w1 gets 1: the longest left\n");
        at(&s, 0.8);
        event(&s, DISPATCH_STARTED, 1, 1);
        expect(&s, "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n");
        event(&s, DISPATCH_DONE, 1, 0);
        at(&s, 1.6);
        event(&s, DISPATCH_DONE, 1, 1);
        expect(&s, "");
        event(&s, DISPATCH_EXITED, 1, DISPATCH_NONE);
        expect(&s, "return 1\n");
        at(&s, 2.0);
        event(&s, DISPATCH_DONE, 0, 2);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        expect(&s, "return 0\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

/* Two modules of three items with a costly fixture, one item of them long: each worker keeps to its module, in
 * collection order. */
static void test_groups_stay_together(void)
{
        static const struct dispatch_item items[] = {ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 0),
                                                     ITEM(0.1, 1), ITEM(0.1, 1), ITEM(0.2, 1)};
        static const struct dispatch_group groups[] = {{.parent = DISPATCH_NONE, .setup = 0.5},
                                                       {.parent = DISPATCH_NONE, .setup = 0.5}};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 6,
                                                 .groups = groups,
                                                 .n_groups = 2,
                                                 .max_workers = 2,
                                                 .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 3);
        event(&s, DISPATCH_STARTED, 1, 0);
        at(&s, 0.6);
        event(&s, DISPATCH_STARTED, 0, 4);
        event(&s, DISPATCH_STARTED, 1, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 3: opens a group\n"
                   "w1 gets 0: opens a group\n"
                   "w0 gets 4: its fixtures are up\n"
                   "w1 gets 1: its fixtures are up\n"
                   "w0 gets 5: its fixtures are up\n"
                   "w1 gets 2: its fixtures are up\n");
        scene_close(&s);
}

/* One module without a fixture: the second worker joins it in its middle. */
static void test_split(void)
{
        static const struct dispatch_item items[] = {ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 0),
                                                     ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 0),
                                                     ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 0)};
        struct dispatch_group group = {.parent = DISPATCH_NONE, .setup = 0};
        struct dispatch_params params = {.items = items,
                                         .n_items = 12,
                                         .groups = &group,
                                         .n_groups = 1,
                                         .max_workers = 2,
                                         .default_seconds = 0.1};
        struct scene s;

        for (int costly = 0; costly < 2; costly++) {
                /* Beside 200 s for the fixture the division shortens the run by 0.3 %. */
                group.setup = costly ? 200 : 0;
                scene_open(&s, &params);
                ready_both(&s);
                event(&s, DISPATCH_STARTED, 0, 0);
                expect(&s, costly ? "start w0 on 0: the CPUs changed\n"
                                    "start w1 on 1: the CPUs changed\n"
                                    "w0 gets 0: opens a group\n"
                                    "w0 gets 1: its fixtures are up\n"
                                  : "start w0 on 0: the CPUs changed\n"
                                    "start w1 on 1: the CPUs changed\n"
                                    "w0 gets 0: opens a group\n"
                                    "w1 gets 6: shares a group\n"
                                    "w0 gets 1: its fixtures are up\n");
                scene_close(&s);
        }
}

/* Nothing is known: the modules in the order of collection, and what waits elsewhere at the end. */
static void test_no_history(void)
{
        static const struct dispatch_item items[] = {ITEM(-1, 0), ITEM(-1, 0), ITEM(-1, 1), ITEM(-1, 1), ITEM(-1, 1)};
        static const struct dispatch_group groups[] = {{.parent = DISPATCH_NONE, .setup = -1},
                                                       {.parent = DISPATCH_NONE, .setup = -1}};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 5,
                                                 .groups = groups,
                                                 .n_groups = 2,
                                                 .max_workers = 2,
                                                 .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 2);
        at(&s, 0.1);
        event(&s, DISPATCH_STARTED, 0, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: opens a group\n"
                   "w1 gets 2: opens a group\n"
                   "w0 gets 1: its fixtures are up\n"
                   "w1 gets 3: its fixtures are up\n"
                   "w0 gets 4: shares a group\n");
        scene_close(&s);
}

/* Tiny items go out in a batch that reports half-way and is filled up then. */
static void test_batches(void)
{
        static struct dispatch_item items[1000];
        struct scene s;

        for (uint32_t i = 0; i < 1000; i++)
                items[i] = (struct dispatch_item)ITEM(0.0005, DISPATCH_NONE);
        scene_open(
                &s,
                &(struct dispatch_params){
                        .items = items, .n_items = 1000, .max_workers = 2, .default_seconds = 0.1, .overhead = 8e-6});
        pus(&s, two_pus, 2);
        event(&s, DISPATCH_READY, 0, 0);
        at(&s, 0.001);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_DONE, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0 quietly: the longest left\n"
                   "w0 gets 1: the longest left\n"
                   "w0 gets 2 quietly: the longest left\n"
                   "w0 gets 3: the longest left\n"
                   "w0 gets 4 quietly: the longest left\n"
                   "w0 gets 5: the longest left\n");
        scene_close(&s);
}

/* A PU is wanted back: its worker goes on beside the other and ends; what waited for it is dealt anew. */
static void test_a_pu_goes_and_comes(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 6, .max_workers = 2, .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        pus(&s, two_pus, 1);
        recalled(&s, 1, (uint32_t[]){3}, 1);
        at(&s, 1);
        event(&s, DISPATCH_DONE, 1, 1);
        event(&s, DISPATCH_EXITED, 1, DISPATCH_NONE);
        pus(&s, two_pus, 2);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w1 gets 1: the longest left\n"
                   "w0 gets 2: the longest left\n"
                   "w1 gets 3: the longest left\n"
                   "pin w1 to 0\n"
                   "recall w1: the CPUs changed\n"
                   "retire w1: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n");
        scene_close(&s);
}

/* A worker dies of an item: the item is lost, what it was to do next goes to the one in its place. */
static void test_a_worker_dies(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 3, .max_workers = 1, .default_seconds = 0.1});
        pus(&s, two_pus, 1);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_EXITED, 0, 0);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        event(&s, DISPATCH_STARTED, 0, 2);
        event(&s, DISPATCH_DONE, 0, 1);
        event(&s, DISPATCH_DONE, 0, 2);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w0 gets 1: the longest left\n"
                   "start w0 on 0: in place of one that died\n"
                   "w0 gets 1: the longest left\n"
                   "w0 gets 2: the longest left\n"
                   "retire w0: nothing left to deal\n"
                   "return 0\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

/* No worker can be started: after a few attempts everything is the reporter's. */
static void test_no_worker(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 2, .max_workers = 1, .default_seconds = 0.1});
        pus(&s, two_pus, 1);
        for (int i = 0; i < DISPATCH_FAILURES_MAX; i++)
                event(&s, DISPATCH_NO_WORKER, 0, 0);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w0 on 0: in place of one that died\n"
                   "start w0 on 0: in place of one that died\n"
                   "left 0\n"
                   "left 1\n"
                   "return 0\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

/* A fresh worker lacks an item: another one gets it, and where both lack it the reporter does. */
static void test_unavailable(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 2, .max_workers = 2, .default_seconds = 0.1});
        ready_both(&s);
        step(&s,
             (struct dispatch_event){.type = DISPATCH_UNAVAILABLE, .worker = 0, .list = (uint32_t[]){0}, .n_list = 1});
        event(&s, DISPATCH_STARTED, 1, 1);
        step(&s,
             (struct dispatch_event){.type = DISPATCH_UNAVAILABLE, .worker = 1, .list = (uint32_t[]){0}, .n_list = 1});
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w1 gets 1: the longest left\n"
                   "w1 gets 0: the longest left\n"
                   "left 0\n"
                   "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n");
        scene_close(&s);
}

static void test_stop(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 3, .max_workers = 1, .default_seconds = 0.1});
        pus(&s, two_pus, 1);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STOP, 0, 0);
        recalled(&s, 0, (uint32_t[]){1}, 1);
        event(&s, DISPATCH_DONE, 0, 0);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w0 gets 1: the longest left\n"
                   "recall w0: stopped\n"
                   "retire w0: stopped\n"
                   "return 0\n"
                   "finished: stopped\n");
        CHECK_INT(dispatch_items_left(s.d), 2);
        scene_close(&s);
}

/* The slow PU's worker is left idle rather than to end last. */
static void test_slow_pu_idles(void)
{
        static const struct dispatch_pu fast_and_slow[] = {{.os = 0, .speed = 1.0}, {.os = 8, .speed = 0.3}};
        static const struct dispatch_item items[] = {ITEM(1.0, DISPATCH_NONE), ITEM(1.0, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 2, .max_workers = 2, .default_seconds = 0.1});
        pus(&s, fast_and_slow, 2);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_READY, 1, 0);
        event(&s, DISPATCH_WANT, 1, DISPATCH_NONE);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 8: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w0 gets 1: the longest left\n"
                   "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n");
        scene_close(&s);
}

/* What still runs on a slow PU moves to a fast one that nobody needs any more. */
static void test_promotion(void)
{
        static const struct dispatch_pu fast_and_slow[] = {{.os = 0, .speed = 1.0}, {.os = 8, .speed = 0.5}};
        static const struct dispatch_item items[] = {ITEM(1.0, DISPATCH_NONE), ITEM(0.6, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 2, .max_workers = 2, .default_seconds = 0.1});
        pus(&s, fast_and_slow, 2);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_READY, 1, 0);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        at(&s, 1.0);
        event(&s, DISPATCH_DONE, 0, 0);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 8: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w1 gets 1: the longest left\n"
                   "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n"
                   "pin w1 to 0\n"
                   "return 8\n");
        scene_close(&s);
}

/* An item turns out to be ten times as long as history said: at a deadline what waits behind it is taken away. */
static void test_late_item(void)
{
        static const struct dispatch_item items[] = {ITEM(0.1, 0), ITEM(0.1, 0), ITEM(0.1, 1), ITEM(0.1, 1)};
        static const struct dispatch_group groups[] = {{.parent = DISPATCH_NONE, .setup = 0.3},
                                                       {.parent = DISPATCH_NONE, .setup = 0.3}};
        struct scene s;
        uint64_t deadline;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 4,
                                                 .groups = groups,
                                                 .n_groups = 2,
                                                 .max_workers = 2,
                                                 .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 2);
        at(&s, 0.4);
        event(&s, DISPATCH_STARTED, 1, 3);
        at(&s, 0.5);
        event(&s, DISPATCH_WANT, 1, DISPATCH_NONE);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: opens a group\n"
                   "w1 gets 2: opens a group\n"
                   "w0 gets 1: its fixtures are up\n"
                   "w1 gets 3: its fixtures are up\n");
        deadline = dispatch_next_deadline(s.d);
        CHECK(deadline != DISPATCH_NEVER);
        for (int i = 0; i < 8 && s.len == 0; i++) {
                s.now = dispatch_next_deadline(s.d);
                CHECK(s.now != DISPATCH_NEVER);
                event(&s, DISPATCH_TIME, 0, 0);
        }
        expect(&s, "recall w0: waited elsewhere\n");
        scene_close(&s);
}

static const uint32_t beyond = 7;

static void test_bad_events(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE)};
        static const struct dispatch_event bad[] = {
                {.type = DISPATCH_READY, .worker = 1},
                {.type = DISPATCH_STARTED, .item = 1},
                {.type = DISPATCH_DONE, .item = 0, .wall = -1},
                {.type = DISPATCH_SETUP, .group = 0},
                {.type = DISPATCH_PUS},
                {.type = DISPATCH_RECALLED, .list = &beyond, .n_list = 1},
        };
        struct dispatch *d = NULL;
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 1, .max_workers = 1, .default_seconds = 0.1});
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CHECK(dispatch_step(s.d, &bad[i], &s.actions) < 0);
                CHECK_INT(s.actions.n, 0);
        }
        /* Late records of a worker that is gone are none. */
        event(&s, DISPATCH_DONE, 0, 0);
        expect(&s, "");
        scene_close(&s);
        CHECK(dispatch_create(&(struct dispatch_params){.items = items, .n_items = 1, .default_seconds = 1}, &d) < 0);
        CHECK(!d);
}

static void test_empty_suite(void)
{
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.max_workers = 4, .default_seconds = 0.1});
        pus(&s, two_pus, 2);
        expect(&s, "return 0\n"
                   "return 1\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

static void test_inline(void)
{
        CHECK(dispatch_inline_is_faster(0.005, 10, 2, 0.012, 60e-6));
        CHECK(!dispatch_inline_is_faster(1.0, 10, 2, 0.012, 60e-6));
        CHECK(dispatch_inline_is_faster(100, 10, 1, 0.012, 60e-6));
        CHECK(dispatch_inline_is_faster(100, 1, 8, 0.012, 60e-6));
        CHECK(dispatch_inline_is_faster(0.1, 10000, 2, 0.012, 60e-6));
}

/* Of four items as long, the one whose time is least certain begins first. */
static void test_uncertain_first(void)
{
        struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                        ITEM(1, DISPATCH_NONE)};
        struct scene s;

        items[2].spread = 0.5;
        scene_open(&s, &(struct dispatch_params){.items = items, .n_items = 4, .max_workers = 2, .default_seconds = 1});
        ready_both(&s);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 2: the longest left\n"
                   "w1 gets 0: the longest left\n");
        scene_close(&s);
}

/* Two P cores of two threads and two E cores, numbered as such machines do: one thread a core first, and an E core
 * before a second thread. */
static void test_pus_best_first(void)
{
        struct dispatch_pu list[] = {
                {.os = 0, .speed = 0.6, .alone = 1, .core = 0},   {.os = 1, .speed = 0.6, .alone = 1, .core = 0},
                {.os = 2, .speed = 0.6, .alone = 1, .core = 1},   {.os = 3, .speed = 0.6, .alone = 1, .core = 1},
                {.os = 4, .speed = 0.5, .alone = 0.5, .core = 2}, {.os = 5, .speed = 0.5, .core = 3},
        };
        static const unsigned order[] = {0, 2, 4, 5, 1, 3};
        double gains[6];

        dispatch_sort_pus(list, 6);
        for (unsigned i = 0; i < 6; i++)
                CHECK_INT(list[i].os, order[i]);
        dispatch_pu_gains(list, 6, gains);
        CHECK(fabs(gains[0] - 1) < 1e-9 && fabs(gains[3] - 0.5) < 1e-9 && fabs(gains[5] - 0.2) < 1e-9);
}

int main(void)
{
        test_long_one_last();
        test_groups_stay_together();
        test_split();
        test_no_history();
        test_batches();
        test_a_pu_goes_and_comes();
        test_a_worker_dies();
        test_no_worker();
        test_unavailable();
        test_stop();
        test_slow_pu_idles();
        test_promotion();
        test_late_item();
        test_bad_events();
        test_empty_suite();
        test_inline();
        test_pus_best_first();
        test_uncertain_first();
        return 0;
}
