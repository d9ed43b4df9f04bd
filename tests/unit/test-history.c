/* The history's file: what is stored comes back, by any number of processes, and no file, however bad, stops a
 * run. */
#include "cli/history.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/util.h"
#include "tests/unit/test.h"

enum { MANY = 2000, PATH_SIZE = 512 };

static char dir[PATH_SIZE - 64];

static const char *path_of(const char *name)
{
        static char paths[4][PATH_SIZE];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, PATH_SIZE, "%s/%s", dir, name);
        return path;
}

static void write_file(const char *path, const void *data, size_t size)
{
        FILE *f = fopen(path, "we");

        CHECK(f);
        CHECK_INT(fwrite(data, 1, size, f), size);
        CHECK_INT(fclose(f), 0);
}

static struct history *open_quietly(const char *path)
{
        struct history *h = NULL;
        char *warning = NULL;

        CHECK_INT(history_open(path, &h, &warning), 0);
        if (warning)
                fprintf(stderr, "%s\n", warning);
        CHECK(!warning);
        CHECK(h);
        return h;
}

/* Opens and wants to hear of trouble; the handle may be NULL. */
static struct history *open_warned(const char *path, const char *expected)
{
        struct history *h = NULL;
        char *warning = NULL;

        CHECK_INT(history_open(path, &h, &warning), 0);
        CHECK(warning);
        if (!strstr(warning, expected))
                fprintf(stderr, "warning is: %s\n", warning);
        CHECK(strstr(warning, expected));
        free(warning);
        return h;
}

static struct estimate_sample passed(double wall)
{
        return (struct estimate_sample){.wall = wall, .cpu = wall, .rss = 1000, .speed = 1, .outcome = ESTIMATE_PASSED};
}

static void store_items(struct history *h, const char *project, const struct history_item *items, uint32_t n,
                        int64_t now)
{
        char *warning = NULL;
        struct history_suite suite = {.items = items, .n_items = n, .wall = 1, .now = now};

        CHECK_INT(history_store(h, project, &suite, &warning), 0);
        if (warning)
                fprintf(stderr, "%s\n", warning);
        CHECK(!warning);
}

static void store_one(struct history *h, const char *project, const char *id, double wall, int64_t now)
{
        store_items(h, project, &(struct history_item){.id = id, .sample = passed(wall)}, 1, now);
}

static double wall_of(struct history *h, const char *project, const char *id)
{
        struct estimate e;

        return history_load(h, project, &id, 1, &e) == 1 ? e.wall : -1;
}

static bool near(double a, double b)
{
        return fabs(a - b) < 1e-9;
}

static void test_round_trip(void)
{
        const char *path = path_of("a/b/history.db");
        struct history *h = open_quietly(path);
        struct history_project project;
        struct history_item items[] = {{"t.py::a", 0, passed(1)}, {"t.py::b[\xc3\xa9]", 1, passed(2)}};
        struct history_group groups[] = {{.id = "t.py", .setup = 0.5}};
        struct history_suite suite = {.items = items,
                                      .n_items = 2,
                                      .groups = groups,
                                      .n_groups = 1,
                                      .wall = 3,
                                      .collection = 0.25,
                                      .serial = 1};
        const char *ids[] = {"t.py::none", "t.py::b[\xc3\xa9]", "t.py::a", "t.py::a"};
        const char *group_ids[] = {"u.py", "t.py"};
        struct estimate e[4];
        double setups[2];
        char *warning = NULL;

        CHECK_INT(history_load_project(h, "/p", &project), 0);
        CHECK_INT(history_load(h, "/p", ids, 4, e), 0);
        CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
        CHECK(!warning);
        history_close(h);

        h = open_quietly(path);
        CHECK_INT(history_load(h, "/p", ids, 4, e), 3);
        CHECK_INT(e[0].n_samples, 0);
        CHECK(near(e[1].wall, 2) && near(e[2].wall, 1) && near(e[3].wall, 1));
        CHECK_INT(e[1].rss, 1000);
        CHECK_INT(e[1].outcome, ESTIMATE_PASSED);
        CHECK_INT(history_load(h, "/other", ids, 4, e), 0);
        CHECK_INT(history_load_groups(h, "/p", group_ids, 2, setups), 1);
        CHECK(setups[0] < 0 && near(setups[1], 0.5));
        CHECK_INT(history_load_project(h, "/p", &project), 1);
        CHECK_INT(project.runs, 1);
        CHECK(near(project.wall, 3) && near(project.collection, 0.25) && near(project.serial, 1));
        history_close(h);
}

/* Few ids of a large project are looked up, many are merged: the same answers. */
static void test_many(void)
{
        static struct history_item items[MANY];
        static const char *ids[MANY];
        static char names[MANY][32];
        static struct estimate e[MANY];
        struct history *h = open_quietly(path_of("many.db"));

        for (uint32_t i = 0; i < MANY; i++) {
                snprintf(names[i], sizeof(names[i]), "t%u.py::test_%u", i % 7, i);
                items[i] = (struct history_item){names[i], i, passed(i)};
                ids[MANY - 1 - i] = names[i];
        }
        store_items(h, "/p", items, MANY, 0);
        CHECK_INT(history_load(h, "/p", ids, MANY, e), MANY);
        for (uint32_t i = 0; i < MANY; i++)
                CHECK(near(e[i].wall, MANY - 1 - i));
        CHECK_INT(history_load(h, "/p", ids, 3, e), 3);
        CHECK(near(e[2].wall, MANY - 3));
        history_close(h);
}

static void test_forgetting(void)
{
        enum { DAY = 24 * 3600 };
        struct history *h = open_quietly(path_of("old.db"));

        store_one(h, "/p", "old", 1, 0);
        for (int run = 1; run < HISTORY_KEEP_RUNS + 40; run++)
                store_one(h, "/p", "new", 1, 10 * DAY);
        CHECK(near(wall_of(h, "/p", "old"), 1)); /* many runs, but few days */
        for (int run = 0; run < 16; run++)
                store_one(h, "/p", "new", 1, (HISTORY_KEEP_DAYS + 1) * (int64_t)DAY);
        CHECK(wall_of(h, "/p", "old") < 0);
        CHECK(near(wall_of(h, "/p", "new"), 1));
        history_close(h);
}

/* Two processes at once, on a file that neither has made yet: every sample counts. */
static void test_concurrent_writers(void)
{
        enum { WRITERS = 2, ROUNDS = 20 };
        const char *path = path_of("shared.db"), *id = "common";
        struct history *h;
        struct estimate e;

        for (int w = 0; w < WRITERS; w++) {
                pid_t pid = fork();

                CHECK(pid >= 0);
                if (pid > 0)
                        continue;
                h = open_quietly(path);
                for (int round = 0; round < ROUNDS; round++)
                        store_one(h, "/p", id, 1, 0);
                history_close(h);
                _exit(0);
        }
        for (int w = 0; w < WRITERS; w++) {
                int status;

                CHECK(wait(&status) > 0);
                CHECK_INT(status, 0);
        }
        h = open_quietly(path);
        CHECK_INT(history_load(h, "/p", &id, 1, &e), 1);
        CHECK_INT(e.n_samples, WRITERS * ROUNDS);
        history_close(h);
}

/* Opens a bad file, finds it set aside under the given number, and works on. */
static void check_set_aside(const char *path, unsigned number)
{
        char broken[PATH_SIZE + 32];
        struct history *h = open_warned(path, "a new one begun");

        snprintf(broken, sizeof(broken), "%s.broken-%u", path, number);
        CHECK_INT(access(broken, F_OK), 0);
        CHECK(h);
        store_one(h, "/p", "x", 1, 0);
        CHECK(near(wall_of(h, "/p", "x"), 1));
        history_close(h);
        h = open_quietly(path);
        CHECK(near(wall_of(h, "/p", "x"), 1));
        history_close(h);
}

static void test_not_a_database(void)
{
        static const char text[] = "This is a diary, and it is longer than a database's header, which has 100 bytes:"
                                   " without that much SQLite takes a file for an empty one.";
        const char *path = path_of("diary.db");

        write_file(path, text, sizeof(text));
        check_set_aside(path, 1);
        write_file(path, text, sizeof(text));
        check_set_aside(path, 2);
}

static void run_sql(const char *path, const char *sql)
{
        sqlite3 *db;

        CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
        CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static void test_foreign_database(void)
{
        const char *path = path_of("foreign.db");

        run_sql(path, "CREATE TABLE recipes(name TEXT)");
        check_set_aside(path, 1);
        run_sql(path, "PRAGMA application_id = 7");
        check_set_aside(path, 2);
        run_sql(path, "DROP TABLE item");
        check_set_aside(path, 3);
}

static void test_truncated(void)
{
        const char *path = path_of("truncated.db");
        struct history *h = open_quietly(path);

        store_one(h, "/p", "x", 1, 0);
        history_close(h);
        CHECK_INT(truncate(path, 4096 + 100), 0);
        check_set_aside(path, 1);
}

/* Damage that opening does not see, found while storing. */
static void test_damaged_inside(void)
{
        static struct history_item items[MANY];
        static char names[MANY][64];
        const char *path = path_of("damaged.db");
        struct history *h = open_quietly(path);
        struct history_suite suite = {.items = items, .n_items = MANY};
        char *warning = NULL, junk[4096];
        struct stat st;
        int fd;

        for (uint32_t i = 0; i < MANY; i++) {
                snprintf(names[i], sizeof(names[i]), "tests/test_module_%u.py::test_%u", i % 7, i);
                items[i] = (struct history_item){names[i], i, passed(i)};
        }
        store_items(h, "/p", items, MANY, 0);
        history_close(h);

        memset(junk, 0xa5, sizeof(junk));
        fd = open(path, O_WRONLY | O_CLOEXEC);
        CHECK(fd >= 0 && fstat(fd, &st) == 0);
        for (off_t at = (off_t)8 * 4096; at < st.st_size; at += 4096)
                CHECK_INT(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
        close(fd);

        h = open_quietly(path);
        CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
        CHECK(warning && strstr(warning, "a new one begun"));
        free(warning);
        CHECK(near(wall_of(h, "/p", names[1]), 1));
        history_close(h);
}

static void test_newer(void)
{
        const char *path = path_of("newer.db");
        struct history *h = open_quietly(path);

        history_close(h);
        run_sql(path, "PRAGMA user_version = 99");
        CHECK(!open_warned(path, "newer version"));
        run_sql(path, "PRAGMA user_version = 4");
        history_close(open_quietly(path));
}

static void test_no_place(void)
{
        const char *file = path_of("file");
        char below[PATH_SIZE + 32];

        write_file(file, "", 0);
        snprintf(below, sizeof(below), "%s/history.db", file);
        CHECK(!open_warned(below, "no history"));
        CHECK(!open_warned("/proc/self/nothing/history.db", "no history"));
        CHECK(!open_warned("/dev/full", "no history"));
}

/* Somebody else's file in somebody else's directory: what it knows is used, and storing says what is wrong. Root may
 * write everywhere, so a child gives that up. */
static void test_read_only(void)
{
        const char *path = path_of("theirs/history.db");
        struct history_suite suite = {0};
        struct history *h = open_quietly(path);
        char *warning = NULL;
        pid_t pid;
        int status;

        store_one(h, "/p", "x", 1, 0);
        history_close(h);
        CHECK_INT(chmod(dir, 0755), 0);
        CHECK_INT(chmod(path, 0444), 0);
        CHECK_INT(chmod(path_of("theirs"), 0555), 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK(geteuid() != 0 || seteuid(65534) == 0);
                h = open_quietly(path);
                CHECK(near(wall_of(h, "/p", "x"), 1));
                CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
                CHECK(warning && strstr(warning, "history not stored"));
                free(warning);
                history_close(h);
                CHECK(!open_warned(path_of("theirs/none.db"), "no history"));
                _exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK_INT(status, 0);
        CHECK_INT(chmod(path_of("theirs"), 0755), 0);
}

/* A limit on the file's size stands for a full disk. */
static void test_disk_full(void)
{
        static struct history_item items[MANY];
        static char names[MANY][64];
        struct history_suite suite = {.items = items, .n_items = MANY};
        const char *path = path_of("full.db");
        struct history *h = open_quietly(path);
        char *warning = NULL;
        pid_t pid;
        int status;

        store_one(h, "/p", "x", 1, 0);
        history_close(h);
        for (uint32_t i = 0; i < MANY; i++) {
                snprintf(names[i], sizeof(names[i]), "tests/test_module_%u.py::test_%u", i % 7, i);
                items[i] = (struct history_item){names[i], i, passed(i)};
        }
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                struct rlimit limit = {48 * 1024, 48 * 1024};

                signal(SIGXFSZ, SIG_IGN);
                CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
                h = open_quietly(path);
                CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
                CHECK(warning && strstr(warning, "history not stored"));
                free(warning);
                CHECK(near(wall_of(h, "/p", "x"), 1));
                history_close(h);
                _exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK_INT(status, 0);
        h = open_quietly(path);
        CHECK(near(wall_of(h, "/p", "x"), 1));
        CHECK(wall_of(h, "/p", names[0]) < 0);
        history_close(h);
}

static void test_default_path(void)
{
        const char *state = path_of("state");
        struct history *h = NULL;
        char *warning = NULL;

        CHECK_INT(setenv("XDG_STATE_HOME", state, 1), 0);
        history_close(open_quietly(NULL));
        CHECK_INT(access(path_of("state/schedctl/history.db"), F_OK), 0);
        CHECK_INT(setenv("XDG_STATE_HOME", "relative", 1), 0);
        CHECK_INT(setenv("HOME", path_of("home"), 1), 0);
        history_close(open_quietly(NULL));
        CHECK_INT(access(path_of("home/.local/state/schedctl/history.db"), F_OK), 0);
        CHECK_INT(unsetenv("HOME"), 0);
        CHECK_INT(history_open(NULL, &h, &warning), 0);
        CHECK(!h && warning);
        free(warning);
}

static void test_none(void)
{
        struct history_project project;
        struct history_suite suite = {0};
        const char *id = "x";
        struct estimate e;
        double setup;
        char *warning = NULL;

        CHECK_INT(history_load(NULL, "/p", &id, 1, &e), 0);
        CHECK_INT(history_load_groups(NULL, "/p", &id, 1, &setup), 0);
        CHECK(setup < 0);
        CHECK_INT(history_load_project(NULL, "/p", &project), 0);
        CHECK_INT(history_store(NULL, "/p", &suite, &warning), 0);
        CHECK(!warning);
        history_close(NULL);
}

/* Nodes that share a history divide a suite as the first of them did: within a build, or within a short time. */
static void test_splits_are_shared(void)
{
        struct history *h = open_quietly(path_of("splits.db"));
        struct history_split key = {.project = "/p", .build = "", .n_shards = 3, .collection = UINT64_MAX, .now = 1000};
        uint16_t first[] = {0, 1, 2, 0}, other[] = {2, 2, 1, 0}, of_two[] = {1, 1, 0, 0};

        CHECK(!history_share_split(h, &key, first, 4));
        key.now += HISTORY_SPLIT_SECONDS - 1;
        CHECK(history_share_split(h, &key, other, 4)); /* was used now… */
        CHECK(memcmp(first, other, sizeof(first)) == 0);
        key.now += HISTORY_SPLIT_SECONDS - 1;
        other[0] = 1;
        CHECK(history_share_split(h, &key, other, 4)); /* …and so is still current */
        CHECK_INT(other[0], 0);
        key.n_shards = 2; /* another split */
        CHECK(!history_share_split(h, &key, of_two, 4));
        key.n_shards = 3;
        CHECK(!history_share_split(h, &key, other, 3)); /* of so many items there is none */
        key.now += HISTORY_SPLIT_SECONDS;
        CHECK(!history_share_split(h, &key, other, 3)); /* another run */

        key.build = "CI_PIPELINE_ID=7";
        CHECK(!history_share_split(h, &key, first, 4));
        key.now += (int64_t)24 * 3600;
        other[0] = 1;
        CHECK(history_share_split(h, &key, other, 4)); /* an array's last task may begin a day later */
        CHECK_INT(other[0], 0);
        key.build = "CI_PIPELINE_ID=8";
        CHECK(!history_share_split(h, &key, other, 4));
        CHECK(!history_share_split(NULL, &key, other, 4));
        history_close(h);
}

static int n_splits(const char *path)
{
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        int n;

        CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
        CHECK_INT(sqlite3_prepare_v2(db, "SELECT count(*) FROM split", -1, &s, NULL), SQLITE_OK);
        CHECK_INT(sqlite3_step(s), SQLITE_ROW);
        n = sqlite3_column_int(s, 0);
        sqlite3_finalize(s);
        sqlite3_close(db);
        return n;
}

/* Nodes that come again and again within minutes are of one split, also when a day is over in between; and a machine
 * that sees build after build keeps the last ones only. */
static void test_splits_that_are_kept(void)
{
        struct history *h = open_quietly(path_of("kept.db"));
        struct history_split key = {.project = "/p", .build = "", .n_shards = 3, .collection = 7, .now = 1000};
        uint16_t first[] = {0, 1, 2}, other[] = {2, 1, 0}, read[3];
        char build[32];

        CHECK(!history_share_split(h, &key, first, 3));
        for (int64_t end = key.now + 2 * (int64_t)24 * 3600; key.now < end;) {
                key.now += HISTORY_SPLIT_SECONDS - 1;
                memcpy(read, other, sizeof(read));
                CHECK(history_share_split(h, &key, read, 3));
                CHECK(memcmp(read, first, sizeof(read)) == 0);
        }
        for (int i = 0; i < HISTORY_SPLIT_MAX + 50; i++) {
                (void)snprintf(build, sizeof(build), "GITHUB_RUN_ID=%d", i);
                key.build = build;
                key.now++;
                CHECK(!history_share_split(h, &key, other, 3));
        }
        CHECK(history_share_split(h, &key, first, 3));
        CHECK_INT(n_splits(path_of("kept.db")), HISTORY_SPLIT_MAX);
        history_close(h);
}

int main(void)
{
        char command[PATH_SIZE];
        const char *tmp = getenv("TMPDIR");

        snprintf(dir, sizeof(dir), "%s/test-history-XXXXXX", tmp && *tmp ? tmp : "/tmp");
        CHECK(mkdtemp(dir));
        test_none();
        test_round_trip();
        test_many();
        test_forgetting();
        test_concurrent_writers();
        test_not_a_database();
        test_foreign_database();
        test_truncated();
        test_damaged_inside();
        test_newer();
        test_no_place();
        test_read_only();
        test_disk_full();
        test_default_path();
        test_splits_are_shared();
        test_splits_that_are_kept();
        snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        return system(command) == 0 ? 0 : 1;
}
