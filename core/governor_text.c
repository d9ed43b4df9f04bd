#include "core/governor_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Ignored readings that the sentence names; of the others it gives the number. */
#define NAMED_MAX 2

static const char *const policies[GOVERNOR_POLICIES] = {
        [GOVERNOR_PERFORMANCE] = "performance",
        [GOVERNOR_BALANCED] = "balanced",
        [GOVERNOR_QUIET] = "quiet",
        [GOVERNOR_BATTERY] = "battery",
};

static const char *const causes[GOVERNOR_CAUSES] = {
        [GOVERNOR_NONE] = "nothing limits",
        [GOVERNOR_RESERVE] = "reserve",
        [GOVERNOR_PROFILE] = "power profile",
        [GOVERNOR_ON_BATTERY] = "battery",
        [GOVERNOR_MEMORY] = "memory",
        [GOVERNOR_CPU_PRESSURE] = "CPU pressure",
        [GOVERNOR_POWER] = "power",
        [GOVERNOR_LOST_WORK] = "lost work",
        [GOVERNOR_TEMPERATURE] = "temperature",
        [GOVERNOR_CHASSIS] = "chassis",
        [GOVERNOR_CRITICAL] = "critical temperature",
};

const char *governor_policy_text(enum governor_policy policy)
{
        return (unsigned)policy < GOVERNOR_POLICIES ? policies[policy] : "unknown";
}

bool governor_policy_parse(const char *name, enum governor_policy *ret_policy)
{
        for (unsigned i = 0; i < GOVERNOR_POLICIES; i++) {
                if (strcmp(name, policies[i]) == 0) {
                        *ret_policy = (enum governor_policy)i;
                        return true;
                }
        }
        return false;
}

const char *governor_cause_text(enum governor_cause cause)
{
        return (unsigned)cause < GOVERNOR_CAUSES ? causes[cause] : "unknown";
}

/* Of bytes that a terminal or JSON would choke on a sensor's name has none. */
void governor_copy_name(char to[READINGS_NAME_MAX], const char from[READINGS_NAME_MAX])
{
        unsigned i = 0;

        for (; i < READINGS_NAME_MAX - 1 && from[i]; i++)
                to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
        to[i] = '\0';
}

void governor_say(char text[GOVERNOR_TEXT_MAX], const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(text, GOVERNOR_TEXT_MAX, format, args);
        va_end(args);
}

struct governor_limit *governor_add_limit(struct governor *g, enum governor_cause cause, unsigned pus)
{
        struct governor_decision *d = g->decision;
        struct governor_limit *limit = &d->limits[d->n_limits++];

        *limit = (struct governor_limit){.cause = cause, .pus = pus};
        if (limit->pus > g->n_usable)
                limit->pus = g->n_usable;
        if (limit->pus == 0)
                limit->pus = 1;
        return limit;
}

void governor_ignore(struct governor *g, const char *name, const char *why)
{
        struct governor_decision *d = g->decision;

        for (unsigned i = 0; i < d->n_ignored; i++)
                if (strcmp(d->ignored[i].name, name) == 0 && strcmp(d->ignored[i].why, why) == 0)
                        return;
        if (d->n_ignored == GOVERNOR_IGNORED_MAX)
                return;
        snprintf(d->ignored[d->n_ignored].name, READINGS_NAME_MAX, "%s", name[0] ? name : "a sensor");
        d->ignored[d->n_ignored++].why = why;
}

const char *governor_zone_text(const struct governor *g, const struct governor_zone *zone, char *buf, size_t size)
{
        if (zone->reading.place != READINGS_DIE)
                snprintf(buf, size, "%s", zone->reading.name);
        else if (g->situation->machine->n_packages > 1 && zone->reading.package < g->situation->machine->n_packages)
                snprintf(buf, size, "package %u", zone->reading.package);
        else
                snprintf(buf, size, "package");
        return buf;
}

/* Appends at *pos as far as there is room, in whole characters. */
__attribute__((format(printf, 3, 4))) static void append(struct governor_decision *d, size_t *pos, const char *format,
                                                         ...)
{
        size_t room = sizeof(d->text) - *pos;
        va_list args;
        int len;

        va_start(args, format);
        len = vsnprintf(d->text + *pos, room, format, args);
        va_end(args);
        if (len < 0)
                return;
        if ((size_t)len < room) {
                *pos += (size_t)len;
                return;
        }
        *pos += room - 1;
        while (*pos > 0 && (unsigned char)d->text[*pos - 1] >= 0x80) /* no half of a character */
                d->text[--*pos] = '\0';
}

static void tell_ignored(struct governor_decision *d, size_t *pos)
{
        for (unsigned i = 0; i < d->n_ignored && i < NAMED_MAX; i++)
                append(d, pos, "%s%s: %s", i == 0 ? "; ignoring " : ", ", d->ignored[i].name, d->ignored[i].why);
        if (d->n_ignored > NAMED_MAX)
                append(d, pos, " and %u more", d->n_ignored - NAMED_MAX);
}

void governor_tell(struct governor *g)
{
        struct governor_decision *d = g->decision;
        const struct governor_limit *binding = d->cause == GOVERNOR_NONE ? NULL : &d->limits[0];
        size_t pos = 0;

        append(d, &pos, "%u of %u: %s", d->budget, d->usable, binding ? binding->what : "nothing limits");
        if (binding && d->budget > binding->pus)
                append(d, &pos, " (one PU for each run)");
        if (binding && binding->next > d->budget && binding->until[0])
                append(d, &pos, "; next %u when %s", binding->next, binding->until);
        tell_ignored(d, &pos);
}

const char *readings_profile_text(enum readings_profile profile)
{
        switch (profile) {
        case READINGS_PROFILE_POWER_SAVER:
                return "power-saver";
        case READINGS_PROFILE_BALANCED:
                return "balanced";
        case READINGS_PROFILE_PERFORMANCE:
                return "performance";
        case READINGS_PROFILE_UNKNOWN:
                break;
        }
        return "one that is not known";
}
