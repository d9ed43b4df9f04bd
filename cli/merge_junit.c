/* Suites of several files become one tree. */
#include "cli/merge_junit.h"

#include <errno.h>
#include <search.h>
#include <stdarg.h>
#include <string.h>

#include "lib/text.h"
#include "lib/util.h"

void merge_texts_finish(struct merge_texts *texts)
{
        for (size_t i = 0; i < texts->n; i++)
                free(texts->list[i]);
        free(texts->list);
        *texts = (struct merge_texts){0};
}

int merge_texts_add(struct merge_texts *texts, const char *format, ...)
{
        CLEANUP_FREE char *text = NULL;
        va_list args;

        va_start(args, format);
        text = text_format(format, args);
        va_end(args);
        if (!text || array_reserve(&texts->list, texts->n, &texts->allocated, sizeof(*texts->list)) < 0)
                return -ENOMEM;
        texts->list[texts->n++] = TAKE(text);
        return 0;
}

static void finish_suite(struct merge_suite *suite)
{
        free(suite->path);
        merge_attributes_finish(&suite->attributes);
        merge_attributes_finish(&suite->marks);
        merge_texts_finish(&suite->properties);
        for (unsigned i = 0; i < MERGE_PARTS; i++)
                free(suite->parts[i].list);
}

/* Which suite has this name in that one: a node of the tree `names`. Of a property: index 0, `parent` has it. */
struct name {
        uint32_t parent, index;
        char text[];
};

void merge_suites_finish(struct merge_suites *suites)
{
        for (uint32_t i = 0; i < suites->n; i++)
                finish_suite(&suites->list[i]);
        free(suites->list);
        tdestroy(suites->names, free);
        *suites = (struct merge_suites){0};
}

int merge_suites_add(struct merge_suites *suites, uint32_t parent, uint32_t *ret_index)
{
        if (suites->n == UINT32_MAX ||
            array_reserve(&suites->list, suites->n, &suites->allocated, sizeof(*suites->list)) < 0)
                return -ENOMEM;
        suites->list[suites->n] = (struct merge_suite){.parent = parent};
        *ret_index = suites->n++;
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        const struct name *x = a, *y = b;

        return x->parent != y->parent ? (x->parent > y->parent) - (x->parent < y->parent) : strcmp(x->text, y->text);
}

/* The node in the tree: the new one, which then belongs to it, or one that was there. NULL: no memory. */
static struct name *place_name(struct merge_suites *suites, uint32_t parent, const char *text)
{
        struct name *new = malloc(sizeof(*new) + strlen(text) + 1), **node;

        if (!new)
                return NULL;
        *new = (struct name){.parent = parent, .index = UINT32_MAX};
        strcpy(new->text, text);
        node = tsearch(new, &suites->names, compare_names);
        if (!node || *node != new)
                free(new);
        return node ? *node : NULL;
}

static int compare_attributes(const void *a, const void *b)
{
        const struct merge_attribute *const *x = a, *const *y = b;

        return strcmp((*x)->name, (*y)->name);
}

/* What makes it the same suite: all attributes but those that are measured, in whatever order they are written. No
 * attribute has control characters. */
static char *identity_of(const struct merge_suite *suite)
{
        CLEANUP_FREE const struct merge_attribute **sorted =
                calloc(suite->attributes.n + 1, sizeof(struct merge_attribute *));
        char *text = NULL;
        size_t size, n = 0;
        FILE *f = sorted ? open_memstream(&text, &size) : NULL;

        if (!f)
                return NULL;
        for (size_t i = 0; i < suite->attributes.n; i++)
                if (!merge_attribute_is_measured(suite->attributes.list[i].name))
                        sorted[n++] = &suite->attributes.list[i];
        qsort(sorted, n, sizeof(struct merge_attribute *), compare_attributes);
        for (size_t i = 0; i < n; i++)
                fprintf(f, "%s\x01%s\x02", sorted[i]->name, sorted[i]->value);
        if (fclose(f) == 0)
                return text;
        free(text);
        return NULL;
}

/* The suite that this one is joined to, which may be a new one. */
static int find_suite(struct merge_suites *into, uint32_t parent, const struct merge_suite *suite, bool keep,
                      uint32_t *ret_index)
{
        CLEANUP_FREE char *identity = NULL;
        struct name *name;
        int r;

        if (keep)
                return merge_suites_add(into, parent, ret_index);
        identity = identity_of(suite);
        name = identity ? place_name(into, parent, identity) : NULL;
        if (!name)
                return -ENOMEM;
        if (name->index == UINT32_MAX) {
                r = merge_suites_add(into, parent, &name->index);
                if (r < 0)
                        return r;
        }
        *ret_index = name->index;
        return 0;
}

static int join_extents(struct merge_extents *into, const struct merge_extents *from)
{
        for (size_t i = 0; i < from->n; i++) {
                if (array_reserve(&into->list, into->n, &into->allocated, sizeof(*into->list)) < 0)
                        return -ENOMEM;
                into->list[into->n++] = from->list[i];
        }
        return 0;
}

/* A property's node differs from a suite's by its first character. */
static int join_properties(struct merge_suites *into, uint32_t index, struct merge_texts *from)
{
        struct merge_texts *texts = &into->list[index].properties;

        for (size_t i = 0; i < from->n; i++) {
                struct name *name = place_name(into, index, from->list[i]);

                if (!name || array_reserve(&texts->list, texts->n, &texts->allocated, sizeof(*texts->list)) < 0)
                        return -ENOMEM;
                if (name->index != UINT32_MAX)
                        continue;
                name->index = index;
                texts->list[texts->n++] = TAKE(from->list[i]);
        }
        return 0;
}

static int join_suite(struct merge_suites *into, uint32_t index, struct merge_suite *from)
{
        struct merge_suite *suite = &into->list[index];
        int r = merge_attributes_join(&suite->attributes, &from->attributes);

        suite->n_elements += from->n_elements;
        for (unsigned i = 0; i < MERGE_PARTS && r == 0; i++)
                r = join_extents(&suite->parts[i], &from->parts[i]);
        if (r == 0 && !suite->path)
                suite->path = TAKE(from->path);
        return r == 0 ? join_properties(into, index, &from->properties) : r;
}

int merge_suites_join(struct merge_suites *into, struct merge_suites *from, bool keep)
{
        CLEANUP_FREE uint32_t *joined = calloc(from->n + (size_t)1, sizeof(*joined));
        int r = joined ? 0 : -ENOMEM;

        into->n_files++;
        if (r == 0 && into->n == 0)
                r = merge_suites_add(into, 0, &joined[0]);
        for (uint32_t i = 0; i < from->n && r == 0; i++) {
                if (i > 0)
                        r = find_suite(into, joined[from->list[i].parent], &from->list[i], keep, &joined[i]);
                if (r == 0)
                        r = join_suite(into, joined[i], &from->list[i]);
        }
        merge_suites_finish(from);
        return r;
}
