#include "hw/kinds.h"

#include <math.h>

#include "tests/unit/test.h"

#define P(frequency)                                                                                                   \
        {                                                                                                              \
                .type = HW_CORE_P, .measure = {[HW_MAX_FREQUENCY] = (frequency)}, .rank = -1, .has_l3 = true           \
        }
#define E(frequency)                                                                                                   \
        {                                                                                                              \
                .type = HW_CORE_E, .measure = {[HW_MAX_FREQUENCY] = (frequency)}, .rank = -1, .has_l3 = true           \
        }
#define LP(frequency)                                                                                                  \
        {                                                                                                              \
                .type = HW_CORE_E, .measure = {[HW_MAX_FREQUENCY] = (frequency)}, .rank = -1                           \
        }
#define CAPACITY(value)                                                                                                \
        {                                                                                                              \
                .measure = {[HW_CAPACITY] = (value)}, .rank = -1                                                       \
        }
#define CPPC(perf, frequency)                                                                                          \
        {                                                                                                              \
                .measure = {[HW_HIGHEST_PERF] = (perf), [HW_MAX_FREQUENCY] = (frequency)}, .rank = -1                  \
        }
#define FREQUENCY(value)                                                                                               \
        {                                                                                                              \
                .measure = {[HW_MAX_FREQUENCY] = (value)}, .rank = -1                                                  \
        }
#define RANK(value)                                                                                                    \
        {                                                                                                              \
                .rank = (value)                                                                                        \
        }

/* expected: each core's kind by its name and speed, such as "P:1.00 E:0.60". */
static void check(const struct hw_core *cores, unsigned n, const char *expected)
{
        struct machine_kind kinds[MACHINE_KINDS_MAX];
        unsigned n_kinds, kind_of_core[64];
        char text[1024] = "";

        CHECK_INT(hw_kinds_decide(cores, n, kinds, &n_kinds, kind_of_core), 0);
        CHECK(n_kinds >= 1 && n_kinds <= MACHINE_KINDS_MAX);
        for (unsigned i = 0; i < n; i++) {
                CHECK(kind_of_core[i] < n_kinds);
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s:%.2f", i ? " " : "",
                               kinds[kind_of_core[i]].name, kinds[kind_of_core[i]].speed);
        }
        CHECK_STR(text, expected);
}

#define CHECK_KINDS(expected, ...)                                                                                     \
        do {                                                                                                           \
                const struct hw_core cores_[] = {__VA_ARGS__};                                                         \
                check(cores_, sizeof(cores_) / sizeof(cores_[0]), expected);                                           \
        } while (0)

static void test_types(void)
{
        CHECK_KINDS("P:1.00 E:0.60", P(5100), E(3900));
        CHECK_KINDS("P:1.00 E:0.62 LP-E:0.41", P(4800), E(3800), LP(2500));
        /* All E cores lack an L3 and so does the rest: none is LP-E by that. */
        CHECK_KINDS("P:1.00 E:0.79", {.type = HW_CORE_P, .measure = {0, 0, 3000}}, LP(3000), );
        /* Bins of one type stay together, and types are apart even where nothing measures them. */
        CHECK_KINDS("P:1.00 P:1.00 E:0.57", P(5800), P(5000), E(3900));
        CHECK_KINDS("P:1.00 E:0.60 LP-E:0.40", P(0), E(0), LP(0));
        CHECK_KINDS(":1.00 :1.00", E(3400), E(3400));
        /* With a type unknown the frequencies decide, and the L3 names the kind. */
        CHECK_KINDS("P:1.00 LP-E:0.76", P(5100), FREQUENCY(3900));
}

static void test_measures(void)
{
        CHECK_KINDS("2:0.24 1:0.74 0:1.00", CAPACITY(250), CAPACITY(760), CAPACITY(1024));
        CHECK_KINDS("P:1.00 P:1.00 P:1.00 E:0.70 E:0.70", CAPACITY(1024), CAPACITY(1017), CAPACITY(1009), CAPACITY(718),
                    CAPACITY(701));
        CHECK_KINDS("P:1.00 E:0.70", CPPC(196, 5100), CPPC(138, 3300));
        /* Preferred cores: ranks in CPPC, and no gap in frequency. */
        CHECK_KINDS(":1.00 :1.00 :1.00", CPPC(236, 5700), CPPC(231, 5700), CPPC(166, 5500));
        /* A long row of bins without a gap is one kind. */
        CHECK_KINDS(":1.00 :1.00 :1.00 :1.00", FREQUENCY(5000), FREQUENCY(4600), FREQUENCY(4200), FREQUENCY(3900));
        CHECK_KINDS(":1.00 :1.00", FREQUENCY(5000), FREQUENCY(0));
}

static void test_ranks(void)
{
        CHECK_KINDS("P:1.00 E:0.60", RANK(1), RANK(0));
        CHECK_KINDS(":1.00 :1.00", RANK(-1), RANK(0));
        CHECK_KINDS(":1.00", RANK(0));
        /* Ranked by bins that are no kinds. */
        CHECK_KINDS(":1.00 :1.00", {.measure = {0, 0, 5000}, .rank = 1}, {.measure = {0, 0, 4900}, .rank = 0});
}

/* More kinds than there is room for are drawn together. */
static void test_many(void)
{
        struct hw_core cores[20] = {0};
        struct machine_kind kinds[MACHINE_KINDS_MAX];
        unsigned n_kinds, kind_of_core[20];

        for (unsigned i = 0; i < 20; i++) {
                cores[i].rank = (int)i;
                cores[i].measure[HW_CAPACITY] = (unsigned)(pow(1.2, i) * 20);
        }
        CHECK_INT(hw_kinds_decide(cores, 20, kinds, &n_kinds, kind_of_core), 0);
        CHECK(n_kinds <= MACHINE_KINDS_MAX);
        for (unsigned i = 0; i < 20; i++) {
                cores[i].measure[HW_CAPACITY] = 0;
        }
        CHECK_INT(hw_kinds_decide(cores, 20, kinds, &n_kinds, kind_of_core), 0);
        CHECK(n_kinds <= MACHINE_KINDS_MAX);
}

int main(void)
{
        test_types();
        test_measures();
        test_ranks();
        test_many();
        return 0;
}
