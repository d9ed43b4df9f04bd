#include "cli/merge_tests.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "lib/util.h"

struct merge_tests {
        sqlite3 *db;
        sqlite3_stmt *add;
};

const char *merge_outcome_text(enum merge_outcome outcome)
{
        static const char *const texts[] = {[MERGE_PASSED] = "passed",
                                            [MERGE_FAILED] = "failed",
                                            [MERGE_ERROR] = "error",
                                            [MERGE_SKIPPED] = "skipped"};

        return texts[outcome];
}

static int error_of(int result)
{
        return result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW ? 0
               : result == SQLITE_NOMEM                                             ? -ENOMEM
                                                                                    : -EIO;
}

static void cleanup_statementp(sqlite3_stmt **statement)
{
        sqlite3_finalize(*statement);
}

/* A database without a name is a temporary file, made when its cache is full. One transaction for ever: nobody else
 * sees it, and nothing of it is to be kept. */
static const char schema[] = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                             "CREATE TABLE test(input INTEGER NOT NULL, suite TEXT NOT NULL, class TEXT NOT NULL,"
                             " name TEXT NOT NULL, file TEXT NOT NULL, outcome INTEGER NOT NULL);"
                             "CREATE TABLE asked(input INTEGER PRIMARY KEY);"
                             "BEGIN";

int merge_tests_open(struct merge_tests **ret_tests)
{
        struct merge_tests *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        r = sqlite3_open("", &t->db);
        if (r == SQLITE_OK)
                r = sqlite3_exec(t->db, schema, NULL, NULL, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_prepare_v2(t->db, "INSERT INTO test VALUES(?, ?, ?, ?, ?, ?)", -1, &t->add, NULL);
        if (r != SQLITE_OK) {
                merge_tests_close(t);
                return error_of(r);
        }
        *ret_tests = t;
        return 0;
}

void merge_tests_close(struct merge_tests *t)
{
        if (!t)
                return;
        sqlite3_finalize(t->add);
        sqlite3_close(t->db);
        free(t);
}

int merge_tests_add(struct merge_tests *t, unsigned input, const struct merge_test *test)
{
        const char *const texts[] = {test->suite, test->class, test->name, test->file};
        int r;

        sqlite3_bind_int64(t->add, 1, input);
        for (int i = 0; i < (int)ELEMENTSOF(texts); i++)
                sqlite3_bind_text(t->add, 2 + i, texts[i], -1, SQLITE_STATIC);
        sqlite3_bind_int(t->add, 6, test->outcome);
        r = error_of(sqlite3_step(t->add));
        sqlite3_reset(t->add);
        return r;
}

/* Runs a statement without rows for one number. */
static int run_for(struct merge_tests *t, const char *sql, unsigned number)
{
        CLEANUP(cleanup_statementp) sqlite3_stmt *s = NULL;
        int r = sqlite3_prepare_v2(t->db, sql, -1, &s, NULL);

        if (r != SQLITE_OK)
                return error_of(r);
        sqlite3_bind_int64(s, 1, number);
        return error_of(sqlite3_step(s));
}

int merge_tests_drop(struct merge_tests *t, unsigned input)
{
        return run_for(t, "DELETE FROM test WHERE input = ?", input);
}

int merge_tests_count(struct merge_tests *t, uint64_t ret_n[MERGE_OUTCOMES])
{
        CLEANUP(cleanup_statementp) sqlite3_stmt *s = NULL;
        int r = sqlite3_prepare_v2(t->db, "SELECT outcome, count(*) FROM test GROUP BY outcome", -1, &s, NULL);

        memset(ret_n, 0, MERGE_OUTCOMES * sizeof(*ret_n));
        while (r == SQLITE_OK || r == SQLITE_ROW) {
                r = sqlite3_step(s);
                if (r == SQLITE_ROW)
                        ret_n[sqlite3_column_int(s, 0)] = (uint64_t)sqlite3_column_int64(s, 1);
        }
        return error_of(r);
}

static int ask_for(struct merge_tests *t, const unsigned *inputs, size_t n)
{
        int r = error_of(sqlite3_exec(t->db, "DELETE FROM asked", NULL, NULL, NULL));

        for (size_t i = 0; i < n && r == 0; i++)
                r = run_for(t, "INSERT OR IGNORE INTO asked VALUES(?)", inputs[i]);
        return r;
}

/* The one number of a statement whose parameter is whether all inputs are asked for, not only those in `asked`. */
static int count_in(struct merge_tests *t, const char *sql, const unsigned *inputs, size_t n, uint64_t *ret_n)
{
        CLEANUP(cleanup_statementp) sqlite3_stmt *s = NULL;
        int r = ask_for(t, inputs, n);

        if (r < 0)
                return r;
        r = sqlite3_prepare_v2(t->db, sql, -1, &s, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_bind_int(s, 1, n == 0);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        if (r == SQLITE_ROW)
                *ret_n = (uint64_t)sqlite3_column_int64(s, 0);
        return error_of(r);
}

/* For what is asked of each of many inputs or tests: without an index each would be looked for in all tests. */
static const char index_inputs[] = "CREATE INDEX IF NOT EXISTS by_input ON test(input)";
static const char index_names[] = "CREATE INDEX IF NOT EXISTS by_name ON test(name, class)";

#define COUNT_DIFFERENT(where) "SELECT count(*) FROM (SELECT DISTINCT suite, class, name, file FROM test" where ")"

int merge_tests_count_different(struct merge_tests *t, const unsigned *inputs, size_t n, uint64_t *ret_n)
{
        return count_in(t, COUNT_DIFFERENT(" WHERE ? OR input IN asked"), inputs, n, ret_n);
}

int merge_tests_count_of(struct merge_tests *t, unsigned input, uint64_t *ret_n)
{
        CLEANUP(cleanup_statementp) sqlite3_stmt *s = NULL;
        int r = sqlite3_exec(t->db, index_inputs, NULL, NULL, NULL);

        if (r == SQLITE_OK)
                r = sqlite3_prepare_v2(t->db, COUNT_DIFFERENT(" WHERE input = ?"), -1, &s, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_bind_int64(s, 1, input);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        if (r == SQLITE_ROW)
                *ret_n = (uint64_t)sqlite3_column_int64(s, 0);
        return error_of(r);
}

#define REPEATED                                                                                                       \
        "SELECT suite, class, name, file FROM test WHERE ? OR input IN asked"                                          \
        " GROUP BY suite, class, name, file HAVING min(input) != max(input)"

int merge_tests_count_repeated(struct merge_tests *t, const unsigned *inputs, size_t n, uint64_t *ret_n)
{
        return count_in(t, "SELECT count(*) FROM (" REPEATED ")", inputs, n, ret_n);
}

int merge_tests_find_sharing(struct merge_tests *t, const unsigned *inputs, size_t n, size_t most, bool *ret_shares)
{
        /* CROSS: in this order. */
        static const char sql[] = "SELECT DISTINCT other.input FROM asked"
                                  " CROSS JOIN test AS one ON one.input = asked.input"
                                  " CROSS JOIN test AS other ON other.name = one.name AND other.class = one.class"
                                  " AND other.file = one.file AND other.suite = one.suite"
                                  " WHERE other.input NOT IN asked";
        CLEANUP(cleanup_statementp) sqlite3_stmt *s = NULL;
        int r = ask_for(t, inputs, n);

        if (r < 0)
                return r;
        memset(ret_shares, 0, most * sizeof(*ret_shares));
        r = sqlite3_exec(t->db, index_inputs, NULL, NULL, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_exec(t->db, index_names, NULL, NULL, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_prepare_v2(t->db, sql, -1, &s, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        for (; r == SQLITE_ROW; r = sqlite3_step(s))
                if ((uint64_t)sqlite3_column_int64(s, 0) < most)
                        ret_shares[sqlite3_column_int64(s, 0)] = true;
        return error_of(r);
}

/* Repeats */

void merge_repeats_finish(struct merge_repeats *repeats)
{
        for (size_t i = 0; i < repeats->n; i++) {
                free(repeats->list[i].suite);
                free(repeats->list[i].class);
                free(repeats->list[i].name);
                free(repeats->list[i].file);
                free(repeats->list[i].times);
        }
        free(repeats->list);
        *repeats = (struct merge_repeats){0};
}

static int add_repeat(struct merge_repeats *repeats, sqlite3_stmt *s)
{
        char **const texts[] = {&repeats->list[repeats->n].suite, &repeats->list[repeats->n].class,
                                &repeats->list[repeats->n].name, &repeats->list[repeats->n].file};

        repeats->list[repeats->n++] = (struct merge_repeated){0};
        for (int i = 0; i < (int)ELEMENTSOF(texts); i++) {
                const char *text = (const char *)sqlite3_column_text(s, i);

                *texts[i] = text ? strdup(text) : NULL;
                if (!*texts[i])
                        return -ENOMEM;
        }
        return 0;
}

/* A row for each input that has it; of several outcomes there the worst one: failed or error before all others. */
static int list_times(struct merge_tests *t, struct merge_repeated *repeated)
{
        CLEANUP(cleanup_statementp) sqlite3_stmt *s = NULL;
        const char *const texts[] = {repeated->suite, repeated->class, repeated->name, repeated->file};
        size_t allocated = 0;
        int r = sqlite3_prepare_v2(t->db,
                                   "SELECT input, max(outcome = 2) * 2, max(outcome = 1), min(outcome) FROM test"
                                   " WHERE suite = ? AND class = ? AND name = ? AND file = ? GROUP BY input",
                                   -1, &s, NULL);

        for (int i = 0; i < (int)ELEMENTSOF(texts) && r == SQLITE_OK; i++)
                r = sqlite3_bind_text(s, i + 1, texts[i], -1, SQLITE_STATIC);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        for (; r == SQLITE_ROW; r = sqlite3_step(s)) {
                int error = sqlite3_column_int(s, 1), failed = sqlite3_column_int(s, 2);

                if (array_reserve(&repeated->times, repeated->n_times, &allocated, sizeof(*repeated->times)) < 0)
                        return -ENOMEM;
                repeated->times[repeated->n_times++] = (struct merge_time){
                        .input = (unsigned)sqlite3_column_int64(s, 0),
                        .outcome = (enum merge_outcome)(error    ? error
                                                        : failed ? failed
                                                                 : sqlite3_column_int(s, 3)),
                };
        }
        return error_of(r);
}

static int list_repeats(struct merge_tests *t, size_t most, struct merge_repeats *repeats)
{
        CLEANUP(cleanup_statementp) sqlite3_stmt *s = NULL;
        int r = sqlite3_prepare_v2(t->db, REPEATED " ORDER BY suite, class, name, file LIMIT ?", -1, &s, NULL);

        if (r == SQLITE_OK)
                r = sqlite3_bind_int(s, 1, true);
        if (r == SQLITE_OK)
                r = sqlite3_bind_int64(s, 2, (int64_t)most);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        for (; r == SQLITE_ROW; r = sqlite3_step(s)) {
                int error = array_reserve(&repeats->list, repeats->n, &repeats->allocated, sizeof(*repeats->list));

                if (error == 0)
                        error = add_repeat(repeats, s);
                if (error < 0)
                        return error;
        }
        return error_of(r);
}

int merge_tests_find_repeats(struct merge_tests *t, size_t most, struct merge_repeats *ret_repeats)
{
        CLEANUP(merge_repeats_finish) struct merge_repeats repeats = {0};
        int r = merge_tests_count_repeated(t, NULL, 0, &repeats.n_all);

        if (r == 0 && repeats.n_all > 0)
                r = list_repeats(t, most, &repeats);
        if (r == 0 && repeats.n > 0)
                r = error_of(sqlite3_exec(t->db, index_names, NULL, NULL, NULL));
        for (size_t i = 0; i < repeats.n && r == 0; i++)
                r = list_times(t, &repeats.list[i]);
        if (r < 0)
                return r;
        *ret_repeats = repeats;
        repeats = (struct merge_repeats){0};
        return 0;
}
