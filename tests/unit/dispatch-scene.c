#include "tests/unit/dispatch-scene.h"

#include <math.h>

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
        bool floats = a->pu == DISPATCH_FLOATING;

        switch (a->type) {
        case DISPATCH_DO_START:
                if (floats)
                        snprintf(buf, size, "start w%u floating: %s\n", a->worker, why);
                else
                        snprintf(buf, size, "start w%u on %u: %s\n", a->worker, a->pu, why);
                break;
        case DISPATCH_DO_PIN:
                if (floats)
                        snprintf(buf, size, "pin w%u floating\n", a->worker);
                else
                        snprintf(buf, size, "pin w%u to %u\n", a->worker, a->pu);
                break;
        case DISPATCH_DO_WIDEN:
                snprintf(buf, size, "widen w%u by %u\n", a->worker, a->pu);
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

void step(struct scene *s, struct dispatch_event event)
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

void expect(struct scene *s, const char *trace)
{
        CHECK_STR(s->trace, trace);
        s->trace[s->len = 0] = '\0';
}

void scene_open(struct scene *s, const struct dispatch_params *params)
{
        *s = (struct scene){.now = 1000000};
        CHECK_INT(dispatch_create(params, &s->d), 0);
}

void scene_close(struct scene *s)
{
        dispatch_destroy(s->d);
        dispatch_actions_finish(&s->actions);
}

const struct dispatch_pu two_pus[2] = {{.os = 0, .speed = 1.0}, {.os = 1, .speed = 1.0}};

void pus(struct scene *s, const struct dispatch_pu *list, size_t n)
{
        step(s, (struct dispatch_event){.type = DISPATCH_PUS, .pus = list, .n_pus = n});
}

void event(struct scene *s, enum dispatch_event_type type, uint32_t worker, uint32_t item)
{
        step(s, (struct dispatch_event){.type = type, .worker = worker, .item = item});
}

void at(struct scene *s, double seconds)
{
        s->now = 1000000 + (uint64_t)llround(seconds * 1e6);
}

void recalled(struct scene *s, uint32_t worker, const uint32_t *list, size_t n)
{
        step(s, (struct dispatch_event){.type = DISPATCH_RECALLED, .worker = worker, .list = list, .n_list = n});
}

void ready_both(struct scene *s)
{
        pus(s, two_pus, 2);
        event(s, DISPATCH_READY, 0, 0);
        event(s, DISPATCH_READY, 1, 0);
}
