/* What a suite is run with: the options and their environment, and the project's file where they are silent. */
#include <math.h>

#include "cli/run_options.h"
#include "cli/run_settings.h"
#include "cli/verbs.h"
#include "tests/unit/test.h"

static const char *const variables[] = {"SCHEDCTL_WORKERS",          "SCHEDCTL_START",
                                        "SCHEDCTL_ITEM_TIMEOUT",     "SCHEDCTL_CONFIRM_FAILURES",
                                        "SCHEDCTL_MAX_WORKERS",      "SCHEDCTL_MAX_ITEMS_PER_WORKER",
                                        "SCHEDCTL_MAX_WORKER_MEMORY"};

struct scene {
        const char *words[8];                                         /* of the command line, after the verb */
        const char *values[sizeof(variables) / sizeof(variables[0])]; /* of the environment; NULL: unset */
        const char *file;                                             /* JSON, or NULL */
};

static int parse(const struct scene *scene, struct run_options *ret_options)
{
        char *argv[12] = {(char *)"run"};
        int argc = 1;

        for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
                if (scene->values[i])
                        setenv(variables[i], scene->values[i], 1);
                else
                        unsetenv(variables[i]);
        }
        for (size_t i = 0; scene->words[i]; i++)
                argv[argc++] = (char *)scene->words[i];
        argv[argc++] = (char *)"true";
        return run_options_parse(argc, argv, ret_options);
}

static size_t n_of_file; /* settings that hold because the file says them */

static struct run_settings weigh(const struct scene *scene, char complaint[static RUN_SETTINGS_COMPLAINT_MAX])
{
        json_t *file = scene->file ? json_loads(scene->file, 0, NULL) : NULL;
        struct run_settings settings;
        struct run_options options;

        CHECK(file || !scene->file);
        CHECK_INT(parse(scene, &options), 0);
        run_settings_weigh(&options, file, &settings, complaint);
        json_decref(file);
        CHECK(settings.of_file);
        n_of_file = json_object_size(settings.of_file);
        run_settings_finish(&(struct run_settings){.of_file = settings.of_file});
        return settings;
}

#define ALL    "{\"workers\":3,\"start\":\"spawn\",\"item_timeout\":2.5,\"confirm_failures\":true}"
#define LIMITS "{\"max_workers\":9,\"max_items_per_worker\":7,\"max_worker_memory\":300}"

static void test_who_wins(void)
{
        static const struct {
                struct scene scene;
                struct run_settings settings;
                size_t n_of_file;
        } cases[] = {
                {.scene = {.file = NULL}},
                {.scene = {.file = "{}"}},
                {{.file = ALL},
                 {.workers = 3, .start = RUN_START_SPAWN, .item_timeout = 2.5, .confirm_failures = true},
                 4},
                {{.file = "{\"item_timeout\":7,\"unknown\":[]}"}, {.item_timeout = 7}, 1},
                {{.file = ALL, .values = {"5", "auto", "0", "0"}}, {.workers = 5}, 0},
                {{.file = ALL, .words = {"-w", "4", "--item-timeout", "0.25"}},
                 {.workers = 4, .start = RUN_START_SPAWN, .item_timeout = 0.25, .confirm_failures = true},
                 2},
                {{.words = {"--confirm-failures", "--start=fork"}, .values = {"2", "spawn", "9", "0"}},
                 {.workers = 2, .start = RUN_START_FORK, .item_timeout = 9, .confirm_failures = true},
                 0},
                {{.file = LIMITS}, {.max_workers = 9, .max_items = 7, .max_worker_memory = 300}, 3},
                {{.file = LIMITS, .words = {"--max-items-per-worker=0", "--max-worker-memory", "0"}},
                 {.max_workers = 9},
                 1},
                {{.file = LIMITS,
                  .values = {[4] = "8", [5] = "6", [6] = "2G"},
                  .words = {"--max-worker-memory", "1.5GiB"}},
                 {.max_workers = 8, .max_items = 6, .max_worker_memory = 1536},
                 0},
                {{.words = {"--max-worker-memory", "100K"}}, {.max_worker_memory = 1}, 0},
                {{.words = {"--max-worker-memory", "77"}}, {.max_worker_memory = 77}, 0},
                {{.file = LIMITS, .words = {"-w", "12"}},
                 {.workers = 9, .max_workers = 9, .max_items = 7, .max_worker_memory = 300},
                 3},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char complaint[RUN_SETTINGS_COMPLAINT_MAX];
                struct run_settings s = weigh(&cases[i].scene, complaint);

                CHECK_INT(s.workers, cases[i].settings.workers);
                CHECK_INT(s.max_workers, cases[i].settings.max_workers);
                CHECK_INT(s.max_items, cases[i].settings.max_items);
                CHECK_INT(s.max_worker_memory, cases[i].settings.max_worker_memory);
                CHECK_INT(s.start, cases[i].settings.start);
                CHECK(fabs(s.item_timeout - cases[i].settings.item_timeout) < 1e-9);
                CHECK_INT(s.confirm_failures, cases[i].settings.confirm_failures);
                CHECK_STR(complaint, "");
                CHECK_INT(n_of_file, cases[i].n_of_file);
        }
}

/* A setting that cannot be is named, and everything else holds. */
static void test_complaints(void)
{
        static const struct {
                const char *file, *complaint;
        } cases[] = {
                {"{\"workers\":0}", "workers is 0, which has to be a number from 1 to 4096"},
                {"{\"workers\":\"4\"}", "workers is \"4\", which has to be a number from 1 to 4096"},
                {"{\"max_workers\":4097}", "max-workers is 4097, which has to be a number from 1 to 4096"},
                {"{\"max_items_per_worker\":0}",
                 "max-items-per-worker is 0, which has to be a number from 1 to 1000000000"},
                {"{\"max_worker_memory\":\"2G\"}",
                 "max-worker-memory is \"2G\", which has to be MiB from 1 to 1073741824"},
                {"{\"start\":\"thread\"}", "start is \"thread\", which has to be \"auto\", \"fork\" or \"spawn\""},
                {"{\"start\":null}", "start is null, which has to be \"auto\", \"fork\" or \"spawn\""},
                {"{\"item_timeout\":-1}", "item-timeout is -1, which has to be a number of seconds from 0 to 604800"},
                {"{\"item_timeout\":604801,\"confirm_failures\":1}",
                 "item-timeout is 604801, which has to be a number of seconds from 0 to 604800; "
                 "confirm-failures is 1, which has to be true or false"},
        };
        char complaint[RUN_SETTINGS_COMPLAINT_MAX], *long_text;
        struct run_settings s;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                s = weigh(&(struct scene){.file = cases[i].file}, complaint);
                CHECK_STR(complaint, cases[i].complaint);
                CHECK(!s.workers && s.start == RUN_START_AUTO && s.item_timeout <= 0 && !s.confirm_failures);
        }
        s = weigh(&(struct scene){.file = "{\"workers\":2,\"start\":7}"}, complaint);
        CHECK_INT(s.workers, 2);
        CHECK(*complaint);
        /* However much it says. */
        CHECK(asprintf(&long_text, "{\"workers\":\"%0*d\",\"start\":\"%0*d\",\"item_timeout\":\"%0*d\"}", 9999, 0, 9999,
                       0, 9999, 0) > 0);
        s = weigh(&(struct scene){.file = long_text}, complaint);
        CHECK(strlen(complaint) < RUN_SETTINGS_COMPLAINT_MAX && strstr(complaint, "item-timeout"));
        free(long_text);
}

static void test_options_that_cannot_be(void)
{
        static const struct scene cases[] = {
                {.words = {"--item-timeout", "x"}},
                {.words = {"--item-timeout", "-1"}},
                {.words = {"--item-timeout", "nan"}},
                {.words = {"--item-timeout", "1s"}},
                {.words = {"--item-timeout", ""}},
                {.words = {"--item-timeout", "1e9"}},
                {.words = {"--item-timeout"}},
                {.words = {"--confirm-failures=1"}},
                {.values = {NULL, NULL, "inf"}},
                {.values = {NULL, NULL, NULL, "yes"}},
                {.words = {"--start", "thread"}},
                {.words = {"-w", "0"}},
                {.words = {"--max-workers", "0"}},
                {.words = {"--max-items-per-worker", "-1"}},
                {.words = {"--max-worker-memory", "2P"}},
                {.words = {"--max-worker-memory", "1e3"}},
                {.words = {"--max-worker-memory", "2GX"}},
                {.words = {"--max-worker-memory", "G"}},
                {.words = {"--max-worker-memory", "1025T"}},
                {.words = {"--dry-run=1"}},
                {.words = {"-w", "3", "--max-workers", "2"}},
                {.values = {[6] = "much"}},
        };
        struct run_options options;

        CHECK(freopen("/dev/null", "w", stderr));
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                CHECK_INT(parse(&cases[i], &options), VERB_USAGE + 1);
}

int main(void)
{
        test_who_wins();
        test_complaints();
        test_options_that_cannot_be();
        return 0;
}
