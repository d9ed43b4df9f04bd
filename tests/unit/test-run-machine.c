/* Rating PUs: by what is assumed of the machine, or learned, and by which siblings the suite has. */
#include <math.h>

#include "cli/run_machine.h"
#include "tests/unit/test.h"

static bool near(double a, double b)
{
        return fabs(a - b) < 1e-9;
}

/* Two P cores of two PUs (0 to 3), two E cores of one (4, 5). */
static struct run_machine hybrid(void)
{
        static const struct machine_kind kinds[] = {{.name = "P", .speed = 1}, {.name = "E", .speed = 0.55}};
        struct machine_pu *pus = calloc(6, sizeof(*pus));
        struct run_machine m = {.asked = true, .known = true};

        CHECK(pus);
        for (unsigned i = 0; i < 6; i++)
                pus[i] = i < 4 ? (struct machine_pu){.os = i, .core = i / 2, .smt_rank = i % 2}
                               : (struct machine_pu){.os = i, .core = i - 2, .kind = 1};
        CHECK_INT(machine_init(pus, 6, kinds, 2, &m.machine), 0);
        speeds_init(&m.speeds, &m.machine);
        return m;
}

/* The index of a PU. */
static size_t find(const struct dispatch_pu *pus, size_t n, unsigned os)
{
        size_t i = 0;

        while (i + 1 < n && pus[i].os != os)
                i++;
        CHECK(i < n && pus[i].os == os);
        return i;
}

static bool is_rated(const struct dispatch_pu *pus, size_t n, unsigned os, double speed, double alone)
{
        const struct dispatch_pu *pu = &pus[find(pus, n, os)];

        return near(pu->speed, speed) && near(pu->alone, alone);
}

static unsigned core_of(const struct dispatch_pu *pus, size_t n, unsigned os)
{
        return pus[find(pus, n, os)].core;
}

static void test_assumed(void)
{
        static const unsigned order[] = {5, 2, 1, 0};
        struct run_machine m = hybrid();
        struct dispatch_pu pus[4];

        run_machine_rate(&m, order, 4, pus);
        CHECK(is_rated(pus, 4, 2, 1, 1));
        CHECK(is_rated(pus, 4, 0, 0.625, 1) && is_rated(pus, 4, 1, 0.625, 1));
        CHECK(is_rated(pus, 4, 5, 0.55, 0.55));
        CHECK_INT(core_of(pus, 4, 0), core_of(pus, 4, 1));
        CHECK(core_of(pus, 4, 0) != core_of(pus, 4, 2) && core_of(pus, 4, 0) != core_of(pus, 4, 5));
        CHECK_INT(pus[3].os, 1); /* what it adds is the least */
        run_machine_finish(&m);
}

static void test_learned(void)
{
        static const unsigned order[] = {0, 1, 4};
        struct run_machine m = hybrid();
        struct dispatch_pu pus[3];

        CHECK(speeds_restore(&m.speeds, "0/2", 0.7, 100) && speeds_restore(&m.speeds, "1/1", 0.8, 100));
        run_machine_rate(&m, order, 3, pus);
        CHECK(is_rated(pus, 3, 4, 0.8, 0.8) && is_rated(pus, 3, 0, 0.7, 1) && is_rated(pus, 3, 1, 0.7, 1));
        CHECK(speeds_restore(&m.speeds, "0/1", 0.6, 100));
        run_machine_rate(&m, order, 2, pus);
        CHECK(is_rated(pus, 2, 0, 0.6, 0.6)); /* never slower alone */
        run_machine_finish(&m);
}

static void test_classes(void)
{
        static const unsigned order[] = {0, 1, 2, 4};
        struct run_machine m = hybrid();
        struct dispatch_pu pus[4];

        run_machine_rate(&m, order, 4, pus);
        CHECK_INT(run_machine_class(&m, 0, pus, 4), speeds_find(&m.speeds, 0, 2)->id);
        CHECK_INT(run_machine_class(&m, 1, pus, 4), speeds_find(&m.speeds, 0, 2)->id);
        CHECK_INT(run_machine_class(&m, 2, pus, 4), speeds_find(&m.speeds, 0, 1)->id);
        CHECK_INT(run_machine_class(&m, 4, pus, 4), speeds_find(&m.speeds, 1, 1)->id);
        CHECK_INT(run_machine_class(&m, 5, pus, 4), 0); /* not the suite's */
        CHECK_INT(run_machine_class(&m, DISPATCH_FLOATING, pus, 4), 0);
        run_machine_finish(&m);
}

static void test_unknown(void)
{
        static const unsigned order[] = {7, 3};
        struct run_machine unknown = {0}, m = hybrid();
        struct dispatch_pu pus[2];

        run_machine_rate(&unknown, order, 2, pus);
        CHECK(pus[0].os == 3 && near(pus[0].speed, 1) && near(pus[0].alone, 1) && pus[0].core != pus[1].core);
        CHECK_INT(run_machine_class(&unknown, 3, pus, 2), 0);
        run_machine_rate(&m, order, 2, pus); /* one that came after the machine was asked for */
        CHECK(near(pus[0].speed, 1) && near(pus[1].speed, 1) && pus[0].core != pus[1].core);
        run_machine_finish(&m);
}

static void test_alike(void)
{
        struct run_machine m = {0};
        struct cpuset set = {0};
        struct dispatch_pu pus[2];
        static const unsigned order[] = {9, 4};

        cpuset_add(&set, 4);
        cpuset_add(&set, 9);
        CHECK_INT(run_machine_ask(&m, false, &set), 0);
        CHECK_INT(m.n_usable, 2);
        CHECK_INT(m.speeds.n_classes, 1);
        run_machine_rate(&m, order, 2, pus);
        CHECK(pus[0].os == 4 && near(pus[0].speed, 1) && pus[0].core != pus[1].core);
        run_machine_finish(&m);
}

int main(void)
{
        test_assumed();
        test_learned();
        test_classes();
        test_unknown();
        test_alike();
        return 0;
}
