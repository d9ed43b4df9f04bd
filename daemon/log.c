#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#define SD_JOURNAL_SUPPRESS_LOCATION /* the fields say what a line is about */
#include <systemd/sd-journal.h>

#include "lib/util.h"

enum {
        LINE_SIZE = 512,
};

static enum log_level threshold; /* 0: not set */

static const char *const names[] = {[LOG_LEVEL_ERROR] = "error",
                                    [LOG_LEVEL_WARNING] = "warning",
                                    [LOG_LEVEL_NOTICE] = "notice",
                                    [LOG_LEVEL_INFO] = "info",
                                    [LOG_LEVEL_DEBUG] = "debug"};

int log_level_parse(const char *name, enum log_level *ret_level)
{
        for (unsigned i = LOG_LEVEL_ERROR; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0) {
                        *ret_level = (enum log_level)i;
                        return 0;
                }
        return -EINVAL;
}

const char *log_level_text(enum log_level level)
{
        return names[level];
}

void log_set_level(enum log_level level)
{
        threshold = level;
}

/* JOURNAL_STREAM names the journal's socket; standard error may have been redirected since. */
static bool is_journal(const struct stat *st)
{
        const char *stream = getenv("JOURNAL_STREAM");
        char own[64];

        snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
        return stream && strcmp(stream, own) == 0;
}

enum log_level log_level_default(void)
{
        struct stat st;

        return fstat(STDERR_FILENO, &st) == 0 && is_journal(&st) ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE;
}

/* The journal. */

struct fields {
        struct iovec items[8];
        int n;
};

__attribute__((format(printf, 2, 3))) static void add_field(struct fields *f, const char *format, ...)
{
        char *text;
        va_list args;

        va_start(args, format);
        int len = vasprintf(&text, format, args);
        va_end(args);
        if (len >= 0)
                f->items[f->n++] = (struct iovec){.iov_base = text, .iov_len = (size_t)len};
}

static void add_event(struct fields *f, const struct log_event *event)
{
        if (event->id)
                add_field(f, "MESSAGE_ID=%s", event->id);
        if (event->lease > 0) {
                add_field(f, "SCHEDCTL_LEASE=%llu", (unsigned long long)event->lease);
                add_field(f, "SCHEDCTL_UID=%u", (unsigned)event->uid);
        }
        if (event->run)
                add_field(f, "SCHEDCTL_RUN=%s", event->run);
        if (event->unit)
                add_field(f, "SCHEDCTL_UNIT=%s", event->unit);
        if (event->reason)
                add_field(f, "SCHEDCTL_REASON=%s", event->reason);
}

static int send_to_journal(enum log_level level, const struct log_event *event, const char *text)
{
        struct fields f = {0};

        add_field(&f, "MESSAGE=%s", text);
        add_field(&f, "PRIORITY=%d", (int)level);
        if (event)
                add_event(&f, event);
        int r = sd_journal_sendv(f.items, f.n);
        for (int i = 0; i < f.n; i++)
                free(f.items[i].iov_base);
        return r;
}

/* Elsewhere. */

/* The journal has its own times; a file needs them. Returns the prefix's length. */
static size_t write_prefix(enum log_level level, const struct stat *st, char line[static LINE_SIZE])
{
        time_t now = time(NULL);
        struct tm tm;

        if (is_journal(st))
                return (size_t)snprintf(line, LINE_SIZE, "<%d>", (int)level);
        if (S_ISREG(st->st_mode) && gmtime_r(&now, &tm))
                return strftime(line, LINE_SIZE, "%Y-%m-%dT%H:%M:%SZ ", &tm);
        return (size_t)snprintf(line, LINE_SIZE, "schedd: ");
}

static void write_line(enum log_level level, const struct stat *st, const char *text)
{
        char line[LINE_SIZE];

        if (S_ISREG(st->st_mode) && st->st_size > LOG_FILE_MAX - LINE_SIZE && ftruncate(STDERR_FILENO, 0) < 0)
                return;

        size_t len = write_prefix(level, st, line);
        snprintf(line + len, sizeof(line) - len - 1, "%s", text);
        len = strlen(line);
        line[len++] = '\n';
        if (write(STDERR_FILENO, line, len) < 0)
                return; /* nowhere to say so */
}

bool log_is_heard(enum log_level level)
{
        return level <= (threshold ? threshold : log_level_default());
}

__attribute__((format(printf, 3, 0))) static void log_text(enum log_level level, const struct log_event *event,
                                                           const char *format, va_list args)
{
        struct stat st = {0};
        char text[LINE_SIZE];

        if (!log_is_heard(level) || vsnprintf(text, sizeof(text), format, args) < 0)
                return;
        fstat(STDERR_FILENO, &st);
        if (!is_journal(&st) || send_to_journal(level, event, text) < 0)
                write_line(level, &st, text);
}

void log_write(enum log_level level, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        log_text(level, NULL, format, args);
        va_end(args);
}

void log_event(enum log_level level, const struct log_event *event, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        log_text(level, event, format, args);
        va_end(args);
}
