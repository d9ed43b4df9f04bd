#include "cli/history_export.h"

#include <errno.h>
#include <jansson.h>

#include "cli/history_import.h"
#include "lib/text.h"
#include "lib/util.h"

const char *history_outcome_text(enum estimate_outcome outcome)
{
        static const char *const texts[] = {
                [ESTIMATE_UNKNOWN] = "unknown", [ESTIMATE_PASSED] = "passed", [ESTIMATE_FAILED] = "failed",
                [ESTIMATE_SKIPPED] = "skipped", [ESTIMATE_LOST] = "lost",
        };

        return texts[outcome];
}

/* The shortest of the ways to write a number that strtod() reads back as the same. */
static void write_number(const char *name, double value, FILE *to)
{
        char text[32];

        for (int digits = 15; digits <= 17; digits++) {
                (void)snprintf(text, sizeof(text), "%.*g", digits, value);
                if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value))
                        break;
        }
        fprintf(to, ", \"%s\": %s", name, text);
}

static void write_seen(int64_t seen, FILE *to)
{
        if (seen > 0)
                fprintf(to, ", \"seen\": %lld", (long long)seen);
}

/* What is no UTF-8, out of a damaged file, is escaped. */
static int write_text(const char *text, FILE *to)
{
        json_t *string = json_string(text);
        CLEANUP_FREE char *escaped = string ? NULL : text_escape(text);
        if (escaped)
                string = json_string(escaped);
        CLEANUP_FREE char *dump = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;

        json_decref(string);
        if (!dump)
                return -ENOMEM;
        fputs(dump, to);
        return 0;
}

static int write_item(const struct history_listed_item *item, FILE *to)
{
        const struct estimate *e = &item->estimate;
        int r;

        fputs("{\"id\": ", to);
        r = write_text(item->id, to);
        write_seen(item->seen, to);
        fprintf(to, ", \"samples\": %u", e->n_samples);
        write_number("wall", e->wall, to);
        if (e->cpu >= 0)
                write_number("cpu", e->cpu, to);
        write_number("spread", e->spread, to);
        write_number("last", e->last, to);
        write_number("lastCpu", e->last_cpu, to);
        write_number("lastSpeed", e->last_speed, to);
        fprintf(to, ", \"rss\": %llu, \"outcome\": \"%s\"}", (unsigned long long)e->rss,
                history_outcome_text(e->outcome));
        return r;
}

static int write_group(const char *id, const char *parent, const struct history_listed_group *group, FILE *to)
{
        int r;

        fputs("{\"id\": ", to);
        r = write_text(id, to);
        write_seen(group->seen, to);
        if (r == 0 && parent) {
                fputs(", \"parent\": ", to);
                r = write_text(parent, to);
        }
        if (group->loose)
                fputs(", \"loose\": true", to);
        if (group->setup >= 0)
                write_number("setup", group->setup, to);
        fputc('}', to);
        return r;
}

static int write_items(const struct history_list *list, FILE *to)
{
        const char *separator = "\n";
        int r = 0;

        fputs("\"items\": [", to);
        for (uint32_t i = 0; i < list->n_items && r == 0; i++) {
                if (!list->items[i].current)
                        continue;
                fputs(separator, to);
                r = write_item(&list->items[i], to);
                separator = ",\n";
        }
        fputs("],\n", to);
        return r;
}

static int write_groups(const struct history_list *list, FILE *to)
{
        const struct history_listed_group session = {.setup = list->session_setup};
        int r;

        fputs("\"groups\": [\n", to);
        r = write_group(HISTORY_SESSION, NULL, &session, to);
        for (uint32_t i = 0; i < list->n_groups && r == 0; i++) {
                const struct history_listed_group *g = &list->groups[i];

                fputs(",\n", to);
                r = write_group(g->id, g->parent == ESTIMATE_NO_GROUP ? NULL : list->groups[g->parent].id, g, to);
        }
        fputs("]}\n", to);
        return r;
}

int history_export_write(const struct history_list *list, FILE *to)
{
        int r;

        fprintf(to, "{\"" HISTORY_EXPORT_KEY "\": %d, \"runs\": %llu", HISTORY_EXPORT_VERSION,
                (unsigned long long)list->project.runs);
        write_number("wall", list->project.wall, to);
        write_number("collection", list->project.collection, to);
        write_number("serial", list->project.serial, to);
        fputs(",\n", to);
        r = write_items(list, to);
        if (r == 0)
                r = write_groups(list, to);
        if (r < 0)
                return r;
        return fflush(to) == 0 && !ferror(to) ? 0 : -EIO;
}
