/* CTest's Testing/Temporary/CTestCostData.txt: lines of a test's name, how often it ran and its mean seconds, up to one
 * of three dashes, behind which are the names of those that failed last. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cli/history_import.h"
#include "lib/util.h"

/* Cuts off what is behind the last space: the last word, or NULL where there is none. */
static char *cut_word(char *line)
{
        char *space = strrchr(line, ' ');

        if (!space || !space[1])
                return NULL;
        *space = '\0';
        return space + 1;
}

static bool is_count(const char *text)
{
        return *text && text[strspn(text, "0123456789")] == '\0';
}

static int read_line(char *line, size_t number, struct history_import *import, char **ret_error)
{
        char *cost = cut_word(line), *runs = cost ? cut_word(line) : NULL;
        struct estimate e;
        json_t *name; /* NULL where it is not UTF-8 */
        double seconds;

        if (!runs || !*line || !is_count(runs) || !history_import_seconds(cost, &seconds))
                return history_import_fail(ret_error, "line %zu is not a test's name, runs and seconds", number);
        name = json_string(line);
        json_decref(name);
        if (!name)
                return history_import_fail(ret_error, "line %zu is not UTF-8", number);
        if (strtol(runs, NULL, 10) == 0) { /* it has not run yet */
                import->n_left_out++;
                return 0;
        }
        e = history_import_estimate(seconds, ESTIMATE_PASSED);
        return history_import_add_item(import, line, &e);
}

static void mark_failed(struct history_import *import, const char *name)
{
        for (size_t i = 0; i < import->n_items; i++)
                if (strcmp(import->items[i].id, name) == 0)
                        import->items[i].estimate.outcome = ESTIMATE_FAILED;
}

int history_import_ctest(const char *text, size_t size, struct history_import *import, char **ret_error)
{
        CLEANUP_FREE char *copy = strndup(text, size);
        size_t number = 1;
        bool failed = false;
        char *next;
        int r = 0;

        if (!copy)
                return -ENOMEM;
        if (strlen(copy) != size)
                return history_import_fail(ret_error, "a NUL byte at %zu", strlen(copy));
        for (char *line = copy; *line && r == 0; line = next, number++) {
                next = line + strcspn(line, "\n");
                if (*next)
                        *next++ = '\0';
                if (failed)
                        mark_failed(import, line);
                else if (strcmp(line, "---") == 0)
                        failed = true;
                else if (*line)
                        r = read_line(line, number, import, ret_error);
        }
        return r < 0 ? r : history_import_sum(import);
}
