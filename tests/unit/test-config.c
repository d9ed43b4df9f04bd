/* The configuration: files, their order, and what is in force in the end. */
#include "daemon/config.h"

#include <errno.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "tests/unit/test.h"

static char root[] = "/tmp/test-config-XXXXXX";

static void make_directory(const char *path)
{
        char full[256];

        snprintf(full, sizeof(full), "%s%s", root, path);
        CHECK(mkdir(full, 0700) == 0 || errno == EEXIST);
}

static void put(const char *path, const char *text)
{
        char full[256];

        snprintf(full, sizeof(full), "%s%s", root, path);
        FILE *f = fopen(full, "w");
        CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void drop(const char *path)
{
        char full[256];

        snprintf(full, sizeof(full), "%s%s", root, path);
        CHECK_INT(remove(full), 0);
}

static void load(struct config *config)
{
        char *problem = NULL;

        CHECK_INT(config_load(root, NULL, config, &problem), 0);
        CHECK(!problem);
}

static void test_built_in(void)
{
        struct config config;

        load(&config);
        CHECK_INT(config.headroom.policy, GOVERNOR_BALANCED);
        CHECK_INT(config.headroom.reserve, -1);
        CHECK_INT(config.log_level, LOG_LEVEL_NOTICE);
        CHECK_INT(config_weight(&config, 0), ALLOC_WEIGHT_DEFAULT);
        CHECK(config.n_problems == 0 && !config.origins[CONFIG_POLICY]);
        config_finish(&config);
        config_finish(&config); /* what is finished may be finished again */
}

/* Each key is that of the last file that has it; users are told apart by number. */
static void test_merging(void)
{
        struct config config;

        put("/etc/schedd.conf", "[Headroom]\nPolicy=quiet\nReserve=3\n[Users]\nroot=5\n77=70\n78=1\n");
        put("/usr/lib/schedd.conf.d/b.conf", "[Headroom]\nReserve=1\n[Users]\n0=6\n");
        put("/run/schedd.conf.d/a.conf", "[Headroom]\nReserve=2\n");
        put("/etc/schedd.conf.d/c.conf", "[Users]\n78=\n79=9\n");
        load(&config);
        CHECK_INT(config.headroom.policy, GOVERNOR_QUIET);
        CHECK_STR(config.origins[CONFIG_POLICY], "/etc/schedd.conf:2");
        CHECK_INT(config.headroom.reserve, 1);
        CHECK_STR(config.origins[CONFIG_RESERVE], "/usr/lib/schedd.conf.d/b.conf:2");
        CHECK(!config.origins[CONFIG_LOG_LEVEL]);
        CHECK_INT(config.n_users, 3);
        CHECK_INT(config_weight(&config, 0), 6);
        CHECK_INT(config_weight(&config, 77), 70);
        CHECK_INT(config_weight(&config, 78), ALLOC_WEIGHT_DEFAULT);
        CHECK_INT(config_weight(&config, 79), 9);
        config_finish(&config);

        /* A later directory's file of the same name is read in the place of b.conf. */
        put("/etc/schedd.conf.d/b.conf", "");
        load(&config);
        CHECK_INT(config.headroom.reserve, 2);
        CHECK_INT(config_weight(&config, 0), 5);
        config_finish(&config);
        drop("/etc/schedd.conf.d/b.conf");
}

static void test_the_users_own(void)
{
        struct config config;

        CHECK_INT(setenv("XDG_CONFIG_HOME", "/home", 1), 0);
        make_directory("/home/schedctl");
        put("/home/schedctl/schedd.conf", "[Headroom]\nReserve=auto\n");
        load(&config);
        CHECK_INT(config.headroom.reserve, -1);
        CHECK_INT(config.headroom.policy, GOVERNOR_QUIET);
        CHECK_STR(config.origins[CONFIG_RESERVE], "/home/schedctl/schedd.conf:2");
        config_finish(&config);
        CHECK_INT(unsetenv("XDG_CONFIG_HOME"), 0);
}

/* Nothing is taken of what is wrong, and the rest is. */
static void test_problems(void)
{
        struct config config;

        put("/etc/schedd.conf.d/d.conf", "[Headroom]\nPolicy=\x1b\nReserve=\nNice=1\n[Users]\n77=x\n");
        load(&config);
        CHECK_INT(config.n_problems, 3);
        CHECK_STR(config.problems[0],
                  "/etc/schedd.conf.d/d.conf:2: Policy=\\x1b is not performance, balanced, quiet or "
                  "battery; quiet is in force");
        CHECK_STR(config.problems[1], "/etc/schedd.conf.d/d.conf:4: [Headroom] has no Nice; ignored");
        CHECK_STR(config.problems[2],
                  "/etc/schedd.conf.d/d.conf:6: 77=x is not a weight of 1 to 10000; 70 is in force");
        CHECK_INT(config.headroom.reserve, -1);
        CHECK(!config.origins[CONFIG_RESERVE]);
        config_finish(&config);
}

static void test_unreadable(void)
{
        struct config config = {.n_users = 7};
        char *problem = NULL;

        CHECK_INT(config_load("", "/nonexistent/file", &config, &problem), -ENOENT);
        CHECK_STR(problem, "/nonexistent/file: No such file or directory");
        CHECK_INT(config.n_users, 7); /* untouched */
        free(problem);
}

static void clean_up(void)
{
        static const char *const paths[] = {"/home/schedctl/schedd.conf",
                                            "/home/schedctl",
                                            "/home",
                                            "/etc/schedd.conf.d/c.conf",
                                            "/etc/schedd.conf.d/d.conf",
                                            "/etc/schedd.conf.d",
                                            "/etc/schedd.conf",
                                            "/etc",
                                            "/run/schedd.conf.d/a.conf",
                                            "/run/schedd.conf.d",
                                            "/run",
                                            "/usr/lib/schedd.conf.d/b.conf",
                                            "/usr/lib/schedd.conf.d",
                                            "/usr/lib",
                                            "/usr",
                                            ""};

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                drop(paths[i]);
}

int main(void)
{
        static const char *const directories[] = {
                "/etc",     "/etc/schedd.conf.d",     "/run", "/run/schedd.conf.d", "/usr",
                "/usr/lib", "/usr/lib/schedd.conf.d", "/home"};

        CHECK(mkdtemp(root));
        CHECK(unsetenv("HOME") == 0 && unsetenv("XDG_CONFIG_HOME") == 0);
        for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
                make_directory(directories[i]);
        test_built_in();
        test_merging();
        test_the_users_own();
        test_problems();
        test_unreadable();
        clean_up();
        return 0;
}
