#include "cli/history_show.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cli/history_export.h"
#include "lib/client.h"
#include "lib/util.h"

/* The table */

struct row {
        const struct history_listed_item *item;
};

static int by_time(const void *pa, const void *pb)
{
        const struct history_listed_item *a = ((const struct row *)pa)->item, *b = ((const struct row *)pb)->item;

        if (a->estimate.wall > b->estimate.wall || a->estimate.wall < b->estimate.wall)
                return a->estimate.wall > b->estimate.wall ? -1 : 1;
        return strcmp(a->id, b->id);
}

/* Those that are still there, longest first. */
static struct row *sort_items(const struct history_list *list, size_t *ret_n)
{
        struct row *sorted = calloc(list->n_items + (size_t)1, sizeof(*sorted));
        size_t n = 0;

        for (uint32_t i = 0; sorted && i < list->n_items; i++)
                if (list->items[i].current)
                        sorted[n++].item = &list->items[i];
        if (sorted)
                qsort(sorted, n, sizeof(*sorted), by_time);
        *ret_n = n;
        return sorted;
}

/* An id may come from anybody's file: no control characters for the terminal. */
static void print_id(const char *id)
{
        for (; *id; id++)
                putchar(iscntrl((unsigned char)*id) ? '?' : *id);
        putchar('\n');
}

static void print_item(const struct history_listed_item *item)
{
        const struct estimate *e = &item->estimate;
        char seconds[24] = "-", spread[24] = "-", waits[8] = "-", memory[24] = "-", times[16] = "-";

        if (e->n_samples > 0)
                (void)snprintf(seconds, sizeof(seconds), "%.3f", e->wall);
        if (e->n_samples > 1)
                (void)snprintf(spread, sizeof(spread), "%.3f", e->spread);
        if (e->n_samples > 0 && e->cpu >= 0)
                (void)snprintf(waits, sizeof(waits), "%.0f%%", 100 * estimate_waits(e));
        if (estimate_is_measured(e))
                (void)snprintf(times, sizeof(times), "%u", e->n_samples);
        if (e->rss > 0)
                (void)snprintf(memory, sizeof(memory), "%.0f MB", (double)e->rss * 1024 / 1e6);
        printf("%9s  %7s  %5s  %8s  %5s  %-7s  ", seconds, spread, waits, memory, times,
               e->outcome == ESTIMATE_UNKNOWN ? "-" : history_outcome_text(e->outcome));
        print_id(item->id);
}

static void print_speeds(const struct history_listed_speed *speeds, size_t n)
{
        if (n > 0)
                puts("\nCPUs measured, by kind of core and CPUs of it that a run had:");
        for (size_t i = 0; i < n; i++)
                printf("  %s: %s is %.2f times as fast as the fastest core alone\n", speeds[i].machine, speeds[i].class,
                       speeds[i].ratio);
}

static void print_head(const char *project, const struct history_list *list, size_t n)
{
        double seconds = 0;

        for (uint32_t i = 0; i < list->n_items; i++)
                if (list->items[i].current && list->items[i].estimate.n_samples > 0)
                        seconds += list->items[i].estimate.wall;
        printf("%s: %zu test%s of %.2f s, ", project, n, n == 1 ? "" : "s", seconds);
        if (list->project.runs > 0)
                printf("%llu run%s, the last one of %.2f s\n", (unsigned long long)list->project.runs,
                       list->project.runs == 1 ? "" : "s", list->project.wall);
        else
                puts("no run yet");
}

int history_show_table(const char *project, const struct history_list *list, const struct history_listed_speed *speeds,
                       size_t n_speeds, size_t most)
{
        size_t n;
        CLEANUP_FREE struct row *sorted = sort_items(list, &n);

        if (!sorted)
                return -ENOMEM;
        print_head(project, list, n);
        if (n > 0 && most > 0)
                printf("\n%9s  %7s  %5s  %8s  %5s  %-7s  %s\n", "SECONDS", "SPREAD", "WAITS", "MEMORY", "TIMES", "LAST",
                       "TEST");
        for (size_t i = 0; i < n && i < most; i++)
                print_item(sorted[i].item);
        if (n > most && most > 0)
                printf("and %zu shorter ones\n", n - most);
        print_speeds(speeds, n_speeds);
        return 0;
}

/* JSON */

static json_t *item_json(const struct history_listed_item *item)
{
        const struct estimate *e = &item->estimate;
        json_t *o = json_pack("{s:s, s:i, s:s, s:b}", "id", item->id, "times",
                              (int)(estimate_is_measured(e) ? e->n_samples : 0), "outcome",
                              history_outcome_text(e->outcome), "current", item->current);

        if (o && e->n_samples > 0)
                json_object_update_new(o, json_pack("{s:f, s:f}", "seconds", e->wall, "spread", e->spread));
        if (o && e->n_samples > 0 && e->cpu >= 0)
                json_object_update_new(o, json_pack("{s:f, s:f, s:I}", "cpuSeconds", e->cpu, "waits", estimate_waits(e),
                                                    "rssKiB", (json_int_t)e->rss));
        return o;
}

static json_t *items_json(const struct history_list *list)
{
        json_t *array = json_array();

        for (uint32_t i = 0; array && i < list->n_items; i++)
                if (json_array_append_new(array, item_json(&list->items[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

static json_t *speeds_json(const struct history_listed_speed *speeds, size_t n)
{
        json_t *array = json_array();

        for (size_t i = 0; array && i < n; i++)
                if (json_array_append_new(array, json_pack("{s:s, s:s, s:f, s:f}", "machine", speeds[i].machine,
                                                           "class", speeds[i].class, "ratio", speeds[i].ratio, "weight",
                                                           speeds[i].weight)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

int history_show_json(const char *project, const struct history_list *list, const struct history_listed_speed *speeds,
                      size_t n_speeds)
{
        CLEANUP_JSON json_t *o = json_pack("{s:s, s:I, s:f, s:o, s:o}", "project", project, "runs",
                                           (json_int_t)list->project.runs, "lastWall", list->project.wall, "items",
                                           items_json(list), "speeds", speeds_json(speeds, n_speeds));

        if (!o || json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) < 0)
                return -ENOMEM;
        putchar('\n');
        return 0;
}
