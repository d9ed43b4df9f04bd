#include "cli/plan.h"

#include <math.h>

#include "cli/plan_past.h"
#include "tests/unit/test.h"

enum { ITEMS_MAX = 64, PUS_MAX = 16 };

/* A suite of items that compute, on equal PUs. */
struct scene {
        struct dispatch_item items[ITEMS_MAX];
        struct dispatch_group groups[4];
        struct dispatch_pu pus[PUS_MAX];
        char names[ITEMS_MAX][16];
        const char *ids[ITEMS_MAX];
        const char *group_ids[4];
        struct dispatch_params suite;
        struct plan_input in;
};

static void scene_init(struct scene *s, uint32_t n_items, double seconds, size_t n_pus)
{
        memset(s, 0, sizeof(*s));
        for (uint32_t i = 0; i < n_items; i++) {
                s->items[i] = (struct dispatch_item){.seconds = seconds, .group = DISPATCH_NONE};
                snprintf(s->names[i], sizeof(s->names[i]), "t.py::t%u", i);
                s->ids[i] = s->names[i];
        }
        for (size_t i = 0; i < n_pus; i++)
                s->pus[i] = (struct dispatch_pu){.os = (unsigned)i, .speed = 1, .alone = 1, .core = (unsigned)i};
        s->suite = (struct dispatch_params){.items = s->items,
                                            .n_items = n_items,
                                            .groups = s->groups,
                                            .max_workers = DISPATCH_WORKERS_MAX,
                                            .default_seconds = 0.01};
        s->in = (struct plan_input){.suite = &s->suite,
                                    .pus = s->pus,
                                    .n_pus = n_pus,
                                    .ids = s->ids,
                                    .group_ids = s->group_ids,
                                    .beside = -1,
                                    .n_known = n_items};
}

static uint32_t scene_add_group(struct scene *s, const char *id, double setup, uint32_t parent)
{
        s->groups[s->suite.n_groups] = (struct dispatch_group){.parent = parent, .setup = setup};
        s->group_ids[s->suite.n_groups] = id;
        return s->suite.n_groups++;
}

static struct plan_result predict(const struct scene *s)
{
        struct plan_result plan;

        CHECK_INT(plan_predict(&s->in, &plan), 0);
        return plan;
}

static bool is_near(double a, double b)
{
        return fabs(a - b) < 1e-4;
}

/* The advice of that sort, or NULL. */
static const struct plan_advice *find(const struct plan_result *plan, enum plan_change change)
{
        for (size_t i = 0; i < plan->n_advice; i++)
                if (plan->advice[i].change == change)
                        return &plan->advice[i];
        return NULL;
}

/* Ten seconds of one item, and nothing else that matters. */
static void test_one_long_item_is_to_be_split(void)
{
        const struct plan_advice *split;
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 3, 0.1, 2);
        s.items[1].seconds = 10;
        plan = predict(&s);
        CHECK(is_near(plan.sim.makespan, 10));
        CHECK(is_near(plan.bound, 10));
        CHECK(is_near(plan.serial, 10.2));
        CHECK_INT(plan.critical, 1);
        CHECK(is_near(plan.share, 1));
        split = &plan.advice[0];
        CHECK_INT(split->change, PLAN_SPLIT);
        CHECK_INT(split->item, 1);
        CHECK_INT(split->n, 1);
        CHECK(is_near(split->makespan, 5.1));
        CHECK(is_near(split->saves, 0.49));
        CHECK(!find(&plan, PLAN_CORE));
        plan_result_finish(&plan);
}

static void test_long_items_beside_each_other_are_to_be_split_together(void)
{
        const struct plan_advice *split;
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 9, 0.1, 8);
        s.items[0].seconds = s.items[4].seconds = s.items[8].seconds = 10;
        plan = predict(&s);
        split = find(&plan, PLAN_SPLIT);
        CHECK(split);
        CHECK_INT(split->n, 3);
        CHECK(is_near(split->makespan, 5));
        plan_result_finish(&plan);
}

static void test_nothing_helps_where_each_has_a_cpu(void)
{
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 4, 1, 4);
        plan = predict(&s);
        CHECK(is_near(plan.sim.makespan, 1));
        CHECK(is_near(plan.utilisation, 1));
        CHECK_INT(plan.n_advice, 0);
        CHECK_INT(plan.enough, 4);
        plan_result_finish(&plan);
}

static void test_more_cores_help_where_all_are_busy(void)
{
        const struct plan_advice *core;
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 60, 1, 2);
        plan = predict(&s);
        CHECK(is_near(plan.sim.makespan, 30));
        core = find(&plan, PLAN_CORE);
        CHECK(core);
        CHECK(is_near(core->saves, 1 / 3.0));
        CHECK_INT(plan.n_advice, 1);
        plan_result_finish(&plan);
}

/* Eight workers were asked for on two CPUs: a ninth on a third CPU is what one more core brings. */
static void test_floating_workers_get_their_core_too(void)
{
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 60, 1, 2);
        s.suite.min_workers = s.suite.max_workers = 8;
        plan = predict(&s);
        CHECK_INT(plan.sim.n_workers, 8);
        CHECK(find(&plan, PLAN_CORE));
        plan_result_finish(&plan);
}

static void test_a_dear_fixture_is_named(void)
{
        const struct plan_advice *setup;
        struct plan_result plan;
        uint32_t outer, inner;
        struct scene s;

        scene_init(&s, 40, 0.1, 2);
        outer = scene_add_group(&s, "db", 3, DISPATCH_NONE);
        inner = scene_add_group(&s, "db::C", 0.01, outer);
        for (uint32_t i = 0; i < 40; i++)
                s.items[i].group = i < 20 ? outer : inner;
        plan = predict(&s);
        setup = find(&plan, PLAN_SETUP);
        CHECK(setup);
        CHECK_INT(setup->group, outer);
        CHECK_INT(setup->workers, 2);
        CHECK(is_near(setup->seconds, 3));
        CHECK(is_near(plan.serial, 4 + 3 + 0.01));
        CHECK(!find(&plan, PLAN_SETUPS));
        plan_result_finish(&plan);
}

static void test_the_sessions_fixtures_are_paid_by_each_worker(void)
{
        const struct plan_advice *setup;
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 40, 0.1, 4);
        s.suite.session_setup = 2;
        plan = predict(&s);
        setup = find(&plan, PLAN_SETUP);
        CHECK(setup);
        CHECK_INT(setup->group, DISPATCH_NONE);
        CHECK_INT(setup->workers, plan.sim.n_workers);
        CHECK(is_near(plan.serial, 4 + 2));
        plan_result_finish(&plan);
}

static void test_a_serial_group_is_named(void)
{
        const struct plan_advice *serial;
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 12, 1, 4);
        for (uint32_t i = 2; i < 10; i++)
                s.items[i].serial = 5;
        plan = predict(&s);
        CHECK(is_near(plan.sim.makespan, 8));
        serial = find(&plan, PLAN_SERIAL);
        CHECK(serial);
        CHECK_INT(serial->item, 2);
        CHECK_INT(serial->n, 8);
        CHECK(is_near(serial->makespan, 3));
        CHECK(!find(&plan, PLAN_SPLIT));
        plan_result_finish(&plan);
}

static void test_the_greatest_saving_comes_first(void)
{
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 30, 0.1, 2);
        s.items[3].seconds = 6;
        s.suite.session_setup = 1;
        plan = predict(&s);
        CHECK(plan.n_advice >= 2);
        for (size_t i = 0; i < plan.n_advice; i++) {
                CHECK(plan.advice[i].saves > PLAN_WORTH);
                CHECK(is_near(plan.advice[i].saves, 1 - plan.advice[i].makespan / plan.sim.makespan));
                CHECK(i == 0 || plan.advice[i].saves <= plan.advice[i - 1].saves);
        }
        plan_result_finish(&plan);
}

/* One item holds everything up: the rest fits on one CPU more. */
static void test_fewer_cpus_are_enough(void)
{
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 11, 1, 8);
        s.items[0].seconds = 10;
        plan = predict(&s);
        CHECK(is_near(plan.sim.makespan, 10));
        CHECK_INT(plan.enough, 2);
        plan_result_finish(&plan);
}

static void test_what_runs_alone_comes_after(void)
{
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 5, 1, 2);
        s.items[4].alone = true;
        s.items[4].seconds = 7;
        s.in.beside = 0.5;
        plan = predict(&s);
        CHECK(is_near(plan.sim.makespan, 2));
        CHECK(is_near(plan.bound, 2));
        CHECK(is_near(plan.alone, 7));
        CHECK(is_near(plan.total, 9.5));
        CHECK(is_near(plan.serial, 11));
        CHECK_INT(plan.n_ran, 4);
        plan_result_finish(&plan);
}

static void test_nothing_but_what_runs_alone(void)
{
        struct plan_result plan;
        struct scene s;

        scene_init(&s, 1, 1, 2);
        s.items[0].alone = true;
        plan = predict(&s);
        CHECK(is_near(plan.sim.makespan, 0));
        CHECK_INT(plan.critical, DISPATCH_NONE);
        CHECK_INT(plan.n_advice, 0);
        CHECK(plan.total < 0);
        plan_result_finish(&plan);
}

/* Two P cores with two threads, two E cores at half the speed. */
static void make_hybrid(struct run_machine *m)
{
        const struct machine_kind kinds[] = {{.name = "P", .speed = 1}, {.name = "E", .speed = 0.5}};
        struct machine_pu *pus = calloc(6, sizeof(*pus));

        CHECK(pus);
        for (unsigned i = 0; i < 6; i++)
                pus[i] = i < 4 ? (struct machine_pu){.os = i, .core = i / 2, .smt_rank = i % 2}
                               : (struct machine_pu){.os = i, .core = i - 2, .kind = 1};
        CHECK_INT(machine_init(pus, 6, kinds, 2, &m->machine), 0);
        speeds_init(&m->speeds, &m->machine);
        m->asked = m->known = true;
}

static void test_the_next_cpu_in_the_order_of_lending(void)
{
        const unsigned spare[] = {1, 3, 4, 5};
        struct run_machine m = {0};
        const struct plan_advice *worker;
        struct plan_result plan;
        struct scene s;

        make_hybrid(&m);
        scene_init(&s, 60, 1, 2);
        run_machine_rate(&m, (const unsigned[]){0, 2}, 2, s.pus);
        s.in.machine = &m;
        for (size_t i = 0; i < sizeof(spare) / sizeof(spare[0]); i++)
                cpuset_add(&s.in.spare, spare[i]);
        plan = predict(&s);
        worker = find(&plan, PLAN_WORKER);
        CHECK(worker);
        CHECK_INT(worker->pu, 4);
        CHECK(worker->saves > 0.15 && worker->saves < 0.2 + 1e-4); /* a fast core's half in two and a half */
        CHECK(!find(&plan, PLAN_CORE));
        plan_result_finish(&plan);
        run_machine_finish(&m);
}

static char *print(const struct scene *s, const struct plan_result *plan, bool schedule)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        CHECK(out);
        CHECK_INT(plan_print(&s->in, plan, schedule, out), 0);
        CHECK_INT(fclose(out), 0);
        return text;
}

static void test_text(void)
{
        static const char expected[] =
                "4 tests on 2 workers (CPUs 0-1)\n"
                "  tests            6.00 s  bound 6.00 s (100 %)\n"
                "  alone            2.00 s  tests that run when all others are done\n"
                "  whole run        8.50 s  with collection, start and reports, 0.50 s last time\n"
                "  serially        10.00 s  tests alone, 1.2x\n"
                "  busy               67 %  of the CPUs' time\n"
                "  critical         6.00 s  100 % of the time: t.py::\\x1b[31m\n"
                "  known               3    tests by their times; 1 guessed\n"
                "\n"
                "What would help most:\n"
                "  33 % less (4.00 s): t.py::\\x1b[31m split in two: alone it takes 100 % of the "
                "run\n"
                "\n"
                "     BEGIN   SECONDS  CPU  TEST\n"
                "gw0\n"
                "     0.000     6.000    0  t.py::\\x1b[31m  (the longest left)\n"
                "gw1\n"
                "     0.000     1.000    1  t.py::t0  (the longest left)\n"
                "     1.000     1.000    1  t.py::t2  (the longest left)\n"
                "when all workers are gone\n"
                "                           t.py::t3\n";
        struct plan_result plan;
        struct scene s;
        char *text;

        scene_init(&s, 4, 1, 2);
        s.items[1].seconds = 6;
        s.ids[1] = "t.py::\033[31m";
        s.items[3].alone = true;
        s.items[3].seconds = 2;
        s.in.beside = 0.5;
        s.in.n_known = 3;
        plan = predict(&s);
        text = print(&s, &plan, true);
        CHECK_STR(text, expected);
        free(text);
        plan_result_finish(&plan);
}

static void test_json_takes_any_name(void)
{
        struct plan_result plan;
        const char *id;
        struct scene s;
        json_t *json;

        scene_init(&s, 2, 1, 1);
        s.ids[0] = "t.py::\xff";
        plan = predict(&s);
        json = plan_json(&s.in, &plan, true);
        CHECK(json);
        CHECK_INT(json_array_size(json_object_get(json, "schedule")), 2);
        id = json_string_value(json_object_get(json_array_get(json_object_get(json, "schedule"), 0), "id"));
        CHECK_STR(id, "t.py::\\xff");
        json_decref(json);
        json = plan_json(&s.in, &plan, false);
        CHECK(json && !json_object_get(json, "schedule"));
        json_decref(json);
        plan_result_finish(&plan);
}

static void test_patterns(void)
{
        CHECK(plan_past_matches("a/test_b.py", "a/test_b.py::test_c"));
        CHECK(plan_past_matches("a", "a/test_b.py::test_c"));
        CHECK(plan_past_matches("a/", "a/test_b.py::test_c"));
        CHECK(plan_past_matches("a/test_b.py::test_c", "a/test_b.py::test_c[1]"));
        CHECK(plan_past_matches("a/test_b.py::test_c[1]", "a/test_b.py::test_c[1]"));
        CHECK(plan_past_matches("*[1]", "a/test_b.py::test_c[1]"));
        CHECK(plan_past_matches("a/test_?.py::*", "a/test_b.py::test_c"));
        CHECK(plan_past_matches("*\\d*", "a/test_b.py::test_c[\\d]"));
        CHECK(!plan_past_matches("a/test_b.py::test", "a/test_b.py::test_c"));
        CHECK(!plan_past_matches("test_b.py", "a/test_b.py::test_c"));
        CHECK(!plan_past_matches("*[2]", "a/test_b.py::test_c[1]"));
        CHECK(!plan_past_matches("", "a"));
        CHECK(!plan_past_matches("a?", "a"));
}

int main(void)
{
        test_one_long_item_is_to_be_split();
        test_long_items_beside_each_other_are_to_be_split_together();
        test_nothing_helps_where_each_has_a_cpu();
        test_more_cores_help_where_all_are_busy();
        test_floating_workers_get_their_core_too();
        test_a_dear_fixture_is_named();
        test_the_sessions_fixtures_are_paid_by_each_worker();
        test_a_serial_group_is_named();
        test_the_greatest_saving_comes_first();
        test_fewer_cpus_are_enough();
        test_what_runs_alone_comes_after();
        test_nothing_but_what_runs_alone();
        test_the_next_cpu_in_the_order_of_lending();
        test_text();
        test_json_takes_any_name();
        test_patterns();
        return 0;
}
