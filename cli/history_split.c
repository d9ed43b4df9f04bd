/* Splits of suites, for nodes that share a history: each that ends changes what the next one would divide by. */
#include <sqlite3.h>
#include <string.h>

#include "cli/history_file.h"
#include "cli/history_rows.h"
#include "lib/util.h"

enum { DAY = 24 * 3600 };

static void bind_key(sqlite3_stmt *s, const struct history_split *key)
{
        sqlite3_bind_text(s, 1, key->project, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, key->build, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, key->n_shards);
        sqlite3_bind_int64(s, 4, (int64_t)key->collection);
}

#define WHERE_KEY " WHERE project = ?1 AND build = ?2 AND shards = ?3 AND collection = ?4"

/* Of the same build; where nobody says which that is, it was needed a short time ago. However old it is: its nodes may
 * be in the middle of it at any age. A time that is still to come is another clock's. */
static bool is_current(const struct history_split *key, int64_t used)
{
        return key->now - used < (*key->build ? (int64_t)HISTORY_SPLIT_DAYS * DAY : HISTORY_SPLIT_SECONDS);
}

/* The bytes begin wherever they are in the file's page. */
static bool are_places(const struct history_split *key, const unsigned char *bytes, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                uint16_t place;

                memcpy(&place, bytes + i * sizeof(place), sizeof(place));
                if (place >= key->n_shards)
                        return false;
        }
        return true;
}

static bool read_split(struct history *h, const struct history_split *key, uint16_t *places, uint32_t n)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;
        const void *blob;

        if (!history_prepare(h, "SELECT used, places FROM split" WHERE_KEY, &s))
                return false;
        bind_key(s, key);
        if (sqlite3_step(s) != SQLITE_ROW || !is_current(key, sqlite3_column_int64(s, 0)))
                return false;
        blob = sqlite3_column_blob(s, 1);
        if (!blob || sqlite3_column_bytes(s, 1) != (int)(n * sizeof(*places)) || !are_places(key, blob, n))
                return false;
        memcpy(places, blob, n * sizeof(*places));
        return true;
}

static void note_use(struct history *h, const struct history_split *key)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h, "UPDATE split SET used = ?5" WHERE_KEY, &s))
                return;
        bind_key(s, key);
        sqlite3_bind_int64(s, 5, key->now);
        (void)sqlite3_step(s);
}

/* What is too old, and what a project has too many of: a split takes two bytes a test. */
static void forget_splits(struct history *h, const struct history_split *key)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h,
                             "DELETE FROM split WHERE used < ?2 OR (project = ?1 AND used < (SELECT used FROM split"
                             " WHERE project = ?1 ORDER BY used DESC LIMIT 1 OFFSET ?3))",
                             &s))
                return;
        sqlite3_bind_text(s, 1, key->project, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, key->now - (int64_t)HISTORY_SPLIT_DAYS * DAY);
        sqlite3_bind_int(s, 3, HISTORY_SPLIT_MAX - 1);
        (void)sqlite3_step(s);
}

static void write_split(struct history *h, const struct history_split *key, const uint16_t *places, uint32_t n)
{
        CLEANUP_STATEMENT sqlite3_stmt *s = NULL;

        if (!history_prepare(h,
                             "INSERT OR REPLACE INTO split(project, build, shards, collection, made, used, places)"
                             " VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6)",
                             &s))
                return;
        bind_key(s, key);
        sqlite3_bind_int64(s, 5, key->now);
        sqlite3_bind_blob(s, 6, places, (int)(n * sizeof(*places)), SQLITE_STATIC);
        (void)sqlite3_step(s);
        forget_splits(h, key);
}

bool history_share_split(struct history *h, const struct history_split *key, uint16_t *places, uint32_t n)
{
        bool found, locked;

        if (!h || !h->db || n == 0)
                return false;
        locked = !h->read_only && history_execute(h, "BEGIN IMMEDIATE") == SQLITE_OK;
        found = read_split(h, key, places, n);
        if (!locked)
                return found;
        if (found)
                note_use(h, key);
        else
                write_split(h, key, places, n);
        if (history_execute(h, "COMMIT") != SQLITE_OK)
                (void)history_execute(h, "ROLLBACK");
        return found;
}
