/* Workers that end early, and what starting one costs, as scenes. */
#include "tests/unit/dispatch-scene.h"

#include <errno.h>

/* Two items a worker: the third one is for the next. */
static void test_number(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){
                               .items = items, .n_items = 3, .max_workers = 1, .max_items = 2, .default_seconds = 0.1});
        pus(&s, two_pus, 1);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        event(&s, DISPATCH_DONE, 0, 0);
        event(&s, DISPATCH_DONE, 0, 1);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        event(&s, DISPATCH_READY, 0, 0);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w0 gets 1: the longest left\n"
                   "retire w0: a fresh worker is due\n"
                   "start w0 on 0: a fresh worker is due\n"
                   "w0 gets 2: the longest left\n");
        scene_close(&s);
}

/* A fresh worker for each, however many there are. */
static void test_one_each(void)
{
        enum { N = 10 * DISPATCH_FAILURES_MAX };
        static struct dispatch_item items[N];
        struct scene s;

        for (uint32_t i = 0; i < N; i++)
                items[i] = (struct dispatch_item)ITEM(1, DISPATCH_NONE);
        scene_open(&s, &(struct dispatch_params){
                               .items = items, .n_items = N, .max_workers = 1, .max_items = 1, .default_seconds = 0.1});
        pus(&s, two_pus, 1);
        for (uint32_t i = 0; i < N; i++) {
                event(&s, DISPATCH_READY, 0, 0);
                event(&s, DISPATCH_STARTED, 0, i);
                event(&s, DISPATCH_DONE, 0, i);
                s.trace[s.len = 0] = '\0';
                event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        }
        expect(&s, "return 0\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

/* It has grown too large: what it has not begun is taken back, for the next one. */
static void test_memory(void)
{
        static const struct dispatch_item items[] = {ITEM(3, DISPATCH_NONE), ITEM(2, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){
                           .items = items, .n_items = 3, .max_workers = 1, .max_rss = 1000, .default_seconds = 0.1});
        pus(&s, two_pus, 1);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        s.trace[s.len = 0] = '\0';
        step(&s, (struct dispatch_event){.type = DISPATCH_DONE, .worker = 0, .item = 0, .rss = 1000});
        expect(&s, "");
        step(&s, (struct dispatch_event){.type = DISPATCH_DONE, .worker = 0, .item = 1, .rss = 1001});
        expect(&s, "recall w0: a fresh worker is due\n"
                   "retire w0: a fresh worker is due\n");
        recalled(&s, 0, (uint32_t[]){2}, 1);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        event(&s, DISPATCH_READY, 0, 0);
        expect(&s, "start w0 on 0: a fresh worker is due\n"
                   "w0 gets 2: the longest left\n");
        scene_close(&s);
}

/* A serial group goes on in the next worker, when what the last one had of it is over. */
static void test_serial(void)
{
        static const struct dispatch_item items[] = {{.seconds = 1, .group = DISPATCH_NONE, .serial = 1},
                                                     {.seconds = 1, .group = DISPATCH_NONE, .serial = 1}};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){
                               .items = items, .n_items = 2, .max_workers = 2, .max_items = 1, .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "retire w0: a fresh worker is due\n"
                   "return 1\n");
        event(&s, DISPATCH_DONE, 0, 0);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        event(&s, DISPATCH_READY, 0, 0);
        expect(&s, "start w0 on 0: a fresh worker is due\n"
                   "w0 gets 1: the longest left\n");
        scene_close(&s);
}

/* Modules of one package need not stay together, though the second worker sets the package up anew. */
static void test_package(void)
{
        static const struct dispatch_item items[] = {ITEM(1, 1), ITEM(1, 1), ITEM(1, 2), ITEM(1, 2)};
        struct dispatch_group groups[] = {{.parent = DISPATCH_NONE, .setup = 0.1, .loose = true},
                                          {.parent = 0, .setup = 0.5},
                                          {.parent = 0, .setup = 0.5}};
        struct scene s;
        struct dispatch *d;
        struct dispatch_params params = {.items = items,
                                         .n_items = 4,
                                         .groups = groups,
                                         .n_groups = 3,
                                         .max_workers = 2,
                                         .default_seconds = 0.1};

        scene_open(&s, &params);
        ready_both(&s);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: opens a group\n"
                   "w1 gets 2: opens a group\n");
        scene_close(&s);
        groups[0].loose = false;
        groups[1].loose = true;
        CHECK_INT(dispatch_create(&params, &d), -EINVAL);
}

/* A second worker saves half of 4 s: it is started if starting it, and the session's fixtures, take less. */
static void test_session(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE)};
        struct dispatch_params params = {
                .items = items, .n_items = 4, .max_workers = 2, .default_seconds = 0.1, .start_cost = 0.5};
        struct scene s;

        for (params.session_setup = 0; params.session_setup <= 4; params.session_setup += 4) {
                scene_open(&s, &params);
                pus(&s, two_pus, 2);
                expect(&s, params.session_setup > 0 ? "start w0 on 0: the CPUs changed\n"
                                                    : "start w0 on 0: the CPUs changed\n"
                                                      "start w1 on 1: the CPUs changed\n");
                scene_close(&s);
        }
        /* As it turns out. */
        params.session_setup = -1;
        scene_open(&s, &params);
        pus(&s, two_pus, 1);
        event(&s, DISPATCH_READY, 0, 0);
        step(&s, (struct dispatch_event){.type = DISPATCH_SETUP, .worker = 0, .group = DISPATCH_NONE, .wall = 4});
        s.trace[s.len = 0] = '\0';
        pus(&s, two_pus, 2);
        expect(&s, "");
        scene_close(&s);
}

int main(void)
{
        test_number();
        test_one_each();
        test_memory();
        test_serial();
        test_package();
        test_session();
        return 0;
}
