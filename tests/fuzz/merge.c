/* JUnit files that `schedctl merge` joins: the input is one or, where a line of "----" divides it, several. What is
 * written is well-formed and, joined once more, comes out as it was, with as many tests. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

#include "cli/merge_junit.h"
#include "tests/fuzz/input.h"

struct joined {
        struct merge_suites suites;
        struct merge_tests *tests;
        FILE *spool;
        unsigned n_files;
};

static void begin(struct joined *j)
{
        *j = (struct joined){.spool = tmpfile()};
        FUZZ_CHECK(j->spool && merge_tests_open(&j->tests) == 0);
}

static bool add(struct joined *j, const uint8_t *data, size_t size)
{
        struct merge_suites suites = {0};
        FILE *file = size ? fmemopen((void *)data, size, "r") : fopen("/dev/null", "re");
        char *error = NULL;
        int r;

        FUZZ_CHECK(file);
        r = merge_junit_read(file, j->spool, j->tests, j->n_files, &suites, &error);
        fclose(file);
        FUZZ_CHECK(r == 0 || (r == -EINVAL && error));
        free(error);
        if (r < 0) {
                FUZZ_CHECK(merge_tests_drop(j->tests, j->n_files) == 0);
                return false;
        }
        j->n_files++;
        FUZZ_CHECK(suites.n > 0);
        FUZZ_CHECK(merge_suites_join(&j->suites, &suites, false) == 0);
        return true;
}

static uint64_t count(const struct joined *j)
{
        uint64_t n[MERGE_OUTCOMES], sum = 0;

        FUZZ_CHECK(merge_tests_count(j->tests, n) == 0);
        for (unsigned i = 0; i < MERGE_OUTCOMES; i++)
                sum += n[i];
        return sum;
}

static char *end(struct joined *j, size_t *ret_size)
{
        struct merge_repeats repeats;
        char *text = NULL;
        FILE *f = open_memstream(&text, ret_size);

        FUZZ_CHECK(f && merge_junit_write(&j->suites, j->spool, f) == 0 && fclose(f) == 0);
        FUZZ_CHECK(merge_tests_find_repeats(j->tests, 10, &repeats) == 0);
        merge_repeats_finish(&repeats);
        merge_suites_finish(&j->suites);
        merge_tests_close(j->tests);
        fclose(j->spool);
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char line[] = "\n----\n";
        struct joined first, second;
        size_t first_size, second_size;
        uint64_t n;
        char *text, *again;

        begin(&first);
        for (const uint8_t *at = data, *stop = data + size; at <= stop;) {
                const uint8_t *next = memmem(at, (size_t)(stop - at), line, strlen(line));

                add(&first, at, (size_t)((next ? next : stop) - at));
                at = next ? next + strlen(line) : stop + 1;
        }
        n = count(&first);
        text = end(&first, &first_size);
        begin(&second);
        FUZZ_CHECK(add(&second, (const uint8_t *)text, first_size));
        FUZZ_CHECK(count(&second) == n);
        again = end(&second, &second_size);
        FUZZ_CHECK(first_size == second_size && memcmp(text, again, first_size) == 0);
        free(text);
        free(again);
        return 0;
}
