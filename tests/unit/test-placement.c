#include "core/placement.h"

#include "tests/unit/test.h"

/* A machine by its shape: packages (a node each) x caches x cores x siblings of a fast kind, then slow cores on a
 * cache of their own in the first package. PUs are numbered core by core. */
struct shape {
        unsigned packages, caches, cores, siblings, slow;
        double slow_speed;
};

static struct machine make(const struct shape *shape)
{
        unsigned n_fast = shape->packages * shape->caches * shape->cores, n = n_fast * shape->siblings + shape->slow;
        const struct machine_kind kinds[] = {{.name = "P", .speed = 1}, {.name = "E", .speed = shape->slow_speed}};
        struct machine_pu *pus = calloc(n, sizeof(*pus));
        struct machine m;

        CHECK(pus);
        for (unsigned i = 0; i < n; i++) {
                unsigned core = i / shape->siblings, cache = core / shape->cores;

                pus[i] = (struct machine_pu){
                        .os = i,
                        .core = core,
                        .smt_rank = i % shape->siblings,
                        .cache = cache,
                        .node = cache / shape->caches,
                        .package = cache / shape->caches,
                };
                if (i >= n_fast * shape->siblings)
                        pus[i] = (struct machine_pu){
                                .os = i,
                                .core = n_fast + i - n_fast * shape->siblings,
                                .kind = 1,
                                .cache = shape->packages * shape->caches,
                        };
        }
        CHECK_INT(machine_init(pus, n, kinds, shape->slow ? 2 : 1, &m), 0);
        return m;
}

static void check_goal(const struct shape *shape, const struct placement_goal *goal, const char *expected)
{
        struct machine m = make(shape);
        struct cpuset all = machine_cpuset(&m);
        struct placement_choice choices[64];
        char text[512] = "";
        unsigned n = placement_order(&m, goal, &all, choices);

        for (unsigned i = 0; i < n; i++)
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u%c", i ? " " : "", choices[i].pu,
                               "FESOL"[choices[i].reason]);
        CHECK_STR(text, expected);
        machine_finish(&m);
}

static void check_order(const struct shape *shape, const char *expected)
{
        check_goal(shape, NULL, expected);
}

static void test_orders(void)
{
        check_order(&(struct shape){1, 1, 1, 1, 0, 0}, "0F");
        check_order(&(struct shape){1, 1, 4, 1, 0, 0}, "0F 1F 2F 3F");
        check_order(&(struct shape){1, 1, 2, 2, 0, 0}, "0F 2F 1O 3O");
        check_order(&(struct shape){1, 1, 2, 4, 0, 0}, "0F 4F 1O 5O 2O 6O 3O 7O");
        /* A lease stays on its cache and its node first. */
        check_order(&(struct shape){2, 2, 2, 1, 0, 0}, "0F 1F 2F 3F 4F 5F 6F 7F");
        /* Slow cores before siblings where they add more (0.25 is what a sibling adds), also where they add as much. */
        check_order(&(struct shape){1, 1, 2, 2, 2, 0.6}, "0F 2F 4E 5E 1O 3O");
        check_order(&(struct shape){1, 1, 2, 2, 2, 0.25}, "0F 2F 4E 5E 1O 3O");
        check_order(&(struct shape){1, 1, 2, 2, 2, 0.2}, "0F 2F 1O 3O 4E 5E");
}

/* Work per watt: slow cores first; a sibling (0.25 of the work for 0.24 of the power) just before the next fast core.
 */
static void test_efficient_orders(void)
{
        const struct placement_goal goal = {.aim = PLACEMENT_EFFICIENT};

        check_goal(&(struct shape){1, 1, 2, 1, 2, 0.6}, &goal, "2E 3E 0F 1F");
        check_goal(&(struct shape){1, 1, 2, 2, 2, 0.6}, &goal, "4E 5E 0F 1O 2F 3O");
        check_goal(&(struct shape){2, 1, 2, 1, 0, 0}, &goal, "0F 1F 2F 3F");
}

/* The hot package's PUs last, each in the usual order; a package that is not there changes nothing. */
static void test_cool_orders(void)
{
        check_goal(&(struct shape){2, 1, 2, 2, 0, 0}, &(struct placement_goal){PLACEMENT_COOL, 0},
                   "4F 6F 5O 7O 0F 2F 1O 3O");
        check_goal(&(struct shape){2, 1, 2, 2, 0, 0}, &(struct placement_goal){PLACEMENT_COOL, 1},
                   "0F 2F 1O 3O 4F 6F 5O 7O");
        check_goal(&(struct shape){2, 1, 2, 2, 0, 0}, &(struct placement_goal){PLACEMENT_COOL, 7},
                   "0F 2F 4F 6F 1O 3O 5O 7O");
}

static struct cpuset set_of(const char *list)
{
        struct cpuset set;

        CHECK_INT(cpuset_parse(list, strlen(list), &set), 0);
        return set;
}

static void check_next(const struct machine *m, const char *busy_list, const char *own_list, unsigned pu,
                       enum placement_reason reason)
{
        struct cpuset busy = set_of(busy_list), own = set_of(own_list), all = machine_cpuset(m);
        struct cpuset free = cpuset_andnot(&all, &busy);
        struct placement_choice choice;

        CHECK(placement_next(m, NULL, &free, &busy, &own, &choice));
        CHECK_INT(choice.pu, pu);
        CHECK_STR(placement_reason_text(choice.reason), placement_reason_text(reason));
}

/* Two packages of two caches of two cores of two PUs: PUs 0-3 4-7 | 8-11 12-15. */
static void test_next(void)
{
        struct machine m = make(&(struct shape){2, 2, 2, 2, 0, 0});

        check_next(&m, "", "", 0, PLACEMENT_FAST_CORE);
        check_next(&m, "0", "", 8, PLACEMENT_FAST_CORE);           /* the other node */
        check_next(&m, "0,8", "", 4, PLACEMENT_FAST_CORE);         /* another cache */
        check_next(&m, "0,8", "8", 10, PLACEMENT_FAST_CORE);       /* beside its own */
        check_next(&m, "0,8,10", "8,10", 12, PLACEMENT_FAST_CORE); /* cache full: its node */
        check_next(&m, "0,2,4,6,8,10,12,14", "4", 5, PLACEMENT_OWN_SIBLING);
        check_next(&m, "0,2,4-7,8,10,12,14", "4-7", 1, PLACEMENT_SIBLING);
        check_next(&m, "0-14", "0", 15, PLACEMENT_ONLY);

        struct cpuset none = {0}, elsewhere = set_of("64");
        struct placement_choice choice = {.pu = 77};

        CHECK(!placement_next(&m, NULL, &none, &none, &none, &choice));
        CHECK(!placement_next(&m, NULL, &elsewhere, &none, &none, &choice));
        CHECK_INT(choice.pu, 77);
        machine_finish(&m);
}

static void check_worst(const struct machine *m, const char *busy_list, const char *own_list, unsigned pu)
{
        struct cpuset busy = set_of(busy_list), own = set_of(own_list);
        unsigned worst;

        CHECK(placement_worst(m, NULL, &busy, &own, &worst));
        CHECK_INT(worst, pu);
}

static void test_worst(void)
{
        struct machine m = make(&(struct shape){2, 2, 2, 2, 0, 0});
        struct cpuset none = {0};
        unsigned pu = 77;

        check_worst(&m, "0-2", "0-2", 1); /* the sibling, the later one of the two */
        check_worst(&m, "0-4", "0-1,4", 1);
        check_worst(&m, "0-1,4", "0,4", 0);   /* the core shared with another */
        check_worst(&m, "0,2,4", "0,2,4", 4); /* the one alone on its cache */
        check_worst(&m, "0,2,8", "0,2,8", 8); /* and on its node */
        CHECK(!placement_worst(&m, NULL, &none, &none, &pu));
        CHECK_INT(pu, 77);
        machine_finish(&m);

        m = make(&(struct shape){1, 1, 2, 2, 2, 0.6});
        check_worst(&m, "0,2,4", "0,2,4", 4);     /* the slow core */
        check_worst(&m, "0,1,2,4", "0,1,2,4", 1); /* before it a sibling */
        machine_finish(&m);
}

/* What is taken back one after the other when the aim changes over a machine that is lent as a whole. */
static void check_given_up(const struct shape *shape, const struct placement_goal *goal, const char *expected)
{
        struct machine m = make(shape);
        struct cpuset held = machine_cpuset(&m);
        char text[512] = "";
        unsigned pu;

        while (placement_worst(&m, goal, &held, &held, &pu)) {
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", text[0] ? " " : "", pu);
                cpuset_remove(&held, pu);
        }
        CHECK_STR(text, expected);
        machine_finish(&m);
}

static void test_given_up(void)
{
        const struct placement_goal efficient = {.aim = PLACEMENT_EFFICIENT}, cool = {PLACEMENT_COOL, 0};

        /* Work: siblings, slow cores, fast cores. Efficiency: fast cores, one as a whole after the other. */
        check_given_up(&(struct shape){1, 1, 2, 2, 2, 0.6}, NULL, "3 1 5 4 2 0");
        check_given_up(&(struct shape){1, 1, 2, 2, 2, 0.6}, &efficient, "3 2 1 0 5 4");
        check_given_up(&(struct shape){2, 1, 2, 1, 0, 0}, &cool, "1 0 3 2");
}

static double total_speed(const struct machine *m, const struct cpuset *held)
{
        double sum = 0;

        CPUSET_FOREACH (pu, held)
                sum += machine_pu_speed(m, pu, held);
        return sum;
}

/* Whatever the machine: an order has each PU once, no longer prefix does less work than a shorter one plus any
 * other PU, and giving up the worst costs no more than giving up any other. */
static void check_greedy(const struct shape *shape)
{
        struct machine m = make(shape);
        struct cpuset all = machine_cpuset(&m), held = {0};
        struct placement_choice choices[128];

        CHECK_INT(placement_order(&m, NULL, &all, choices), m.n_pus);
        for (unsigned i = 0; i < m.n_pus; i++) {
                struct cpuset chosen = held;
                unsigned worst;

                CHECK(!cpuset_has(&held, choices[i].pu));
                cpuset_add(&chosen, choices[i].pu);
                CPUSET_FOREACH (pu, &all) {
                        struct cpuset other = held;

                        cpuset_add(&other, pu);
                        CHECK(total_speed(&m, &other) <= total_speed(&m, &chosen) + 1e-9);
                }
                held = chosen;
                CHECK(placement_worst(&m, NULL, &held, &held, &worst));
                chosen = held;
                cpuset_remove(&chosen, worst);
                CPUSET_FOREACH (pu, &held) {
                        struct cpuset other = held;

                        cpuset_remove(&other, pu);
                        CHECK(total_speed(&m, &other) <= total_speed(&m, &chosen) + 1e-9);
                }
        }
        machine_finish(&m);
}

static void test_greedy(void)
{
        for (unsigned siblings = 1; siblings <= 4; siblings++)
                for (unsigned packages = 1; packages <= 2; packages++)
                        for (unsigned slow = 0; slow <= 4; slow += 2) {
                                check_greedy(&(struct shape){packages, 1, 3, siblings, slow, 0.6});
                                check_greedy(&(struct shape){packages, 2, 2, siblings, slow, 0.1});
                        }
}

int main(void)
{
        test_orders();
        test_next();
        test_worst();
        test_efficient_orders();
        test_cool_orders();
        test_given_up();
        test_greedy();
        for (enum placement_reason reason = 0; reason < PLACEMENT_REASONS; reason++)
                CHECK(strcmp(placement_reason_text(reason), "unknown") != 0);
        return 0;
}
