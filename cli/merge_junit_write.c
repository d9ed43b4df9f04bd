/* The joined suites as a file. */
#include <errno.h>
#include <string.h>

#include "cli/merge_junit.h"
#include "cli/xml.h"
#include "lib/util.h"

struct writing {
        const struct merge_suites *suites;
        uint32_t *first, *next; /* of a suite: the first one in it, the next one beside it; 0 none */
        FILE *spool, *to;
};

/* Suites that are in another, in the order in which they came. */
static void link_suites(struct writing *w)
{
        for (uint32_t i = w->suites->n - 1; i > 0; i--) {
                uint32_t parent = w->suites->list[i].parent;

                w->next[i] = w->first[parent];
                w->first[parent] = i;
        }
}

static int copy_extent(struct writing *w, const struct merge_extent *extent)
{
        char buffer[16 * 1024];

        if (fseeko(w->spool, extent->begin, SEEK_SET) < 0)
                return -EIO;
        for (off_t left = extent->end - extent->begin; left > 0;) {
                size_t n = left < (off_t)sizeof(buffer) ? (size_t)left : sizeof(buffer);

                if (fread(buffer, 1, n, w->spool) != n || fwrite(buffer, 1, n, w->to) != n)
                        return -EIO;
                left -= (off_t)n;
        }
        return 0;
}

static int copy_extents(struct writing *w, const struct merge_extents *extents)
{
        int r = 0;

        for (size_t i = 0; i < extents->n && r == 0; i++)
                r = copy_extent(w, &extents->list[i]);
        return r;
}

static int write_output(struct writing *w, const char *name, const struct merge_extents *extents)
{
        int r = 0;

        if (extents->n == 0)
                return 0;
        fprintf(w->to, "\n<%s>", name);
        for (size_t i = 0; i < extents->n && r == 0; i++) {
                if (i > 0)
                        fputc('\n', w->to);
                r = copy_extent(w, &extents->list[i]);
        }
        fprintf(w->to, "</%s>", name);
        return r;
}

static void write_properties(struct writing *w, const struct merge_texts *properties)
{
        if (properties->n == 0)
                return;
        fputs("\n<properties>", w->to);
        for (size_t i = 0; i < properties->n; i++)
                fprintf(w->to, "\n%s", properties->list[i]);
        fputs("\n</properties>", w->to);
}

/* <testsuites> may lack in one file what it has in another: what it says then holds for some of the suites only. Counts
 * and times are summed anew from all of them, where they say it. */
static int sum_attribute(const struct writing *w, const struct merge_attribute *attribute, char **ret_value)
{
        CLEANUP(merge_attributes_finish) struct merge_attributes sum = {0};

        for (uint32_t i = w->first[0]; i; i = w->next[i]) {
                const char *value = merge_attributes_find(&w->suites->list[i].attributes, attribute->name);
                struct merge_attribute one = {attribute->name, (char *)value, 1};
                struct merge_attributes all = {&one, 1, 1};
                int r = value ? merge_attributes_join(&sum, &all) : 0;

                if (r < 0)
                        return r;
        }
        if (sum.n == 1)
                *ret_value = TAKE(sum.list[0].value);
        return 0;
}

static int write_root_attributes(struct writing *w)
{
        const struct merge_suite *root = &w->suites->list[0];

        for (size_t i = 0; i < root->attributes.n; i++) {
                const struct merge_attribute *a = &root->attributes.list[i];
                CLEANUP_FREE char *value = NULL;
                bool lacking = a->n < w->suites->n_files && merge_attribute_is_measured(a->name);
                int r = lacking ? sum_attribute(w, a, &value) : 0;

                if (r < 0)
                        return r;
                xml_write_attribute(w->to, a->name, value ? value : a->value);
        }
        return 0;
}

static int write_suite(struct writing *w, uint32_t index);

/* What is in it. */
static int write_inside(struct writing *w, uint32_t index)
{
        const struct merge_suite *suite = &w->suites->list[index];
        int r;

        write_properties(w, &suite->properties);
        r = copy_extents(w, &suite->parts[MERGE_CASES]);
        for (uint32_t i = w->first[index]; i && r == 0; i = w->next[i])
                r = write_suite(w, i);
        if (r == 0)
                r = write_output(w, "system-out", &suite->parts[MERGE_OUT]);
        if (r == 0)
                r = write_output(w, "system-err", &suite->parts[MERGE_ERR]);
        return r;
}

/* Calls itself no deeper than MERGE_DEPTH_MAX. */
static int write_suite(struct writing *w, uint32_t index)
{
        const struct merge_attributes *attributes = &w->suites->list[index].attributes;
        int r;

        fputs("\n<testsuite", w->to);
        for (size_t i = 0; i < attributes->n; i++)
                xml_write_attribute(w->to, attributes->list[i].name, attributes->list[i].value);
        fputc('>', w->to);
        r = write_inside(w, index);
        fputs("\n</testsuite>", w->to);
        return r;
}

static void finish(struct writing *w)
{
        free(w->first);
        free(w->next);
}

int merge_junit_write(const struct merge_suites *suites, FILE *spool, FILE *to)
{
        CLEANUP(finish)
        struct writing w = {
                .suites = suites,
                .first = calloc(suites->n + (size_t)1, sizeof(*w.first)),
                .next = calloc(suites->n + (size_t)1, sizeof(*w.next)),
                .spool = spool,
                .to = to,
        };
        int r;

        if (!w.first || !w.next)
                return -ENOMEM;
        fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<testsuites", to);
        if (suites->n > 0) {
                link_suites(&w);
                r = write_root_attributes(&w);
                fputc('>', to);
                if (r == 0)
                        r = write_inside(&w, 0);
                if (r < 0)
                        return r;
        } else {
                fputc('>', to);
        }
        fputs("\n</testsuites>\n", to);
        return ferror(to) ? -EIO : 0;
}
