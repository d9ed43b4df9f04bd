/* The dispatcher's scenes as readable traces: events in, decisions out. */
#include "core/dispatch.h"
#include "tests/unit/test.h"

#include <math.h>

enum { TRACE_MAX = 4096 };

struct scene {
        struct dispatch *d;
        struct dispatch_actions actions;
        char trace[TRACE_MAX];
        size_t len;
        uint64_t now;
};

static void say(struct scene *s, const char *text)
{
        size_t n = strlen(text);

        CHECK(s->len + n < TRACE_MAX);
        memcpy(s->trace + s->len, text, n + 1);
        s->len += n;
}

static void describe(const struct dispatch_action *a, char *buf, size_t size)
{
        const char *why = dispatch_reason_text(a->reason);

        switch (a->type) {
        case DISPATCH_DO_START:
                snprintf(buf, size, "start w%u on %u: %s\n", a->worker, a->pu, why);
                break;
        case DISPATCH_DO_PIN:
                snprintf(buf, size, "pin w%u to %u\n", a->worker, a->pu);
                break;
        case DISPATCH_DO_SEND:
                snprintf(buf, size, "w%u gets %u%s: %s\n", a->worker, a->item, a->report ? "" : " quietly", why);
                break;
        case DISPATCH_DO_RECALL:
                snprintf(buf, size, "recall w%u: %s\n", a->worker, why);
                break;
        case DISPATCH_DO_RETIRE:
                snprintf(buf, size, "retire w%u: %s\n", a->worker, why);
                break;
        case DISPATCH_DO_RETURN:
                snprintf(buf, size, "return %u\n", a->pu);
                break;
        case DISPATCH_DO_LEFT:
                snprintf(buf, size, "left %u\n", a->item);
                break;
        case DISPATCH_DO_FINISHED:
                snprintf(buf, size, "finished: %s\n", why);
                break;
        }
}

static void step(struct scene *s, struct dispatch_event event)
{
        event.now = s->now;
        CHECK_INT(dispatch_step(s->d, &event, &s->actions), 0);
        for (size_t i = 0; i < s->actions.n; i++) {
                char buf[128];

                describe(&s->actions.items[i], buf, sizeof(buf));
                say(s, buf);
        }
        s->actions.n = 0;
        CHECK(!dispatch_check(s->d));
}

static void expect(struct scene *s, const char *trace)
{
        CHECK_STR(s->trace, trace);
        s->trace[s->len = 0] = '\0';
}

static void scene_open(struct scene *s, const struct dispatch_params *params)
{
        *s = (struct scene){.now = 1000000};
        CHECK_INT(dispatch_create(params, &s->d), 0);
}

static void scene_close(struct scene *s)
{
        dispatch_destroy(s->d);
        dispatch_actions_finish(&s->actions);
}

static const struct dispatch_pu two_pus[] = {{0, 1.0}, {1, 1.0}};

static void pus(struct scene *s, const struct dispatch_pu *list, size_t n)
{
        step(s, (struct dispatch_event){.type = DISPATCH_PUS, .pus = list, .n_pus = n});
}

static void event(struct scene *s, enum dispatch_event_type type, uint32_t worker, uint32_t item)
{
        step(s, (struct dispatch_event){.type = type, .worker = worker, .item = item});
}

static void at(struct scene *s, double seconds)
{
        s->now = 1000000 + (uint64_t)llround(seconds * 1e6);
}

/* Three items, the long one last in collection order: it is begun first, nothing is put behind it, and the short
 * ones share the other PU. */
static void test_long_one_last(void)
{
        static const struct dispatch_item items[] = {{0.8, DISPATCH_NONE}, {0.8, DISPATCH_NONE}, {2.0, DISPATCH_NONE}};
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

int main(void)
{
        test_long_one_last();
        return 0;
}
