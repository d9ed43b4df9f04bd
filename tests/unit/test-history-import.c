/* Times from elsewhere: each format is read as its tool writes it, and what is not of the format is refused whole. */
#include <errno.h>
#include <expat.h>
#include <math.h>
#include <sys/stat.h>

#include "cli/history_export.h"
#include "cli/history_import.h"
#include "lib/util.h"
#include "tests/unit/test.h"

enum { PATH_SIZE = 512 };

static char dir[PATH_SIZE - 64];

static bool near(double a, double b)
{
        return fabs(a - b) < 1e-9;
}

static void make_file(const char *name)
{
        char path[PATH_SIZE];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        for (char *slash = strchr(path + strlen(dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
        f = fopen(path, "we");
        CHECK(f);
        CHECK_INT(fclose(f), 0);
}

static int parse(enum history_format format, const char *text, size_t size, struct history_import *import, char **error)
{
        *import = (struct history_import){0};
        *error = NULL;
        if (format == HISTORY_FORMAT_JUNIT)
                return history_import_junit(text, size, dir, import, error);
        if (format == HISTORY_FORMAT_CTEST)
                return history_import_ctest(text, size, import, error);
        return history_import_json(text, size, format, import, error);
}

static struct history_import read_good(enum history_format format, const char *text)
{
        struct history_import import;
        char *error;
        int r = parse(format, text, strlen(text), &import, &error);

        if (error)
                fprintf(stderr, "%s\n", error);
        CHECK_INT(r, 0);
        CHECK(!error);
        return import;
}

static void check_refused(enum history_format format, const char *text, size_t size, const char *expected)
{
        struct history_import import;
        char *error;
        int r = parse(format, text, size, &import, &error);

        if (r == 0)
                fprintf(stderr, "taken: %s\n", text);
        CHECK_INT(r, -EINVAL);
        CHECK(error);
        if (!strstr(error, expected))
                fprintf(stderr, "error is: %s\n", error);
        CHECK(strstr(error, expected));
        free(error);
        history_import_finish(&import);
}

#define CHECK_REFUSED(format, text, expected) check_refused(format, text, sizeof(text) - 1, expected)

static const struct history_import_item *item_of(const struct history_import *import, const char *id)
{
        for (size_t i = 0; i < import->n_items; i++)
                if (strcmp(import->items[i].id, id) == 0)
                        return &import->items[i];
        fprintf(stderr, "no %s\n", id);
        exit(1);
}

static double wall_of(const struct history_import *import, const char *id)
{
        return item_of(import, id)->estimate.wall;
}

/* pytest-split */

static const char durations[] =
        "{\n    \"tests/test_a.py::test_x\": 0.25,\n    \"tests/test_a.py::C::test_y[a::b]\": 3,\n"
        "    \"tests/test_a.py::C::test_z[\\u00e9\\\"]\": 1.5e-05\n}";

static void test_pytest_split(void)
{
        struct history_import import = read_good(HISTORY_FORMAT_PYTEST_SPLIT, durations);

        CHECK_INT(import.n_items, 3);
        CHECK(near(wall_of(&import, "tests/test_a.py::test_x"), 0.25));
        CHECK(near(wall_of(&import, "tests/test_a.py::C::test_y[a::b]"), 3));
        CHECK(near(wall_of(&import, "tests/test_a.py::C::test_z[\xc3\xa9\"]"), 1.5e-5));
        CHECK(import.items[0].estimate.n_samples == 1 && import.items[0].estimate.cpu < 0);
        CHECK_INT(import.n_groups, 2);
        CHECK_STR(import.groups[0].id, "tests/test_a.py");
        CHECK(!import.groups[0].parent);
        CHECK_STR(import.groups[1].id, "tests/test_a.py::C");
        CHECK_STR(import.groups[1].parent, "tests/test_a.py");
        history_import_finish(&import);

        import = read_good(HISTORY_FORMAT_AUTO, "[[\"a::x\", 1], [\"a::y\", 2], [\"a::x\", 0.5]]");
        CHECK_INT(import.n_items, 2);
        CHECK(near(wall_of(&import, "a::x"), 1.5));
        history_import_finish(&import);
        import = read_good(HISTORY_FORMAT_AUTO, "{}");
        CHECK_INT(import.n_items, 0);
        history_import_finish(&import);
}

static void test_bad_durations(void)
{
        const enum history_format format = HISTORY_FORMAT_PYTEST_SPLIT;

        CHECK_REFUSED(format, "", "line 1");
        CHECK_REFUSED(format, "{\"a\": 1,\n\"b\": }", "line 2, column");
        CHECK_REFUSED(format, "{\"a\": 1", "line 1");
        CHECK_REFUSED(format, "{\"a\": 1} x", "line 1");
        CHECK_REFUSED(format, "{\"a\": \"1\"}", "the value of \"a\" is no number of seconds");
        CHECK_REFUSED(format, "{\"a\": null}", "the value of \"a\"");
        CHECK_REFUSED(format, "{\"a\": true}", "the value of \"a\"");
        CHECK_REFUSED(format, "{\"a\": [1]}", "the value of \"a\"");
        CHECK_REFUSED(format, "{\"a\": -1}", "the value of \"a\"");
        CHECK_REFUSED(format, "{\"a\": 1e9}", "the value of \"a\"");
        CHECK_REFUSED(format, "{\"a\": 1e999}", "line 1");
        CHECK_REFUSED(format, "{\"a\": 99999999999999999999999999}", "line 1");
        CHECK_REFUSED(format, "{\"a\": NaN}", "line 1");
        CHECK_REFUSED(format, "{\"a\": Infinity}", "line 1");
        CHECK_REFUSED(format, "{\"a\": 1, \"a\": 2}", "duplicate");
        CHECK_REFUSED(format, "{\"a\\u0000b\": 1}", "line 1");
        CHECK_REFUSED(format, "{\"a\0b\": 1}", "line 1");
        CHECK_REFUSED(format, "{\"a\": 1}\0", "line 1");
        CHECK_REFUSED(format, "{\"\xff\": 1}", "unable to decode");
        CHECK_REFUSED(format, "{\"\": 1}", "without a name");
        CHECK_REFUSED(format, "[1]", "element 0");
        CHECK_REFUSED(format, "[[\"a\", 1], [\"b\"]]", "element 1");
        CHECK_REFUSED(format, "[[\"a\", 1, 2]]", "element 0");
}

static void test_deep_json(void)
{
        enum { DEPTH = 100000 };
        char *text = malloc(DEPTH + 1);

        CHECK(text);
        memset(text, '[', DEPTH);
        text[DEPTH] = '\0';
        check_refused(HISTORY_FORMAT_AUTO, text, DEPTH, "maximum parsing depth");
        free(text);
}

/* JUnit */

static const char junit[] =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<testsuites><testsuite name=\"pytest\" tests=\"9\" time=\"0.1\">\n"
        "<testcase classname=\"tests.unit.test_a.TestB.TestInner\" name=\"test_c[a.b::c&lt;d]\" time=\"0.021\" />\n"
        "<testcase classname=\"tests.unit.test_a\" name=\"test_plain\" time=\"0.5\"><properties><property "
        "name=\"failure\""
        " value=\"\" /></properties></testcase>\n"
        "<testcase classname=\"tests.unit.test_a\" name=\"test_fail\" time=\"1\"><failure message=\"m\">text</failure>"
        "</testcase>\n"
        "<testcase classname=\"tests.unit.test_a\" name=\"test_plain\" time=\".25\"><error>in "
        "teardown</error></testcase>\n"
        "<testcase classname=\"tests.unit.test_a\" name=\"test_skip\" time=\"0.0\"><skipped type=\"x\" /></testcase>\n"
        "<testcase classname=\"v1.2.test_z\" name=\"test_z\" time=\"2\" />\n"
        "<testcase classname=\"docs.intro.rst\" name=\"intro.rst\" time=\"3\" />\n"
        "<testcase classname=\"org.example.FooTest\" name=\"bar\" time=\"3\" />\n"
        "<testcase classname=\"pkg.test_same\" name=\"one\" file=\"pkg/test_same.py\" time=\"4\" />\n"
        "<testcase classname=\"tests.unit.test_a\" name=\"no_time\" />\n"
        "<testcase classname=\"tests.unit.test_a\" name=\"odd_time\" time=\"1,000.5\" />\n"
        "<testcase name=\"no class\" time=\"1\" />\n"
        "</testsuite></testsuites>\n";

static void test_junit(void)
{
        struct history_import import = read_good(HISTORY_FORMAT_JUNIT, junit);

        CHECK_INT(import.n_items, 6);
        CHECK_INT(import.n_left_out, 5);
        CHECK(near(wall_of(&import, "tests/unit/test_a.py::TestB::TestInner::test_c[a.b::c<d]"), 0.021));
        CHECK(near(wall_of(&import, "tests/unit/test_a.py::test_plain"), 0.75));
        CHECK(near(wall_of(&import, "v1.2/test_z.py::test_z"), 2));
        CHECK(near(wall_of(&import, "docs/intro.rst::intro.rst"), 3));
        CHECK(near(wall_of(&import, "pkg/test_same.py::one"), 4));
        CHECK_INT(item_of(&import, "tests/unit/test_a.py::test_plain")->estimate.outcome, ESTIMATE_FAILED);
        CHECK_INT(item_of(&import, "tests/unit/test_a.py::test_fail")->estimate.outcome, ESTIMATE_FAILED);
        CHECK_INT(item_of(&import, "v1.2/test_z.py::test_z")->estimate.outcome, ESTIMATE_PASSED);
        CHECK_STR(import.groups[0].id, "tests/unit/test_a.py");
        CHECK_STR(import.groups[2].id, "tests/unit/test_a.py::TestB::TestInner");
        CHECK_STR(import.groups[2].parent, "tests/unit/test_a.py::TestB");
        history_import_finish(&import);
}

static void test_bad_junit(void)
{
        static const char bomb[] =
                "<?xml version=\"1.0\"?>\n<!DOCTYPE t [<!ENTITY a \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\">"
                "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]>\n"
                "<testsuite><testcase classname=\"&c;\" name=\"x\" time=\"1\"/></testsuite>";
        const enum history_format format = HISTORY_FORMAT_JUNIT;
        XML_Expat_Version version = XML_ExpatVersionInfo();

        CHECK(version.major > 2 || version.minor >= 4); /* entities that grow have limits from there on */
        CHECK_REFUSED(format, bomb, "document type declaration");
        CHECK_REFUSED(format, "<!DOCTYPE t SYSTEM \"file:///etc/passwd\"><testsuite/>", "document type declaration");
        CHECK_REFUSED(format, "<testsuite>&a;</testsuite>", "undefined entity");
        CHECK_REFUSED(format, "", "line 1");
        CHECK_REFUSED(format, "text", "line 1, column 1");
        CHECK_REFUSED(format, "<testsuite>\n<testcase>\n</testsuite>", "line 3");
        CHECK_REFUSED(format, "<testsuite><testcase name=\"a\" name=\"b\"/></testsuite>", "duplicate attribute");
        CHECK_REFUSED(format, "<testsuite>\0</testsuite>", "line 1");
        CHECK_REFUSED(format, "<testsuite>\xff</testsuite>", "line 1");
        CHECK_REFUSED(format, "<testsuite/><testsuite/>", "line 1");
        CHECK_REFUSED(format, "<?xml version=\"1.0\" encoding=\"none\"?><testsuite/>", "encoding");
}

static void test_deep_xml(void)
{
        enum { DEPTH = 1000 };
        char text[3 * DEPTH + 1] = "";

        for (int i = 0; i < DEPTH; i++)
                strcpy(text + (size_t)3 * (size_t)i, "<a>");
        check_refused(HISTORY_FORMAT_JUNIT, text, sizeof(text) - 1, "nested too deeply");
}

/* A classname cannot make the search leave the project or go on for long. */
static void test_hostile_classnames(void)
{
        static char text[8192];
        struct history_import import;
        char dots[2001];

        memset(dots, '.', sizeof(dots));
        dots[sizeof(dots) - 1] = '\0';
        snprintf(text, sizeof(text),
                 "<testsuite><testcase classname=\"%s\" name=\"x\" time=\"1\"/>"
                 "<testcase classname=\"\" name=\"x\" time=\"1\"/><testcase classname=\"../outside\" name=\"x\" "
                 "time=\"1\"/>"
                 "<testcase classname=\"..outside\" name=\"x\" time=\"1\"/>"
                 "<testcase classname=\"outside\" file=\"../outside.py\" name=\"x\" time=\"1\"/>"
                 "<testcase classname=\"etc.passwd\" file=\"/etc/passwd\" name=\"x\" time=\"1\"/>"
                 "<testcase classname=\"pkg.test_same\" name=\"\" time=\"1\"/></testsuite>",
                 dots);
        import = read_good(HISTORY_FORMAT_JUNIT, text);
        CHECK_INT(import.n_items, 0);
        CHECK_INT(import.n_left_out, 7);
        history_import_finish(&import);
}

/* CTest */

static const char ctest[] =
        "Alpha 3 0.5\nname with spaces 1 2.25\nNever 0 0\n\nFoo::bar 12 1e-3\n---\nFoo::bar\nGone\n";

static void test_ctest(void)
{
        struct history_import import = read_good(HISTORY_FORMAT_CTEST, ctest);

        CHECK_INT(import.n_items, 3);
        CHECK_INT(import.n_left_out, 1);
        CHECK_INT(import.n_groups, 0);
        CHECK(near(wall_of(&import, "Alpha"), 0.5) && near(wall_of(&import, "name with spaces"), 2.25));
        CHECK_INT(item_of(&import, "Alpha")->estimate.outcome, ESTIMATE_PASSED);
        CHECK_INT(item_of(&import, "Foo::bar")->estimate.outcome, ESTIMATE_FAILED);
        history_import_finish(&import);
}

static void test_bad_ctest(void)
{
        const enum history_format format = HISTORY_FORMAT_CTEST;

        CHECK_REFUSED(format, "Alpha 3 0.5\nBeta\n", "line 2 is not");
        CHECK_REFUSED(format, "Alpha 0.5\n", "line 1 is not");
        CHECK_REFUSED(format, "Alpha 3 x\n", "line 1 is not");
        CHECK_REFUSED(format, "Alpha x 3\n", "line 1 is not");
        CHECK_REFUSED(format, "Alpha -3 1\n", "line 1 is not");
        CHECK_REFUSED(format, "Alpha 3 -1\n", "line 1 is not");
        CHECK_REFUSED(format, "Alpha 3 nan\n", "line 1 is not");
        CHECK_REFUSED(format, "Alpha 3 1e400\n", "line 1 is not");
        CHECK_REFUSED(format, "Alpha 3 0x10\n", "line 1 is not");
        CHECK_REFUSED(format, " 3 1\n", "line 1 is not");
        CHECK_REFUSED(format, "\xff 3 1\n", "line 1 is not UTF-8");
        CHECK_REFUSED(format, "Alpha 3 0.5\nBe\0ta 1 1\n", "NUL byte at 14");
}

/* schedctl's own */

#define HEAD "{\"schedctlHistory\": 1, \"runs\": 2, \"wall\": 1, \"collection\": 0, \"serial\": 0, "
#define ITEM                                                                                                           \
        "{\"id\": \"a::x\", \"samples\": 2, \"wall\": 1, \"spread\": 0, \"last\": 1, \"rss\": 5, \"outcome\": "        \
        "\"passed\"}"

static void test_bad_exports(void)
{
        const enum history_format format = HISTORY_FORMAT_AUTO;

        CHECK_REFUSED(HISTORY_FORMAT_SCHEDCTL, "{}", "is not there");
        CHECK_REFUSED(HISTORY_FORMAT_SCHEDCTL, "[]", "is not there");
        CHECK_REFUSED(format, "{\"schedctlHistory\": 99}", "a newer schedctl");
        CHECK_REFUSED(format, "{\"schedctlHistory\": \"1\"}", "no version");
        CHECK_REFUSED(format, "{\"schedctlHistory\": 1}", "\"runs\"");
        CHECK_REFUSED(format, HEAD "\"items\": []}", "\"groups\"");
        CHECK_REFUSED(format, HEAD "\"items\": [" ITEM ", {}], \"groups\": []}", "item 1");
        CHECK_REFUSED(format, HEAD "\"items\": [" ITEM ", " ITEM "], \"groups\": []}", "two items have the same id");
        CHECK_REFUSED(format, HEAD "\"items\": [7], \"groups\": []}", "item 0");
        CHECK_REFUSED(format, HEAD "\"items\": [], \"groups\": [{}]}", "group 0");
        CHECK_REFUSED(format, HEAD "\"items\": [], \"groups\": [{\"id\": \"a\", \"setup\": -2}]}", "group 0 (a)");
        CHECK_REFUSED(format, HEAD "\"items\": [], \"groups\": [{\"id\": \"a\", \"parent\": 1}]}", "group 0 (a)");
}

/* Each field in turn is missing or of another type. */
static void test_bad_fields(void)
{
        static const char *const fields[] = {"id", "samples", "wall", "spread", "last", "rss", "outcome"};
        static const char *const values[] = {"null", "-1", "{}", "\"\"", "1e300"};

        for (size_t f = 0; f < ELEMENTSOF(fields); f++)
                for (size_t v = 0; v < ELEMENTSOF(values); v++) {
                        char text[1024], key[32], *at;
                        const char *rest;

                        snprintf(key, sizeof(key), "\"%s\": ", fields[f]);
                        at = strstr(ITEM, key);
                        CHECK(at);
                        rest = at + strcspn(at, ",}");
                        snprintf(text, sizeof(text), "%s\"items\": [%.*s%s%s%s], \"groups\": []}", HEAD,
                                 (int)(at - ITEM), ITEM, key, values[v], rest);
                        check_refused(HISTORY_FORMAT_AUTO, text, strlen(text), "item 0");
                }
}

/* Whatever a file is cut off at or has wrong in one byte, it is taken or refused, and nothing else. */
static void test_damage(enum history_format format, const char *text, size_t size)
{
        char *copy = malloc(size + 1);
        struct history_import import;
        char *error;

        CHECK(copy);
        for (size_t i = 0; i < size; i++)
                for (int damage = 0; damage < 4; damage++) {
                        size_t length = damage == 0 ? i : size;
                        int r;

                        memcpy(copy, text, size + 1);
                        copy[i] = damage == 1   ? '\0'
                                  : damage == 2 ? (char)(copy[i] ^ 0x80)
                                  : damage == 3 ? '9'
                                                : copy[i];
                        r = parse(format, copy, length, &import, &error);
                        CHECK(r == 0 || r == -EINVAL);
                        CHECK((r < 0) == (error != NULL));
                        free(error);
                        history_import_finish(&import);
                }
        free(copy);
}

/* Into the history and out of it. */

static struct history *open_history(const char *name)
{
        char path[PATH_SIZE], *warning = NULL;
        struct history *h = NULL;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        CHECK_INT(history_open(path, &h, &warning), 0);
        CHECK(h && !warning);
        return h;
}

static struct history_merged merge(struct history *h, const struct history_import *import, bool replace)
{
        struct history_merged merged;
        char *warning = NULL;

        CHECK_INT(history_merge(h, "/p", import, 1, replace, 1000, &merged, &warning), 0);
        CHECK(!warning);
        return merged;
}

static char *export(struct history *h)
{
        struct history_list list;
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        CHECK(f);
        CHECK_INT(history_list(h, "/p", &list), 1);
        CHECK_INT(history_export_write(&list, f), 0);
        history_list_finish(&list);
        CHECK_INT(fclose(f), 0);
        return text;
}

static struct estimate estimate_of(struct history *h, const char *id)
{
        struct estimate e;

        CHECK_INT(history_load(h, "/p", &id, 1, &e), 1);
        return e;
}

static void measure(struct history *h, const char *id, double wall)
{
        struct history_item item = {
                id, 0, {.wall = wall, .cpu = wall / 2, .rss = 77, .speed = 0.7, .outcome = ESTIMATE_PASSED}};
        struct history_group groups[] = {{.id = "tests", .loose = true, .setup = -1},
                                         {.id = "tests/test_a.py", .parent = "tests", .setup = 0.1},
                                         {.id = HISTORY_SESSION, .setup = 1.0 / 3}};
        struct history_suite suite = {.items = &item, .n_items = 1, .n_collected = 1, .wall = 1.0 / 3, .now = 1000};
        char *warning = NULL;

        suite.groups = groups;
        suite.n_groups = 3;
        CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
        CHECK(!warning);
}

static void test_merging(void)
{
        struct history_import import = read_good(HISTORY_FORMAT_PYTEST_SPLIT, durations);
        struct history *h = open_history("merge.db");
        struct history_merged merged = merge(h, &import, false);
        const char *id = "tests/test_a.py::test_x";

        CHECK(merged.n_taken == 3 && merged.n_kept == 0);
        CHECK(estimate_of(h, id).cpu < 0 && near(estimate_of(h, id).wall, 0.25));
        measure(h, id, 8);
        CHECK(near(estimate_of(h, id).wall, 4 + 4 * 0.7)); /* the first measurement takes over */
        merged = merge(h, &import, false);
        CHECK(merged.n_taken == 2 && merged.n_kept == 1);
        CHECK(estimate_of(h, id).wall > 6);
        merged = merge(h, &import, true);
        CHECK(merged.n_taken == 3 && merged.n_kept == 0);
        CHECK(near(estimate_of(h, id).wall, 0.25));
        history_import_finish(&import);
        history_close(h);
}

static void test_round_trip(void)
{
        struct history *h = open_history("here.db"), *other = open_history("there.db");
        struct history_import import = read_good(HISTORY_FORMAT_PYTEST_SPLIT, durations), again;
        char *first, *second, *error;
        struct estimate a, b;

        merge(h, &import, false);
        for (int run = 1; run < 5; run++)
                measure(h, "tests/test_a.py::test_x", 1.0 / run);
        first = export(h);
        CHECK_INT(parse(HISTORY_FORMAT_AUTO, first, strlen(first), &again, &error), 0);
        merge(other, &again, false);
        second = export(other);
        CHECK_STR(second, first);
        merge(h, &again, true); /* and where it comes from it changes nothing */
        free(second);
        second = export(h);
        CHECK_STR(second, first);
        a = estimate_of(h, "tests/test_a.py::test_x");
        b = estimate_of(other, "tests/test_a.py::test_x");
        CHECK_INT(memcmp(&a, &b, sizeof(a)), 0);
        test_damage(HISTORY_FORMAT_AUTO, first, strlen(first));
        free(first);
        free(second);
        history_import_finish(&import);
        history_import_finish(&again);
        history_close(h);
        history_close(other);
}

static void test_forgetting(void)
{
        const struct history_split split = {.project = "/p", .build = "", .n_shards = 2, .now = 1000};
        uint16_t places[] = {1};
        struct history *h = open_history("forget.db");
        struct history_project project;
        struct history_list list;
        char *warning = NULL;

        measure(h, "tests/test_a.py::test_x", 1);
        CHECK(!history_share_split(h, &split, places, 1));
        CHECK_INT(history_forget(h, "/q", &warning), 0);
        CHECK_INT(history_load_project(h, "/p", &project), 1);
        CHECK(history_share_split(h, &split, places, 1));
        CHECK_INT(history_forget(h, "/p", &warning), 0);
        CHECK(!history_share_split(h, &split, places, 1));
        CHECK(!warning);
        CHECK_INT(history_load_project(h, "/p", &project), 0);
        measure(h, "tests/test_a.py::test_y", 1);
        CHECK_INT(history_list(h, "/p", &list), 1);
        CHECK_INT(list.n_items, 1);
        history_list_finish(&list);
        history_close(h);
}

int main(void)
{
        static const char *const files[] = {"tests/unit/test_a.py", "v1.2/test_z.py", "docs/intro.rst",
                                            "pkg/test_same.py", "pkg/test_same/one.py"};
        char command[PATH_SIZE];
        const char *tmp = getenv("TMPDIR");

        snprintf(dir, sizeof(dir), "%s/test-history-import-XXXXXX", tmp && *tmp ? tmp : "/tmp");
        CHECK(mkdtemp(dir));
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                make_file(files[i]);
        test_pytest_split();
        test_bad_durations();
        test_deep_json();
        test_junit();
        test_bad_junit();
        test_deep_xml();
        test_hostile_classnames();
        test_ctest();
        test_bad_ctest();
        test_bad_exports();
        test_bad_fields();
        test_damage(HISTORY_FORMAT_PYTEST_SPLIT, durations, sizeof(durations) - 1);
        test_damage(HISTORY_FORMAT_JUNIT, junit, sizeof(junit) - 1);
        test_damage(HISTORY_FORMAT_CTEST, ctest, sizeof(ctest) - 1);
        test_merging();
        test_round_trip();
        test_forgetting();
        snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        return system(command) == 0 ? 0 : 1;
}
