/* Items that wait, as scenes: more workers than PUs, by history and by samples, and back. */
#include "tests/unit/dispatch-scene.h"

enum { MANY = 20, MORE = 40 };

#define WAITS(s, share)                                                                                                \
        {                                                                                                              \
                .seconds = (s), .group = DISPATCH_NONE, .waits = (share)                                               \
        }

static void sample(struct scene *s, uint32_t worker, double wall, double cpu)
{
        step(s, (struct dispatch_event){.type = DISPATCH_SAMPLE, .worker = worker, .wall = wall, .cpu = cpu});
}

static void sampled(struct scene *s, double idle, uint32_t room)
{
        step(s, (struct dispatch_event){.type = DISPATCH_SAMPLED, .idle = idle, .room = room});
}

/* The scene goes on when it wants samples next. */
static void at_next_sample(struct scene *s)
{
        CHECK(dispatch_next_sample(s->d) != DISPATCH_NEVER);
        s->now = dispatch_next_sample(s->d);
}

static uint32_t count(const struct scene *s, const char *what)
{
        uint32_t n = 0;

        for (const char *at = s->trace; (at = strstr(at, what)); at++)
                n++;
        return n;
}

/* Workers that the suite has in the scene. */
struct crew {
        uint32_t n;
        bool busy[MORE];
};

/* What the actions say that the worker gets; DISPATCH_NONE: nothing. */
static uint32_t what_gets(const struct scene *s, uint32_t w)
{
        char got[32];
        const char *at;

        snprintf(got, sizeof(got), "w%u gets ", w);
        at = strstr(s->trace, got);
        return at ? (uint32_t)strtoul(at + strlen(got), NULL, 10) : DISPATCH_NONE;
}

/* Starts, and what the workers get, as actions say; what is sent is begun. */
static void carry_on(struct scene *s, struct crew *crew)
{
        for (uint32_t grown = count(s, "start w"); crew->n < grown; crew->n++)
                event(s, DISPATCH_READY, crew->n, 0);
        for (uint32_t w = 0; w < crew->n; w++) {
                uint32_t item = crew->busy[w] ? DISPATCH_NONE : what_gets(s, w);

                if (item == DISPATCH_NONE)
                        continue;
                crew->busy[w] = true;
                event(s, DISPATCH_STARTED, w, item);
        }
}

/* History says that they sleep. */
static void open_sleepers(struct scene *s, double seconds)
{
        static struct dispatch_item items[MANY];

        for (uint32_t i = 0; i < MANY; i++)
                items[i] = (struct dispatch_item)WAITS(seconds, 0.99);
        scene_open(s, &(struct dispatch_params){.items = items,
                                                .n_items = MANY,
                                                .max_workers = 64,
                                                .extra_workers = 64,
                                                .default_seconds = 0.1,
                                                .start_cost = 0.1});
}

/* As many workers as items, at once, and nobody is looked at. */
static void test_history(void)
{
        struct crew crew = {0};
        struct scene s;

        open_sleepers(&s, 5);
        CHECK(dispatch_next_sample(s.d) == DISPATCH_NEVER);
        pus(&s, two_pus, 2);
        CHECK_INT(count(&s, "start w"), MANY);
        CHECK_INT(count(&s, "floating: waits more than it computes"), MANY - 2);
        carry_on(&s, &crew);
        CHECK_INT(count(&s, "gets"), MANY);
        CHECK_INT(count(&s, "retire"), MANY);
        CHECK(dispatch_next_sample(s.d) == DISPATCH_NEVER);
        scene_close(&s);
}

/* Nothing is known: as many workers again as are seen to sleep, time and again. */
static void test_ramp_up(void)
{
        static const uint32_t sizes[] = {2, 4, 8, 16};
        static struct dispatch_item items[MORE];
        struct crew crew = {0};
        struct scene s;

        for (uint32_t i = 0; i < MORE; i++)
                items[i] = (struct dispatch_item)ITEM(-1, DISPATCH_NONE);
        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = MORE,
                                                 .max_workers = 64,
                                                 .extra_workers = 62,
                                                 .default_seconds = 1,
                                                 .start_cost = 0.01});
        pus(&s, two_pus, 2);
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
                carry_on(&s, &crew);
                CHECK_INT(crew.n, sizes[k]);
                at_next_sample(&s);
                CHECK(s.now <= 1000000 + 4 * 50000);
                for (uint32_t w = 0; w < crew.n; w++)
                        sample(&s, w, 0.025, 0.001);
                sampled(&s, 1.9, UINT32_MAX);
        }
        CHECK_INT(count(&s, "start w"), 32);
        scene_close(&s);
}

/* Memory has room for one more only. */
static void test_room(void)
{
        static struct dispatch_item items[MANY];
        struct crew crew = {0};
        struct scene s;

        for (uint32_t i = 0; i < MANY; i++)
                items[i] = (struct dispatch_item)ITEM(-1, DISPATCH_NONE);
        scene_open(
                &s,
                &(struct dispatch_params){
                        .items = items, .n_items = MANY, .max_workers = 64, .extra_workers = 62, .default_seconds = 1});
        pus(&s, two_pus, 2);
        carry_on(&s, &crew);
        at_next_sample(&s);
        sample(&s, 0, 0.025, 0.001);
        sample(&s, 1, 0.025, 0.001);
        sampled(&s, 1.9, 1);
        CHECK_INT(count(&s, "start w"), 3);
        scene_close(&s);
}

/* What computes is for the workers on PUs, though what sleeps is longer. */
static void test_mixed(void)
{
        static const struct dispatch_item items[] = {WAITS(2, 0.98),         WAITS(2, 0.98),
                                                     ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE),
                                                     ITEM(1, DISPATCH_NONE), ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = 6,
                                                 .max_workers = 8,
                                                 .extra_workers = 6,
                                                 .default_seconds = 0.1,
                                                 .start_cost = 0.1});
        pus(&s, two_pus, 2);
        for (uint32_t w = 0; w < 4; w++)
                event(&s, DISPATCH_READY, w, 0);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 1: the CPUs changed\n"
                   "start w2 floating: waits more than it computes\n"
                   "start w3 floating: waits more than it computes\n"
                   "w0 gets 2: the longest left\n"
                   "w1 gets 3: the longest left\n"
                   "w2 gets 0: waits more than it computes\n"
                   "w3 gets 1: waits more than it computes\n");
        pus(&s, two_pus, 1);
        expect(&s, "pin w1 to 0\n"
                   "pin w2 floating\n"
                   "pin w3 floating\n"
                   "recall w1: the CPUs changed\n"
                   "retire w1: the CPUs changed\n");
        scene_close(&s);
}

/* History says that they sleep, but they compute: the extra workers end behind their items, and nobody is started for
 * the others. */
static void test_retreat(void)
{
        static struct dispatch_item items[MANY];
        struct crew crew = {0};
        struct scene s;

        for (uint32_t i = 0; i < MANY; i++)
                items[i] = (struct dispatch_item)WAITS(1, 0.9);
        scene_open(&s, &(struct dispatch_params){.items = items,
                                                 .n_items = MANY,
                                                 .max_workers = 4,
                                                 .extra_workers = 2,
                                                 .default_seconds = 0.1,
                                                 .start_cost = 0.01});
        pus(&s, two_pus, 2);
        carry_on(&s, &crew);
        CHECK_INT(count(&s, "start w"), 4);
        s.trace[s.len = 0] = '\0';
        for (int i = 0; i < 3; i++) {
                at_next_sample(&s);
                for (uint32_t w = 0; w < 4; w++)
                        sample(&s, w, 0.025, 0.025);
                sampled(&s, 0, UINT32_MAX);
        }
        expect(&s, "recall w2: the CPUs are busy\n"
                   "retire w2: the CPUs are busy\n"
                   "recall w3: the CPUs are busy\n"
                   "retire w3: the CPUs are busy\n");
        recalled(&s, 2, NULL, 0);
        event(&s, DISPATCH_EXITED, 2, DISPATCH_NONE);
        CHECK_INT(count(&s, "start w"), 0);
        scene_close(&s);
}

/* What computes, by history and by samples, is looked at four times a second. */
static void test_computing(void)
{
        static const struct dispatch_item items[] = {ITEM(9, DISPATCH_NONE), ITEM(9, DISPATCH_NONE),
                                                     ITEM(9, DISPATCH_NONE), ITEM(9, DISPATCH_NONE)};
        struct dispatch_params params = {.items = items, .n_items = 4, .max_workers = 8, .default_seconds = 0.1};
        struct scene s;

        for (params.extra_workers = 0; params.extra_workers <= 6; params.extra_workers += 6) {
                scene_open(&s, &params);
                ready_both(&s);
                event(&s, DISPATCH_STARTED, 0, 0);
                event(&s, DISPATCH_STARTED, 1, 1);
                if (params.extra_workers == 0)
                        CHECK(dispatch_next_sample(s.d) == DISPATCH_NEVER);
                for (uint64_t i = 1; i < 4 && params.extra_workers > 0; i++) {
                        CHECK_INT(dispatch_next_sample(s.d), 1000000 + i * 250000);
                        at_next_sample(&s);
                        sample(&s, 0, 0.25, 0.25);
                        sample(&s, 1, 0.25, 0.25);
                        sampled(&s, 0, UINT32_MAX);
                }
                CHECK_INT(count(&s, "start w"), 2);
                scene_close(&s);
        }
}

/* On a slow PU an item that waits takes no longer: there it ends as soon as the one that computes on the fast one. */
static void test_slow_pu(void)
{
        static const struct dispatch_pu fast_and_slow[] = {{.os = 0, .speed = 1.0}, {.os = 8, .speed = 0.25}};
        static const struct dispatch_item items[] = {WAITS(1, 1), ITEM(1, DISPATCH_NONE)};
        struct scene s;

        scene_open(&s,
                   &(struct dispatch_params){.items = items, .n_items = 2, .max_workers = 2, .default_seconds = 0.1});
        pus(&s, fast_and_slow, 2);
        event(&s, DISPATCH_READY, 0, 0);
        event(&s, DISPATCH_READY, 1, 0);
        expect(&s, "start w0 on 0: the CPUs changed\n"
                   "start w1 on 8: the CPUs changed\n"
                   "w0 gets 1: the longest left\n"
                   "w1 gets 0: the longest left\n");
        scene_close(&s);
}

/* What the first two workers got since, to `next`. */
static void take(struct scene *s, uint32_t next[2])
{
        for (uint32_t w = 0; w < 2; w++) {
                uint32_t item = what_gets(s, w);

                if (item != DISPATCH_NONE)
                        next[w] = item;
        }
        s->trace[s->len = 0] = '\0';
}

/* The extra workers never begin, say for want of slots: those that are there do not leave everything to them for good.
 */
static void test_never_ready(void)
{
        uint32_t next[2] = {DISPATCH_NONE, DISPATCH_NONE};
        struct scene s;

        open_sleepers(&s, 1);
        ready_both(&s);
        CHECK_INT(count(&s, "start w"), MANY);
        for (uint32_t i = 0; i < MANY; i++) {
                uint32_t w = i % 2;

                for (take(&s, next); next[w] == DISPATCH_NONE; take(&s, next)) {
                        CHECK(dispatch_next_deadline(s.d) > s.now && dispatch_next_deadline(s.d) != DISPATCH_NEVER);
                        s.now = dispatch_next_deadline(s.d);
                        step(&s, (struct dispatch_event){.type = DISPATCH_TIME});
                }
                event(&s, DISPATCH_STARTED, w, next[w]);
                s.now += 1000000;
                step(&s, (struct dispatch_event){.type = DISPATCH_DONE, .worker = w, .item = next[w], .wall = 1});
                next[w] = DISPATCH_NONE;
        }
        CHECK_INT(dispatch_items_left(s.d), 0);
        scene_close(&s);
}

int main(void)
{
        test_history();
        test_ramp_up();
        test_room();
        test_mixed();
        test_retreat();
        test_computing();
        test_slow_pu();
        test_never_ready();
        return 0;
}
