#include "core/cpuset.h"

#include <errno.h>

#include "tests/unit/test.h"

static void check_round_trip(const char *in, const char *out)
{
        struct cpuset set = {0};
        char text[256];

        CHECK_INT(cpuset_parse(in, strlen(in), &set), 0);
        CHECK_INT(cpuset_format(&set, text, sizeof(text)), strlen(out));
        CHECK_STR(text, out);
}

static void check_refused(const char *in, int error)
{
        struct cpuset set = {0};

        cpuset_add(&set, 5);
        CHECK_INT(cpuset_parse(in, strlen(in), &set), error);
        CHECK(cpuset_has(&set, 5));
        CHECK_INT(cpuset_count(&set), 1);
}

int main(void)
{
        check_round_trip("", "");
        check_round_trip("\n", "");
        check_round_trip("0", "0");
        check_round_trip(" 0-3,8\n", "0-3,8");
        check_round_trip("3,2,1,0", "0-3");
        check_round_trip("63-64,127-128,4095", "63-64,127-128,4095");

        check_refused("x", -EINVAL);
        check_refused("1-", -EINVAL);
        check_refused("3-1", -EINVAL);
        check_refused("1,", -EINVAL);
        check_refused("1 2", -EINVAL);
        check_refused("4096", -ERANGE);
        check_refused("99999999999999999999", -ERANGE);

        struct cpuset a = {0}, b = {0};
        char small[4];

        cpuset_add_range(&a, 0, 9);
        cpuset_add_range(&b, 8, 200);
        CHECK_INT(cpuset_next(&b, 0), 8);
        CHECK_INT(cpuset_next(&b, 201), CPUSET_NONE);
        CHECK_INT(cpuset_format(&b, small, sizeof(small)), -ENOSPC);

        struct cpuset both = cpuset_and(&a, &b), either = cpuset_or(&a, &b), only = cpuset_andnot(&a, &b);

        CHECK_INT(cpuset_count(&both), 2);
        CHECK_INT(cpuset_count(&either), 201);
        CHECK_INT(cpuset_count(&only), 8);
        CHECK(cpuset_is_subset(&both, &a) && !cpuset_is_subset(&a, &b) && cpuset_intersects(&a, &b));

        CHECK_INT(cpuset_first_common(&a, &b), 8);
        CHECK_INT(cpuset_first_common(&only, &b), CPUSET_NONE);

        /* In place the same comes out, whichever set is the longer one. */
        struct cpuset merged = a, restricted = b, subtracted = a;

        cpuset_merge(&merged, &b);
        cpuset_restrict(&restricted, &a);
        cpuset_subtract(&subtracted, &b);
        CHECK(cpuset_equal(&merged, &either) && cpuset_equal(&restricted, &both) && cpuset_equal(&subtracted, &only));
        CHECK(cpuset_equal(&both, &restricted) && !cpuset_equal(&both, &b) && !cpuset_equal(&b, &both));

        unsigned n = 0;
        CPUSET_FOREACH (pu, &b)
                n++;
        CHECK_INT(n, 193);
        return 0;
}
