/* Files of other tools that `schedctl history import` reads: a line that names the format, then the file. What is taken
 * makes sense, goes into a history, and comes back from an export as it was. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cli/history_export.h"
#include "cli/history_import.h"
#include "tests/fuzz/input.h"
#include "tests/unit/sensor-tree.h"

#define PROJECT "/project"

enum { DEPTH_MAX = 60 };

static const struct tree_file project[] = {
        {"/tests/test_a.py", ""},
        {"/tests/unit/test_b.py", ""},
        {"/test_c.py", ""},
};

static bool is_time(double seconds)
{
        return seconds >= 0 && seconds <= HISTORY_IMPORT_SECONDS_MAX;
}

static void check_import(const struct history_import *import)
{
        for (size_t i = 0; i < import->n_items; i++) {
                const struct estimate *e = &import->items[i].estimate;

                FUZZ_CHECK(import->items[i].id && *import->items[i].id);
                FUZZ_CHECK(isfinite(e->wall) && e->wall >= 0);
                FUZZ_CHECK(isfinite(e->cpu));
                FUZZ_CHECK(import->exact ? is_time(e->spread) && is_time(e->last) : e->n_samples == 1);
                FUZZ_CHECK(e->outcome < ESTIMATE_OUTCOMES);
        }
        for (size_t i = 0; i < import->n_groups; i++)
                FUZZ_CHECK(import->groups[i].id && import->groups[i].setup <= HISTORY_IMPORT_SECONDS_MAX);
}

static bool read(const char *path, enum history_format format, const char *root, struct history_import *ret_import)
{
        char *error = NULL;
        int r;

        *ret_import = (struct history_import){0};
        r = history_import_read(path, format, root, ret_import, &error);
        FUZZ_CHECK(r == 0 || (r == -EINVAL && error));
        if (error)
                for (const char *c = error; *c; c++)
                        FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
        FUZZ_CHECK(r < 0 || !error);
        free(error);
        if (r == 0)
                check_import(ret_import);
        return r == 0;
}

/* The text of an export of a new history that has only this. */
static char *export(const struct history_import *import)
{
        struct history *h = NULL;
        struct history_merged merged;
        struct history_list list = {0};
        char *warning = NULL, *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        FUZZ_CHECK(f);
        FUZZ_CHECK(history_open(":memory:", &h, &warning) == 0 && h && !warning);
        FUZZ_CHECK(history_merge(h, PROJECT, import, 1, false, 1000, &merged, &warning) == 0 && !warning);
        FUZZ_CHECK(merged.n_taken == import->n_items && merged.n_kept == 0);
        FUZZ_CHECK(history_list(h, PROJECT, &list) == 1 && list.n_items == import->n_items);
        FUZZ_CHECK(history_export_write(&list, f) == 0);
        FUZZ_CHECK(fclose(f) == 0);
        history_list_finish(&list);
        history_close(h);
        return text;
}

static void check_round_trip(const struct tree *tree, const char *path, const struct history_import *import)
{
        char *first = export(import), *second;
        struct history_import again;

        tree_write(tree, "/file", first);
        FUZZ_CHECK(read(path, HISTORY_FORMAT_SCHEDCTL, tree->root, &again));
        FUZZ_CHECK(again.exact && again.n_items == import->n_items);
        second = export(&again);
        /* Groups that are nested more deeply lose their parents, and so their places. */
        FUZZ_CHECK(strcmp(first, second) == 0 || import->n_groups > DEPTH_MAX);
        history_import_finish(&again);
        free(first);
        free(second);
}

static enum history_format format_of(struct input *in)
{
        enum history_format format = HISTORY_FORMAT_AUTO;
        const uint8_t *end = in->left ? memchr(in->at, '\n', in->left) : NULL;
        size_t len = end ? (size_t)(end - in->at) : 0;
        char *name = input_copy(in->at, len);

        if (history_format_parse(name, &format))
                *in = (struct input){end + 1, in->left - len - 1};
        free(name);
        return format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct tree tree;
        static char path[128];
        struct input in = {data, size};
        struct history_import import;
        enum history_format format;

        if (!*tree.root) {
                tree_make(&tree);
                tree_write_all(&tree, project, sizeof(project) / sizeof(project[0]));
                (void)snprintf(path, sizeof(path), "%s/file", tree.root);
        }
        format = format_of(&in);
        tree_write_bytes(&tree, "/file", in.at, in.left);
        if (read(path, format, tree.root, &import))
                check_round_trip(&tree, path, &import);
        history_import_finish(&import);
        return 0;
}
