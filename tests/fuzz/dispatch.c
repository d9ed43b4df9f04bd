/* The dispatcher: the simulator's trials with the input in place of chance. It decides the suite, the machine and what
 * goes wrong with workers; every item has to be started at most once, none lost, and the run has to finish.
 * Inputs that begin with an odd byte are events of any numbers, in any order. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>

#include "tests/fuzz/chance.h"
#include "tests/sim/dispatch-random.h"

enum { STEPS_MAX = 400, LIST_MAX = 4 };

static uint32_t any_index(struct input *in, uint32_t n)
{
        unsigned byte = input_byte(in);

        return byte == 255 ? DISPATCH_NONE : byte == 254 ? n : byte % (n ? n : 1);
}

static double any_time(struct input *in)
{
        unsigned byte = input_byte(in);

        return byte == 255 ? 1e300 : byte == 254 ? 0 : byte / 64.0;
}

static struct dispatch_event any_event(struct input *in, const struct world *w, uint32_t list[LIST_MAX])
{
        struct dispatch_event e = {
                .type = (enum dispatch_event_type)input_below(in, DISPATCH_TIME + 1),
                .worker = any_index(in, w->suite.max_workers),
                .item = any_index(in, w->suite.n_items),
                .group = any_index(in, w->suite.n_groups),
                .wall = any_time(in),
                .cpu = any_time(in),
                .rss = input_byte(in) * (uint64_t)16,
                .idle = any_time(in),
                .room = input_below(in, 8),
        };
        size_t first = input_below(in, (unsigned)w->params.n_pus);

        if (e.room == 7)
                e.room = UINT32_MAX;
        e.pus = w->pus + first;
        e.n_pus = 1 + input_below(in, (unsigned)(w->params.n_pus - first));
        e.n_list = input_below(in, LIST_MAX + 1);
        e.list = list;
        for (size_t i = 0; i < e.n_list; i++)
                list[i] = any_index(in, w->suite.n_items);
        return e;
}

struct tally {
        uint32_t recalls[WORLD_PUS_MAX]; /* workers that are to answer */
        size_t n_recalls;
        bool is_finished;
};

static void take_actions(struct dispatch_actions *actions, const struct world *w, struct tally *t)
{
        for (size_t i = 0; i < actions->n; i++) {
                const struct dispatch_action *a = &actions->items[i];

                FUZZ_CHECK(!t->is_finished);
                FUZZ_CHECK(a->type != DISPATCH_DO_SEND || a->item < w->suite.n_items);
                FUZZ_CHECK(a->type != DISPATCH_DO_START || a->worker < w->suite.max_workers);
                FUZZ_CHECK(a->type != DISPATCH_DO_RECALL || t->n_recalls < WORLD_PUS_MAX);
                if (a->type == DISPATCH_DO_RECALL)
                        t->recalls[t->n_recalls++] = a->worker;
                t->is_finished = a->type == DISPATCH_DO_FINISHED;
        }
        actions->n = 0;
}

static void step(struct dispatch *d, struct dispatch_event *e, struct dispatch_actions *actions, const struct world *w,
                 struct tally *t)
{
        uint32_t before = dispatch_items_left(d);
        int r = dispatch_step(d, e, actions);

        FUZZ_CHECK(r == 0 || r == -EINVAL);
        FUZZ_CHECK(r == 0 || (actions->n == 0 && dispatch_items_left(d) == before));
        FUZZ_CHECK(!dispatch_check(d));
        FUZZ_CHECK(dispatch_items_left(d) <= before); /* what is done stays done */
        FUZZ_CHECK(dispatch_work_left(d) >= 0);
        take_actions(actions, w, t);
}

static void any_events(struct input *in)
{
        static struct world w;
        struct trial trial = {.world = &w};
        struct dispatch_actions actions = {0};
        struct dispatch *d = NULL;
        struct tally tally = {.n_recalls = 0};
        uint64_t now = 1;

        chance_begin(*in);
        random_world(&trial, &w);
        FUZZ_CHECK(dispatch_create(&w.suite, &d) == 0);
        for (unsigned i = 0; i < STEPS_MAX && in->left > 0 && !tally.is_finished; i++) {
                uint32_t list[LIST_MAX];
                struct dispatch_event e = any_event(in, &w, list);

                e.now = now += (uint64_t)input_byte(in) * 1000;
                step(d, &e, &actions, &w, &tally);
                while (tally.n_recalls > 0) {
                        struct dispatch_event answer = any_event(in, &w, list);

                        answer.type = DISPATCH_RECALLED;
                        answer.now = now;
                        answer.worker = tally.recalls[--tally.n_recalls];
                        step(d, &answer, &actions, &w, &tally);
                }
        }
        dispatch_destroy(d);
        dispatch_actions_finish(&actions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct world w;
        struct trial trial = {.world = &w};
        struct sim_result result;
        struct input in = {data, size};

        if (input_byte(&in) % 2) {
                any_events(&in);
                return 0;
        }
        chance_begin(in);
        random_world(&trial, &w);
        trial_run(&trial, &result);
        sim_result_finish(&result);
        return 0;
}
