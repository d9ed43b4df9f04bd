/* What the history keeps beyond times: order, groups, files, speeds; and files of an earlier version. */
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/history.h"
#include "lib/util.h"
#include "tests/unit/test.h"

enum { PATH_SIZE = 512 };

static char dir[PATH_SIZE - 64];

static const char *path_of(const char *name)
{
        static char paths[4][PATH_SIZE];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, PATH_SIZE, "%s/%s", dir, name);
        return path;
}

static struct history *open_history(const char *name)
{
        struct history *h = NULL;
        char *warning = NULL;

        CHECK_INT(history_open(path_of(name), &h, &warning), 0);
        if (warning)
                fprintf(stderr, "%s\n", warning);
        CHECK(!warning && h);
        return h;
}

static void run_sql(const char *path, const char *sql)
{
        sqlite3 *db;

        CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
        CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static bool near(double a, double b)
{
        return fabs(a - b) < 1e-9;
}

/* Stores ids[i], each taking i + 1 seconds, out of a collection of so many. */
static void store(struct history *h, const char *project, const char *const *ids, uint32_t n, uint32_t n_collected)
{
        struct history_item items[16];
        struct history_suite suite = {.items = items, .n_items = n, .n_collected = n_collected, .wall = 1};
        char *warning = NULL;

        for (uint32_t i = 0; i < n; i++)
                items[i] = (struct history_item){
                        ids[i], i, {.wall = i + 1, .cpu = i + 1, .speed = 1, .outcome = ESTIMATE_PASSED}};
        CHECK_INT(history_store(h, project, &suite, &warning), 0);
        if (warning)
                fprintf(stderr, "%s\n", warning);
        CHECK(!warning);
}

/* The ids of what is current, in order, each followed by a space. */
static const char *order_of(struct history *h, const char *project)
{
        static char text[1024];
        struct history_list list;
        size_t at = 0;

        CHECK_INT(history_list(h, project, &list), 1);
        text[0] = '\0';
        for (uint32_t i = 0; i < list.n_items; i++)
                if (list.items[i].current)
                        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s ", list.items[i].id);
        history_list_finish(&list);
        return text;
}

static void test_order(void)
{
        static const char *const whole[] = {"z", "a", "m", "b"}, *const shuffled[] = {"b", "z", "m", "a"};
        static const char *const part[] = {"new", "b"}, *const fewer[] = {"z", "m", "new"};
        struct history *h = open_history("order.db");

        store(h, "/p", whole, 4, 4);
        CHECK_STR(order_of(h, "/p"), "z a m b ");
        store(h, "/p", shuffled, 4, 4);
        CHECK_STR(order_of(h, "/p"), "b z m a ");
        store(h, "/p", shuffled + 3, 1, 1); /* one test alone says nothing of the others */
        CHECK_STR(order_of(h, "/p"), "b z m a ");
        store(h, "/p", part, 1, 2); /* a part, and not to its end: what is new comes last */
        CHECK_STR(order_of(h, "/p"), "b z m a new ");
        store(h, "/p", fewer, 3, 4); /* stopped before its end */
        CHECK_STR(order_of(h, "/p"), "b z m a new ");
        store(h, "/p", fewer, 3, 3);
        CHECK_STR(order_of(h, "/p"), "z m new "); /* the others are gone */
        history_close(h);
}

static void test_groups(void)
{
        static const struct history_group groups[] = {
                {.id = "t", .loose = true, .setup = 0.5},
                {.id = "t/a.py", .parent = "t", .setup = -1},
                {.id = "t/a.py::C", .parent = "t/a.py", .setup = 2},
                {.id = HISTORY_SESSION, .setup = 3},
                {.id = "lost", .parent = "nobody", .setup = -1},
        };
        static const char *const ids[] = {"t/a.py::C::x[p::q]", "t/a.py::y", "t/a.py::CC::z", "b.py::w", "plain"};
        struct history *h = open_history("groups.db");
        struct history_suite suite = {.groups = groups, .n_groups = 5};
        struct history_list list;
        const char *id = "t/a.py", *session = HISTORY_SESSION;
        char *warning = NULL;
        double setup;

        CHECK_INT(history_list(h, "/p", &list), 0);
        CHECK_INT(list.n_items, 0);
        for (int i = 0; i < 2; i++)
                CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
        store(h, "/p", ids, 5, 5);
        CHECK_INT(history_load_groups(h, "/p", &id, 1, &setup), 0);
        CHECK(setup < 0);
        CHECK_INT(history_load_groups(h, "/p", &session, 1, &setup), 1);
        CHECK(near(setup, 3));

        CHECK_INT(history_list(h, "/p", &list), 1);
        CHECK_INT(list.n_groups, 4);
        for (uint32_t i = 0; i < list.n_groups; i++)
                CHECK(list.groups[i].parent == ESTIMATE_NO_GROUP || list.groups[i].parent < i);
        CHECK_STR(list.groups[list.items[0].group].id, "t/a.py::C");
        CHECK_STR(list.groups[list.items[1].group].id, "t/a.py");
        CHECK_STR(list.groups[list.items[2].group].id, "t/a.py");
        CHECK_INT(list.items[3].group, ESTIMATE_NO_GROUP);
        CHECK_INT(list.items[4].group, ESTIMATE_NO_GROUP);
        CHECK(list.groups[list.groups[list.items[1].group].parent].loose);
        CHECK(list.groups[list.items[1].group].setup < 0 && near(list.groups[list.items[0].group].setup, 2));
        CHECK(near(list.session_setup, 3) && near(list.project.wall, 1));
        CHECK_INT(list.project.runs, 3);
        CHECK(near(list.items[4].estimate.wall, 5));
        history_list_finish(&list);
        history_close(h);
}

/* Groups that are each other's parents, as only a file that somebody changed can have them. */
static void test_groups_in_a_circle(void)
{
        static const char *const ids[] = {"a::x"};
        struct history *h = open_history("circle.db");
        struct history_list list;

        store(h, "/p", ids, 1, 1);
        history_close(h);
        run_sql(path_of("circle.db"), "INSERT INTO fixture_group(project, id, samples, setup, run, seen, parent)"
                                      " VALUES(1, 'a', 1, 1, 1, 1, 'b'), (1, 'b', 1, 1, 1, 1, 'a'),"
                                      " (1, 'c', 1, 1, 1, 1, 'c')");
        h = open_history("circle.db");
        CHECK_INT(history_list(h, "/p", &list), 1);
        CHECK_INT(list.n_groups, 3);
        for (uint32_t i = 0; i < 3; i++)
                CHECK_INT(list.groups[i].parent, ESTIMATE_NO_GROUP);
        history_list_finish(&list);
        history_close(h);
}

static void check_found(struct history *h, const char *directory, const char *expected)
{
        char *project = NULL;

        CHECK_INT(history_find_project(h, directory, &project), 0);
        if (expected)
                CHECK_STR(project, expected);
        else
                CHECK(!project);
        free(project);
}

static void test_finding(void)
{
        static const char *const ids[] = {"x"};
        struct history *h = open_history("find.db");

        check_found(NULL, "/a", NULL);
        check_found(h, "/", NULL);
        store(h, "/a/b", ids, 1, 1);
        check_found(h, "/a/b", "/a/b");
        check_found(h, "/a/b/c/d", "/a/b");
        check_found(h, "/a", NULL);
        check_found(h, "/a/bc", NULL);
        check_found(h, "", NULL);
        store(h, "/", ids, 1, 1);
        check_found(h, "/a", "/");
        check_found(h, "/", "/");
        history_close(h);
}

static void write_text(const char *path, const char *text)
{
        FILE *f = fopen(path, "we");

        CHECK(f);
        CHECK(fputs(text, f) >= 0);
        CHECK_INT(fclose(f), 0);
}

static void test_sources(void)
{
        static const char *const ids[] = {"a.py::x", "b.py::x", "a.py::y[b.py::z]", "none.py::x", "a.py",
                                          "::x",     "a.p::x"};
        uint64_t first[7], second[7];
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000, .tv_nsec = 1}};

        write_text(path_of("a.py"), "one");
        write_text(path_of("b.py"), "one");
        CHECK_INT(history_sources(dir, ids, 7, first), 0);
        CHECK(first[0] != 0 && first[1] != 0 && first[0] == first[2]);
        CHECK(!first[3] && !first[4] && !first[5] && !first[6]);
        CHECK_INT(history_sources(dir, ids, 7, second), 0);
        CHECK_INT(memcmp(first, second, sizeof(first)), 0);

        CHECK_INT(utimensat(AT_FDCWD, path_of("a.py"), times, 0), 0);
        CHECK_INT(history_sources(dir, ids, 7, second), 0);
        CHECK(second[0] != first[0] && second[1] == first[1]);
        first[0] = second[0];
        write_text(path_of("a.py"), "three");
        CHECK_INT(utimensat(AT_FDCWD, path_of("a.py"), times, 0), 0);
        CHECK_INT(history_sources(dir, ids, 7, second), 0);
        CHECK(second[0] != first[0]);
        CHECK_INT(history_sources("/proc/none", ids, 7, second), 0);
        CHECK(!second[0]);
        CHECK_INT(history_sources(dir, NULL, 0, NULL), 0);
}

/* A file changes, and the times of its tests are believed at once, whichever of them ran meanwhile. */
static void test_changed_files(void)
{
        struct history *h = open_history("changed.db");
        struct history_item items[] = {{.id = "a.py::x"}, {.id = "a.py::y"}};
        struct history_suite suite = {.items = items, .n_items = 2, .n_collected = 2};
        const char *ids[] = {"a.py::x", "a.py::y"};
        char *warning = NULL;
        struct estimate e[2];

        for (int i = 0; i < 2; i++)
                items[i].sample = (struct estimate_sample){
                        .wall = 1, .cpu = 1, .speed = 1, .source = 1, .outcome = ESTIMATE_PASSED};
        for (int run = 0; run < 4; run++)
                CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
        items[0].sample.source = items[1].sample.source = UINT64_MAX;
        items[0].sample.wall = items[1].sample.wall = 5;
        suite.n_items = 1;
        CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
        CHECK_INT(history_load(h, "/p", ids, 2, e), 2);
        CHECK(near(e[0].wall, 5) && near(e[1].wall, 1));
        CHECK(!estimate_is_stale(&e[0], UINT64_MAX) && estimate_is_stale(&e[1], UINT64_MAX));
        suite.n_items = 2;
        CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
        CHECK_INT(history_load(h, "/p", ids, 2, e), 2);
        CHECK(near(e[1].wall, 5));
        history_close(h);
}

/* Eight items that went from P to E and back, and eight that stayed: E has half the speed. */
static void test_speeds(void)
{
        static char names[16][8];
        static const struct machine_kind kinds[] = {{.name = "P", .speed = 1}, {.name = "E", .speed = 0.7}};
        struct machine_pu pus[] = {{.os = 0}, {.os = 1, .core = 1, .kind = 1}};
        struct machine machine = {.pus = pus, .n_pus = 2, .n_kinds = 2, .kinds = {kinds[0], kinds[1]}};
        struct history *h = open_history("speeds.db");
        struct history_item items[16];
        struct speeds speeds;
        struct history_suite suite = {.items = items, .n_items = 16, .n_collected = 16, .speeds = &speeds};
        char *warning = NULL;

        speeds_init(&speeds, &machine);
        CHECK_INT(history_load_speeds(h, &speeds), 0);
        for (int run = 0; run < 2; run++) {
                for (unsigned i = 0; i < 16; i++) {
                        bool slow = run == 1 && i < 8;

                        snprintf(names[i], sizeof(names[i]), "t%u", i);
                        items[i] = (struct history_item){names[i],
                                                         i,
                                                         {.wall = slow ? 2 : 1,
                                                          .cpu = slow ? 2 : 1,
                                                          .speed = 1,
                                                          .class = speeds_find(&speeds, slow, 1)->id,
                                                          .outcome = ESTIMATE_PASSED}};
                }
                CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
                CHECK(!warning);
        }
        history_close(h);
        h = open_history("speeds.db");
        CHECK_INT(history_load_speeds(h, &speeds), 1);
        CHECK(near(speeds_find(&speeds, 1, 1)->ratio, 0.5));
        snprintf(speeds.machine, sizeof(speeds.machine), "another");
        CHECK_INT(history_load_speeds(h, &speeds), 0);
        CHECK_INT(history_load_speeds(NULL, &speeds), 0);
        history_close(h);
}

/* Version 1, as its schedctl made it. */
static const char version_1[] =
        "CREATE TABLE project(key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, runs INTEGER NOT NULL,"
        " items INTEGER NOT NULL, wall REAL NOT NULL, collection REAL NOT NULL, serial REAL NOT NULL);"
        "CREATE TABLE item(project INTEGER NOT NULL, id TEXT NOT NULL, samples INTEGER NOT NULL, wall REAL NOT NULL,"
        " cpu REAL NOT NULL, spread REAL NOT NULL, last REAL NOT NULL, rss INTEGER NOT NULL, outcome INTEGER NOT NULL,"
        " run INTEGER NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY(project, id)) WITHOUT ROWID;"
        "CREATE TABLE fixture_group(project INTEGER NOT NULL, id TEXT NOT NULL, samples INTEGER NOT NULL,"
        " setup REAL NOT NULL, run INTEGER NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY(project, id)) WITHOUT ROWID;"
        "INSERT INTO project VALUES(1, '/p', 7, 2, 9, 1, 2);"
        "INSERT INTO item VALUES(1, 't.py::a', 5, 1.5, 1, 0.1, 1.6, 1000, 1, 7, 1000);"
        "INSERT INTO item VALUES(1, 't.py::b', 5, 2.5, 1, 0.1, 2.6, 1000, 2, 6, 1000);"
        "INSERT INTO fixture_group VALUES(1, 't.py', 3, 0.75, 7, 1000);"
        "PRAGMA application_id = 1935894628; PRAGMA user_version = 1;";

static void check_upgraded(struct history *h)
{
        static const char *const ids[] = {"t.py::b", "t.py::a"};
        const char *group = "t.py";
        struct history_project project;
        struct estimate e[2];
        double setup;

        CHECK_INT(history_load_project(h, "/p", &project), 1);
        CHECK_INT(project.runs, 7);
        CHECK_INT(history_load(h, "/p", ids, 2, e), 2);
        CHECK(near(e[0].wall, 2.5) && near(e[1].wall, 1.5) && near(e[1].spread, 0.1));
        CHECK_INT(e[0].outcome, ESTIMATE_FAILED);
        CHECK(!estimate_is_stale(&e[0], 1));
        CHECK_INT(history_load_groups(h, "/p", &group, 1, &setup), 1);
        CHECK(near(setup, 0.75));
        CHECK_STR(order_of(h, "/p"), "t.py::a t.py::b ");
}

static void test_upgrade(void)
{
        static const char *const ids[] = {"t.py::b", "t.py::a"};
        struct history *h;
        int status;

        run_sql(path_of("one.db"), version_1);
        for (int i = 0; i < 2; i++) /* two runs begin at once */
                if (fork() == 0) {
                        check_upgraded(open_history("one.db"));
                        _exit(0);
                }
        for (int i = 0; i < 2; i++) {
                CHECK(wait(&status) > 0);
                CHECK_INT(status, 0);
        }
        h = open_history("one.db");
        check_upgraded(h);
        /* An older schedctl that has had the file open all the time goes on as it did. */
        run_sql(path_of("one.db"),
                "INSERT OR REPLACE INTO item(project, id, samples, wall, cpu, spread, last, rss, outcome, run, seen)"
                " VALUES(1, 't.py::c', 1, 1, 1, 1, 1, 1, 1, 7, 1000)");
        CHECK_STR(order_of(h, "/p"), "t.py::a t.py::b t.py::c ");
        store(h, "/p", ids, 2, 2);
        CHECK_STR(order_of(h, "/p"), "t.py::b t.py::a ");
        history_close(h);
}

/* An old file that cannot be written is read all the same. */
static void test_upgrade_of_a_read_only_file(void)
{
        struct history_suite suite = {0};
        struct history *h;
        char *warning = NULL;
        pid_t pid;
        int status;

        CHECK_INT(mkdir(path_of("theirs"), 0755), 0);
        run_sql(path_of("theirs/one.db"), version_1);
        CHECK_INT(chmod(dir, 0755), 0);
        CHECK_INT(chmod(path_of("theirs/one.db"), 0444), 0);
        CHECK_INT(chmod(path_of("theirs"), 0555), 0);
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                CHECK(geteuid() != 0 || seteuid(65534) == 0);
                h = open_history("theirs/one.db");
                check_upgraded(h);
                CHECK_INT(history_store(h, "/p", &suite, &warning), 0);
                CHECK(warning && strstr(warning, "history not stored"));
                free(warning);
                history_close(h);
                _exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), pid);
        CHECK_INT(status, 0);
        CHECK_INT(chmod(path_of("theirs"), 0755), 0);
}

int main(void)
{
        char command[PATH_SIZE];
        const char *tmp = getenv("TMPDIR");

        snprintf(dir, sizeof(dir), "%s/test-history-list-XXXXXX", tmp && *tmp ? tmp : "/tmp");
        CHECK(mkdtemp(dir));
        test_order();
        test_groups();
        test_groups_in_a_circle();
        test_finding();
        test_sources();
        test_changed_files();
        test_speeds();
        test_upgrade();
        test_upgrade_of_a_read_only_file();
        snprintf(command, sizeof(command), "rm -rf '%s'", dir);
        return system(command) == 0 ? 0 : 1;
}
