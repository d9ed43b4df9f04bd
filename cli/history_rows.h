/* Rows of the history's tables, for the history's own files. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>

#include "cli/history.h"
#include "cli/history_file.h"
#include "lib/util.h"

void history_cleanup_statementp(sqlite3_stmt **statement);
#define CLEANUP_STATEMENT CLEANUP(history_cleanup_statementp)

bool history_prepare(struct history *h, const char *sql, sqlite3_stmt **ret_statement);
/* An SQLite result. */
int history_execute(struct history *h, const char *sql);

/* Seconds, or -1 where they are not known or cannot be. */
double history_read_time(sqlite3_stmt *s, int column);

struct history_row {
        int64_t key, items;
        int64_t whole_run; /* the latest one of the whole project's items; 0 none */
        struct history_project project;
};

/* False where it is not there, or nothing can be read. */
bool history_find_row(struct history *h, const char *project, struct history_row *ret_row);

/* What history_read_estimate() reads, first the id. */
#define HISTORY_ITEM_COLUMNS                                                                                           \
        "id, samples, wall, cpu, spread, last, rss, outcome, last_cpu, last_speed, last_class, source"
enum { HISTORY_N_ITEM_COLUMNS = 12 };
struct estimate history_read_estimate(sqlite3_stmt *s);

/* An SQLite result; statements that are to be used again are reset. */
int history_finish_row(sqlite3_stmt *s);
#define HISTORY_WRITE_ITEM                                                                                             \
        "INSERT OR REPLACE INTO item(project, " HISTORY_ITEM_COLUMNS ", position, run, seen)"                          \
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
/* Likewise. */
int history_write_speeds(struct history *h, const struct speeds *speeds, int64_t now);
/* Binds parameters 2 to 14 of a statement that writes a row of HISTORY_ITEM_COLUMNS and the position. */
void history_bind_item(sqlite3_stmt *s, const char *id, const struct estimate *e, int64_t position);
/* Writes down how many items a project has; an SQLite result. */
int history_count_items(struct history *h, const struct history_row *row, bool whole);
