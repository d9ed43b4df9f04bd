/* What was learned of machines' classes of PUs. */
#include <errno.h>

#include "cli/history_rows.h"

int history_load_speeds(struct history *h, struct speeds *speeds)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        int n = 0;

        if (!h || !history_prepare(h, "SELECT class, ratio, weight FROM speed WHERE machine = ?", &s))
                return 0;
        sqlite3_bind_text(s, 1, speeds->machine, -1, SQLITE_STATIC);
        while (sqlite3_step(s) == SQLITE_ROW) {
                const char *name = (const char *)sqlite3_column_text(s, 0);

                n += name && speeds_restore(speeds, name, sqlite3_column_double(s, 1), sqlite3_column_double(s, 2));
        }
        return n;
}

int history_write_speeds(struct history *h, const struct speeds *speeds, int64_t now)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        char name[SPEEDS_NAME_MAX];
        int r = SQLITE_OK;

        if (!history_prepare(
                    h, "INSERT OR REPLACE INTO speed(machine, class, ratio, weight, seen) VALUES(?, ?, ?, ?, ?)", &s))
                return sqlite3_errcode(h->db);
        for (size_t i = 0; i < speeds->n_classes && r == SQLITE_OK; i++) {
                const struct speeds_class *c = &speeds->classes[i];

                if (!(c->weight > 0))
                        continue;
                speeds_format(c, name);
                sqlite3_bind_text(s, 1, speeds->machine, -1, SQLITE_STATIC);
                sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
                sqlite3_bind_double(s, 3, c->ratio);
                sqlite3_bind_double(s, 4, c->weight);
                sqlite3_bind_int64(s, 5, now);
                r = history_finish_row(s);
        }
        return r;
}

static void read_speed(sqlite3_stmt *s, struct history_listed_speed *speed)
{
        const char *machine = (const char *)sqlite3_column_text(s, 0), *class = (const char *)sqlite3_column_text(s, 1);

        *speed = (struct history_listed_speed){.ratio = sqlite3_column_double(s, 2),
                                               .weight = sqlite3_column_double(s, 3)};
        (void)snprintf(speed->machine, sizeof(speed->machine), "%s", machine ? machine : "");
        (void)snprintf(speed->class, sizeof(speed->class), "%s", class ? class : "");
}

int history_list_speeds(struct history *h, struct history_listed_speed **ret_speeds, size_t *ret_n)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        CLEANUP_FREE struct history_listed_speed *speeds = NULL;
        size_t n = 0;

        if (!h || !history_prepare(h, "SELECT machine, class, ratio, weight FROM speed ORDER BY machine, class", &s)) {
                *ret_speeds = NULL;
                *ret_n = 0;
                return 0;
        }
        while (sqlite3_step(s) == SQLITE_ROW) {
                struct history_listed_speed *grown = reallocarray(speeds, n + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                speeds = grown;
                read_speed(s, &speeds[n++]);
        }
        *ret_speeds = TAKE(speeds);
        *ret_n = n;
        return 0;
}
