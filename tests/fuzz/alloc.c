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

static bool any_step(struct input *in, struct alloc *alloc, struct alloc_actions *actions, uint64_t *now)
{
        struct alloc_request request;
        struct cpuset pus, slots, offline = {0}, usable;
        struct alloc_event event = {.type = (enum alloc_event_type)input_below(in, ALLOC_TIME + 1)};
        struct machine machine = {0};
        char *before = world_dump(alloc), *after;
        int r;

        *now += input_below(in, 16) == 0 ? any_number(in) : (uint64_t)input_byte(in) * 10000;
        event.now = *now;
        event.lease = input_below(in, LEASES + 1);
        event.generation = any_number(in) >> (event.type == ALLOC_RECOVER ? 2 : 0); /* counted on from there */
        event.budget = 1 + input_below(in, PUS);
        event.hold = input_below(in, 8) == 0;
        event.aim = (enum placement_aim)input_below(in, 3);
        pus = any_set(in);
        slots = any_set(in);
        request = any_request(in);
        if (event.type == ALLOC_MACHINE) {
                offline = any_set(in);
                if (cpuset_count(&offline) >= PUS - 2)
                        offline = (struct cpuset){0};
                machine = world_machine((enum world_shape)input_below(in, WORLD_SHAPES), PUS, &offline);
                usable = machine_cpuset(&machine);
                event.machine = &machine;
                event.usable = &usable;
        }
        event.pus = &pus;
        event.slots = &slots;
        event.request = &request;
        r = alloc_step(alloc, &event, actions);
        FUZZ_CHECK(r >= 0);
        if (alloc_check(alloc))
                fprintf(stderr, "event %d of lease %u: %d: %s\n%s", event.type, (unsigned)event.lease, r,
                        alloc_check(alloc), before);
        FUZZ_CHECK(!alloc_check(alloc));
        after = world_dump(alloc);
        FUZZ_CHECK(r == 0 || strcmp(before, after) == 0);
        FUZZ_CHECK(alloc_next_deadline(alloc) > 0);
        free(before);
        free(after);
        machine_finish(&machine);
        return in->left > 0;
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
        for (unsigned i = 0; i < STEPS_MAX && any_step(in, alloc, &actions, &now); i++)
                ;
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
