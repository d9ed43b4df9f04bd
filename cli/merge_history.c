#include "cli/merge_history.h"

#include <errno.h>
#include <string.h>

#include "cli/history_export.h"
#include "lib/util.h"

void merge_histories_finish(struct merge_histories *histories)
{
        for (size_t i = 0; i < histories->n; i++)
                history_import_finish(&histories->list[i]);
        free(histories->list);
        *histories = (struct merge_histories){0};
}

/* Reading */

static void free_names(char **names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(names[i]);
        free(names);
}

/* The project's name in *ret_name, NULL where it cannot be said, and the input tells why. */
static int choose_project(struct history *h, struct merge_input *input, const char *project, char **ret_name)
{
        char **names = NULL;
        size_t n = 0;
        int r = history_find_project(h, project, ret_name);

        if (r < 0 || *ret_name)
                return r;
        r = history_list_projects(h, &names, &n);
        if (r == 0 && n == 1)
                *ret_name = TAKE(names[0]);
        else if (r == 0 && n == 0)
                r = merge_input_fail(input, "%s: nothing is in this history", input->path);
        else if (r == 0)
                r = merge_input_fail(input,
                                     "%s: %zu projects are in this history, none of them at or above %s (--project)",
                                     input->path, n, project);
        free_names(names, n);
        return r;
}

/* Of a database what an export of it says. */
static int export_project(struct history *h, const char *name, char **ret_text, size_t *ret_size)
{
        CLEANUP(history_list_finish) struct history_list list = {0};
        FILE *f = open_memstream(ret_text, ret_size);
        int r;

        if (!f)
                return -ENOMEM;
        r = history_list(h, name, &list);
        if (r >= 0)
                r = history_export_write(&list, f);
        return fclose(f) == 0 ? r : -ENOMEM;
}

static int read_database(struct merge_input *input, const char *project, struct history_import *import)
{
        CLEANUP_FREE char *warning = NULL, *name = NULL, *text = NULL, *error = NULL;
        struct history *h = NULL;
        size_t size = 0;
        int r = history_look(input->path, &h, &warning);

        if (r == 0 && !h)
                return merge_input_fail(input, "%s", warning);
        if (r == 0)
                r = choose_project(h, input, project, &name);
        if (r == 0 && name)
                r = export_project(h, name, &text, &size);
        history_close(h);
        if (r < 0 || !name)
                return r;
        r = history_import_json(text, size, HISTORY_FORMAT_SCHEDCTL, import, &error);
        return r == -EINVAL ? merge_input_fail(input, "%s: %s", input->path, error) : r;
}

int merge_histories_read(struct merge_histories *histories, struct merge_input *input, const char *project)
{
        CLEANUP(history_import_finish) struct history_import import = {0};
        CLEANUP_FREE char *error = NULL;
        int r = array_reserve(&histories->list, histories->n, &histories->allocated, sizeof(import));

        if (r < 0)
                return r;
        if (input->kind == MERGE_HISTORY_DATABASE)
                r = read_database(input, project, &import);
        else
                r = history_import_read(input->path, HISTORY_FORMAT_SCHEDCTL, project, &import, &error);
        if (r == -EINVAL)
                r = merge_input_fail(input, "%s", error);
        if (r == 0 && !input->error) {
                histories->list[histories->n++] = import;
                import = (struct history_import){0};
        }
        return r;
}

/* The union */

/* Where a node has an item. */
struct place {
        const struct history_import_item *item;
        size_t file_size; /* of the id: the file's path */
        size_t rank;      /* among the items around it that are of that file */
};

static size_t file_size_of(const char *id)
{
        const char *end = strstr(id, "::");

        return end ? (size_t)(end - id) : strlen(id);
}

static int compare_files(const struct place *x, const struct place *y)
{
        size_t shorter = x->file_size < y->file_size ? x->file_size : y->file_size;
        int r = strncmp(x->item->id, y->item->id, shorter);

        return r ? r : (x->file_size > y->file_size) - (x->file_size < y->file_size);
}

static int compare_numbers(double x, double y)
{
        return (x > y) - (x < y);
}

static int compare_places(const void *a, const void *b)
{
        const struct place *x = a, *y = b;
        int r = compare_files(x, y);

        if (r == 0)
                r = compare_numbers((double)x->rank, (double)y->rank);
        return r ? r : strcmp(x->item->id, y->item->id);
}

/* > 0: x is the better one to know of two of the same id. A total order, so that nothing depends on the inputs'. */
static int compare_estimates(const struct history_import_item *x, const struct history_import_item *y)
{
        const struct estimate *e = &x->estimate, *f = &y->estimate;
        const double keys[][2] = {
                {estimate_is_measured(e), estimate_is_measured(f)},
                {(double)x->seen, (double)y->seen},
                {e->n_samples, f->n_samples},
                {e->wall, f->wall},
                {e->cpu, f->cpu},
                {e->spread, f->spread},
                {e->last, f->last},
                {e->last_cpu, f->last_cpu},
                {e->last_speed, f->last_speed},
                {(double)e->rss, (double)f->rss},
                {e->outcome, f->outcome},
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(keys) && r == 0; i++)
                r = compare_numbers(keys[i][0], keys[i][1]);
        return r;
}

static int compare_items(const void *a, const void *b)
{
        const struct place *x = a, *y = b;
        int r = strcmp(x->item->id, y->item->id);

        return r ? r : -compare_estimates(x->item, y->item);
}

static size_t list_places(const struct merge_histories *histories, struct place *places)
{
        size_t n = 0;

        for (size_t i = 0; i < histories->n; i++)
                for (size_t j = 0, rank = 0; j < histories->list[i].n_items; j++, rank++) {
                        struct place *place = &places[n];

                        place->item = &histories->list[i].items[j];
                        place->file_size = file_size_of(place->item->id);
                        if (j > 0 && compare_files(place, place - 1) != 0)
                                rank = 0;
                        place->rank = rank;
                        n++;
                }
        return n;
}

/* Leaves one place an id: the best estimate and the least rank. */
static size_t choose_items(struct place *places, size_t n)
{
        size_t n_left = 0;

        qsort(places, n, sizeof(*places), compare_items);
        for (size_t i = 0; i < n; i++) {
                struct place *last = n_left ? &places[n_left - 1] : NULL;

                if (!last || strcmp(last->item->id, places[i].item->id) != 0)
                        places[n_left++] = places[i];
                else if (places[i].rank < last->rank)
                        last->rank = places[i].rank;
        }
        return n_left;
}

static int unite_items(const struct merge_histories *histories, struct history_import *import)
{
        CLEANUP_FREE struct place *places = NULL;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < histories->n; i++)
                n += histories->list[i].n_items;
        places = calloc(n + 1, sizeof(*places));
        if (!places)
                return -ENOMEM;
        n = choose_items(places, list_places(histories, places));
        qsort(places, n, sizeof(*places), compare_places);
        for (size_t i = 0; i < n && r == 0; i++) {
                r = history_import_add_item(import, places[i].item->id, &places[i].item->estimate);
                if (r == 0)
                        import->items[i].seen = places[i].item->seen;
        }
        return r;
}

static int compare_groups(const void *a, const void *b)
{
        const struct history_import_group *const *x = a, *const *y = b;
        int r = strcmp((*x)->id, (*y)->id);

        if (r == 0)
                r = compare_numbers((*y)->setup >= 0, (*x)->setup >= 0);
        if (r == 0)
                r = compare_numbers((double)(*y)->seen, (double)(*x)->seen);
        if (r == 0)
                r = compare_numbers((*y)->setup, (*x)->setup);
        if (r == 0)
                r = strcmp((*x)->parent ? (*x)->parent : "", (*y)->parent ? (*y)->parent : "");
        return r ? r : (*x)->loose - (*y)->loose;
}

static int unite_groups(const struct merge_histories *histories, struct history_import *import)
{
        CLEANUP_FREE const struct history_import_group **groups = NULL;
        size_t n = 0, m = 0;
        int r = 0;

        for (size_t i = 0; i < histories->n; i++)
                n += histories->list[i].n_groups;
        groups = calloc(n + 1, sizeof(struct history_import_group *));
        if (!groups)
                return -ENOMEM;
        for (size_t i = 0; i < histories->n; i++)
                for (size_t j = 0; j < histories->list[i].n_groups; j++)
                        groups[m++] = &histories->list[i].groups[j];
        qsort(groups, n, sizeof(struct history_import_group *), compare_groups);
        for (size_t i = 0; i < n && r == 0; i++) {
                const struct history_import_group *g = groups[i];

                if (i > 0 && strcmp(g->id, groups[i - 1]->id) == 0)
                        continue;
                r = history_import_add_group(import, g->id, g->parent, g->loose, g->setup);
                if (r == 0)
                        import->groups[import->n_groups - 1].seen = g->seen;
        }
        return r;
}

static void raise_to(double *number, double other)
{
        if (other > *number)
                *number = other;
}

int merge_histories_unite(const struct merge_histories *histories, struct history_import *ret_import)
{
        CLEANUP(history_import_finish) struct history_import import = {.exact = true};
        struct history_project *p = &import.project;
        int r = unite_items(histories, &import);

        if (r == 0)
                r = unite_groups(histories, &import);
        if (r < 0)
                return r;
        for (size_t i = 0; i < histories->n; i++) {
                const struct history_project *q = &histories->list[i].project;

                p->runs = q->runs > p->runs ? q->runs : p->runs;
                raise_to(&p->wall, q->wall);
                raise_to(&p->collection, q->collection);
                raise_to(&p->serial, q->serial);
        }
        *ret_import = import;
        import = (struct history_import){0};
        return 0;
}

/* Through a database in memory, which knows how groups are nested. */
int merge_history_write(const struct history_import *import, int64_t now, FILE *to)
{
        static const char project[] = "/";
        CLEANUP(history_list_finish) struct history_list list = {0};
        CLEANUP_FREE char *warning = NULL;
        struct history_merged merged;
        struct history *h = NULL;
        int r = history_open(":memory:", &h, &warning);

        if (r == 0 && !h)
                r = -EIO;
        if (r == 0)
                r = history_merge(h, project, import, 1, false, now, &merged, &warning);
        if (r == 0)
                r = warning ? -EIO : history_list(h, project, &list);
        if (r >= 0)
                r = history_export_write(&list, to);
        history_close(h);
        return r;
}
