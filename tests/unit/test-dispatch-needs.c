/* Items that need limited resources or several PUs, as scenes. */
#include "tests/unit/dispatch-scene.h"

#include <errno.h>

static const struct dispatch_need one_of_first = {.resource = 0, .amount = 1};

#define NEEDY(s, first, n)                                                                                             \
        {                                                                                                              \
                .seconds = (s), .group = DISPATCH_NONE, .first_need = (first), .n_needs = (n)                          \
        }
#define WIDE(s, n)                                                                                                     \
        {                                                                                                              \
                .seconds = (s), .group = DISPATCH_NONE, .cpus = (n)                                                    \
        }

/* One database: whoever has it goes on with what needs it, one after the other, and the others do something else. */
static void test_one_at_a_time(void)
{
        static const struct dispatch_item items[] = {NEEDY(1, 0, 1), ITEM(1.5, DISPATCH_NONE), NEEDY(1, 0, 1),
                                                     NEEDY(1, 0, 1), ITEM(1.5, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 5,
                                                 .capacities = (uint32_t[]){1},
                                                 .n_resources = 1,
                                                 .needs = &one_of_first,
                                                 .n_needs = 1,
                                                 .max_workers = 2,
                                                 .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        at(&s, 1);
        event(&s, DISPATCH_WANT, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 2);
        event(&s, DISPATCH_DONE, 0, 0);
        at(&s, 1.5);
        event(&s, DISPATCH_WANT, 1, 1);
        at(&s, 2);
        event(&s, DISPATCH_WANT, 0, 2);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: the longest left\n"
                   "w1 gets 1: the longest left\n"
                   "w0 gets 2: the longest left\n"
                   "w1 gets 4: the longest left\n"
                   "w0 gets 3: the longest left\n");
        scene_close(&s);
}

/* Two of it: an item that needs both has to wait for both. What a waiting worker still holds of its last item comes
 * back when it ends. */
static void test_both(void)
{
        static const struct dispatch_need needs[] = {{.resource = 0, .amount = 1}, {.resource = 0, .amount = 2}};
        static const struct dispatch_item items[] = {
                {.seconds = 1, .group = DISPATCH_NONE, .n_needs = 1, .early = true},
                {.seconds = 1, .group = DISPATCH_NONE, .n_needs = 1, .early = true},
                NEEDY(3, 1, 1),
        };
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 3,
                                                 .capacities = (uint32_t[]){2},
                                                 .n_resources = 1,
                                                 .needs = needs,
                                                 .n_needs = 2,
                                                 .max_workers = 2,
                                                 .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        at(&s, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: failed last time\n"
                   "w1 gets 1: failed last time\n");
        event(&s, DISPATCH_WANT, 0, 0);
        expect(&s, "retire w0: a fresh worker is due\n");
        event(&s, DISPATCH_WANT, 1, 1);
        expect(&s, "");
        event(&s, DISPATCH_DONE, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 2);
        expect(&s, "w1 gets 2: the longest left\n"
                   "retire w1: nothing left to deal\n");
        scene_close(&s);
}

/* One that needs both CPUs cannot begin before the first item ends: the other worker does what ends before that, and
 * then nothing. */
static void test_backfilling(void)
{
        static const struct dispatch_item items[] = {{.seconds = 4, .group = DISPATCH_NONE, .early = true},
                                                     WIDE(2, 2),
                                                     ITEM(5, DISPATCH_NONE),
                                                     ITEM(1.5, DISPATCH_NONE),
                                                     ITEM(1.5, DISPATCH_NONE),
                                                     ITEM(1.5, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 6, .max_workers = 2, .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 3);
        at(&s, 1.5);
        event(&s, DISPATCH_STARTED, 1, 4);
        at(&s, 3);
        event(&s, DISPATCH_WANT, 1, 4);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: failed last time\n"
                   "w1 gets 3: the longest left\n"
                   "w1 gets 4: the longest left\n");
        at(&s, 4);
        event(&s, DISPATCH_WANT, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        expect(&s, "widen w0 by 1\n"
                   "w0 gets 1: its CPUs are free\n");
        at(&s, 6);
        event(&s, DISPATCH_WANT, 0, 1);
        expect(&s, "pin w0 to 0\n"
                   "w1 gets 2: the longest left\n"
                   "w0 gets 5: the longest left\n");
        scene_close(&s);
}

/* PUs without a worker are free, and what is given to a wide item is not given back before it ends. Where the PUs
 * change it gets what there is. */
static void test_wide_alone(void)
{
        static const struct dispatch_pu four_pus[] = {
                {.os = 0, .speed = 1.0}, {.os = 1, .speed = 1.0}, {.os = 2, .speed = 1.0}, {.os = 3, .speed = 1.0}};
        static const struct dispatch_item items[] = {WIDE(2, 3), WIDE(1, 99)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 2, .max_workers = 1, .default_seconds = 0.1});
        pus(&s, four_pus, 4);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "widen w0 by 1\n"
                   "widen w0 by 2\n"
                   "widen w0 by 3\n"
                   "w0 gets 1: its CPUs are free\n");
        pus(&s, four_pus, 2);
        expect(&s, "pin w0 to 0\n"
                   "widen w0 by 1\n");
        event(&s, DISPATCH_WANT, 0, 1);
        event(&s, DISPATCH_STARTED, 0, 0);
        expect(&s, "pin w0 to 0\n"
                   "widen w0 by 1\n"
                   "w0 gets 0: its CPUs are free\n"
                   "retire w0: nothing left to deal\n");
        event(&s, DISPATCH_DONE, 0, 1);
        event(&s, DISPATCH_DONE, 0, 0);
        event(&s, DISPATCH_EXITED, 0, DISPATCH_NONE);
        expect(&s, "pin w0 to 0\n"
                   "return 1\n"
                   "return 0\n"
                   "finished: nothing left to deal\n");
        scene_close(&s);
}

/* A serial group's order holds whatever its items need, and its worker does nothing else while it waits for that. The
 * early one comes before the longer one. */
static void test_needs_in_series(void)
{
        static const struct dispatch_item items[] = {
                {.seconds = 0.1, .group = DISPATCH_NONE, .serial = 1, .early = true},
                {.seconds = 0.1, .group = DISPATCH_NONE, .serial = 1, .n_needs = 1},
                {.seconds = 0.1, .group = DISPATCH_NONE, .serial = 1},
                {.seconds = 2, .group = DISPATCH_NONE, .n_needs = 1},
                ITEM(0.3, DISPATCH_NONE),
        };
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 5,
                                                 .capacities = (uint32_t[]){1},
                                                 .n_resources = 1,
                                                 .needs = &one_of_first,
                                                 .n_needs = 1,
                                                 .max_workers = 2,
                                                 .default_seconds = 0.1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 3);
        at(&s, 0.1);
        event(&s, DISPATCH_WANT, 0, 0);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: failed last time\n"
                   "w1 gets 3: the longest left\n");
        at(&s, 2);
        event(&s, DISPATCH_WANT, 1, 3);
        event(&s, DISPATCH_STARTED, 1, 4);
        expect(&s, "w1 gets 4: the longest left\n"
                   "retire w1: nothing left to deal\n");
        event(&s, DISPATCH_DONE, 1, 3);
        event(&s, DISPATCH_STARTED, 0, 1);
        expect(&s, "w0 gets 1: of its serial group\n"
                   "w0 gets 2: of its serial group\n"
                   "retire w0: nothing left to deal\n");
        scene_close(&s);
}

/* Nothing overtakes the first of an ordered suite, though it has to wait. */
static void test_ordered_waits(void)
{
        static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), WIDE(1, 2), ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){
                               .items = items, .n_items = 3, .max_workers = 2, .ordered = true, .default_seconds = 1});
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "w0 gets 0: the next one collected\n");
        event(&s, DISPATCH_WANT, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 1);
        expect(&s, "widen w0 by 1\n"
                   "w0 gets 1: the next one collected\n");
        event(&s, DISPATCH_WANT, 0, 1);
        expect(&s, "pin w0 to 0\n"
                   "w1 gets 2: the next one collected\n");
        scene_close(&s);
}

/* Everybody waits: w0 has nothing, w1 goes on with its serial group, and w2, which has run another item between, does
 * not pass over the next one of its own, for which there are not enough PUs now. */
static void test_ordered_series(void)
{
        static const struct dispatch_pu four[] = {
                {.os = 0, .speed = 1}, {.os = 1, .speed = 1}, {.os = 2, .speed = 1}, {.os = 3, .speed = 1}};
        static const struct dispatch_item items[] = {
                ITEM(9, DISPATCH_NONE),
                {.seconds = 1, .group = DISPATCH_NONE, .serial = 1},
                {.seconds = 1, .group = DISPATCH_NONE, .serial = 2},
                ITEM(1, DISPATCH_NONE),
                {.seconds = 1, .group = DISPATCH_NONE, .serial = 2, .cpus = 4},
                {.seconds = 1, .group = DISPATCH_NONE, .serial = 2},
                {.seconds = 1, .group = DISPATCH_NONE, .serial = 1},
        };
        struct scene s;

        scene_open(&s, &(struct dispatch_params){
                               .items = items, .n_items = 7, .max_workers = 4, .ordered = true, .default_seconds = 1});
        pus(&s, four, 4);
        for (uint32_t i = 0; i < 4; i++)
                event(&s, DISPATCH_READY, i, DISPATCH_NONE);
        for (uint32_t i = 0; i < 3; i++)
                event(&s, DISPATCH_STARTED, i, i);
        event(&s, DISPATCH_EXITED, 3, DISPATCH_NONE);
        event(&s, DISPATCH_WANT, 2, 2);
        event(&s, DISPATCH_STARTED, 2, 3);
        event(&s, DISPATCH_READY, 3, DISPATCH_NONE);
        event(&s, DISPATCH_WANT, 3, DISPATCH_NONE);
        event(&s, DISPATCH_WANT, 1, 1);
        event(&s, DISPATCH_WANT, 2, 3);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "start w2 on 2: the CPUs changed\n"
                   "start w3 on 3: the CPUs changed\n"
                   "w0 gets 0: the next one collected\n"
                   "w1 gets 1: the next one collected\n"
                   "w2 gets 2: the next one collected\n"
                   "w3 gets 3: the next one collected\n"
                   "start w3 on 3: in place of one that died\n"
                   "w2 gets 3: the next one collected\n");
        event(&s, DISPATCH_WANT, 0, 0);
        expect(&s, "w1 gets 6: the next one collected\n");
        event(&s, DISPATCH_STARTED, 1, 6);
        event(&s, DISPATCH_WANT, 1, 6);
        expect(&s, "widen w2 by 0\n"
                   "widen w2 by 1\n"
                   "widen w2 by 3\n"
                   "w2 gets 4: the next one collected\n");
        scene_close(&s);
}

static void test_impossible_needs(void)
{
        static const struct dispatch_need too_much = {.resource = 0, .amount = 2},
                                          of_none = {.resource = 1, .amount = 1};
        static const struct dispatch_item item = NEEDY(1, 0, 1), beyond = NEEDY(1, 1, 1);
        struct dispatch_params params = {.items = &item,
                                         .n_items = 1,
                                         .capacities = (uint32_t[]){1},
                                         .n_resources = 1,
                                         .n_needs = 1,
                                         .max_workers = 1,
                                         .default_seconds = 1};
        struct dispatch *d;

        params.needs = &too_much;
        CHECK_INT(dispatch_create(&params, &d), -EINVAL);
        params.needs = &of_none;
        CHECK_INT(dispatch_create(&params, &d), -EINVAL);
        params.needs = &one_of_first;
        params.items = &beyond;
        CHECK_INT(dispatch_create(&params, &d), -EINVAL);
        params.items = &item;
        params.capacities = (uint32_t[]){0};
        CHECK_INT(dispatch_create(&params, &d), -EINVAL);
}

int main(void)
{
        test_one_at_a_time();
        test_both();
        test_backfilling();
        test_wide_alone();
        test_needs_in_series();
        test_ordered_waits();
        test_ordered_series();
        test_impossible_needs();
        return 0;
}
