/* How many workers there may be, by looks at the memory. */
#include "cli/run_memory.h"
#include "tests/unit/test.h"

#define MIB UINT64_C(1048576)

static struct run_memory_look look(uint64_t available_mib, uint64_t need_mib, double pressure, uint32_t n_alive)
{
        return (struct run_memory_look){
                .available = available_mib * MIB, .need = need_mib * MIB, .pressure = pressure, .n_alive = n_alive};
}

static uint32_t step(struct run_memory *m, struct run_memory_look now)
{
        return run_memory_step(m, &now);
}

static uint32_t begin(struct run_memory_look now)
{
        struct run_memory m;

        run_memory_init(&m);
        return run_memory_begin(&m, &now);
}

/* As many as there is room for above the reserve; one in any case; any number where nothing is known. */
static void test_beginning(void)
{
        const struct run_memory_look nobody_says = {.available = UINT64_MAX, .need = 100 * MIB};

        CHECK_INT(begin(look(1000, 0, 0, 0)), UINT32_MAX);
        CHECK_INT(begin(nobody_says), UINT32_MAX);
        CHECK_INT(begin(look(450, 100, 0, 0)), 4);
        CHECK_INT(begin(look(449, 100, 0, 0)), 3);
        CHECK_INT(begin(look(10, 100, 0, 0)), 1);
        CHECK_INT(begin(look(0, 100, 0, 0)), 1);
        CHECK_INT(begin(look(10256, 5000, 0, 0)), 2);
}

/* One at a time, and the next one when that is gone. */
static void test_shortage(void)
{
        struct run_memory m;

        run_memory_init(&m);
        CHECK_INT(step(&m, look(1000, 100, 0, 4)), UINT32_MAX);
        CHECK_INT(step(&m, look(40, 100, 0, 4)), 3);
        CHECK_INT(step(&m, look(40, 100, 0, 4)), 3);
        CHECK_INT(step(&m, look(40, 100, 0, 3)), 2);
        CHECK_INT(step(&m, look(40, 100, 0, 1)), 1);
        CHECK_INT(step(&m, look(0, 100, 100, 1)), 1);
        CHECK_INT(step(&m, look(0, 0, 0, 1)), 1);
}

/* What was averaged over ten seconds still speaks of those before. */
static void test_pressure(void)
{
        struct run_memory m;

        run_memory_init(&m);
        CHECK_INT(step(&m, look(1000, 100, RUN_MEMORY_PRESSURE - 1, 4)), UINT32_MAX);
        CHECK_INT(step(&m, look(1000, 100, RUN_MEMORY_PRESSURE, 4)), 3);
        for (unsigned i = 1; i < RUN_MEMORY_DWELL; i++)
                CHECK_INT(step(&m, look(1000, 100, RUN_MEMORY_PRESSURE, 3)), 3);
        CHECK_INT(step(&m, look(1000, 100, RUN_MEMORY_PRESSURE, 3)), 2);
}

/* One comes back when there was room for a while, and no sooner than the one before has. */
static void test_relief(void)
{
        struct run_memory m;

        run_memory_init(&m);
        CHECK_INT(step(&m, look(40, 100, 0, 4)), 3);
        for (unsigned i = 1; i < RUN_MEMORY_CALM; i++)
                CHECK_INT(step(&m, look(151, 100, 0, 3)), 3);
        CHECK_INT(step(&m, look(151, 100, 0, 3)), 4);
        for (unsigned i = 0; i < 2 * RUN_MEMORY_CALM; i++)
                CHECK_INT(step(&m, look(1000, 100, 0, 3)), 4);
        CHECK_INT(step(&m, look(1000, 100, 0, 4)), 5);
        CHECK_INT(step(&m, look(140, 100, 0, 4)), 5);
        for (unsigned i = 0; i < 2 * RUN_MEMORY_CALM; i++)
                CHECK_INT(step(&m, look(149, 100, 0, 5)), 5);
}

/* Never again as many as there were when one was killed. */
static void test_killed(void)
{
        struct run_memory m;

        run_memory_init(&m);
        CHECK_INT(run_memory_killed(&m, 4), 3);
        for (unsigned i = 0; i < 10 * RUN_MEMORY_CALM; i++)
                CHECK_INT(step(&m, look(10000, 100, 0, 3)), 3);
        CHECK_INT(run_memory_killed(&m, 3), 2);
        CHECK_INT(run_memory_killed(&m, 1), 1);
        CHECK_INT(run_memory_killed(&m, 1), 1);
}

int main(void)
{
        test_beginning();
        test_shortage();
        test_pressure();
        test_relief();
        test_killed();
        return 0;
}
