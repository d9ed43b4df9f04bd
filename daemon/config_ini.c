#include "daemon/config_ini.h"

#include <errno.h>
#include <ini.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "core/alloc.h"

#define BOM   "\xef\xbb\xbf"
#define SPACE " \t\r\n"

/* A file while it is read. inih gives a handler no line numbers, and takes the first malformed line alone to report;
 * but it asks for line after line, so whoever feeds it knows both. */
struct file {
        struct config_reading *reading;
        const char *path;
        const char *at;   /* what is left of the text */
        unsigned line;    /* that was given out last */
        bool awaits;      /* it should come to a setting, and has not yet */
        char unknown[64]; /* the section that was last said not to exist */
        int r;            /* -ENOMEM ends it */
};

/* Faults. */

void config_reading_finish(struct config_reading *reading)
{
        for (size_t i = 0; i < reading->n_faults; i++)
                free(reading->faults[i].text);
        free(reading->faults);
        reading->faults = NULL;
        reading->n_faults = 0;
}

static char *origin(const struct file *f)
{
        char *text;

        return asprintf(&text, "%s:%u", f->path, f->line) < 0 ? NULL : text;
}

/* Adds a fault of the present line; fault.text is replaced. */
__attribute__((format(printf, 3, 4))) static void add_fault(struct file *f, struct config_fault fault,
                                                            const char *format, ...)
{
        struct config_reading *reading = f->reading;
        struct config_fault *faults = reallocarray(reading->faults, reading->n_faults + 1, sizeof(*faults));
        CLEANUP_FREE char *what = NULL;
        va_list args;

        if (faults)
                reading->faults = faults;
        va_start(args, format);
        int n = vasprintf(&what, format, args);
        va_end(args);
        if (n < 0)
                what = NULL;
        if (!faults || !what || asprintf(&fault.text, "%s:%u: %s", f->path, f->line, what) < 0) {
                f->r = -ENOMEM;
                return;
        }
        faults[reading->n_faults++] = fault;
}

/* Users. */

/* A name or a number. The number needs no user of it. */
static bool find_user(const char *name, uint32_t *ret_uid)
{
        char *end;

        if (name[0] >= '0' && name[0] <= '9') {
                errno = 0;
                unsigned long uid = strtoul(name, &end, 10);
                if (!*end && errno == 0 && uid < UINT32_MAX) {
                        *ret_uid = (uint32_t)uid;
                        return true;
                }
        }
        const struct passwd *user = getpwnam(name);
        if (user)
                *ret_uid = user->pw_uid;
        return user;
}

static void drop_user(struct config *config, uint32_t uid)
{
        for (size_t i = 0; i < config->n_users; i++)
                if (config->users[i].uid == uid) {
                        free(config->users[i].origin);
                        config->n_users--;
                        memmove(&config->users[i], &config->users[i + 1],
                                (config->n_users - i) * sizeof(config->users[0]));
                        return;
                }
}

static void put_user(struct file *f, uint32_t uid, unsigned weight)
{
        struct config *config = f->reading->config;
        char *from = origin(f);

        drop_user(config, uid);
        struct config_user *users = reallocarray(config->users, config->n_users + 1, sizeof(*users));
        if (users)
                config->users = users;
        if (!users || !from) {
                free(from);
                f->r = -ENOMEM;
                return;
        }
        users[config->n_users++] = (struct config_user){.uid = uid, .weight = weight, .origin = from};
}

static void take_user(struct file *f, const char *name, const char *value)
{
        uint32_t uid;
        unsigned weight;

        if (!find_user(name, &uid))
                add_fault(f, (struct config_fault){.key = CONFIG_KEYS}, "[" CONFIG_USERS "] %s: no such user", name);
        else if (!*value)
                drop_user(f->reading->config, uid);
        else if (config_parse_number(value, ALLOC_WEIGHT_MIN, ALLOC_WEIGHT_MAX, &weight) < 0)
                add_fault(f, (struct config_fault){.key = CONFIG_KEYS, .of_user = true, .uid = uid},
                          "%s=%s is not a weight of %d to %d", name, value, ALLOC_WEIGHT_MIN, ALLOC_WEIGHT_MAX);
        else
                put_user(f, uid, weight);
}

/* Keys. */

static void take_key(struct file *f, enum config_key key, const char *value)
{
        struct config *config = f->reading->config;

        if (config_key_set(config, key, value) < 0) {
                add_fault(f, (struct config_fault){.key = key}, "%s=%s is not %s", config_key_name(key), value,
                          config_key_expects(key));
                return;
        }
        free(TAKE(config->origins[key]));
        if (*value && !(config->origins[key] = origin(f)))
                f->r = -ENOMEM;
}

/* Told once, not for each of its keys. */
static void fail_section(struct file *f, const char *section)
{
        if (f->unknown[0] && strncmp(f->unknown, section, sizeof(f->unknown) - 1) == 0)
                return;
        snprintf(f->unknown, sizeof(f->unknown), "%s", section);
        if (*section)
                add_fault(f, (struct config_fault){.key = CONFIG_KEYS}, "[%s]: no such section", section);
        else
                add_fault(f, (struct config_fault){.key = CONFIG_KEYS}, "a setting before any [section]");
}

/* inih's handler: never fails, so that all of the file is read. */
static int take_setting(void *arg, const char *section, const char *name, const char *value)
{
        struct file *f = arg;
        enum config_key key = config_key_find(section, name);

        f->awaits = false;
        if (strcmp(section, CONFIG_USERS) == 0)
                take_user(f, name, value);
        else if (key < CONFIG_KEYS)
                take_key(f, key, value);
        else if (config_section_exists(section))
                add_fault(f, (struct config_fault){.key = CONFIG_KEYS}, "[%s] has no %s", section, name);
        else
                fail_section(f, section);
        return 1;
}

/* Lines. */

static void check_last(struct file *f)
{
        if (f->awaits)
                add_fault(f, (struct config_fault){.key = CONFIG_KEYS}, "neither [section] nor KEY=VALUE");
        f->awaits = false;
}

/* inih's reader. A line comes without what it is indented by: to inih, not to systemd, that would continue the line
 * before. One that is too long comes as an empty one. */
static char *next_line(char *buf, int size, void *arg)
{
        struct file *f = arg;

        check_last(f);
        if (!*f->at || f->r < 0)
                return NULL;
        size_t indent = strspn(f->at, " \t"), len = strcspn(f->at, "\n");
        const char *line = f->at + indent;
        size_t n = len > indent ? len - indent : 0;
        f->at += len + (f->at[len] == '\n');
        f->line++;
        buf[0] = '\0';
        if (n >= (size_t)size) {
                add_fault(f, (struct config_fault){.key = CONFIG_KEYS}, "longer than %d bytes", size - 1);
                return buf;
        }
        memcpy(buf, line, n);
        buf[n] = '\0';
        bool closed = buf[0] == '[' && strchr(buf, ']');
        f->awaits = !closed && buf[strspn(buf, SPACE)] && buf[0] != ';' && buf[0] != '#';
        return buf;
}

int config_ini_read(struct config_reading *reading, const char *path, const char *text)
{
        struct file f = {.reading = reading,
                         .path = path,
                         .at = text + (strncmp(text, BOM, strlen(BOM)) == 0 ? strlen(BOM) : 0)};

        /* Malformed lines are found as they are read: of them inih would tell the first. */
        if (ini_parse_stream(next_line, &f, take_setting, &f) == -2)
                return -ENOMEM;
        return f.r;
}
