/* No more workers than memory is there for, as scenes. */
#include "tests/unit/dispatch-scene.h"

#include <errno.h>

static const struct dispatch_item items[] = {ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                             ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE)};

static void open_scene(struct scene *s)
{
        scene_open(s,
                   &(struct dispatch_params){.items = items, .n_items = 6, .max_workers = 2, .default_seconds = 0.1});
}

static void forget(struct scene *s)
{
        s->trace[s->len = 0] = '\0';
}

static void limit(struct scene *s, uint32_t most)
{
        step(s, (struct dispatch_event){.type = DISPATCH_LIMIT, .room = most});
}

/* The one that was started last ends behind what it runs, and comes back when there is room again. */
static void test_youngest(void)
{
        struct scene s;

        open_scene(&s);
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        forget(&s);
        limit(&s, 2);
        expect(&s, "");
        limit(&s, 1);
        expect(&s, "recall w1: no memory for so many\n"
                   "retire w1: no memory for so many\n");
        recalled(&s, 1, (uint32_t[]){3}, 1);
        event(&s, DISPATCH_DONE, 1, 1);
        event(&s, DISPATCH_EXITED, 1, DISPATCH_NONE);
        limit(&s, 1);
        expect(&s, "");
        limit(&s, 2);
        expect(&s, "start w1 on 1: memory for more\n");
        event(&s, DISPATCH_EXITED, 0, 0);
        event(&s, DISPATCH_READY, 1, 0);
        forget(&s);
        limit(&s, 1); /* the one in place of the dead is younger now */
        expect(&s, "retire w0: no memory for so many\n");
        scene_close(&s);
}

/* Where there is a limit from the beginning no more are started. The last one stays, and a dead one is replaced. */
static void test_last(void)
{
        struct scene s;

        open_scene(&s);
        limit(&s, 1);
        pus(&s, two_pus, 2);
        expect(&s, "start w0 on 0: the CPUs changed\n");
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_STARTED, 0, 0);
        forget(&s);
        limit(&s, 1);
        expect(&s, "");
        event(&s, DISPATCH_EXITED, 0, 0);
        expect(&s, "start w0 on 0: in place of one that died\n");
        limit(&s, UINT32_MAX);
        expect(&s, "start w1 on 1: memory for more\n");
        scene_close(&s);
}

/* One that is told to end needs its memory until it is gone. */
static void test_while_one_ends(void)
{
        struct scene s;

        open_scene(&s);
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        limit(&s, 1);
        recalled(&s, 1, (uint32_t[]){3}, 1);
        forget(&s);
        event(&s, DISPATCH_EXITED, 0, 0);
        expect(&s, "");
        event(&s, DISPATCH_DONE, 1, 1);
        event(&s, DISPATCH_EXITED, 1, DISPATCH_NONE);
        expect(&s, "start w0 on 0: in place of one that died\n");
        scene_close(&s);
}

/* One that died of it is not replaced, and no other has to end for it. */
static void test_death(void)
{
        struct scene s;

        open_scene(&s);
        ready_both(&s);
        event(&s, DISPATCH_STARTED, 0, 0);
        event(&s, DISPATCH_STARTED, 1, 1);
        forget(&s);
        step(&s, (struct dispatch_event){.type = DISPATCH_EXITED, .worker = 0, .item = 0, .room = 1});
        expect(&s, "");
        event(&s, DISPATCH_EXITED, 1, 1);
        expect(&s, "start w0 on 0: in place of one that died\n");
        scene_close(&s);
}

static void test_none(void)
{
        const struct dispatch_event none = {.type = DISPATCH_LIMIT};
        struct scene s;

        open_scene(&s);
        CHECK_INT(dispatch_step(s.d, &none, &s.actions), -EINVAL);
        scene_close(&s);
}

int main(void)
{
        test_youngest();
        test_last();
        test_while_one_ends();
        test_death();
        test_none();
        return 0;
}
