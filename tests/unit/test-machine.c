#include "core/machine.h"

#include <errno.h>
#include <math.h>

#include "tests/unit/test.h"

static const struct machine_kind two_kinds[] = {{.name = "P", .speed = 1}, {.name = "E", .speed = 0.5}};

/* Two P cores of two PUs, numbered as Linux does on many machines, and two E cores; out of order on purpose. */
static const struct machine_pu six_pus[] = {
        {.os = 5, .core = 3, .kind = 1, .cache = 1}, {.os = 0, .core = 0},
        {.os = 3, .core = 1, .smt_rank = 1},         {.os = 1, .core = 1},
        {.os = 2, .core = 0, .smt_rank = 1},         {.os = 4, .core = 2, .kind = 1, .cache = 1},
};

static struct machine_pu *copy_pus(void)
{
        struct machine_pu *pus = malloc(sizeof(six_pus));

        CHECK(pus);
        memcpy(pus, six_pus, sizeof(six_pus));
        return pus;
}

static void check_refused(unsigned index, struct machine_pu pu)
{
        struct machine_pu *pus = copy_pus();
        struct machine m = {.n_pus = 77};

        pus[index] = pu;
        CHECK_INT(machine_init(pus, 6, two_kinds, 2, &m), -EINVAL);
        CHECK_INT(m.n_pus, 77);
        free(pus);
}

static void check_kinds_refused(double first, double second)
{
        const struct machine_kind kinds[] = {{.name = "P", .speed = first}, {.name = "E", .speed = second}};
        struct machine_pu *pus = copy_pus();
        struct machine m;

        CHECK_INT(machine_init(pus, 6, kinds, 2, &m), -EINVAL);
        free(pus);
}

static void check_near(double actual, double expected)
{
        CHECK(fabs(actual - expected) < 1e-9);
}

/* Power is the square of speed where nothing better is known, and must be a number. */
static void test_power(void)
{
        struct machine_kind kinds[] = {{.name = "P", .speed = 1, .power = 0}, {.name = "E", .speed = 0.5, .power = 0}};
        struct machine_pu *pus = copy_pus();
        struct machine m;

        kinds[1].power = -0.1;
        CHECK_INT(machine_init(pus, 6, kinds, 2, &m), -EINVAL);
        kinds[1].power = (double)INFINITY;
        CHECK_INT(machine_init(pus, 6, kinds, 2, &m), -EINVAL);
        kinds[1].power = 0;
        CHECK_INT(machine_init(pus, 6, kinds, 2, &m), 0);
        check_near(m.kinds[0].power, 1);
        check_near(m.kinds[1].power, 0.25);
        machine_finish(&m);
        kinds[1].power = 0.4;
        CHECK_INT(machine_init(copy_pus(), 6, kinds, 2, &m), 0);
        check_near(m.kinds[1].power, 0.4);
        machine_finish(&m);
}

static void test_refused(void)
{
        check_refused(0, (struct machine_pu){.os = 0, .core = 3, .kind = 1, .cache = 1});    /* twice */
        check_refused(0, (struct machine_pu){.os = 4096, .core = 3, .kind = 1, .cache = 1}); /* too large */
        check_refused(0, (struct machine_pu){.os = 5, .core = 4, .kind = 1, .cache = 1});    /* gaps */
        check_refused(0, (struct machine_pu){.os = 5, .core = 3, .kind = 1, .cache = 3});
        check_refused(0, (struct machine_pu){.os = 5, .core = 3, .kind = 1, .cache = 1, .node = 2});
        check_refused(0, (struct machine_pu){.os = 5, .core = 3, .kind = 1, .package = 7});
        check_refused(0, (struct machine_pu){.os = 5, .core = 3, .kind = 2, .cache = 1}); /* no such kind */
        check_refused(0, (struct machine_pu){.os = 5, .core = ~0U, .kind = 1, .cache = 1});
        check_refused(0, (struct machine_pu){.os = 5, .core = 0, .kind = 1, .smt_rank = 2}); /* two kinds a core */
        check_refused(0, (struct machine_pu){.os = 5, .core = 3, .kind = 1, .smt_rank = 1}); /* no rank 0 */
        check_refused(2, (struct machine_pu){.os = 3, .core = 1, .smt_rank = 0});            /* rank twice */
        check_kinds_refused(1, 1.5);
        check_kinds_refused(0.5, 1);
        check_kinds_refused(1, 0);
        check_kinds_refused((double)NAN, 1);
}

static void check_cpuset(struct cpuset set, const char *expected)
{
        char text[64];

        CHECK(cpuset_format(&set, text, sizeof(text)) >= 0);
        CHECK_STR(text, expected);
}

static void test_speeds(const struct machine *m)
{
        struct cpuset none = {0}, all = machine_cpuset(m), one = {0};

        cpuset_add(&one, 0);
        check_near(machine_pu_speed(m, 0, &none), 1);
        check_near(machine_pu_speed(m, 0, &one), 1);
        check_near(machine_pu_speed(m, 2, &one), 1.25 / 2);
        check_near(machine_pu_speed(m, 2, &all), 1.25 / 2);
        check_near(machine_pu_speed(m, 5, &all), 0.5);
        check_near(machine_pu_speed(m, 99, &all), 0);
}

int main(void)
{
        struct machine_pu *pus = copy_pus();
        struct machine m, copy, empty = {0};

        CHECK_INT(machine_init(pus, 6, two_kinds, 2, &m), 0);
        CHECK_INT(m.n_cores, 4);
        CHECK_INT(m.n_kinds, 2);
        CHECK_INT(m.n_caches, 2);
        CHECK_INT(m.n_packages, 1);
        CHECK_INT(m.kinds[0].n_cores, 2);
        CHECK_INT(m.kinds[1].n_cores, 2);
        CHECK_INT(m.pus[5].os, 5);
        CHECK_INT(machine_copy(&m, &copy), 0);
        machine_finish(&m);
        CHECK(m.pus == NULL);

        CHECK_INT(machine_find(&copy, 3)->core, 1);
        CHECK(!machine_find(&copy, 6));
        CHECK(!machine_find(&empty, 0));
        check_cpuset(machine_cpuset(&copy), "0-5");
        check_cpuset(machine_siblings(&copy, 3), "1,3");
        check_cpuset(machine_siblings(&copy, 4), "4");
        check_cpuset(machine_siblings(&copy, 9), "");
        check_cpuset(machine_kind_cpuset(&copy, 1), "4-5");
        test_speeds(&copy);
        test_refused();
        test_power();
        machine_finish(&copy);
        machine_finish(NULL);
        return 0;
}
