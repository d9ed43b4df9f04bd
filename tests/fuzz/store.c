/* A damaged history: a good file with bytes changed, cut or repeated, as the input says. A run goes on whatever it is:
 * it hears in one sentence that history is off or has been set aside, what it reads makes sense, and what it then
 * stores is there when the file is opened again.
 *
 * The input is patches: an offset of three bytes, a length, and so many bytes; one with no bytes cuts the file there.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

#include "cli/history.h"
#include "cli/history_export.h"
#include "core/dispatch.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-tree.h"

#define PROJECT "/home/user/project"

enum { N_ITEMS = 3, FILE_SIZE_MAX = 256 * 1024 };

static const char *const ids[N_ITEMS] = {"test_a.py::test_x", "test_a.py::C::test_y[1]", "test_b.py::test_z"};

static struct tree tree;
static char path[128];
static uint8_t good[FILE_SIZE_MAX], bad[FILE_SIZE_MAX];
static size_t good_size;

static void check_warning(const char *warning)
{
        if (warning)
                FUZZ_CHECK(*warning && !strchr(warning, '\n'));
}

static struct history *open_history(void)
{
        struct history *h = NULL;
        char *warning = NULL;

        FUZZ_CHECK(history_open(path, &h, &warning) == 0);
        check_warning(warning);
        FUZZ_CHECK(h || warning);
        free(warning);
        return h;
}

/* Whether it could be stored. */
static bool store(struct history *h)
{
        struct history_item items[N_ITEMS];
        const struct history_group groups[] = {{.id = "test_a.py", .setup = 0.5}, {.id = HISTORY_SESSION, .setup = 1}};
        struct history_suite suite = {.items = items,
                                      .n_items = N_ITEMS,
                                      .groups = groups,
                                      .n_groups = 2,
                                      .n_collected = N_ITEMS,
                                      .wall = 3,
                                      .collection = 1,
                                      .worker_memory = 1 << 20,
                                      .now = 1000};
        char *warning = NULL;

        for (uint32_t i = 0; i < N_ITEMS; i++)
                items[i] = (struct history_item){
                        .id = ids[i],
                        .position = i,
                        .sample = {.wall = i + 1, .cpu = 0.5, .rss = 1000, .speed = 1, .outcome = ESTIMATE_PASSED}};
        FUZZ_CHECK(history_store(h, PROJECT, &suite, &warning) == 0);
        check_warning(warning);
        free(warning);
        return h && !warning;
}

/* What is read of the past can be planned with. */
static void check_estimates(const struct estimate *estimates, const double *setups)
{
        static const struct dispatch_pu pus[] = {{.os = 0, .speed = 1}, {.os = 1, .speed = 0.5}};
        struct dispatch_item items[N_ITEMS];
        struct dispatch_group groups[] = {{.parent = DISPATCH_NONE, .setup = setups[0]}};
        struct dispatch_params params = {.items = items,
                                         .n_items = N_ITEMS,
                                         .groups = groups,
                                         .n_groups = 1,
                                         .max_workers = 2,
                                         .default_seconds = 0.1,
                                         .session_setup = setups[1]};
        struct dispatch *d = NULL;
        double bound = -1;

        for (uint32_t i = 0; i < N_ITEMS; i++)
                items[i] = (struct dispatch_item){.seconds = estimates[i].n_samples ? estimates[i].wall : -1,
                                                  .spread = estimate_spread(&estimates[i], 1),
                                                  .waits = estimate_waits(&estimates[i]),
                                                  .group = 0};
        FUZZ_CHECK(dispatch_create(&params, &d) == 0);
        FUZZ_CHECK(!dispatch_check(d));
        FUZZ_CHECK(dispatch_work_left(d) >= 0);
        dispatch_destroy(d);
        FUZZ_CHECK(dispatch_bound(&params, pus, 2, &bound) == 0 && bound >= 0);
}

static void read_all(struct history *h)
{
        const char *const groups[] = {"test_a.py", HISTORY_SESSION};
        struct estimate estimates[N_ITEMS];
        struct history_project project;
        struct history_list list = {0};
        struct history_listed_speed *speeds = NULL;
        double setups[2];
        char *found = NULL, *text = NULL;
        size_t n_speeds, size;
        FILE *f = open_memstream(&text, &size);

        FUZZ_CHECK(f);
        FUZZ_CHECK(history_load(h, PROJECT, ids, N_ITEMS, estimates) >= 0);
        FUZZ_CHECK(history_load_groups(h, PROJECT, groups, 2, setups) >= 0);
        FUZZ_CHECK(history_load_project(h, PROJECT, &project) >= 0);
        check_estimates(estimates, setups);
        if (history_list(h, PROJECT, &list) == 1)
                FUZZ_CHECK(history_export_write(&list, f) == 0);
        for (uint32_t i = 0; i < list.n_groups; i++)
                FUZZ_CHECK(list.groups[i].parent == ESTIMATE_NO_GROUP || list.groups[i].parent < i);
        history_list_finish(&list);
        FUZZ_CHECK(history_list_speeds(h, &speeds, &n_speeds) >= 0);
        FUZZ_CHECK(history_find_project(h, PROJECT "/tests", &found) >= 0);
        free(speeds);
        free(found);
        fclose(f);
        free(text);
}

static void begin(void)
{
        struct history *h;
        FILE *f;

        tree_make(&tree);
        (void)snprintf(path, sizeof(path), "%s/state/history.db", tree.root);
        h = open_history();
        FUZZ_CHECK(store(h) && store(h));
        history_close(h);
        f = fopen(path, "re");
        FUZZ_CHECK(f);
        good_size = fread(good, 1, sizeof(good), f);
        fclose(f);
        FUZZ_CHECK(good_size > 4096 && good_size < sizeof(good));
}

static size_t damage(struct input in)
{
        size_t size = good_size;

        memcpy(bad, good, good_size);
        while (in.left > 0) {
                size_t offset = input_byte(&in) | (size_t)input_byte(&in) << 8 | (size_t)input_byte(&in) << 16, n;
                const uint8_t *bytes;

                offset %= size ? size : 1;
                n = input_bytes(&in, 255, &bytes);
                if (n == 0)
                        size = offset;
                if (offset + n > size)
                        n = size - offset;
                memcpy(bad + offset, bytes, n);
        }
        return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct history *h;
        size_t bad_size;
        bool stored;

        if (!good_size)
                begin();
        bad_size = damage((struct input){data, size});
        tree_remove(&tree, "/state");
        tree_write_bytes(&tree, "/state/history.db", bad, bad_size);
        h = open_history();
        read_all(h);
        stored = store(h);
        history_close(h);
        h = open_history();
        FUZZ_CHECK(h || !stored);
        read_all(h);
        history_close(h);
        return 0;
}
