/* What suites ask of the dispatcher: more workers than PUs, order, serial groups, items alone; as scenes. */
#include "tests/unit/dispatch-scene.h"

/* Four workers on two PUs: two have one of their own, the others float over both, and follow where the PUs change. */
static void test_more_workers_than_pus(void)
{
        static const struct dispatch_pu three_pus[] = {
                {.os = 0, .speed = 1.0}, {.os = 1, .speed = 1.0}, {.os = 2, .speed = 1.0}};
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){
                               .items = items, .n_items = 5, .max_workers = 4, .min_workers = 4, .default_seconds = 1});
        pus(&s, two_pus, 2);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "start w2 floating: the CPUs changed\n"
                   "start w3 floating: the CPUs changed\n");
        pus(&s, two_pus, 1);
        expect(&s, "pin w2 floating\n"
                   "pin w3 floating\n"
                   "pin w1 floating\n");
        pus(&s, three_pus, 3);
        expect(&s, "pin w1 floating\n"
                   "pin w2 to 1\n"
                   "pin w3 to 2\n");
        for (uint32_t i = 0; i < 4; i++)
                event(&s, DISPATCH_READY, i, 0);
        for (uint32_t i = 0; i < 4; i++)
                event(&s, DISPATCH_STARTED, i, (uint32_t[]){0, 3, 1, 2}[i]);
        expect(&s, "w0 gets 0: the longest left\n"
                   "w1 gets 3: the longest left\n"
                   "w2 gets 1: the longest left\n"
                   "w3 gets 2: the longest left\n"
                   "w0 gets 4: the longest left\n");
        event(&s, DISPATCH_EXITED, 3, 2);
        expect(&s, "");
        event(&s, DISPATCH_STARTED, 0, 4);
        expect(&s, "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n"
                   "retire w2: nothing left to deal\n"
                   "pin w1 to 2\n");
        scene_close(&s);
}

/* Whatever history says, and nothing ahead of the worker that runs. */
static void test_ordered(void)
{
        static const struct dispatch_item items[] = {ITEM(0.1, 0), ITEM(9, 1), ITEM(0.1, 0), ITEM(5, DISPATCH_NONE)};
        static const struct dispatch_group groups[] = {{.parent = DISPATCH_NONE, .setup = 0.5},
                                                       {.parent = DISPATCH_NONE, .setup = 0.5}};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 4,
                                                 .groups = groups,
                                                 .n_groups = 2,
                                                 .max_workers = 2,
                                                 .ordered = true,
                                                 .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: the next one collected\n"
                   "w1 gets 1: the next one collected\n");
        event(&s, DISPATCH_WANT, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 2);
        event(&s, DISPATCH_WANT, 0, 2);
        event(&s, DISPATCH_STARTED, 0, 3);
        expect(&s, "w0 gets 2: the next one collected\n"
                   "w0 gets 3: the next one collected\n"
                   "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n");
        scene_close(&s);
}

static const struct dispatch_item serial_items[] = {
        {.seconds = 0.3, .group = DISPATCH_NONE, .serial = 1}, {.seconds = 1.0, .group = DISPATCH_NONE},
        {.seconds = 0.3, .group = DISPATCH_NONE, .serial = 1}, {.seconds = 0.2, .group = DISPATCH_NONE},
        {.seconds = 0.9, .group = DISPATCH_NONE, .serial = 1}, {.seconds = 0.2, .group = DISPATCH_NONE}};

static const struct dispatch_params serial_params = {
        .items = serial_items, .n_items = 6, .max_workers = 2, .default_seconds = 0.1};

/* A serial group counts as one item, here the longest; its worker goes on with it, whatever else there is. */
static void test_serial(void)
{
        struct scene s;

        scene_open(&s, &serial_params);
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w1 gets 1: the longest left\n"
                   "w0 gets 2: of its serial group\n"
                   "w1 gets 3: the longest left\n");
        at(&s, 0.3);
        event(&s, DISPATCH_STARTED, 0, 2);
        at(&s, 1.0);
        event(&s, DISPATCH_STARTED, 1, 3);
        at(&s, 1.2);
        event(&s, DISPATCH_STARTED, 1, 5);
        expect(&s, "w0 gets 4: of its serial group\n"
                   "w1 gets 5: the longest left\n"
                   "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n");
        scene_close(&s);
}

/* Its worker dies of one of them: another takes the rest. One that it does not have is the reporter's. */
static void test_serial_goes_on(void)
{
        struct scene s;

        scene_open(&s, &serial_params);
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        s.len = 0;
        event(&s, DISPATCH_EXITED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 3);
        event(&s, DISPATCH_READY, 0, 0);
        expect(&s, "start w0 on 0: in place of one that died\n"
                   "w1 gets 5: the longest left\n"
                   "w0 gets 2: the longest left\n");
        step(&s,
             (struct dispatch_event){.type = DISPATCH_UNAVAILABLE, .worker = 0, .list = (uint32_t[]){2}, .n_list = 1});
        expect(&s, "left 2\n"
                   "w0 gets 4: the longest left\n");
        scene_close(&s);
}

/* Not begun, it waits behind a long item: the other worker takes it over. */
static void test_serial_is_stolen_whole(void)
{
        static const struct dispatch_item items[] = {
                {.seconds = 1.0, .group = DISPATCH_NONE},
                {.seconds = 0.8, .group = DISPATCH_NONE},
                {.seconds = 0.3, .group = DISPATCH_NONE, .serial = 2},
                {.seconds = 0.3, .group = DISPATCH_NONE, .serial = 2},
        };
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 4, .max_workers = 2, .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w1 gets 1: the longest left\n"
                   "w1 gets 2: the longest left\n");
        at(&s, 3);
        event(&s, DISPATCH_WANT, 0, 0);
        expect(&s, "recall w1: waited elsewhere\n");
        recalled(&s, 1, (uint32_t[]){2}, 1);
        event(&s, DISPATCH_STARTED, 0, 2);
        expect(&s, "w0 gets 2: waited elsewhere\n"
                   "w0 gets 3: of its serial group\n"
                   "retire w0: nothing left to deal\n"
                   "retire w1: nothing left to deal\n");
        scene_close(&s);
}

/* What failed last time comes first, the longest of that before the others, and a serial group as a whole. It is not
 * sent ahead: whoever is free first takes the next one. */
static void test_early(void)
{
        static const struct dispatch_item items[] = {
                ITEM(2, DISPATCH_NONE),
                {.seconds = 0.1, .group = DISPATCH_NONE, .early = true},
                {.seconds = 0.5, .group = DISPATCH_NONE, .early = true},
                {.seconds = 0.1, .group = DISPATCH_NONE, .serial = 1},
                {.seconds = 0.1, .group = DISPATCH_NONE, .serial = 1, .early = true},
                ITEM(-1, DISPATCH_NONE),
        };
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 6, .max_workers = 2, .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 2);
        event(&s, DISPATCH_STARTED, 1, 3);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 2: failed last time\n"
                   "w1 gets 3: failed last time\n");
        event(&s, DISPATCH_WANT, 1, 3);
        expect(&s, "w1 gets 4: of its serial group\n");
        event(&s, DISPATCH_WANT, 1, 4);
        expect(&s, "w1 gets 1: failed last time\n");
        event(&s, DISPATCH_WANT, 0, 2);
        expect(&s, "w0 gets 0: the longest left\n");
        scene_close(&s);
}

/* Items that run alone are nobody's here. */
static void test_alone(void)
{
        static const struct dispatch_item items[] = {{.seconds = 1, .group = DISPATCH_NONE, .alone = true},
                                                     {.seconds = 1, .group = DISPATCH_NONE}};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 2, .max_workers = 2, .default_seconds = 0.1});
        CHECK_INT(dispatch_items_left(s.d), 1);
        pus(&s, two_pus, 2);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        event(&s, DISPATCH_DONE, 0, 1);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "return 1\n"
                   "w0 gets 1: the longest left\n"
                   "retire w0: nothing left to deal\n"
                   "return 0\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

/* Each item kills its worker: all of them are tried, however many. */
static void test_every_item_kills(void)
{
        enum { N = 10 * DISPATCH_FAILURES_MAX };
        static struct dispatch_item items[N];
        struct scene s;

        for (uint32_t i = 0; i < N; i++)
                items[i] = (struct dispatch_item)ITEM(1, DISPATCH_NONE);
        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = N, .max_workers = 1, .default_seconds = 0.1});
        pus(&s, two_pus, 1);
        for (uint32_t i = 0; i < N; i++) {
                event(&s, DISPATCH_READY, 0, 0);
                event(&s, DISPATCH_STARTED, 0, i);
                s.len = 0;
                event(&s, DISPATCH_EXITED, 0, i);
        }
        expect(&s, "return 0\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

int main(void)
{
        test_more_workers_than_pus();
        test_ordered();
        test_serial();
        test_serial_goes_on();
        test_serial_is_stolen_whole();
        test_early();
        test_alone();
        test_every_item_kills();
        return 0;
}
