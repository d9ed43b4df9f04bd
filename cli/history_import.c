#include "cli/history_import.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "lib/text.h"
#include "lib/util.h"

static const struct {
        const char *name;
        enum history_format format;
} formats[] = {
        {"auto", HISTORY_FORMAT_AUTO},   {"pytest-split", HISTORY_FORMAT_PYTEST_SPLIT}, {"junit", HISTORY_FORMAT_JUNIT},
        {"ctest", HISTORY_FORMAT_CTEST}, {"schedctl", HISTORY_FORMAT_SCHEDCTL},
};

bool history_format_parse(const char *name, enum history_format *ret_format)
{
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (strcmp(formats[i].name, name) == 0) {
                        *ret_format = formats[i].format;
                        return true;
                }
        return false;
}

void history_import_finish(struct history_import *import)
{
        for (size_t i = 0; i < import->n_items; i++)
                free(import->items[i].id);
        for (size_t i = 0; i < import->n_groups; i++) {
                free(import->groups[i].id);
                free(import->groups[i].parent);
        }
        free(import->items);
        free(import->groups);
        *import = (struct history_import){0};
}

int history_import_add_item(struct history_import *import, const char *id, const struct estimate *estimate)
{
        char *copy = strdup(id);

        if (!copy ||
            array_reserve(&import->items, import->n_items, &import->items_allocated, sizeof(*import->items)) < 0) {
                free(copy);
                return -ENOMEM;
        }
        import->items[import->n_items++] = (struct history_import_item){.id = copy, .estimate = *estimate};
        return 0;
}

int history_import_add_group(struct history_import *import, const char *id, const char *parent, bool loose,
                             double setup)
{
        struct history_import_group group = {.loose = loose, .setup = setup};

        group.id = strdup(id);
        group.parent = parent ? strdup(parent) : NULL;
        if (!group.id || (parent && !group.parent) ||
            array_reserve(&import->groups, import->n_groups, &import->groups_allocated, sizeof(*import->groups)) < 0) {
                free(group.id);
                free(group.parent);
                return -ENOMEM;
        }
        import->groups[import->n_groups++] = group;
        return 0;
}

struct estimate history_import_estimate(double seconds, enum estimate_outcome outcome)
{
        return (struct estimate){.n_samples = 1, .wall = seconds, .cpu = -1, .last = seconds, .outcome = outcome};
}

/* Sums */

struct position {
        const char *id;
        size_t index;
};

static int by_id_and_index(const void *pa, const void *pb)
{
        const struct position *a = pa, *b = pb;
        int r = strcmp(a->id, b->id);

        return r ? r : (a->index > b->index) - (a->index < b->index);
}

static void add_up(struct estimate *to, const struct estimate *from)
{
        to->wall += from->wall;
        to->last += from->last;
        if (from->outcome == ESTIMATE_FAILED)
                to->outcome = ESTIMATE_FAILED;
}

int history_import_sum(struct history_import *import)
{
        CLEANUP_FREE struct position *sorted = calloc(import->n_items + 1, sizeof(*sorted));
        size_t n = 0;

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < import->n_items; i++)
                sorted[i] = (struct position){.id = import->items[i].id, .index = i};
        qsort(sorted, import->n_items, sizeof(*sorted), by_id_and_index);
        for (size_t i = 0, first = 0; i < import->n_items; i++) {
                struct history_import_item *item = &import->items[sorted[i].index];

                if (i == 0 || strcmp(sorted[i].id, sorted[first].id) != 0) {
                        first = i;
                        continue;
                }
                add_up(&import->items[sorted[first].index].estimate, &item->estimate);
                free(item->id);
                item->id = NULL;
                sorted[i].id = sorted[first].id;
        }
        for (size_t i = 0; i < import->n_items; i++)
                if (import->items[i].id)
                        import->items[n++] = import->items[i];
        import->n_items = n;
        return 0;
}

/* Groups. Each "::" of an id ends one; the first of them is a module, the last one the item's class. */

static int add_groups_of(struct history_import *import, const char *id, const char *before)
{
        const char *bracket = strstr(id, "::"), *limit;

        bracket = bracket ? strchr(bracket, '[') : NULL;
        limit = bracket ? bracket : id + strlen(id);
        for (const char *end = strstr(id, "::"), *outer = NULL; end && end < limit; end = strstr(end + 2, "::")) {
                CLEANUP_FREE char *group = strndup(id, (size_t)(end - id));
                CLEANUP_FREE char *parent = outer ? strndup(id, (size_t)(outer - id)) : NULL;

                if (!group || (outer && !parent))
                        return -ENOMEM;
                outer = end;
                if (*group && strncmp(before, id, (size_t)(end - id) + 2) != 0 && /* neighbours share them */
                    history_import_add_group(import, group, parent, false, -1) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int history_import_group(struct history_import *import)
{
        int r = 0;

        for (size_t i = 0; i < import->n_items && r == 0; i++)
                r = add_groups_of(import, import->items[i].id, i > 0 ? import->items[i - 1].id : "");
        return r;
}

int history_import_fail(char **ret_error, const char *format, ...)
{
        CLEANUP_FREE char *text = NULL;
        va_list args;

        va_start(args, format);
        text = text_format(format, args);
        va_end(args);
        *ret_error = text ? text_escape(text) : NULL; /* it may quote the file */
        return *ret_error ? -EINVAL : -ENOMEM;
}

bool history_import_seconds(const char *text, double *ret_seconds)
{
        char *end;
        double value;

        /* strtod() takes spaces, signs, hexadecimal numbers and "inf" too. */
        if (!isdigit((unsigned char)text[0]) && text[0] != '.')
                return false;
        if (text[strspn(text, "0123456789.eE+-")] != '\0')
                return false;
        value = strtod(text, &end);
        if (end == text || *end || !(value >= 0) || value > HISTORY_IMPORT_SECONDS_MAX)
                return false;
        *ret_seconds = value;
        return true;
}

/* Files */

/* The whole of a file, with a NUL behind it. */
static int read_all(FILE *f, char **ret_text, size_t *ret_size)
{
        CLEANUP_FREE char *text = NULL;
        size_t size = 0, allocated = 0;

        for (;;) {
                size_t n;

                if (allocated - size < 2) {
                        size_t wanted = allocated ? 2 * allocated : 1 << 16;
                        char *grown = realloc(text, wanted);

                        if (!grown)
                                return -ENOMEM;
                        text = grown;
                        allocated = wanted;
                }
                n = fread(text + size, 1, allocated - size - 1, f);
                size += n;
                if (size > HISTORY_IMPORT_BYTES_MAX)
                        return -EFBIG;
                if (n == 0)
                        break;
        }
        if (ferror(f))
                return errno > 0 ? -errno : -EIO;
        text[size] = '\0';
        *ret_text = TAKE(text);
        *ret_size = size;
        return 0;
}

static int read_file(const char *path, char **ret_text, size_t *ret_size)
{
        CLEANUP_FCLOSE FILE *f = NULL;

        if (strcmp(path, "-") == 0)
                return read_all(stdin, ret_text, ret_size);
        f = fopen(path, "re");
        return f ? read_all(f, ret_text, ret_size) : -errno;
}

/* By the first character that is no space; a byte order mark is XML's. Files of JSON say the rest themselves. */
static enum history_format guess_format(const char *text, size_t size)
{
        size_t at = 0;

        while (at < size && isspace((unsigned char)text[at]))
                at++;
        if (at == size)
                return HISTORY_FORMAT_PYTEST_SPLIT;
        if (text[at] == '{' || text[at] == '[')
                return HISTORY_FORMAT_AUTO;
        if (text[at] == '<' || (unsigned char)text[at] >= 0xef)
                return HISTORY_FORMAT_JUNIT;
        return HISTORY_FORMAT_CTEST;
}

static int read_text(const char *text, size_t size, enum history_format format, const char *root,
                     struct history_import *import, char **ret_error)
{
        if (format == HISTORY_FORMAT_AUTO)
                format = guess_format(text, size);
        switch (format) {
        case HISTORY_FORMAT_JUNIT:
                return history_import_junit(text, size, root, import, ret_error);
        case HISTORY_FORMAT_CTEST:
                return history_import_ctest(text, size, import, ret_error);
        case HISTORY_FORMAT_AUTO:
        case HISTORY_FORMAT_PYTEST_SPLIT:
        case HISTORY_FORMAT_SCHEDCTL:
                break;
        }
        return history_import_json(text, size, format, import, ret_error);
}

int history_import_read(const char *path, enum history_format format, const char *root,
                        struct history_import *ret_import, char **ret_error)
{
        CLEANUP(history_import_finish) struct history_import import = {0};
        CLEANUP_FREE char *text = NULL, *error = NULL;
        size_t size = 0;
        int r = read_file(path, &text, &size);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return history_import_fail(ret_error, "%s: %s", path, strerror(-r));
        r = read_text(text, size, format, root, &import, &error);
        if (r == -EINVAL)
                return history_import_fail(ret_error, "%s: %s", path, error);
        if (r < 0)
                return r;
        *ret_import = import;
        import = (struct history_import){0};
        return 0;
}
