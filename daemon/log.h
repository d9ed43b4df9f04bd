/* schedd's log: one line an event on standard error, with the journal's level prefixes where the journal reads it.
 * A log file (the service was started on demand) is emptied before it exceeds LOG_FILE_MAX. */
#pragma once

enum log_level {
        LOG_LEVEL_ERROR = 3, /* syslog's numbers, which the journal's prefixes are */
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7,
};

enum {
        LOG_FILE_MAX = 1024 * 1024,
};

/* By name, "error" to "debug"; -EINVAL. */
int log_level_parse(const char *name, enum log_level *ret_level);
const char *log_level_text(enum log_level level);
/* Until then it is notice. */
void log_set_level(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
