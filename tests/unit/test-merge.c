/* What becomes of attributes that are joined, which suites are one, and which marks make a shard. */
#include <errno.h>
#include <unistd.h>

#include "cli/merge_junit.h"
#include "cli/merge_output.h"
#include "cli/merge_shards.h"
#include "lib/util.h"
#include "tests/unit/test.h"

/* Of one attribute with these values in elements that are joined in this order. */
static void check_joined(const char *name, const char *a, const char *b, const char *expected)
{
        struct merge_attributes into = {0}, from = {0};

        CHECK_INT(merge_attributes_add(&into, name, a), 0);
        CHECK_INT(merge_attributes_add(&from, name, b), 0);
        CHECK_INT(merge_attributes_join(&into, &from), 0);
        CHECK_INT(into.n, 1);
        CHECK_STR(into.list[0].value, expected);
        CHECK_INT(into.list[0].n, 2);
        merge_attributes_finish(&into);
        merge_attributes_finish(&from);
}

static void test_counts(void)
{
        check_joined("tests", "2", "40", "42");
        check_joined("failures", "0", "0", "0");
        check_joined("tests", "9223372036854775807", "1", "9223372036854775807,1");
        check_joined("tests", "2", "two", "2,two");
        check_joined("tests", "", "1", "1");
}

static void test_seconds(void)
{
        check_joined("time", "1.5", "0.25", "1.75");
        check_joined("time", "2", "3", "5");
        check_joined("time", "0.1", "0.2", "0.3");
        check_joined("time", "0.0000000001", "0.0000000001", "0.000000000");
        check_joined("time", "1,234.5", "1", "1,234.5"); /* 1 is one of the list's values */
        check_joined("time", "1e3", "1", "1e3,1");
        check_joined("time", ".", "1", ".,1");
}

static void test_timestamps(void)
{
        check_joined("timestamp", "2026-11-22T02:00:00", "2026-11-22T01:00:00", "2026-11-22T01:00:00");
        check_joined("timestamp", "2026-11-22T02:00:00.5", "2026-11-22T02:00:00.25", "2026-11-22T02:00:00.25");
        check_joined("timestamp", "2026-11-22T02:00:00Z", "2026-11-22T02:30:00+01:00", "2026-11-22T02:30:00+01:00");
        check_joined("timestamp", "2026-11-22T02:00:00Z", "2026-11-22T01:30:00-01:00", "2026-11-22T02:00:00Z");
        check_joined("timestamp", "2026-11-22", "2026-11-22T01:30:00", "2026-11-22,2026-11-22T01:30:00");
        check_joined("timestamp", "", "2026-11-22T01:30:00", "2026-11-22T01:30:00");
        check_joined("timestamp", "2026-11-22T01:30:00x", "y", "2026-11-22T01:30:00x,y");
}

static void test_lists(void)
{
        check_joined("hostname", "a", "a", "a");
        check_joined("hostname", "a", "b", "a,b");
        check_joined("hostname", "ab,b", "b", "ab,b");
        check_joined("hostname", "ab", "b", "ab,b");
        check_joined("hostname", "", "b", "b");
        check_joined("id", "0", "1", "0,1");
}

static struct merge_suites read_one(const char *text, unsigned input, struct merge_tests *tests)
{
        FILE *file = fmemopen((void *)text, strlen(text), "r"), *spool = tmpfile();
        struct merge_suites suites = {0};
        char *error = NULL;

        CHECK(file && spool);
        CHECK_INT(merge_junit_read(file, spool, tests, input, &suites, &error), 0);
        CHECK(!error);
        fclose(file);
        fclose(spool);
        return suites;
}

static struct merge_suites read_all(const char *const *texts, size_t n, bool keep, struct merge_tests *tests)
{
        struct merge_suites all = {0};

        for (size_t i = 0; i < n; i++) {
                struct merge_suites one = read_one(texts[i], (unsigned)i, tests);

                CHECK_INT(merge_suites_join(&all, &one, keep), 0);
                CHECK_INT(one.n, 0);
        }
        return all;
}

static void test_which_suites_are_one(void)
{
        static const char *const texts[] = {
                "<testsuite name='s' file='f' tests='1'><testsuite name='in'/></testsuite>",
                "<testsuites><testsuite tests='2' file='f' name='s'><testsuite name='in'/></testsuite>"
                "<testsuite name='s' file='g'/><testsuite name='in'/></testsuites>",
        };
        struct merge_tests *tests = NULL;
        struct merge_suites all;

        CHECK_INT(merge_tests_open(&tests), 0);
        all = read_all(texts, ELEMENTSOF(texts), false, tests);
        CHECK_INT(all.n, 5); /* the root, s of f, in in it, s of g, in */
        CHECK_STR(all.list[1].path, "s");
        CHECK_INT(all.list[1].n_elements, 2);
        CHECK_STR(all.list[2].path, "s > in");
        CHECK_INT(all.list[4].parent, 0);
        merge_suites_finish(&all);

        all = read_all(texts, ELEMENTSOF(texts), true, tests);
        CHECK_INT(all.n, 7);
        merge_suites_finish(&all);
        merge_tests_close(tests);
}

static size_t count_shards(const char *mark)
{
        struct merge_shards shards = {0};
        struct merge_tests *tests = NULL;
        struct merge_suites suites;
        char text[256];
        size_t n;

        (void)snprintf(text, sizeof(text),
                       "<testsuite name='s'><properties><property name='schedctl.shard' value='%s'/>"
                       "</properties></testsuite>",
                       mark);
        CHECK_INT(merge_tests_open(&tests), 0);
        suites = read_one(text, 0, tests);
        CHECK_INT(merge_shards_add(&shards, 0, &suites), 0);
        n = shards.n;
        merge_suites_finish(&suites);
        merge_shards_finish(&shards);
        merge_tests_close(tests);
        return n;
}

static void test_marks(void)
{
        static const char *const bad[] = {"",
                                          "/",
                                          "0/3",
                                          "4/3",
                                          "1/",
                                          "/3",
                                          "-1/3",
                                          "+1/3",
                                          "1/3x",
                                          "1 /3",
                                          "1/99999999999999999999",
                                          "00000000000000001/3",
                                          "1/2000000"};

        CHECK_INT(count_shards("1/1"), 1);
        CHECK_INT(count_shards("12/12"), 1);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_INT(count_shards(bad[i]), 0);
}

/* What has failed halfway takes nothing's place, though its file has taken all that was written. */
static void test_output_that_failed(void)
{
        struct merge_output output;
        char path[] = "/tmp/test-merge.XXXXXX", text[8] = "";
        int fd = mkstemp(path);
        FILE *file;

        CHECK(fd >= 0 && write(fd, "old", 3) == 3);
        close(fd);
        CHECK_INT(merge_output_open(&output, path), 0);
        CHECK(fputs("half", output.file) >= 0);
        CHECK_INT(merge_output_end(&output, -EIO), -EIO);
        file = fopen(path, "re");
        CHECK(file && fread(text, 1, sizeof(text) - 1, file) == 3);
        CHECK_STR(text, "old");
        fclose(file);
        unlink(path);
}

int main(void)
{
        test_output_that_failed();
        test_counts();
        test_seconds();
        test_timestamps();
        test_lists();
        test_which_suites_are_one();
        test_marks();
        return 0;
}
