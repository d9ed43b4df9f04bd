/* What a run's scope may take, and what it weighs. */
#include "cli/run_scope_limits.h"
#include "tests/unit/test.h"

#define MIB UINT64_C(1048576)

static const struct run_scope_bounds none = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};

static struct run_scope_bounds bounds_after(struct run_scope_bounds before, uint64_t used, uint64_t available,
                                            uint64_t total)
{
        const struct run_scope_memory memory = {
                .used = used * MIB, .available = available * MIB, .total = total * MIB, .swap_free = UINT64_MAX};

        return run_scope_bounds(&memory, &before);
}

static struct run_scope_bounds bounds(uint64_t used, uint64_t available, uint64_t total)
{
        return bounds_after(none, used, available, total);
}

static void check_bounds(struct run_scope_bounds b, uint64_t high_mib, uint64_t max_mib)
{
        CHECK_INT(b.high / MIB, high_mib);
        CHECK_INT(b.max / MIB, max_mib);
}

/* A twentieth of the machine is kept back, within bounds; a quarter of it lies between the two limits. */
static void test_reserve(void)
{
        check_bounds(bounds(0, 6000, 8000), 5600, 5700);
        check_bounds(bounds(1000, 5000, 8000), 5600, 5700);
        check_bounds(bounds(0, 1000, 2000), 872, 904);
        check_bounds(bounds(0, 60000, 64000), 58976, 59232);
}

/* However little there is, the limits are above what is used, and MemoryMax is above MemoryHigh. */
static void test_little_is_left(void)
{
        check_bounds(bounds(500, 100, 2000), 550, 562);
        check_bounds(bounds(500, 0, 2000), 500, 500);
}

/* What a run takes of the reserve makes its limits no wider: there is none that it cannot reach. */
static void test_overrun(void)
{
        struct run_scope_bounds b = bounds(0, 1000, 2000);

        for (uint64_t used = 100; used < 1000; used += 100) {
                b = bounds_after(b, used, 1000 - used, 2000);
                check_bounds(b, 872, 904);
        }
        check_bounds(bounds_after(b, 904, 96, 2000), 872, 904);
        check_bounds(bounds_after(b, 100, 900, 2000), 872, 904);
}

/* What others take of it lowers them to what the run uses, and no further; when they are gone it is as before. */
static void test_others(void)
{
        struct run_scope_bounds b = bounds(500, 500, 2000);

        check_bounds(b, 872, 904);
        b = bounds_after(b, 500, 200, 2000);
        check_bounds(b, 572, 604);
        b = bounds_after(b, 500, 20, 2000);
        check_bounds(b, 500, 532);
        check_bounds(bounds_after(b, 510, 10, 2000), 500, 532);
        check_bounds(bounds_after(b, 500, 500, 2000), 872, 904);
}

/* A reserve that was small at first grows with what is available. */
static void test_more_is_there(void)
{
        struct run_scope_bounds b = bounds(500, 100, 2000);

        CHECK_INT(b.reserve / MIB, 50);
        CHECK_INT(bounds_after(b, 500, 60, 2000).reserve / MIB, 50);
        CHECK_INT(bounds_after(b, 500, 200, 2000).reserve / MIB, 100);
        CHECK_INT(bounds_after(b, 500, 1000, 2000).reserve / MIB, 128);
}

static void test_nobody_says(void)
{
        struct run_scope_memory memory = {0, UINT64_MAX, UINT64_MAX, UINT64_MAX};
        struct run_scope_bounds b = run_scope_bounds(&memory, &none);

        CHECK(b.high == UINT64_MAX && b.max == UINT64_MAX && b.swap_max == UINT64_MAX);
        memory.available = 1000 * MIB;
        check_bounds(run_scope_bounds(&memory, &none), 872, 904);
}

/* Without swap nothing is said of it: what comes later is not forbidden. */
static void test_swap(void)
{
        struct run_scope_memory memory = {0, 1000 * MIB, 2000 * MIB, 512 * MIB};

        CHECK_INT(run_scope_bounds(&memory, &none).swap_max / MIB, 256);
        memory.swap_free = 0;
        CHECK(run_scope_bounds(&memory, &none).swap_max == UINT64_MAX);
}

static void test_news(void)
{
        struct run_scope_bounds told = bounds(0, 6000, 8000), now = told;

        CHECK(!run_scope_bounds_differ(&told, &now));
        now = bounds(0, 5800, 8000);
        CHECK(!run_scope_bounds_differ(&told, &now));
        now = bounds(0, 4900, 8000);
        CHECK(run_scope_bounds_differ(&told, &now));
        now.high = now.max = UINT64_MAX;
        CHECK(run_scope_bounds_differ(&told, &now) && run_scope_bounds_differ(&now, &told));
}

static void test_weight(void)
{
        CHECK_INT(run_scope_weight(0), 100);
        CHECK_INT(run_scope_weight(5), 33);
        CHECK_INT(run_scope_weight(14), 4);
        CHECK_INT(run_scope_weight(19), 1);
        CHECK_INT(run_scope_weight(-5), 100);
}

int main(void)
{
        test_reserve();
        test_little_is_left();
        test_overrun();
        test_others();
        test_more_is_there();
        test_nobody_says();
        test_swap();
        test_news();
        test_weight();
        return 0;
}
