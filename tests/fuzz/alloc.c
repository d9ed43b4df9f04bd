/* The allocator: the simulator's histories with the input in place of chance, so every law that the simulator asserts
 * after each step holds for any order of leases, returns, claims, restarts, machines, budgets and failed allocations.
 * Inputs that begin with an odd byte are events of any numbers, which must be refused without a trace or taken whole.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tests/fuzz/chance.h"
#include "tests/sim/alloc-life.h"

enum { STEPS_MAX = 400, LEASES = 6, PUS = 12 };

static struct cpuset any_set(struct input *in)
{
        struct cpuset set = {0};
        unsigned first = input_below(in, PUS + 2), bits = input_byte(in);

        if (bits == 255)
                cpuset_add_range(&set, 0, CPUSET_MAX - 1);
        for (unsigned i = 0; i < 8; i++)
                if (bits >> i & 1)
                        cpuset_add(&set, (first + i) % CPUSET_MAX);
        return set;
}

/* Small, none, as large as can be, or anything. */
static uint64_t any_number(struct input *in)
{
        unsigned byte = input_byte(in);

        return byte < 250 ? byte % 24 : byte < 253 ? UINT64_MAX - (byte - 250) : input_u64(in);
}

static struct alloc_request any_request(struct input *in)
{
        static const double quotas[] = {0, 0, 0.5, 1, 2.5, 1e300, -1, 1e-300};
        struct alloc_request r = {
                .uid = (uint32_t)any_number(in) % 3,
                .min = (unsigned)any_number(in),
                .max = (unsigned)any_number(in),
                .weight = (unsigned)any_number(in) * 10,
                .user_weight = (unsigned)any_number(in),
                .slots = (unsigned)any_number(in),
                .memory_per_worker = any_number(in),
                .allowed = any_set(in),
                .quota = quotas[input_below(in, 8)],
                .quota_group = any_number(in),
                .priority = (enum alloc_priority)input_below(in, ALLOC_PRIORITIES),
                .paused = input_below(in, 8) == 0,
                .ends_at = any_number(in),
        };

        return r;
}

/* An event with all that it may point to. */
struct any {
        struct alloc_event event;
        struct alloc_request request;
        struct cpuset pus, slots, usable;
        struct machine machine;
};

static void any_machine(struct input *in, struct any *any)
{
        struct cpuset offline = any_set(in);

        if (cpuset_count(&offline) >= PUS - 2)
                offline = (struct cpuset){0};
        any->machine = world_machine((enum world_shape)input_below(in, WORLD_SHAPES), PUS, &offline);
        any->usable = machine_cpuset(&any->machine);
        any->event.machine = &any->machine;
        any->event.usable = &any->usable;
}

static void any_event(struct input *in, uint64_t now, struct any *any)
{
        struct alloc_event *event = &any->event;

        *any = (struct any){.event = {.type = (enum alloc_event_type)input_below(in, ALLOC_TIME + 1), .now = now}};
        event->lease = input_below(in, LEASES + 1);
        event->generation = any_number(in) >> (event->type == ALLOC_RECOVER ? 2 : 0); /* counted on from there */
        event->budget = 1 + input_below(in, PUS);
        event->hold = input_below(in, 8) == 0;
        event->aim = (enum placement_aim)input_below(in, 3);
        any->pus = any_set(in);
        any->slots = any_set(in);
        any->request = any_request(in);
        event->pus = &any->pus;
        event->slots = &any->slots;
        event->request = &any->request;
        if (event->type == ALLOC_MACHINE)
                any_machine(in, any);
}

static void any_step(struct input *in, struct alloc *alloc, struct alloc_actions *actions, uint64_t *now)
{
        char *before = world_dump(alloc), *after;
        struct any any;
        int r;

        *now += input_below(in, 16) == 0 ? any_number(in) : (uint64_t)input_byte(in) * 10000;
        any_event(in, *now, &any);
        r = alloc_step(alloc, &any.event, actions);
        after = world_dump(alloc);
        if (r < 0 || alloc_check(alloc))
                fprintf(stderr, "%s\nevent %d of lease %u: %d\n%s", before, any.event.type, (unsigned)any.event.lease,
                        r, after);
        FUZZ_CHECK(r >= 0);
        FUZZ_CHECK(!alloc_check(alloc));
        FUZZ_CHECK(r == 0 || strcmp(before, after) == 0);
        FUZZ_CHECK(alloc_next_deadline(alloc) > 0);
        free(before);
        free(after);
        machine_finish(&any.machine);
}

static void any_events(struct input *in)
{
        struct alloc_actions actions = {0};
        struct alloc *alloc = NULL;
        struct machine machine = world_machine(WORLD_HYBRID, PUS, NULL);
        struct cpuset usable = machine_cpuset(&machine);
        uint64_t now = 1;

        FUZZ_CHECK(alloc_create(&alloc) == 0);
        FUZZ_CHECK(alloc_step(alloc,
                              &(struct alloc_event){
                                      .type = ALLOC_MACHINE, .now = now, .machine = &machine, .usable = &usable},
                              &actions) == 0);
        for (unsigned i = 0; i < STEPS_MAX && in->left > 0; i++)
                any_step(in, alloc, &actions, &now);
        alloc_actions_finish(&actions);
        alloc_destroy(alloc);
        machine_finish(&machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct history h;
        struct input in = {data, size};

        if (input_byte(&in) % 2) {
                any_events(&in);
                return 0;
        }
        chance_begin(in);
        history_begin(&h, 0, getenv("FUZZ_VERBOSE"));
        for (unsigned i = 0; i < STEPS_MAX && chance_is_left(); i++)
                history_go_on(&h);
        history_rest(&h);
        history_end(&h);
        return 0;
}
