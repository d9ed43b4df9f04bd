#include "cli/history_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cli/history.h"
#include "lib/util.h"

/* What a file turned out to be. */
enum verdict {
        FILE_OURS,
        FILE_EMPTY,  /* no tables yet */
        FILE_OLDER,  /* an earlier version's, to be brought up to date */
        FILE_NEWER,  /* a later version's */
        FILE_BROKEN, /* not a database, damaged, or another program's */
        FILE_UNREADABLE,
};

/* What brings a file from each version to the next, from none on. Every column that was added has a default, so that an
 * older schedctl that has the file open goes on. */
static const char *const upgrades[] = {
        "CREATE TABLE project(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, runs INTEGER NOT NULL,"
        " items INTEGER NOT NULL, wall REAL NOT NULL, collection REAL NOT NULL, serial REAL NOT NULL);"
        "CREATE TABLE item(project INTEGER NOT NULL, id TEXT NOT NULL, samples INTEGER NOT NULL, wall REAL NOT NULL,"
        " cpu REAL NOT NULL, spread REAL NOT NULL, last REAL NOT NULL, rss INTEGER NOT NULL, outcome INTEGER NOT NULL,"
        " run INTEGER NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY(project, id)) WITHOUT ROWID;"
        "CREATE TABLE fixture_group(project INTEGER NOT NULL, id TEXT NOT NULL, samples INTEGER NOT NULL,"
        " setup REAL NOT NULL, run INTEGER NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY(project, id)) WITHOUT ROWID;",

        "ALTER TABLE project ADD COLUMN whole_run INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE item ADD COLUMN last_cpu REAL NOT NULL DEFAULT 0;"
        "ALTER TABLE item ADD COLUMN last_speed REAL NOT NULL DEFAULT 0;"
        "ALTER TABLE item ADD COLUMN last_class INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE item ADD COLUMN source INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE item ADD COLUMN position INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE fixture_group ADD COLUMN parent TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE fixture_group ADD COLUMN loose INTEGER NOT NULL DEFAULT 0;"
        "CREATE TABLE speed(machine TEXT NOT NULL, class TEXT NOT NULL, ratio REAL NOT NULL, weight REAL NOT NULL,"
        " seen INTEGER NOT NULL, PRIMARY KEY(machine, class)) WITHOUT ROWID;",

        "ALTER TABLE project ADD COLUMN worker_memory INTEGER NOT NULL DEFAULT 0;",

        "CREATE TABLE split(project TEXT NOT NULL, build TEXT NOT NULL, shards INTEGER NOT NULL,"
        " collection INTEGER NOT NULL, made INTEGER NOT NULL, used INTEGER NOT NULL, places BLOB NOT NULL,"
        " PRIMARY KEY(project, build, shards, collection)) WITHOUT ROWID;",
};
enum { SCHEMA_VERSION = ELEMENTSOF(upgrades) };

int history_default_path(char **ret_path)
{
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        char *path = NULL;
        int r = 0;

        /* The XDG base directory specification: a relative path is to be ignored. */
        if (state && state[0] == '/')
                r = asprintf(&path, "%s/schedctl/history.db", state);
        else if (home && home[0] == '/')
                r = asprintf(&path, "%s/.local/state/schedctl/history.db", home);
        if (r < 0)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}

/* Returns 1, so that a caller can hand "history is off" on, or -ENOMEM. Replaces an earlier text. */
__attribute__((format(printf, 2, 3))) static int warn(char **ret_warning, const char *format, ...)
{
        char *text;
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(&text, format, args);
        va_end(args);
        if (r < 0)
                return -ENOMEM;
        free(*ret_warning);
        *ret_warning = text;
        return 1;
}

static int make_directories(const char *path)
{
        CLEANUP_FREE char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(copy, 0700) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

bool history_file_is_broken(int result)
{
        return result == SQLITE_CORRUPT || result == SQLITE_NOTADB;
}

static int read_number(sqlite3 *db, const char *sql, int *ret_number)
{
        sqlite3_stmt *statement;
        int r = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

        if (r != SQLITE_OK)
                return r;
        r = sqlite3_step(statement);
        if (r == SQLITE_ROW)
                *ret_number = sqlite3_column_int(statement, 0);
        sqlite3_finalize(statement);
        return r == SQLITE_ROW ? SQLITE_OK : r == SQLITE_DONE ? SQLITE_CORRUPT : r;
}

/* A truncated file keeps its header: reading one row of each table touches their roots. */
static const struct {
        int since; /* version */
        const char *sql;
} probes[] = {
        {1, "SELECT count(*) FROM (SELECT 1 FROM project LIMIT 1)"},
        {1, "SELECT count(*) FROM (SELECT 1 FROM item LIMIT 1)"},
        {1, "SELECT count(*) FROM (SELECT 1 FROM fixture_group LIMIT 1)"},
        {2, "SELECT count(*) FROM (SELECT 1 FROM speed LIMIT 1)"},
        {4, "SELECT count(*) FROM (SELECT 1 FROM split LIMIT 1)"},
};

static enum verdict probe(sqlite3 *db, int version)
{
        int r = SQLITE_OK, found;

        for (size_t i = 0; i < ELEMENTSOF(probes) && r == SQLITE_OK; i++)
                if (version >= probes[i].since)
                        r = read_number(db, probes[i].sql, &found);
        if (r == SQLITE_OK)
                return version < SCHEMA_VERSION ? FILE_OLDER : FILE_OURS;
        return r == SQLITE_ERROR || history_file_is_broken(r) ? FILE_BROKEN : FILE_UNREADABLE;
}

static enum verdict examine(sqlite3 *db, int *ret_version)
{
        int application = 0, version = 0, tables = 0, r;

        r = read_number(db, "PRAGMA application_id", &application);
        if (r == SQLITE_OK)
                r = read_number(db, "PRAGMA user_version", &version);
        if (r == SQLITE_OK)
                r = read_number(db, "SELECT count(*) FROM sqlite_master", &tables);
        if (history_file_is_broken(r))
                return FILE_BROKEN;
        if (r != SQLITE_OK)
                return FILE_UNREADABLE;
        *ret_version = version;
        if (application == 0 && version == 0 && tables == 0)
                return FILE_EMPTY;
        if (application != HISTORY_APPLICATION_ID || version < 1)
                return FILE_BROKEN;
        return version > SCHEMA_VERSION ? FILE_NEWER : probe(db, version);
}

static void close_database(struct history *h)
{
        sqlite3_close(h->db);
        h->db = NULL;
}

static int open_database(struct history *h, int flags)
{
        int r = sqlite3_open_v2(h->path, &h->db, flags, NULL);

        if (r != SQLITE_OK) {
                close_database(h);
                return r;
        }
        sqlite3_busy_timeout(h->db, HISTORY_BUSY_MS);
        /* A power failure may damage the file; then it is set aside. Waiting for the disk at the end of every
         * suite would cost more than such a loss. */
        sqlite3_exec(h->db, "PRAGMA synchronous = OFF; PRAGMA trusted_schema = OFF", NULL, NULL, NULL);
        return SQLITE_OK;
}

static int run_upgrades(sqlite3 *db, int version)
{
        char pragmas[96];
        int r = SQLITE_OK;

        for (; version < SCHEMA_VERSION && r == SQLITE_OK; version++)
                r = sqlite3_exec(db, upgrades[version], NULL, NULL, NULL);
        snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 HISTORY_APPLICATION_ID, SCHEMA_VERSION);
        return r == SQLITE_OK ? sqlite3_exec(db, pragmas, NULL, NULL, NULL) : r;
}

/* Makes the schema, or brings it up to date. Another run may be about to do the same: whoever comes second finds it
 * done. */
static enum verdict upgrade(sqlite3 *db)
{
        enum verdict verdict;
        int version = 0;

        if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
                return FILE_UNREADABLE;
        verdict = examine(db, &version);
        if (verdict == FILE_EMPTY || verdict == FILE_OLDER) {
                if (run_upgrades(db, version) == SQLITE_OK && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
                        return FILE_OURS;
                verdict = FILE_UNREADABLE;
        }
        if (!sqlite3_get_autocommit(db)) /* what failed may have ended it, and is still to be told */
                sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return verdict;
}

/* A copy in memory stands for an old file that cannot be written: it is read as if it had been upgraded, and storing
 * fails as in that file. */
static enum verdict upgrade_copy(struct history *h)
{
        sqlite3_backup *backup;
        sqlite3 *copy = NULL;
        bool copied = false;

        if (sqlite3_open(":memory:", &copy) == SQLITE_OK &&
            (backup = sqlite3_backup_init(copy, "main", h->db, "main"))) {
                sqlite3_backup_step(backup, -1);
                copied = sqlite3_backup_finish(backup) == SQLITE_OK; /* what went wrong in the step is told here too */
        }
        if (!copied || upgrade(copy) != FILE_OURS ||
            sqlite3_exec(copy, "PRAGMA query_only = ON", NULL, NULL, NULL) != SQLITE_OK) {
                sqlite3_close(copy);
                return FILE_UNREADABLE;
        }
        sqlite3_close(h->db);
        h->db = copy;
        return FILE_OURS;
}

/* Opens and judges the file; h->db is NULL where it could not be opened at all. */
static enum verdict open_and_examine(struct history *h)
{
        enum verdict verdict;
        struct stat st;
        int version = 0;

        if (open_database(h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) != SQLITE_OK &&
            open_database(h, SQLITE_OPEN_READONLY) != SQLITE_OK)
                return FILE_UNREADABLE;
        h->read_only = sqlite3_db_readonly(h->db, "main") == 1;
        h->inode = stat(h->path, &st) == 0 ? st.st_ino : 0;
        verdict = examine(h->db, &version);
        if (verdict == FILE_OLDER && h->read_only)
                return upgrade_copy(h);
        if (verdict == FILE_EMPTY && h->read_only)
                return FILE_UNREADABLE;
        return verdict == FILE_EMPTY || verdict == FILE_OLDER ? upgrade(h->db) : verdict;
}

/* The journal of a damaged file must not be played back into its successor. */
static int set_aside(const char *path, char **ret_name)
{
        CLEANUP_FREE char *journal = NULL;

        if (asprintf(&journal, "%s-journal", path) < 0)
                return -ENOMEM;
        for (unsigned n = 1; n <= HISTORY_BROKEN_MAX; n++) {
                CLEANUP_FREE char *name = NULL;

                if (asprintf(&name, "%s.broken-%u", path, n) < 0)
                        return -ENOMEM;
                if (access(name, F_OK) == 0)
                        continue;
                if (rename(path, name) < 0)
                        return -errno;
                unlink(journal);
                *ret_name = TAKE(name);
                return 0;
        }
        return -EEXIST;
}

/* One at a time may judge and rename: a second one would set the first one's new file aside. */
static int lock_file(const char *path, int *ret_fd)
{
        CLEANUP_FREE char *name = NULL;
        CLEANUP_CLOSE int fd = -1;

        if (asprintf(&name, "%s.lock", path) < 0)
                return -ENOMEM;
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int refuse(struct history *h, enum verdict verdict, char **ret_warning)
{
        CLEANUP_FREE char *detail = strdup(h->db ? sqlite3_errmsg(h->db) : "unable to open database file");

        close_database(h);
        if (!detail)
                return -ENOMEM;
        if (verdict == FILE_NEWER)
                return warn(ret_warning, "no history: %s was written by a newer version", h->path);
        return warn(ret_warning, "no history: %s: %s", h->path, detail);
}

/* Renames the file unless another run has done so since this one opened it. */
static int set_aside_once(const struct history *h, char **ret_name)
{
        CLEANUP_CLOSE int lock = -1;
        struct stat st;
        int r = lock_file(h->path, &lock);

        if (r < 0)
                return r;
        if (stat(h->path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        return st.st_ino == h->inode ? set_aside(h->path, ret_name) : 0;
}

int history_file_replace(struct history *h, char **ret_warning)
{
        CLEANUP_FREE char *name = NULL;
        enum verdict verdict;
        int r;

        close_database(h);
        r = set_aside_once(h, &name);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return warn(ret_warning, "no history: %s is damaged and cannot be set aside: %s", h->path,
                            strerror(-r));

        verdict = open_and_examine(h);
        if (verdict != FILE_OURS)
                return refuse(h, verdict, ret_warning);
        if (!name)
                return 0;
        r = warn(ret_warning, "the history %s was damaged or not one: kept as %s, a new one begun", h->path, name);
        return r < 0 ? r : 0;
}

int history_file_look(struct history *h, char **ret_warning)
{
        enum verdict verdict = FILE_UNREADABLE;
        int version = 0;

        if (open_database(h, SQLITE_OPEN_READONLY) == SQLITE_OK)
                verdict = examine(h->db, &version);
        if (verdict == FILE_OLDER)
                verdict = upgrade_copy(h);
        if (verdict == FILE_OURS)
                return 0;
        if (verdict != FILE_BROKEN && verdict != FILE_EMPTY)
                return refuse(h, verdict, ret_warning);
        close_database(h);
        return warn(ret_warning, "no history: %s is damaged or not one", h->path);
}

int history_file_open(struct history *h, char **ret_warning)
{
        enum verdict verdict;
        int r = make_directories(h->path);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return warn(ret_warning, "no history: %s: %s", h->path, strerror(-r));
        verdict = open_and_examine(h);
        if (verdict == FILE_OURS)
                return 0;
        return verdict == FILE_BROKEN ? history_file_replace(h, ret_warning) : refuse(h, verdict, ret_warning);
}
