/* Units of tests for a runner that deals them itself, and which worker is on which PU. */
#include "core/seats.h"
#include "core/units.h"
#include "tests/unit/test.h"

enum { ITEMS_MAX = 64, GROUPS_MAX = 8 };

static struct dispatch_item items[ITEMS_MAX];
static struct dispatch_group groups[GROUPS_MAX];
static const double speeds[] = {1, 1, 1, 1};
static struct units_params params;
static struct units units;

static void begin(uint32_t n_workers)
{
        params = (struct units_params){.items = items, .groups = groups, .speeds = speeds, .n_workers = n_workers};
}

static uint32_t add_group(uint32_t parent, double setup)
{
        groups[params.n_groups] = (struct dispatch_group){.parent = parent, .setup = setup};
        return params.n_groups++;
}

static void add(double seconds, uint32_t group, uint32_t scope)
{
        items[params.n_items++] = (struct dispatch_item){.seconds = seconds, .group = group, .serial = scope};
}

/* "0,1 2 3": units, and the items in them. */
static const char *made(void)
{
        static char text[1024];
        size_t used = 0;

        units_finish(&units);
        CHECK(units_make(&params, &units) == 0);
        text[0] = '\0';
        for (uint32_t u = 0; u < units.n; u++)
                for (uint32_t i = units.first[u]; i < units.first[u + 1]; i++)
                        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u",
                                                 i > units.first[u] ? ","
                                                 : u > 0            ? " "
                                                                    : "",
                                                 units.items[i]);
        return text;
}

static void test_longest_first(void)
{
        begin(2);
        add(1, DISPATCH_NONE, 0);
        add(3, DISPATCH_NONE, 0);
        add(2, DISPATCH_NONE, 0);
        add(-1, DISPATCH_NONE, 0);
        add(3, DISPATCH_NONE, 0);
        CHECK_STR(made(), "3 1 4 2 0");
        CHECK(units.seconds[0] < 0 && units.seconds[1] == 3);
}

/* Smaller and smaller, in collection order, and not on across a module's end if that is near. */
static void test_nothing_known(void)
{
        uint32_t a, b;

        begin(1);
        a = add_group(DISPATCH_NONE, -1);
        b = add_group(DISPATCH_NONE, -1);
        for (uint32_t i = 0; i < 16; i++)
                add(-1, i < 3 ? a : b, 0);
        CHECK_STR(made(), "0,1,2 3,4,5 6,7 8,9 10 11 12 13 14 15");
        begin(2);
        CHECK_STR(made(), "");
}

static void test_scopes(void)
{
        begin(2);
        add(1, DISPATCH_NONE, 1);
        add(5, DISPATCH_NONE, 2);
        add(2, DISPATCH_NONE, 3);
        add(6, DISPATCH_NONE, 1);
        add(-1, DISPATCH_NONE, 3); /* as long as the other one of its scope */
        add(-1, DISPATCH_NONE, 4);
        CHECK_STR(made(), "5 0,3 1 2,4");
        CHECK(units.seconds[3] == 4);
}

static void test_short_ones_of_a_module(void)
{
        uint32_t a, b;

        begin(2);
        a = add_group(DISPATCH_NONE, -1);
        b = add_group(DISPATCH_NONE, -1);
        add(0.05, a, 0);
        add(9, a, 0);
        add(0.05, a, 0);
        add(0.05, b, 0);
        add(0.1, b, 0);
        add(0.1, b, 0);
        add(9, b, 0);
        CHECK_STR(made(), "1 6 3,4 0,2 5");
}

/* Of two workers each would set it up. */
static void test_a_module_that_is_dear(void)
{
        uint32_t module, class, other;

        begin(2);
        module = add_group(DISPATCH_NONE, 2);
        class = add_group(module, 1);
        other = add_group(DISPATCH_NONE, 0.001);
        add(1, class, 0);
        add(4, other, 0);
        add(1, module, 0);
        add(4, other, 0);
        add(1, class, 0);
        CHECK_STR(made(), "0,2,4 1 3");
        CHECK(units.seconds[0] == 6);
        /* Nothing is left to do beside it: in two, with a set-up each. */
        begin(2);
        module = add_group(DISPATCH_NONE, 1);
        for (unsigned i = 0; i < 6; i++)
                add(2, module, 0);
        CHECK_STR(made(), "0,1,2 3,4,5");
        CHECK(units.seconds[0] == 7);
        /* A set-up that takes longer than all the rest is not repeated. */
        begin(2);
        module = add_group(DISPATCH_NONE, 30);
        for (unsigned i = 0; i < 4; i++)
                add(0.1, module, 0);
        CHECK_STR(made(), "0,1,2,3");
}

/* A package's set-up counts, and keeps nothing together. */
static void test_a_package(void)
{
        begin(2);
        add_group(DISPATCH_NONE, 2);
        groups[0].loose = true;
        for (unsigned i = 0; i < 3; i++)
                add(2, 0, 0);
        CHECK_STR(made(), "0 1 2");
}

/* Which of its parts a class belongs to is a matter of its own set-up, too. */
static void test_set_ups_within_a_module(void)
{
        uint32_t module;

        begin(2);
        module = add_group(DISPATCH_NONE, 3);
        for (unsigned i = 0; i < 4; i++)
                add(0.1, add_group(module, 5), 0);
        CHECK_STR(made(), "0,1 2,3");
}

/* Few tests are new beside those that stay together whatever they take: not all of them one after the other. */
static void test_unknown_beside_a_module(void)
{
        uint32_t module;

        begin(2);
        module = add_group(DISPATCH_NONE, 2);
        for (unsigned i = 0; i < 32; i++)
                add(-1, i < 28 ? module : DISPATCH_NONE, 0);
        CHECK(made());
        CHECK_INT(units.n, 5);
}

/* What nobody here is to set up costs nothing. */
static void test_a_class_of_another_shard(void)
{
        uint32_t module;

        begin(2);
        module = add_group(DISPATCH_NONE, 1);
        for (unsigned i = 0; i < 6; i++)
                add(2, module, 0);
        add(2, add_group(module, 100), 0);
        items[6].alone = true;
        CHECK_STR(made(), "0,1,2 3,4,5");
        items[6].alone = false;
}

static void test_another_shards(void)
{
        uint32_t module;

        begin(1);
        module = add_group(DISPATCH_NONE, 0);
        for (unsigned i = 0; i < 6; i++) {
                add(i < 4 ? (double)i : -1, module, 0);
                items[i].alone = i % 2;
        }
        CHECK_STR(made(), "4 2 0");
        CHECK_INT(units.first[units.n], 3);
}

static void test_seats(void)
{
        const struct dispatch_pu pus[] = {{.os = 4}, {.os = 2}, {.os = 7}};
        struct seat seats[4] = {{true, DISPATCH_FLOATING}, {false, 0}, {true, DISPATCH_FLOATING}};

        seats_settle(seats, 4, pus, 3);
        CHECK_INT(seats[0].pu, 4);
        CHECK_INT(seats[2].pu, 2);
        seats[1].taken = seats[3].taken = true;
        seats_settle(seats, 4, pus, 3);
        CHECK_INT(seats[1].pu, 7);
        CHECK_INT(seats[3].pu, DISPATCH_FLOATING);
        /* The best is gone: who was there floats, until another leaves. */
        seats_settle(seats, 4, pus + 1, 2);
        CHECK_INT(seats[0].pu, DISPATCH_FLOATING);
        CHECK_INT(seats[2].pu, 2);
        seats[2].taken = false;
        seats_settle(seats, 4, pus + 1, 2);
        CHECK_INT(seats[0].pu, 2);
        CHECK_INT(seats[1].pu, 7);
        CHECK_INT(seats[3].pu, DISPATCH_FLOATING);
        seats_settle(seats, 4, pus, 0);
        CHECK_INT(seats[1].pu, DISPATCH_FLOATING);
}

int main(void)
{
        test_longest_first();
        test_nothing_known();
        test_scopes();
        test_short_ones_of_a_module();
        test_a_module_that_is_dear();
        test_a_package();
        test_set_ups_within_a_module();
        test_unknown_beside_a_module();
        test_a_class_of_another_shard();
        test_another_shards();
        test_seats();
        units_finish(&units);
        return 0;
}
