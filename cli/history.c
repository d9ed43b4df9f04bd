#include "cli/history.h"

#include <errno.h>
#include <string.h>

#include "cli/history_file.h"
#include "lib/util.h"

static void cleanup_statementp(sqlite3_stmt **statement)
{
        sqlite3_finalize(*statement);
}
#define CLEANUP_STATEMENT CLEANUP(cleanup_statementp)

int history_open(const char *path, struct history **ret_history, char **ret_warning)
{
        CLEANUP_FREE char *warning = NULL;
        struct history *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        if (path)
                r = (h->path = strdup(path)) ? 0 : -ENOMEM;
        else
                r = history_default_path(&h->path);
        if (r == 0 && !h->path)
                r = (warning = strdup("no history: neither XDG_STATE_HOME nor HOME is set")) ? 0 : -ENOMEM;
        else if (r == 0)
                r = history_file_open(h, &warning);
        if (r < 0) {
                history_close(h);
                return r;
        }
        if (!h->db) {
                history_close(h);
                h = NULL;
        }
        *ret_history = h;
        *ret_warning = TAKE(warning);
        return 0;
}

void history_close(struct history *h)
{
        if (!h)
                return;
        sqlite3_close(h->db);
        free(h->path);
        free(h);
}

static bool prepare(struct history *h, const char *sql, sqlite3_stmt **ret_statement)
{
        return sqlite3_prepare_v2(h->db, sql, -1, ret_statement, NULL) == SQLITE_OK;
}

static int execute(struct history *h, const char *sql)
{
        return sqlite3_exec(h->db, sql, NULL, NULL, NULL);
}

/* Reading */

struct project_row {
        int64_t key, items;
        struct history_project project;
};

/* False where it is not there, or nothing can be read. */
static bool find_project(struct history *h, const char *name, struct project_row *ret_row)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!prepare(h, "SELECT key, items, runs, wall, collection, serial FROM project WHERE name = ?", &s))
                return false;
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(s) != SQLITE_ROW)
                return false;
        *ret_row = (struct project_row){
                .key = sqlite3_column_int64(s, 0),
                .items = sqlite3_column_int64(s, 1),
                .project =
                        {
                                .runs = (uint64_t)sqlite3_column_int64(s, 2),
                                .wall = sqlite3_column_double(s, 3),
                                .collection = sqlite3_column_double(s, 4),
                                .serial = sqlite3_column_double(s, 5),
                        },
        };
        return true;
}

int history_load_project(struct history *h, const char *project, struct history_project *ret_project)
{
        struct project_row row = {0};
        int known = h && find_project(h, project, &row);

        *ret_project = row.project;
        return known;
}

/* What a row of either table holds, from its second column on. */
static struct estimate read_estimate(sqlite3_stmt *s)
{
        int64_t samples = sqlite3_column_int64(s, 1), rss = sqlite3_column_int64(s, 6);
        int outcome = sqlite3_column_int(s, 7);

        return (struct estimate){
                .n_samples = samples < 0 || samples > ESTIMATE_SAMPLES_MAX ? 0 : (uint32_t)samples,
                .wall = sqlite3_column_double(s, 2),
                .cpu = sqlite3_column_double(s, 3),
                .spread = sqlite3_column_double(s, 4),
                .last = sqlite3_column_double(s, 5),
                .rss = rss < 0 ? 0 : (uint64_t)rss,
                .outcome =
                        outcome < 0 || outcome >= ESTIMATE_OUTCOMES ? ESTIMATE_UNKNOWN : (enum estimate_outcome)outcome,
        };
}

#define ITEM_COLUMNS "id, samples, wall, cpu, spread, last, rss, outcome"

struct wanted {
        const char *id;
        uint32_t index;
};

/* As SQLite's BINARY collation orders texts. */
static int by_id(const void *pa, const void *pb)
{
        return strcmp(((const struct wanted *)pa)->id, ((const struct wanted *)pb)->id);
}

static struct wanted *sort_ids(const char *const *ids, uint32_t n)
{
        struct wanted *wanted = calloc(n + (size_t)1, sizeof(*wanted));

        for (uint32_t i = 0; wanted && i < n; i++)
                wanted[i] = (struct wanted){.id = ids[i], .index = i};
        if (wanted)
                qsort(wanted, n, sizeof(*wanted), by_id);
        return wanted;
}

/* All of a project's rows in order of their ids, beside the sorted ids: a row costs a third of a look-up. */
static uint32_t merge_rows(sqlite3_stmt *s, const struct wanted *wanted, uint32_t n, struct estimate *estimates)
{
        uint32_t at = 0, known = 0;

        while (at < n && sqlite3_step(s) == SQLITE_ROW) {
                const char *id = (const char *)sqlite3_column_text(s, 0);

                while (id && at < n && strcmp(wanted[at].id, id) < 0)
                        at++;
                for (; id && at < n && strcmp(wanted[at].id, id) == 0; at++)
                        known += (estimates[wanted[at].index] = read_estimate(s)).n_samples > 0;
        }
        return known;
}

static uint32_t look_up_rows(sqlite3_stmt *s, const char *const *ids, uint32_t n, struct estimate *estimates)
{
        uint32_t known = 0;

        for (uint32_t i = 0; i < n; i++) {
                sqlite3_bind_text(s, 2, ids[i], -1, SQLITE_STATIC);
                if (sqlite3_step(s) == SQLITE_ROW)
                        known += (estimates[i] = read_estimate(s)).n_samples > 0;
                sqlite3_reset(s);
        }
        return known;
}

int history_load(struct history *h, const char *project, const char *const *ids, uint32_t n,
                 struct estimate *ret_estimates)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        CLEANUP_FREE struct wanted *wanted = NULL;
        struct project_row row;
        bool merge;
        uint32_t known = 0;

        memset(ret_estimates, 0, n * sizeof(*ret_estimates));
        if (!h || execute(h, "BEGIN") != SQLITE_OK)
                return 0;
        if (find_project(h, project, &row)) {
                merge = row.items < 3 * (int64_t)n;
                if (merge && !(wanted = sort_ids(ids, n))) {
                        execute(h, "ROLLBACK");
                        return -ENOMEM;
                }
                if (prepare(h,
                            merge ? "SELECT " ITEM_COLUMNS " FROM item WHERE project = ? ORDER BY id"
                                  : "SELECT " ITEM_COLUMNS " FROM item WHERE project = ? AND id = ?",
                            &s)) {
                        sqlite3_bind_int64(s, 1, row.key);
                        known = merge ? merge_rows(s, wanted, n, ret_estimates)
                                      : look_up_rows(s, ids, n, ret_estimates);
                        sqlite3_reset(s);
                }
        }
        execute(h, "ROLLBACK");
        return (int)known;
}

int history_load_groups(struct history *h, const char *project, const char *const *ids, uint32_t n, double *ret_setups)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        struct project_row row;
        int known = 0;

        for (uint32_t i = 0; i < n; i++)
                ret_setups[i] = -1;
        if (!h || !find_project(h, project, &row) ||
            !prepare(h, "SELECT setup FROM fixture_group WHERE project = ? AND id = ?", &s))
                return 0;
        sqlite3_bind_int64(s, 1, row.key);
        for (uint32_t i = 0; i < n; i++) {
                sqlite3_bind_text(s, 2, ids[i], -1, SQLITE_STATIC);
                if (sqlite3_step(s) == SQLITE_ROW) {
                        ret_setups[i] = sqlite3_column_double(s, 0);
                        known++;
                }
                sqlite3_reset(s);
        }
        return known;
}

/* Writing: everything happens in one transaction; the first result that is not SQLITE_OK ends it. */

static int finish_row(sqlite3_stmt *s)
{
        int r = sqlite3_step(s);

        sqlite3_reset(s);
        return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

static int write_project(struct history *h, const char *name, const struct history_suite *suite,
                         struct project_row *ret_row)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        int r;

        if (!prepare(h,
                     "INSERT INTO project(name, runs, items, wall, collection, serial) VALUES(?1, 1, 0, ?2, ?3, ?4)"
                     " ON CONFLICT(name) DO UPDATE SET runs = runs + 1, wall = ?2, collection = ?3, serial = ?4",
                     &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_double(s, 2, suite->wall);
        sqlite3_bind_double(s, 3, suite->collection);
        sqlite3_bind_double(s, 4, suite->serial);
        r = finish_row(s);
        if (r != SQLITE_OK)
                return r;
        return find_project(h, name, ret_row) ? SQLITE_OK : sqlite3_errcode(h->db);
}

static int write_item(sqlite3_stmt *read, sqlite3_stmt *write, const struct history_item *item)
{
        struct estimate e = {0};
        int r;

        sqlite3_bind_text(read, 2, item->id, -1, SQLITE_STATIC);
        r = sqlite3_step(read);
        if (r == SQLITE_ROW)
                e = read_estimate(read);
        sqlite3_reset(read);
        if (r != SQLITE_ROW && r != SQLITE_DONE)
                return r;

        estimate_update(&e, &item->sample);
        sqlite3_bind_text(write, 2, item->id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(write, 3, e.n_samples);
        sqlite3_bind_double(write, 4, e.wall);
        sqlite3_bind_double(write, 5, e.cpu);
        sqlite3_bind_double(write, 6, e.spread);
        sqlite3_bind_double(write, 7, e.last);
        sqlite3_bind_int64(write, 8, (int64_t)e.rss);
        sqlite3_bind_int(write, 9, (int)e.outcome);
        return finish_row(write);
}

static int write_items(struct history *h, const struct project_row *row, const struct history_suite *suite)
{
        CLEANUP_STATEMENT sqlite3_stmt *read = NULL, *write = NULL;

        if (!prepare(h, "SELECT " ITEM_COLUMNS " FROM item WHERE project = ? AND id = ?", &read) ||
            !prepare(h,
                     "INSERT OR REPLACE INTO item(project, " ITEM_COLUMNS ", run, seen)"
                     " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                     &write))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(read, 1, row->key);
        sqlite3_bind_int64(write, 1, row->key);
        sqlite3_bind_int64(write, 10, (int64_t)row->project.runs);
        sqlite3_bind_int64(write, 11, suite->now);
        for (uint32_t i = 0; i < suite->n_items; i++) {
                int r = write_item(read, write, &suite->items[i]);

                if (r != SQLITE_OK)
                        return r;
        }
        return SQLITE_OK;
}

/* A set-up moves a third of the way to each new mean: it is measured more often than an item, and matters less. */
static int write_groups(struct history *h, const struct project_row *row, const struct history_suite *suite)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!prepare(h,
                     "INSERT INTO fixture_group(project, id, samples, setup, run, seen) VALUES(?1, ?2, 1, ?3, ?4, ?5)"
                     " ON CONFLICT(project, id) DO UPDATE SET samples = samples + 1,"
                     " setup = setup + (?3 - setup) / 3, run = ?4, seen = ?5",
                     &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(s, 1, row->key);
        sqlite3_bind_int64(s, 4, (int64_t)row->project.runs);
        sqlite3_bind_int64(s, 5, suite->now);
        for (uint32_t i = 0; i < suite->n_groups; i++) {
                int r;

                sqlite3_bind_text(s, 2, suite->groups[i].id, -1, SQLITE_STATIC);
                sqlite3_bind_double(s, 3, suite->groups[i].setup);
                r = finish_row(s);
                if (r != SQLITE_OK)
                        return r;
        }
        return SQLITE_OK;
}

/* Runs one statement on the project with the two limits below which rows are forgotten. */
static int forget(struct history *h, const char *sql, const struct project_row *row, int64_t now)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!prepare(h, sql, &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(s, 1, row->key);
        sqlite3_bind_int64(s, 2, (int64_t)row->project.runs - HISTORY_KEEP_RUNS);
        sqlite3_bind_int64(s, 3, now - (int64_t)HISTORY_KEEP_DAYS * 24 * 3600);
        return finish_row(s);
}

/* Every now and then: it reads the whole project. */
static int prune(struct history *h, const struct project_row *row, int64_t now)
{
        enum { EVERY = 16 };
        int r = SQLITE_OK;

        if (row->project.runs % EVERY == 0) {
                r = forget(h, "DELETE FROM item WHERE project = ?1 AND run < ?2 AND seen < ?3", row, now);
                if (r == SQLITE_OK)
                        r = forget(h, "DELETE FROM fixture_group WHERE project = ?1 AND run < ?2 AND seen < ?3", row,
                                   now);
        }
        return r;
}

/* The count decides how history_load() reads. */
static int count_items(struct history *h, const struct project_row *row)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!prepare(h, "UPDATE project SET items = (SELECT count(*) FROM item WHERE project = ?1) WHERE key = ?1", &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(s, 1, row->key);
        return finish_row(s);
}

static int write_suite(struct history *h, const char *project, const struct history_suite *suite)
{
        struct project_row row = {0};
        int r = execute(h, "BEGIN IMMEDIATE");

        if (r != SQLITE_OK)
                return r;
        r = write_project(h, project, suite, &row);
        if (r == SQLITE_OK)
                r = write_items(h, &row, suite);
        if (r == SQLITE_OK)
                r = write_groups(h, &row, suite);
        if (r == SQLITE_OK)
                r = prune(h, &row, suite->now);
        if (r == SQLITE_OK)
                r = count_items(h, &row);
        if (r == SQLITE_OK)
                r = execute(h, "COMMIT");
        if (r != SQLITE_OK)
                execute(h, "ROLLBACK");
        return r;
}

int history_store(struct history *h, const char *project, const struct history_suite *suite, char **ret_warning)
{
        CLEANUP_FREE char *warning = NULL;
        int r;

        if (!h || !h->db) {
                *ret_warning = NULL;
                return 0;
        }
        r = write_suite(h, project, suite);
        if (history_file_is_broken(r)) {
                int q = history_file_replace(h, &warning);

                if (q < 0)
                        return q;
                r = q == 0 ? write_suite(h, project, suite) : SQLITE_OK;
        }
        if (r != SQLITE_OK && asprintf(&warning, "history not stored: %s: %s", h->path, sqlite3_errstr(r)) < 0)
                return -ENOMEM;
        *ret_warning = TAKE(warning);
        return 0;
}
