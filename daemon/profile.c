#include "daemon/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bus/bus.h"
#include "lib/util.h"

enum {
        ANSWER_MAX = 64, /* properties of the service that are looked at */
};

/* One name that the service may have. */
struct source {
        struct profile *profile;
        const struct name *name;
        sd_bus_slot *changes, *owners, *call;
        int error;
        enum readings_profile active;
        char degraded[READINGS_NAME_MAX];
};

static const struct name {
        const char *name; /* of the service and of its interface */
        const char *path;
} names[] = {
        {"org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"},
        {"net.hadess.PowerProfiles", "/net/hadess/PowerProfiles"},
};

struct profile {
        struct bus *bus; /* NULL: there is none */
        struct source sources[ELEMENTSOF(names)];
        void (*changed)(void *arg);
        void *arg;
};

/* Understanding the service's properties. */

static enum readings_profile parse_profile(const char *text)
{
        static const struct {
                const char *text;
                enum readings_profile profile;
        } profiles[] = {{"power-saver", READINGS_PROFILE_POWER_SAVER},
                        {"balanced", READINGS_PROFILE_BALANCED},
                        {"performance", READINGS_PROFILE_PERFORMANCE}};

        for (size_t i = 0; i < ELEMENTSOF(profiles); i++)
                if (strcmp(text, profiles[i].text) == 0)
                        return profiles[i].profile;
        return READINGS_PROFILE_UNKNOWN;
}

/* Cut to what fits; what is no plain character is shown as one that is. */
static void copy_plain(const char *text, char *buf, size_t size)
{
        size_t n = strnlen(text, size - 1);

        for (size_t i = 0; i < n; i++)
                buf[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
        buf[n] = '\0';
}

/* One entry of a{sv}, entered. Values of types not expected are passed over. */
static int read_property(sd_bus_message *m, struct source *s)
{
        const char *name, *text;
        int r = sd_bus_message_read(m, "s", &name);

        if (r < 0)
                return r;
        bool is_active = strcmp(name, "ActiveProfile") == 0, is_degraded = strcmp(name, "PerformanceDegraded") == 0;
        if ((!is_active && !is_degraded) || sd_bus_message_verify_type(m, 'v', "s") <= 0)
                return sd_bus_message_skip(m, "v");
        r = sd_bus_message_read(m, "v", "s", &text);
        if (r < 0)
                return r;
        if (is_active)
                s->active = parse_profile(text);
        else
                copy_plain(text, s->degraded, sizeof(s->degraded));
        return 0;
}

static int read_properties(sd_bus_message *m, struct source *s)
{
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        for (unsigned i = 0; r >= 0 && i < ANSWER_MAX; i++) {
                if ((r = sd_bus_message_enter_container(m, 'e', "sv")) <= 0)
                        break;
                if ((r = read_property(m, s)) >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : 0;
}

static bool is_same(const struct source *a, const struct source *b)
{
        return a->error == b->error && a->active == b->active && strcmp(a->degraded, b->degraded) == 0;
}

/* Takes over what the source has come to, and tells if it is news. */
static void settle(struct source *s, const struct source *now)
{
        if (is_same(s, now))
                return;
        s->error = now->error;
        s->active = now->active;
        memcpy(s->degraded, now->degraded, sizeof(s->degraded));
        s->profile->changed(s->profile->arg);
}

static void settle_error(struct source *s, int error)
{
        settle(s, &(struct source){.error = error});
}

/* Asking. */

static int on_answer(sd_bus_message *m, void *arg, sd_bus_error *error)
{
        struct source *s = arg;
        struct source now = {0};

        (void)error;
        s->call = sd_bus_slot_unref(s->call);
        if (sd_bus_message_is_method_error(m, "org.freedesktop.DBus.Error.ServiceUnknown") ||
            sd_bus_message_is_method_error(m, "org.freedesktop.DBus.Error.NameHasNoOwner"))
                now.error = -ENOENT;
        else if (sd_bus_message_is_method_error(m, NULL))
                now.error = -sd_bus_message_get_errno(m);
        else
                now.error = read_properties(m, &now);
        settle(s, &now);
        return 0;
}

static int ask(struct source *s)
{
        CLEANUP(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        sd_bus *bus = bus_connection(s->profile->bus);
        int r = sd_bus_message_new_method_call(bus, &m, s->name->name, s->name->path, "org.freedesktop.DBus.Properties",
                                               "GetAll");

        if (r < 0 || (r = sd_bus_message_append(m, "s", s->name->name)) < 0 ||
            (r = sd_bus_message_set_auto_start(m, false)) < 0)
                return r;
        s->call = sd_bus_slot_unref(s->call);
        return sd_bus_call_async(bus, &s->call, m, on_answer, s, 0);
}

/* Asked again rather than read from the signal, which may only say that a property is no longer what it was. */
static int on_change(sd_bus_message *m, void *arg, sd_bus_error *error)
{
        struct source *s = arg;
        int r = ask(s);

        (void)m, (void)error;
        if (r < 0)
                settle_error(s, r);
        return 0;
}

static int on_owner(sd_bus_message *m, void *arg, sd_bus_error *error)
{
        const char *name, *before, *now;
        struct source *s = arg;

        if (sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 && *now)
                return on_change(m, s, error);
        s->call = sd_bus_slot_unref(s->call);
        settle_error(s, -ENOENT);
        return 0;
}

/* What is listened to comes first: the bus keeps the order, and no change falls in between. */
static int start_source(struct source *s)
{
        sd_bus *bus = bus_connection(s->profile->bus);
        char match[256];
        int r;

        snprintf(match, sizeof(match),
                 "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                 "member='NameOwnerChanged',arg0='%s'",
                 s->name->name);
        if ((r = sd_bus_add_match_async(bus, &s->owners, match, on_owner, NULL, s)) < 0 ||
            (r = sd_bus_match_signal_async(bus, &s->changes, s->name->name, s->name->path,
                                           "org.freedesktop.DBus.Properties", "PropertiesChanged", on_change, NULL,
                                           s)) < 0)
                return r;
        return ask(s);
}

/* Opening and closing. */

static void end_source(struct source *s)
{
        s->changes = sd_bus_slot_unref(s->changes);
        s->owners = sd_bus_slot_unref(s->owners);
        s->call = sd_bus_slot_unref(s->call);
}

static void on_gone(void *arg)
{
        struct profile *p = arg;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                settle_error(&p->sources[i], -ENOTCONN);
}

static int connect_bus(uv_loop_t *loop, struct profile *p)
{
        int r = bus_open(loop, NULL, on_gone, p, &p->bus);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(names); i++)
                r = start_source(&p->sources[i]);
        if (r >= 0)
                bus_go_on(p->bus);
        return r;
}

int profile_open(uv_loop_t *loop, void (*changed)(void *arg), void *arg, struct profile **ret_profile)
{
        struct profile *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        *p = (struct profile){.changed = changed, .arg = arg};
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                p->sources[i] = (struct source){.profile = p, .name = &names[i], .error = -EINPROGRESS};
        r = loop ? connect_bus(loop, p) : -ENOENT;
        for (size_t i = 0; r < 0 && i < ELEMENTSOF(names); i++)
                p->sources[i].error = r;
        *ret_profile = p;
        return 0;
}

void profile_close(struct profile *p)
{
        if (!p)
                return;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                end_source(&p->sources[i]);
        bus_close(p->bus);
        free(p);
}

/* The first that answers; else what the first is found to be, unless the others may yet answer. */
static const struct source *best(const struct profile *p)
{
        const struct source *found = &p->sources[0];

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (p->sources[i].error == 0)
                        return &p->sources[i];
        for (size_t i = 0; i < ELEMENTSOF(names) && found->error == -ENOENT; i++)
                found = &p->sources[i];
        return found;
}

void profile_read(const struct profile *p, struct readings *readings)
{
        const struct source *s = best(p);

        readings->profile_error = s->error;
        readings->profile = s->active;
        memcpy(readings->degraded, s->degraded, sizeof(readings->degraded));
}
