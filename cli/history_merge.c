/* Times from elsewhere go into the history, and a project out of it. */
#include <errno.h>
#include <string.h>

#include "cli/history_import.h"
#include "cli/history_rows.h"

struct merging {
        struct history *h;
        struct history_row row;
        bool replace;
        int64_t now;
        sqlite3_stmt *read, *write, *write_group;
        int64_t n_new;
        struct history_merged merged;
};

static int write_project(struct merging *m, const char *name, const struct history_import *import)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        int r;

        if (!history_prepare(m->h,
                             "INSERT INTO project(name, runs, items, wall, collection, serial)"
                             " VALUES(?1, ?2, 0, ?3, ?4, ?5) ON CONFLICT(name) DO UPDATE"
                             " SET runs = max(runs, ?2), wall = ?3, collection = ?4, serial = ?5"
                             " WHERE ?6 AND (?7 OR runs = 0)",
                             &s))
                return sqlite3_errcode(m->h->db);
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, (int64_t)import->project.runs);
        sqlite3_bind_double(s, 3, import->project.wall);
        sqlite3_bind_double(s, 4, import->project.collection);
        sqlite3_bind_double(s, 5, import->project.serial);
        sqlite3_bind_int(s, 6, import->exact);
        sqlite3_bind_int(s, 7, m->replace);
        r = history_finish_row(s);
        if (r != SQLITE_OK)
                return r;
        return history_find_row(m->h, name, &m->row) ? SQLITE_OK : sqlite3_errcode(m->h->db);
}

static int prepare_rows(struct merging *m)
{
        if (!history_prepare(m->h, "SELECT " HISTORY_ITEM_COLUMNS ", position FROM item WHERE project = ? AND id = ?",
                             &m->read) ||
            !history_prepare(m->h, HISTORY_WRITE_ITEM, &m->write) ||
            !history_prepare(m->h,
                             "INSERT INTO fixture_group(project, id, samples, setup, run, seen, parent, loose)"
                             " VALUES(?1, ?2, ?3 >= 0, ?3, ?4, ?5, ?6, ?7)"
                             " ON CONFLICT(project, id) DO UPDATE SET run = ?4, seen = ?5,"
                             " setup = CASE WHEN ?3 >= 0 AND (?8 OR setup < 0) THEN ?3 ELSE setup END,"
                             " parent = CASE WHEN ?8 THEN ?6 ELSE parent END,"
                             " loose = CASE WHEN ?8 THEN ?7 ELSE loose END",
                             &m->write_group))
                return sqlite3_errcode(m->h->db);
        sqlite3_bind_int64(m->read, 1, m->row.key);
        sqlite3_bind_int64(m->write, 1, m->row.key);
        sqlite3_bind_int64(m->write, 15, (int64_t)m->row.project.runs);
        sqlite3_bind_int64(m->write_group, 1, m->row.key);
        sqlite3_bind_int64(m->write_group, 4, (int64_t)m->row.project.runs);
        return SQLITE_OK;
}

static int merge_item(struct merging *m, const struct history_import_item *item)
{
        int64_t position = m->row.items + m->n_new;
        struct estimate known = {0};
        int r;

        sqlite3_bind_text(m->read, 2, item->id, -1, SQLITE_STATIC);
        r = sqlite3_step(m->read);
        if (r == SQLITE_ROW) {
                known = history_read_estimate(m->read);
                position = sqlite3_column_int64(m->read, HISTORY_N_ITEM_COLUMNS);
        }
        sqlite3_reset(m->read);
        if (r != SQLITE_ROW && r != SQLITE_DONE)
                return r;
        m->n_new += r == SQLITE_DONE;
        if (estimate_is_measured(&known) && !m->replace) {
                m->merged.n_kept++;
                return SQLITE_OK;
        }
        m->merged.n_taken++;
        history_bind_item(m->write, item->id, &item->estimate, position);
        sqlite3_bind_int64(m->write, 16, item->seen ? item->seen : m->now);
        return history_finish_row(m->write);
}

static int merge_group(struct merging *m, const struct history_import_group *group, bool exact)
{
        sqlite3_bind_text(m->write_group, 2, group->id, -1, SQLITE_STATIC);
        sqlite3_bind_double(m->write_group, 3, group->setup);
        sqlite3_bind_int64(m->write_group, 5, group->seen ? group->seen : m->now);
        sqlite3_bind_text(m->write_group, 6, group->parent ? group->parent : "", -1, SQLITE_STATIC);
        sqlite3_bind_int(m->write_group, 7, group->loose);
        sqlite3_bind_int(m->write_group, 8, exact && m->replace);
        return history_finish_row(m->write_group);
}

static int merge_one(struct merging *m, const char *project, const struct history_import *import)
{
        int r = write_project(m, project, import);

        m->n_new = 0;
        if (r == SQLITE_OK)
                r = prepare_rows(m);
        for (size_t i = 0; i < import->n_items && r == SQLITE_OK; i++)
                r = merge_item(m, &import->items[i]);
        for (size_t i = 0; i < import->n_groups && r == SQLITE_OK; i++)
                r = merge_group(m, &import->groups[i], import->exact);
        sqlite3_finalize(m->read);
        sqlite3_finalize(m->write);
        sqlite3_finalize(m->write_group);
        m->read = m->write = m->write_group = NULL;
        return r == SQLITE_OK ? history_count_items(m->h, &m->row, false) : r;
}

/* Ends a transaction: what its statements came to decides how. */
static int end_transaction(struct history *h, int result, char **ret_warning)
{
        int r = result == SQLITE_OK ? history_execute(h, "COMMIT") : result;

        *ret_warning = NULL;
        if (r == SQLITE_OK)
                return 0;
        history_execute(h, "ROLLBACK");
        return asprintf(ret_warning, "%s: %s", h->path, sqlite3_errstr(r)) < 0 ? -ENOMEM : 0;
}

int history_merge(struct history *h, const char *project, const struct history_import *imports, size_t n, bool replace,
                  int64_t now, struct history_merged *ret_merged, char **ret_warning)
{
        struct merging m = {.h = h, .replace = replace, .now = now};
        int r = history_execute(h, "BEGIN IMMEDIATE");

        for (size_t i = 0; i < n && r == SQLITE_OK; i++)
                r = merge_one(&m, project, &imports[i]);
        *ret_merged = m.merged;
        return end_transaction(h, r, ret_warning);
}

static int delete_rows(struct history *h, const char *sql, int64_t key)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h, sql, &s))
                return sqlite3_errcode(h->db);
        sqlite3_bind_int64(s, 1, key);
        return history_finish_row(s);
}

int history_forget(struct history *h, const char *project, char **ret_warning)
{
        struct history_row row;
        int r = history_execute(h, "BEGIN IMMEDIATE");

        if (r == SQLITE_OK && history_find_row(h, project, &row)) {
                r = delete_rows(h, "DELETE FROM item WHERE project = ?", row.key);
                if (r == SQLITE_OK)
                        r = delete_rows(h, "DELETE FROM fixture_group WHERE project = ?", row.key);
                if (r == SQLITE_OK)
                        r = delete_rows(h, "DELETE FROM split WHERE project = (SELECT name FROM project WHERE key = ?)",
                                        row.key);
                if (r == SQLITE_OK)
                        r = delete_rows(h, "DELETE FROM project WHERE key = ?", row.key);
        }
        return end_transaction(h, r, ret_warning);
}
