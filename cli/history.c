#include "cli/history.h"

#include <errno.h>
#include <string.h>

#include "cli/history_file.h"
#include "cli/history_rows.h"
#include "lib/util.h"

/* More than this nothing is, and a damaged file may say anything. */
#define COUNT_MAX (INT64_C(1) << 60)
#define TIME_MAX  1e15

static int open_by(int (*open)(struct history *h, char **ret_warning), const char *path, struct history **ret_history,
                   char **ret_warning)
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
                r = open(h, &warning);
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

int history_open(const char *path, struct history **ret_history, char **ret_warning)
{
        return open_by(history_file_open, path, ret_history, ret_warning);
}

int history_look(const char *path, struct history **ret_history, char **ret_warning)
{
        return open_by(history_file_look, path, ret_history, ret_warning);
}

void history_close(struct history *h)
{
        if (!h)
                return;
        sqlite3_close(h->db);
        free(h->path);
        free(h);
}

void history_cleanup_statementp(sqlite3_stmt **statement)
{
        sqlite3_finalize(*statement);
}

bool history_prepare(struct history *h, const char *sql, sqlite3_stmt **ret_statement)
{
        return sqlite3_prepare_v2(h->db, sql, -1, ret_statement, NULL) == SQLITE_OK;
}

int history_execute(struct history *h, const char *sql)
{
        return sqlite3_exec(h->db, sql, NULL, NULL, NULL);
}

/* Reading */

double history_read_time(sqlite3_stmt *s, int column)
{
        double seconds = sqlite3_column_double(s, column);

        return seconds >= 0 && seconds <= TIME_MAX ? seconds : -1;
}

/* 0 where it cannot be. */
static int64_t read_count(sqlite3_stmt *s, int column)
{
        int64_t n = sqlite3_column_int64(s, column);

        return n >= 0 && n <= COUNT_MAX ? n : 0;
}

static double time_or_none(sqlite3_stmt *s, int column)
{
        double seconds = history_read_time(s, column);

        return seconds > 0 ? seconds : 0;
}

bool history_find_row(struct history *h, const char *name, struct history_row *ret_row)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h,
                             "SELECT key, items, whole_run, runs, wall, collection, serial, worker_memory FROM project "
                             "WHERE name = ?",
                             &s))
                return false;
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(s) != SQLITE_ROW)
                return false;
        *ret_row = (struct history_row){
                .key = sqlite3_column_int64(s, 0),
                .items = read_count(s, 1),
                .whole_run = read_count(s, 2),
                .project =
                        {
                                .runs = (uint64_t)read_count(s, 3),
                                .wall = time_or_none(s, 4),
                                .collection = time_or_none(s, 5),
                                .serial = time_or_none(s, 6),
                                .worker_memory = (uint64_t)read_count(s, 7),
                        },
        };
        return true;
}

int history_load_project(struct history *h, const char *project, struct history_project *ret_project)
{
        struct history_row row = {0};
        int known = h && history_find_row(h, project, &row);

        *ret_project = row.project;
        return known;
}

/* Nothing is known where a damaged file says what cannot be. */
struct estimate history_read_estimate(sqlite3_stmt *s)
{
        static const int times[] = {2, 4, 5, 9}; /* all but the CPU times, which may not be known */
        int64_t samples = sqlite3_column_int64(s, 1), rss = sqlite3_column_int64(s, 6);
        int outcome = sqlite3_column_int(s, 7);

        for (unsigned i = 0; i < ELEMENTSOF(times); i++)
                if (history_read_time(s, times[i]) < 0)
                        return (struct estimate){0};
        return (struct estimate){
                .n_samples = samples < 0 || samples > ESTIMATE_SAMPLES_MAX ? 0 : (uint32_t)samples,
                .wall = sqlite3_column_double(s, 2),
                .cpu = history_read_time(s, 3),
                .spread = sqlite3_column_double(s, 4),
                .last = sqlite3_column_double(s, 5),
                .rss = rss < 0 ? 0 : (uint64_t)rss,
                .outcome =
                        outcome < 0 || outcome >= ESTIMATE_OUTCOMES ? ESTIMATE_UNKNOWN : (enum estimate_outcome)outcome,
                .last_cpu = history_read_time(s, 8),
                .last_speed = sqlite3_column_double(s, 9),
                .last_class = (uint32_t)sqlite3_column_int64(s, 10),
                .source = (uint64_t)sqlite3_column_int64(s, 11),
        };
}

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
                        known += (estimates[wanted[at].index] = history_read_estimate(s)).n_samples > 0;
        }
        return known;
}

static uint32_t look_up_rows(sqlite3_stmt *s, const char *const *ids, uint32_t n, struct estimate *estimates)
{
        uint32_t known = 0;

        for (uint32_t i = 0; i < n; i++) {
                sqlite3_bind_text(s, 2, ids[i], -1, SQLITE_STATIC);
                if (sqlite3_step(s) == SQLITE_ROW)
                        known += (estimates[i] = history_read_estimate(s)).n_samples > 0;
                sqlite3_reset(s);
        }
        return known;
}

int history_load(struct history *h, const char *project, const char *const *ids, uint32_t n,
                 struct estimate *ret_estimates)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        CLEANUP_FREE struct wanted *wanted = NULL;
        struct history_row row;
        bool merge;
        uint32_t known = 0;

        memset(ret_estimates, 0, n * sizeof(*ret_estimates));
        if (!h || history_execute(h, "BEGIN") != SQLITE_OK)
                return 0;
        if (history_find_row(h, project, &row)) {
                merge = row.items < 3 * (int64_t)n;
                if (merge && !(wanted = sort_ids(ids, n))) {
                        history_execute(h, "ROLLBACK");
                        return -ENOMEM;
                }
                if (history_prepare(h,
                                    merge ? "SELECT " HISTORY_ITEM_COLUMNS " FROM item WHERE project = ? ORDER BY id"
                                          : "SELECT " HISTORY_ITEM_COLUMNS " FROM item WHERE project = ? AND id = ?",
                                    &s)) {
                        sqlite3_bind_int64(s, 1, row.key);
                        known = merge ? merge_rows(s, wanted, n, ret_estimates)
                                      : look_up_rows(s, ids, n, ret_estimates);
                        sqlite3_reset(s);
                }
        }
        history_execute(h, "ROLLBACK");
        return (int)known;
}

int history_load_groups(struct history *h, const char *project, const char *const *ids, uint32_t n, double *ret_setups)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        struct history_row row;
        int known = 0;

        for (uint32_t i = 0; i < n; i++)
                ret_setups[i] = -1;
        if (!h || !history_find_row(h, project, &row) ||
            !history_prepare(h, "SELECT setup FROM fixture_group WHERE project = ? AND id = ?", &s))
                return 0;
        sqlite3_bind_int64(s, 1, row.key);
        for (uint32_t i = 0; i < n; i++) {
                sqlite3_bind_text(s, 2, ids[i], -1, SQLITE_STATIC);
                if (sqlite3_step(s) == SQLITE_ROW) {
                        ret_setups[i] = history_read_time(s, 0);
                        known += ret_setups[i] >= 0;
                }
                sqlite3_reset(s);
        }
        return known;
}
