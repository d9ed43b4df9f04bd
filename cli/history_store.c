/* What a suite measured goes into the history. */
#include <errno.h>
#include <string.h>

#include "cli/history_rows.h"

/* Writing: everything happens in one transaction; the first result that is not SQLITE_OK ends it. */

int history_finish_row(sqlite3_stmt *s)
{
        int r = sqlite3_step(s);

        sqlite3_reset(s);
        return r == SQLITE_DONE || r == SQLITE_ROW ? SQLITE_OK : r;
}

/* What workers need is believed at once where it is more, and by and by where it is less. */
static int write_project(struct history *h, const char *name, const struct history_suite *suite,
                         struct history_row *ret_row)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        int r;

        if (!history_prepare(
                    h,
                    "INSERT INTO project(name, runs, items, wall, collection, serial, worker_memory)"
                    " VALUES(?1, 1, 0, ?2, ?3, ?4, ?5)"
                    " ON CONFLICT(name) DO UPDATE SET runs = runs + 1, wall = ?2, collection = ?3, serial = ?4,"
                    " worker_memory = CASE WHEN ?5 = 0 THEN worker_memory WHEN ?5 >= worker_memory THEN ?5"
                    " ELSE worker_memory + (?5 - worker_memory) / 4 END",
                    &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_double(s, 2, suite->wall);
        sqlite3_bind_double(s, 3, suite->collection);
        sqlite3_bind_double(s, 4, suite->serial);
        sqlite3_bind_int64(s, 5, (int64_t)suite->worker_memory);
        r = history_finish_row(s);
        if (r != SQLITE_OK)
                return r;
        return history_find_row(h, name, ret_row) ? SQLITE_OK : sqlite3_errcode(h->db);
}

/* Of a run that had most of the project's items it is known what there is no more, and in which order the rest comes.
 */
static bool is_whole(const struct history_row *row, const struct history_suite *suite)
{
        return 2 * (int64_t)suite->n_items >= row->items &&
               10 * (uint64_t)suite->n_items >= 9 * (uint64_t)suite->n_collected;
}

struct writing {
        const struct history_row *row;
        const struct history_suite *suite;
        bool whole;
        sqlite3_stmt *read, *write;
        struct speeds_run speeds_run;
};

void history_bind_item(sqlite3_stmt *s, const char *id, const struct estimate *e, int64_t position)
{
        sqlite3_bind_text(s, 2, id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, e->n_samples);
        sqlite3_bind_double(s, 4, e->wall);
        sqlite3_bind_double(s, 5, e->cpu);
        sqlite3_bind_double(s, 6, e->spread);
        sqlite3_bind_double(s, 7, e->last);
        sqlite3_bind_int64(s, 8, (int64_t)e->rss);
        sqlite3_bind_int(s, 9, (int)e->outcome);
        sqlite3_bind_double(s, 10, e->last_cpu);
        sqlite3_bind_double(s, 11, e->last_speed);
        sqlite3_bind_int64(s, 12, e->last_class);
        sqlite3_bind_int64(s, 13, (int64_t)e->source);
        sqlite3_bind_int64(s, 14, position);
}

static int write_item(struct writing *w, const struct history_item *item)
{
        int64_t position = item->position;
        struct estimate e = {0};
        int r;

        sqlite3_bind_text(w->read, 2, item->id, -1, SQLITE_STATIC);
        r = sqlite3_step(w->read);
        if (r == SQLITE_ROW)
                e = history_read_estimate(w->read);
        if (!w->whole) /* those of a part that are new come last */
                position = r == SQLITE_ROW ? sqlite3_column_int64(w->read, HISTORY_N_ITEM_COLUMNS)
                                           : w->row->items + position;
        sqlite3_reset(w->read);
        if (r != SQLITE_ROW && r != SQLITE_DONE)
                return r;

        if (w->suite->speeds && speeds_observe(&w->speeds_run, w->suite->speeds, &e, &item->sample) < 0)
                return SQLITE_NOMEM;
        estimate_update(&e, &item->sample);
        history_bind_item(w->write, item->id, &e, position);
        return history_finish_row(w->write);
}

static int prepare_items(struct history *h, struct writing *w)
{
        if (!history_prepare(h, "SELECT " HISTORY_ITEM_COLUMNS ", position FROM item WHERE project = ? AND id = ?",
                             &w->read) ||
            !history_prepare(h, HISTORY_WRITE_ITEM, &w->write))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(w->read, 1, w->row->key);
        sqlite3_bind_int64(w->write, 1, w->row->key);
        sqlite3_bind_int64(w->write, 15, (int64_t)w->row->project.runs);
        sqlite3_bind_int64(w->write, 16, w->suite->now);
        return SQLITE_OK;
}

/* What the items say of the machine, on top of what others' runs have said meanwhile. */
static int write_speeds(struct history *h, const struct writing *w)
{
        struct speeds speeds;
        int r;

        if (!w->suite->speeds || w->speeds_run.n == 0)
                return SQLITE_OK;
        speeds = *w->suite->speeds;
        history_load_speeds(h, &speeds);
        r = speeds_learn(&speeds, &w->speeds_run);
        return r < 0 ? SQLITE_NOMEM : history_write_speeds(h, &speeds, w->suite->now);
}

static int write_items(struct history *h, const struct history_row *row, const struct history_suite *suite)
{
        struct writing w = {.row = row, .suite = suite, .whole = is_whole(row, suite)};
        int r = prepare_items(h, &w);

        for (uint32_t i = 0; i < suite->n_items && r == SQLITE_OK; i++)
                r = write_item(&w, &suite->items[i]);
        if (r == SQLITE_OK)
                r = write_speeds(h, &w);
        sqlite3_finalize(w.read);
        sqlite3_finalize(w.write);
        speeds_run_finish(&w.speeds_run);
        return r;
}

/* A set-up moves a third of the way to each new mean: it is measured more often than an item, and matters less. One
 * that nobody measured stays as it is. */
static int write_groups(struct history *h, const struct history_row *row, const struct history_suite *suite)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h,
                             "INSERT INTO fixture_group(project, id, samples, setup, run, seen, parent, loose)"
                             " VALUES(?1, ?2, ?3 >= 0, ?3, ?4, ?5, ?6, ?7)"
                             " ON CONFLICT(project, id) DO UPDATE SET samples = samples + (?3 >= 0),"
                             " setup = CASE WHEN ?3 < 0 THEN setup WHEN setup < 0 THEN ?3"
                             " ELSE setup + (?3 - setup) / 3 END, run = ?4, seen = ?5,"
                             " parent = CASE WHEN ?8 THEN parent ELSE ?6 END,"
                             " loose = CASE WHEN ?8 THEN loose ELSE ?7 END",
                             &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(s, 1, row->key);
        sqlite3_bind_int64(s, 4, (int64_t)row->project.runs);
        sqlite3_bind_int64(s, 5, suite->now);
        for (uint32_t i = 0; i < suite->n_groups; i++) {
                const struct history_group *group = &suite->groups[i];
                int r;

                sqlite3_bind_text(s, 2, group->id, -1, SQLITE_STATIC);
                sqlite3_bind_double(s, 3, group->setup < 0 ? -1 : group->setup);
                sqlite3_bind_text(s, 6, group->parent ? group->parent : "", -1, SQLITE_STATIC);
                sqlite3_bind_int(s, 7, group->loose);
                sqlite3_bind_int(s, 8, group->lone);
                r = history_finish_row(s);
                if (r != SQLITE_OK)
                        return r;
        }
        return SQLITE_OK;
}

/* Runs one statement on the project with the two limits below which rows are forgotten. */
static int forget(struct history *h, const char *sql, const struct history_row *row, int64_t now)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h, sql, &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(s, 1, row->key);
        sqlite3_bind_int64(s, 2, (int64_t)row->project.runs - HISTORY_KEEP_RUNS);
        sqlite3_bind_int64(s, 3, now - (int64_t)HISTORY_KEEP_DAYS * 24 * 3600);
        return history_finish_row(s);
}

/* Every now and then: it reads the whole project. */
static int prune(struct history *h, const struct history_row *row, int64_t now)
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
int history_count_items(struct history *h, const struct history_row *row, bool whole)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h,
                             "UPDATE project SET items = (SELECT count(*) FROM item WHERE project = ?1),"
                             " whole_run = CASE WHEN ?2 THEN runs ELSE whole_run END WHERE key = ?1",
                             &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(s, 1, row->key);
        sqlite3_bind_int(s, 2, whole);
        return history_finish_row(s);
}

static int write_suite(struct history *h, const char *project, const struct history_suite *suite)
{
        struct history_row row = {0};
        int r = history_execute(h, "BEGIN IMMEDIATE");

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
                r = history_count_items(h, &row, is_whole(&row, suite));
        if (r == SQLITE_OK)
                r = history_execute(h, "COMMIT");
        if (r != SQLITE_OK)
                history_execute(h, "ROLLBACK");
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
