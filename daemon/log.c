#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/util.h"

enum {
        LINE_SIZE = 512,
};

static enum log_level threshold = LOG_LEVEL_NOTICE;

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

void log_write(enum log_level level, const char *format, ...)
{
        char line[LINE_SIZE];
        struct stat st = {0};
        va_list args;

        if (level > threshold)
                return;
        fstat(STDERR_FILENO, &st);
        if (S_ISREG(st.st_mode) && st.st_size > LOG_FILE_MAX - LINE_SIZE && ftruncate(STDERR_FILENO, 0) < 0)
                return;

        size_t len = write_prefix(level, &st, line);
        va_start(args, format);
        int n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
        va_end(args);
        if (n < 0)
                return;
        len = strlen(line);
        line[len++] = '\n';
        if (write(STDERR_FILENO, line, len) < 0)
                return; /* nowhere to say so */
}
