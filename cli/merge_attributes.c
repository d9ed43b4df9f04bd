/* The attributes of elements that become one: summed, the earliest, or listed. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/merge_junit.h"
#include "lib/util.h"

enum kind {
        LISTED,
        COUNT,
        SECONDS,
        TIMESTAMP,
};

/* What the runners' dialects have. */
static const struct {
        const char *name;
        enum kind kind;
} measured[] = {
        {"tests", COUNT},  {"failures", COUNT},      {"errors", COUNT},     {"skipped", COUNT},
        {"skips", COUNT},  {"disabled", COUNT},      {"assertions", COUNT}, {"warnings", COUNT},
        {"passed", COUNT}, {"failed", COUNT},        {"flakes", COUNT},     {"rerun", COUNT},
        {"time", SECONDS}, {"timestamp", TIMESTAMP}, {"hostname", LISTED},  {"id", LISTED},
};

static bool find_kind(const char *name, enum kind *ret_kind)
{
        for (size_t i = 0; i < ELEMENTSOF(measured); i++)
                if (strcmp(measured[i].name, name) == 0) {
                        *ret_kind = measured[i].kind;
                        return true;
                }
        return false;
}

bool merge_attribute_is_measured(const char *name)
{
        enum kind kind;

        return find_kind(name, &kind);
}

void merge_attributes_finish(struct merge_attributes *attributes)
{
        for (size_t i = 0; i < attributes->n; i++) {
                free(attributes->list[i].name);
                free(attributes->list[i].value);
        }
        free(attributes->list);
        *attributes = (struct merge_attributes){0};
}

int merge_attributes_add(struct merge_attributes *attributes, const char *name, const char *value)
{
        struct merge_attribute new = {.name = strdup(name), .value = strdup(value), .n = 1};

        if (!new.name || !new.value ||
            array_reserve(&attributes->list, attributes->n, &attributes->allocated, sizeof(new)) < 0) {
                free(new.name);
                free(new.value);
                return -ENOMEM;
        }
        attributes->list[attributes->n++] = new;
        return 0;
}

static struct merge_attribute *find(const struct merge_attributes *attributes, const char *name)
{
        for (size_t i = 0; i < attributes->n; i++)
                if (strcmp(attributes->list[i].name, name) == 0)
                        return &attributes->list[i];
        return NULL;
}

const char *merge_attributes_find(const struct merge_attributes *attributes, const char *name)
{
        const struct merge_attribute *found = find(attributes, name);

        return found ? found->value : NULL;
}

/* Each of these makes *ret_text of two values, or leaves it NULL where one is not of that kind. -ENOMEM. */

static int add_counts(const char *a, const char *b, char **ret_text)
{
        long long x, y, sum;
        char *end;

        errno = 0;
        x = strtoll(a, &end, 10);
        if (end == a || *end)
                return 0;
        y = strtoll(b, &end, 10);
        if (end == b || *end || errno || __builtin_add_overflow(x, y, &sum))
                return 0;
        return asprintf(ret_text, "%lld", sum) < 0 ? -ENOMEM : 0;
}

enum { DECIMALS_MAX = 9 };

/* Decimals of a plain number, -1 of anything else. */
static int decimals_of(const char *text)
{
        size_t whole = strspn(text, "0123456789"), part;

        if (text[whole] == '\0')
                return whole ? 0 : -1;
        part = strspn(text + whole + 1, "0123456789");
        if (text[whole] != '.' || text[whole + 1 + part] || whole + part == 0)
                return -1;
        return part > DECIMALS_MAX ? DECIMALS_MAX : (int)part;
}

static int add_seconds(const char *a, const char *b, char **ret_text)
{
        int m = decimals_of(a), n = decimals_of(b);

        if (m < 0 || n < 0)
                return 0;
        return asprintf(ret_text, "%.*f", m > n ? m : n, strtod(a, NULL) + strtod(b, NULL)) < 0 ? -ENOMEM : 0;
}

/* Nanoseconds of ISO 8601 (2026-11-22T01:02:03.456+01:00); without a zone it is taken for UTC. */
static bool read_timestamp(const char *text, int64_t *ret_ns)
{
        struct tm tm = {0};
        const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
        int64_t seconds, ns = 0, unit = 100000000;

        if (!at || tm.tm_year < 0 || tm.tm_year > 300)
                return false;
        if (*at == '.')
                for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
                        ns += (*at - '0') * unit;
        seconds = timegm(&tm);
        tm.tm_gmtoff = 0;
        if (*at)
                at = strptime(at, "%z", &tm);
        *ret_ns = (seconds - tm.tm_gmtoff) * 1000000000 + ns;
        return at && !*at;
}

static int find_earlier(const char *a, const char *b, char **ret_text)
{
        int64_t x, y;

        if (!read_timestamp(a, &x) || !read_timestamp(b, &y))
                return 0;
        *ret_text = strdup(y < x ? b : a);
        return *ret_text ? 0 : -ENOMEM;
}

/* Whether it is one of the list's values. */
static bool is_listed(const char *list, const char *value)
{
        size_t n = strlen(value);

        for (const char *at = list; (at = strstr(at, value)); at++)
                if ((at == list || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
                        return true;
        return false;
}

static int add_to_list(const char *list, const char *value, char **ret_text)
{
        if (*value && !is_listed(list, value))
                return asprintf(ret_text, "%s%s%s", list, *list ? "," : "", value) < 0 ? -ENOMEM : 0;
        *ret_text = strdup(list);
        return *ret_text ? 0 : -ENOMEM;
}

static int join(struct merge_attribute *into, const struct merge_attribute *from)
{
        enum kind kind = LISTED;
        char *text = NULL;
        int r = 0;

        (void)find_kind(into->name, &kind);
        if (kind == COUNT)
                r = add_counts(into->value, from->value, &text);
        else if (kind == SECONDS)
                r = add_seconds(into->value, from->value, &text);
        else if (kind == TIMESTAMP)
                r = find_earlier(into->value, from->value, &text);
        if (r == 0 && !text)
                r = add_to_list(into->value, from->value, &text);
        if (r < 0)
                return r;
        free(into->value);
        into->value = text;
        into->n += from->n;
        return 0;
}

int merge_attributes_join(struct merge_attributes *into, const struct merge_attributes *from)
{
        for (size_t i = 0; i < from->n; i++) {
                struct merge_attribute *known = find(into, from->list[i].name);
                int r = known ? join(known, &from->list[i])
                              : merge_attributes_add(into, from->list[i].name, from->list[i].value);

                if (r < 0)
                        return r;
        }
        return 0;
}
