/* What a run's scope may take, and what it weighs. */
#include "cli/run_scope_limits.h"
#include "tests/unit/test.h"

#define MIB UINT64_C(1048576)

static struct run_scope_bounds bounds(uint64_t used, uint64_t available, uint64_t total)
{
        const struct run_scope_memory memory = {
                .used = used * MIB, .available = available * MIB, .total = total * MIB, .swap_free = UINT64_MAX};

        return run_scope_bounds(&memory);
}

static void check_bounds(struct run_scope_bounds b, uint64_t high_mib, uint64_t max_mib)
{
        CHECK_INT(b.high / MIB, high_mib);
        CHECK_INT(b.max / MIB, max_mib);
}

/* A twentieth of the machine is kept back, within bounds; half of it lies between the two limits. */
static void test_reserve(void)
{
        check_bounds(bounds(0, 6000, 8000), 5600, 5800);
        check_bounds(bounds(1000, 5000, 8000), 5600, 5800);
        check_bounds(bounds(0, 1000, 2000), 872, 936);
        check_bounds(bounds(0, 60000, 64000), 58976, 59488);
}

/* However little there is, the limits are above what is used, and MemoryMax is above MemoryHigh. */
static void test_little_is_left(void)
{
        check_bounds(bounds(500, 100, 2000), 550, 575);
        check_bounds(bounds(500, 0, 2000), 500, 500);
}

static void test_nobody_says(void)
{
        struct run_scope_memory memory = {0, UINT64_MAX, UINT64_MAX, UINT64_MAX};
        struct run_scope_bounds b = run_scope_bounds(&memory);

        CHECK(b.high == UINT64_MAX && b.max == UINT64_MAX && b.swap_max == UINT64_MAX);
        memory.available = 1000 * MIB;
        check_bounds(run_scope_bounds(&memory), 872, 936);
}

/* Without swap nothing is said of it: what comes later is not forbidden. */
static void test_swap(void)
{
        struct run_scope_memory memory = {0, 1000 * MIB, 2000 * MIB, 512 * MIB};

        CHECK_INT(run_scope_bounds(&memory).swap_max / MIB, 256);
        memory.swap_free = 0;
        CHECK(run_scope_bounds(&memory).swap_max == UINT64_MAX);
}

static void test_news(void)
{
        struct run_scope_bounds told = bounds(0, 6000, 8000), now = told;

        CHECK(!run_scope_bounds_differ(&told, &now));
        now = bounds(0, 5800, 8000);
        CHECK(!run_scope_bounds_differ(&told, &now));
        now = bounds(0, 5000, 8000);
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
        test_nobody_says();
        test_swap();
        test_news();
        test_weight();
        return 0;
}
