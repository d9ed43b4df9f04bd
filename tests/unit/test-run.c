/* The run's parsers and records: what reporters and workers say, lists in the environment. */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_deal.h"
#include "cli/run_dir.h"
#include "cli/run_env.h"
#include "cli/run_measure.h"
#include "cli/run_message.h"
#include "lib/util.h"
#include "tests/unit/test.h"

static int parse_suite(const char *text)
{
        json_t *message = json_loads(text, 0, NULL);
        struct run_listing listing;
        int r;

        CHECK(message);
        r = run_message_suite(message, &listing);
        if (r == 0)
                run_listing_finish(&listing);
        json_decref(message);
        return r;
}

#define SUITE(items, group, groups)                                                                                    \
        "{\"items\":" items ",\"group\":" group ",\"groups\":" groups ",\"start\":\"fork\",\"why\":\"\"}"

static void test_suite_messages(void)
{
        static const struct {
                const char *text;
                int result;
        } cases[] = {
                {SUITE("[]", "[]", "[]"), 0},
                {SUITE("[\"a\"]", "[-1]", "[]"), 0},
                {SUITE("[\"a\"]", "[1]", "[{\"id\":\"m\",\"parent\":-1},{\"id\":\"c\",\"parent\":0}]"), 0},
                {SUITE("[\"a\"]", "[0]", "[]"), -EPROTO},
                {SUITE("[\"a\"]", "[-2]", "[]"), -EPROTO},
                {SUITE("[\"a\"]", "[0.5]", "[]"), -EPROTO},
                {SUITE("[\"a\"]", "[]", "[]"), -EPROTO},
                {SUITE("[1]", "[-1]", "[]"), -EPROTO},
                {SUITE("[]", "[]", "[{\"id\":\"m\",\"parent\":0}]"), -EPROTO},
                {SUITE("[]", "[]", "[{\"parent\":-1}]"), -EPROTO},
                {SUITE("[]", "[]", "[7]"), -EPROTO},
                {SUITE("{}", "[]", "[]"), -EPROTO},
                {"{\"items\":[],\"group\":[],\"groups\":[],\"start\":\"thread\"}", -EPROTO},
                {"{\"items\":[],\"group\":[],\"start\":\"fork\"}", -EPROTO},
                {"{}", -EPROTO},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                CHECK_INT(parse_suite(cases[i].text), cases[i].result);
}

#define CONSTRAINED(fields)                                                                                            \
        "{\"items\":[\"a\",\"b\",\"c\"],\"group\":[-1,-1,-1],\"groups\":[],\"start\":\"fork\"," fields "}"

/* Order, and what must not run beside others. */
static void test_constraints(void)
{
        static const char *const wrong[] = {
                CONSTRAINED("\"ordered\":1"),       CONSTRAINED("\"serial\":{}"),
                CONSTRAINED("\"serial\":[0,0]"),    CONSTRAINED("\"serial\":[0,0,3]"),
                CONSTRAINED("\"serial\":[0,0,-2]"), CONSTRAINED("\"serial\":[0,0,null]"),
                CONSTRAINED("\"alone\":[3]"),       CONSTRAINED("\"alone\":[-1]"),
                CONSTRAINED("\"alone\":true"),      CONSTRAINED("\"alone\":[0,1,2,0]"),
        };
        json_t *message = json_loads(CONSTRAINED("\"ordered\":true,\"serial\":[2,-1,2],\"alone\":[1]"), 0, NULL);
        struct run_listing l;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                CHECK_INT(parse_suite(wrong[i]), -EPROTO);
        CHECK_INT(run_message_suite(message, &l), 0);
        CHECK(l.ordered && l.serial[0] == 3 && l.serial[1] == 0 && l.serial[2] == 3);
        CHECK(l.alone.n == 1 && l.alone.items[0] == 1);
        run_listing_finish(&l);
        json_decref(message);
        message = json_loads(CONSTRAINED("\"ordered\":false"), 0, NULL);
        CHECK_INT(run_message_suite(message, &l), 0);
        CHECK(!l.ordered && !l.serial && l.alone.n == 0);
        run_listing_finish(&l);
        json_decref(message);
}

#define GROUPED(second) SUITE("[\"a\"]", "[1]", "[{\"id\":\"p\",\"parent\":-1,\"loose\":true}," second "]")

static void test_loose_groups(void)
{
        static const char *const wrong[] = {
                GROUPED("{\"id\":\"q\",\"parent\":0,\"loose\":1}"),
                GROUPED("{\"id\":\"m\",\"parent\":0},{\"id\":\"q\",\"parent\":1,\"loose\":true}"),
        };
        json_t *message = json_loads(GROUPED("{\"id\":\"m\",\"parent\":0}"), 0, NULL);
        struct run_listing l;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                CHECK_INT(parse_suite(wrong[i]), -EPROTO);
        CHECK_INT(run_message_suite(message, &l), 0);
        CHECK(l.group_loose[0] && !l.group_loose[1]);
        run_listing_finish(&l);
        json_decref(message);
}

#define NEEDY(needs) CONSTRAINED("\"needs\":" needs)

static void test_needs_that_cannot_be(void)
{
        static const char *const wrong[] = {
                NEEDY("{}"),
                NEEDY("[1]"),
                NEEDY("[{}]"),
                NEEDY("[{\"item\":3}]"),
                NEEDY("[{\"item\":-1}]"),
                NEEDY("[{\"item\":0,\"cpus\":1}]"),
                NEEDY("[{\"item\":0,\"cpus\":4097}]"),
                NEEDY("[{\"item\":0,\"cpus\":2.5}]"),
                NEEDY("[{\"item\":0,\"memory\":0}]"),
                NEEDY("[{\"item\":0,\"memory\":2147483648}]"),
                NEEDY("[{\"item\":0,\"memory\":\"2G\"}]"),
                NEEDY("[{\"item\":0,\"resources\":[\"db\"]}]"),
                NEEDY("[{\"item\":0,\"resources\":{\"db\":0}}]"),
                NEEDY("[{\"item\":0,\"resources\":{\"db\":null}}]"),
                NEEDY("[{\"item\":0,\"cpus\":2},{\"item\":0,\"cpus\":2}]"),
                NEEDY("[{\"item\":0},{\"item\":1},{\"item\":2},{\"item\":0}]"),
                NEEDY("[],\"resources\":[\"db\"]"),
                NEEDY("[],\"resources\":{\"db\":0}"),
                NEEDY("[],\"resources\":{\"db\":-1}"),
                CONSTRAINED("\"resources\":{\"db\":true}"),
                CONSTRAINED("\"early\":[3]"),
                CONSTRAINED("\"early\":{}"),
        };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                CHECK_INT(parse_suite(wrong[i]), -EPROTO);
        CHECK_INT(parse_suite(NEEDY("[]")), 0);
        CHECK_INT(parse_suite(CONSTRAINED("\"resources\":{\"db\":7}")), 0);
}

/* Whoever wants more than there is gets all of it; a resource that nobody counted has one unit. */
static void test_needs(void)
{
        json_t *message = json_loads(NEEDY("[{\"item\":2,\"resources\":{\"db\":9,\"port\":3},\"memory\":700},"
                                           "{\"item\":0,\"cpus\":4,\"memory\":100}],\"resources\":{\"db\":2},"
                                           "\"early\":[1]"),
                                     0, NULL);
        struct dispatch_item items[3] = {0};
        const struct dispatch_need *need;
        struct run_listing l;

        CHECK_INT(run_message_suite(message, &l), 0);
        CHECK(l.early.n == 1 && l.early.items[0] == 1);
        CHECK_INT(l.needs.n_resources, 3);
        CHECK_INT(l.needs.memory, 2);
        CHECK_STR(l.needs.names[0], "db");
        CHECK_STR(l.needs.names[1], "port");
        CHECK_INT(l.needs.capacities[0], 2);
        CHECK_INT(l.needs.capacities[1], 1);
        run_needs_limit_memory(&l.needs, UINT64_MAX);
        CHECK_INT(l.needs.capacities[2], RUN_AMOUNT_MAX);
        run_needs_limit_memory(&l.needs, (uint64_t)600 << 20);
        CHECK_INT(l.needs.capacities[2], 600);
        run_needs_tell(&l.needs, items, 3);
        CHECK(items[0].cpus == 4 && items[0].n_needs == 1 && items[1].n_needs == 0 && items[2].n_needs == 3);
        need = l.needs.needs + items[0].first_need;
        CHECK(need->resource == 2 && need->amount == 100);
        need = l.needs.needs + items[2].first_need;
        CHECK(need[0].resource == 0 && need[0].amount == 2);
        CHECK(need[1].resource == 1 && need[1].amount == 1);
        CHECK(need[2].resource == 2 && need[2].amount == 600);
        run_listing_finish(&l);
        json_decref(message);
}

static void test_exited_messages(void)
{
        static const struct {
                const char *text;
                int result;
        } cases[] = {
                {"{\"worker\":0,\"status\":9,\"running\":2,\"finished\":[0,1]}", 0},
                {"{\"worker\":0,\"status\":0,\"running\":-1,\"finished\":[]}", 0},
                {"{\"worker\":0,\"running\":3,\"finished\":[]}", -EPROTO},
                {"{\"worker\":0,\"running\":-1,\"finished\":[3]}", -EPROTO},
                {"{\"worker\":0,\"running\":-1,\"finished\":[-1]}", -EPROTO},
                {"{\"worker\":0,\"running\":-1,\"finished\":[0,0,0,0]}", -EPROTO},
                {"{\"worker\":0,\"running\":-1}", -EPROTO},
                {"{\"worker\":65536,\"running\":-1,\"finished\":[]}", -EPROTO},
                {"{\"worker\":\"0\",\"running\":-1,\"finished\":[]}", -EPROTO},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *message = json_loads(cases[i].text, 0, NULL);
                struct run_exited exited;

                CHECK(message);
                CHECK_INT(run_message_exited(message, 3, &exited), cases[i].result);
                if (cases[i].result == 0)
                        run_exited_finish(&exited);
                json_decref(message);
        }
}

#define RESULT(lists) "{\"exit\":1,\"passed\":1,\"failed\":1,\"skipped\":0,\"errors\":0" lists "}"

static void test_result_messages(void)
{
        static const struct {
                const char *text;
                int result;
                size_t n_failed;
        } cases[] = {
                {RESULT(""), 0, 0},
                {RESULT(",\"failed_items\":[2],\"skipped_items\":[]"), 0, 1},
                {RESULT(",\"failed_items\":[2]"), -EPROTO, 0},
                {RESULT(",\"failed_items\":[3],\"skipped_items\":[]"), -EPROTO, 0},
                {RESULT(",\"failed_items\":[0],\"skipped_items\":[-1]"), -EPROTO, 0},
                {RESULT(",\"failed_items\":7,\"skipped_items\":[]"), -EPROTO, 0},
                {"{\"exit\":-1,\"passed\":1,\"failed\":1,\"skipped\":0,\"errors\":0}", -EPROTO, 0},
                {"{}", -EPROTO, 0},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *message = json_loads(cases[i].text, 0, NULL);
                struct run_result result = {0};

                CHECK(message);
                CHECK_INT(run_message_result(message, 3, &result), cases[i].result);
                CHECK_INT(result.failed_items.n, cases[i].n_failed);
                run_result_finish(&result);
                json_decref(message);
        }
}

static void test_lists(void)
{
        static const struct {
                const char *before, *word, *prepended, *appended;
        } cases[] = {
                {"", "/a", "/a", "/a"},
                {"/b", "/a", "/a:/b", "/b:/a"},
                {"/a:/b", "/a", "/a:/b", "/a:/b"},
                {"/b:/a", "/a", "/b:/a", "/b:/a"},
                {"/ab", "/a", "/a:/ab", "/ab:/a"},
                {":/b", "/a", "/a::/b", ":/b:/a"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                setenv("LIST", cases[i].before, 1);
                CHECK_INT(run_env_prepend("LIST", cases[i].word, ':'), 0);
                CHECK_STR(getenv("LIST"), cases[i].prepended);
                setenv("LIST", cases[i].before, 1);
                CHECK_INT(run_env_append("LIST", cases[i].word, ':'), 0);
                CHECK_STR(getenv("LIST"), cases[i].appended);
        }
}

/* Who makes one removes those that nobody holds any more, with what is in them, and no others. */
static void test_abandoned_dirs(void)
{
        char first[RUN_DIR_MAX], second[RUN_DIR_MAX], third[RUN_DIR_MAX], in_first[RUN_DIR_MAX + 8];
        int first_held, copy, second_held, third_held;

        CHECK_INT(run_dir_create(first, &first_held), 0);
        snprintf(in_first, sizeof(in_first), "%s/in", first);
        CHECK_INT(mkfifo(in_first, 0600), 0);
        copy = dup(first_held);
        close(first_held);
        CHECK_INT(run_dir_create(second, &second_held), 0);
        CHECK_INT(access(in_first, F_OK), 0);
        close(copy);
        CHECK_INT(run_dir_create(third, &third_held), 0);
        CHECK_INT(access(first, F_OK), -1);
        CHECK_INT(access(second, F_OK), 0);
        run_dir_remove(second);
        run_dir_remove(third);
        close(second_held);
        close(third_held);
}

/* What was not read can be taken back, once; a number may be used again. */
static void test_deal(void)
{
        const struct run_deal_record records[] = {{RUN_DEAL_RUN, 5}, {RUN_DEAL_RUN_REPORT, 6}, {RUN_DEAL_END, 0}};
        char parent[RUN_DIR_MAX], dir[RUN_DIR_MAX + 8];
        CLEANUP_CLOSE int held = -1;
        struct run_deal d = {0};
        uint32_t items[4];
        bool end;

        CHECK_INT(run_dir_create(parent, &held), 0);
        snprintf(dir, sizeof(dir), "%s/suite", parent);
        CHECK_INT(run_deal_open(&d, dir), 0);
        CHECK_INT(run_deal_send(&d, 0, records, 1), -ENOENT);
        CHECK_INT(run_deal_add_worker(&d, 1), 0);
        CHECK_INT(run_deal_send(&d, 1, records, 3), 0);
        CHECK_INT(run_deal_recall(&d, 1, items, 4, &end), 2);
        CHECK(end);
        CHECK_INT(items[1], 6);
        CHECK_INT(run_deal_recall(&d, 1, items, 4, &end), 0);
        CHECK(!end);
        CHECK_INT(run_deal_send(&d, 1, records, 1), 0);
        run_deal_drop_worker(&d, 1);
        CHECK_INT(run_deal_add_worker(&d, 1), 0);
        CHECK_INT(run_deal_recall(&d, 1, items, 4, &end), 0);
        run_deal_close(&d);
        CHECK_INT(access(dir, F_OK), -1);
        run_dir_remove(parent);
        CHECK_INT(access(parent, F_OK), -1);
}

/* Records come whole, however the bytes come. */
static void test_done_records(void)
{
        struct run_done_record in = {.op = RUN_DONE_DONE, .worker = 3, .arg = 7, .wall = 0.5}, out[RUN_DONE_BATCH];
        char parent[RUN_DIR_MAX], dir[RUN_DIR_MAX + 8];
        const char *bytes = (const char *)&in;
        CLEANUP_CLOSE int held = -1;
        struct run_deal d = {0};

        CHECK_INT(run_dir_create(parent, &held), 0);
        snprintf(dir, sizeof(dir), "%s/suite", parent);
        CHECK_INT(run_deal_open(&d, dir), 0);
        CHECK_INT(run_deal_read(&d, out), 0);
        CHECK_INT(write(d.done, bytes, 20), 20);
        CHECK_INT(run_deal_read(&d, out), 0);
        CHECK_INT(write(d.done, bytes + 20, 12), 12);
        CHECK_INT(write(d.done, bytes, 32), 32);
        CHECK_INT(run_deal_read(&d, out), 2);
        CHECK(memcmp(&out[0], &in, sizeof(in)) == 0 && memcmp(&out[1], &in, sizeof(in)) == 0);
        run_deal_close(&d);
        run_dir_remove(parent);
}

static void record(struct run_measure *m, uint64_t now, enum run_done_op op, uint32_t arg, double wall)
{
        struct run_done_record r = {.op = (uint16_t)op, .arg = arg, .wall = wall, .cpu = wall};

        run_measure_record(m, now, &r, 1.0);
}

/* A suite of items that nobody shares fixtures for, on two equal PUs from second 1 on. */
struct measured {
        json_t *message;
        struct run_listing listing;
        struct run_measure measure;
};

static const struct dispatch_pu two_pus[] = {{.os = 0, .speed = 1.0}, {.os = 1, .speed = 1.0}};

static void measured_init(struct measured *t, const char *suite)
{
        t->message = json_loads(suite, 0, NULL);
        CHECK_INT(run_message_suite(t->message, &t->listing), 0);
        CHECK_INT(run_measure_init(&t->measure, &t->listing), 0);
        CHECK_INT(run_measure_pus(&t->measure, 1000000, two_pus, 2), 0);
        t->measure.begun = 1000000;
}

static struct run_measure_figures measured_figures(struct measured *t)
{
        const struct dispatch_params limits = {0};
        struct run_measure_figures f, figures;

        CHECK_INT(run_measure_figures(&t->measure, &t->listing, &limits, &f), 0);
        figures = f;
        run_measure_figures_finish(&f);
        return figures;
}

static void measured_finish(struct measured *t)
{
        run_measure_finish(&t->measure);
        run_listing_finish(&t->listing);
        json_decref(t->message);
}

static bool is_near(double a, double b)
{
        return fabs(a - b) < 1e-9;
}

/* Two items of 1 s and 2 s whose module takes 0.5 s to set up. */
static void test_figures(void)
{
        struct run_measure_figures f;
        struct measured t;

        measured_init(&t, SUITE("[\"a\",\"b\"]", "[0,0]", "[{\"id\":\"m\",\"parent\":-1}]"));
        f = measured_figures(&t);
        CHECK(f.bound == 0 && f.makespan == 0);
        record(&t.measure, 1500000, RUN_DONE_SETUP, 0, 0.5);
        record(&t.measure, 1500000, RUN_DONE_SETUP, 0, 0.5);
        record(&t.measure, 2500000, RUN_DONE_DONE, 0, 1);
        record(&t.measure, 3500000, RUN_DONE_DONE, 1, 2);
        CHECK_INT(t.measure.n_done, 2);
        f = measured_figures(&t);
        CHECK(is_near(f.makespan, 2.5));
        CHECK(is_near(f.serial, 3.5));
        CHECK(f.bound > 1.99 && f.bound <= f.makespan);
        measured_finish(&t);
}

/* Items of 1, 1 and 2 s, the long one last, done after 3 s; PU 1 goes away after the first second. The bound is 2 s
 * where the suite had no use for PU 1, and 3 s where it was taken away. */
static void test_bound(bool spare, double bound)
{
        struct run_measure_figures f;
        struct measured t;

        measured_init(&t, SUITE("[\"a\",\"b\",\"c\"]", "[-1,-1,-1]", "[]"));
        record(&t.measure, 2000000, RUN_DONE_DONE, 0, 1);
        record(&t.measure, 2000000, RUN_DONE_DONE, 1, 1);
        if (spare)
                run_measure_spare(&t.measure, 1);
        CHECK_INT(run_measure_pus(&t.measure, 2000000, two_pus, 1), 0);
        record(&t.measure, 4000000, RUN_DONE_DONE, 2, 2);
        f = measured_figures(&t);
        CHECK(is_near(f.makespan, 3));
        CHECK(is_near(f.bound, bound));
        measured_finish(&t);
}

/* Two items that wait for most of their time, one after the other because of what both need, and a session's fixture:
 * 4 s are the least that two PUs and any number of workers take. */
static void test_figures_of_waiting(void)
{
        const struct dispatch_params limits = {.extra_workers = 8};
        struct run_done_record waits = {.op = RUN_DONE_DONE, .wall = 2, .cpu = 0.1};
        struct run_measure_figures f;
        struct measured t;

        measured_init(
                &t,
                "{\"items\":[\"a\",\"b\"],\"group\":[-1,-1],\"groups\":[],\"start\":\"fork\",\"needs\":[{\"item\":0,"
                "\"resources\":{\"db\":1}},{\"item\":1,\"resources\":{\"db\":1}}]}");
        record(&t.measure, 1500000, RUN_DONE_SETUP, RUN_NO_INDEX, 0.5);
        run_measure_record(&t.measure, 4000000, &waits, 1);
        waits.arg = 1;
        run_measure_record(&t.measure, 6000000, &waits, 0.5);
        CHECK_INT(run_measure_figures(&t.measure, &t.listing, &limits, &f), 0);
        CHECK(is_near(f.makespan, 5));
        CHECK(f.bound > 3.9 && f.bound <= 4);
        CHECK(is_near(f.serial, 0.5 + 2 + 1.95));
        CHECK(is_near(f.in_use[0], 0.8));
        run_measure_figures_finish(&f);
        measured_finish(&t);
}

/* Work is what was expected of an item, or else what it took; once. */
static void test_work_done(void)
{
        const struct dispatch_item expected[] = {{.seconds = 5}, {.seconds = -1}};
        const struct run_done_record slow = {.op = RUN_DONE_DONE, .arg = 1, .wall = 4, .cpu = 4};
        struct measured t;

        measured_init(&t, SUITE("[\"a\",\"b\"]", "[0,0]", "[{\"id\":\"m\",\"parent\":-1}]"));
        run_measure_expect(&t.measure, expected);
        CHECK(!run_measure_is_expected(&t.measure));
        record(&t.measure, 2000000, RUN_DONE_SETUP, 0, 0.5);
        CHECK(is_near(t.measure.work, 0.5));
        record(&t.measure, 2500000, RUN_DONE_DONE, 0, 1);
        record(&t.measure, 2500000, RUN_DONE_DONE, 0, 1);
        CHECK(is_near(t.measure.work, 5.5));
        run_measure_record(&t.measure, 3000000, &slow, 0.5);
        CHECK(is_near(t.measure.work, 7.5));
        measured_finish(&t);
}

int main(void)
{
        test_suite_messages();
        test_constraints();
        test_loose_groups();
        test_needs_that_cannot_be();
        test_needs();
        test_exited_messages();
        test_result_messages();
        test_lists();
        test_abandoned_dirs();
        test_deal();
        test_done_records();
        test_figures();
        test_work_done();
        test_figures_of_waiting();
        test_bound(true, 2);
        test_bound(false, 3);
        return 0;
}
