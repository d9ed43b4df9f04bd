/* schedd's log: one line an event on standard error, with the journal's level prefixes where the journal reads it.
 * A log file (the service was started on demand) is emptied before it exceeds LOG_FILE_MAX. Where the journal reads
 * standard error lines go to it by its own protocol, with fields that say what they are about. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/log_ids.h"

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

/* What a line is about, for the journal: unset members are left out. */
struct log_event {
        const char *id; /* MESSAGE_ID, one of LOG_ID_… */
        uint64_t lease; /* SCHEDCTL_LEASE, with SCHEDCTL_UID; 0 none */
        uint32_t uid;
        const char *run;    /* SCHEDCTL_RUN, its label, printable */
        const char *unit;   /* SCHEDCTL_UNIT, printable */
        const char *reason; /* SCHEDCTL_REASON */
};

/* By name, "error" to "debug"; -EINVAL. */
int log_level_parse(const char *name, enum log_level *ret_level);
const char *log_level_text(enum log_level level);
/* Without configuration: info in the journal, which has room and can be asked for less; elsewhere notice. */
enum log_level log_level_default(void);
/* Until then it is log_level_default(). */
void log_set_level(enum log_level level);

/* Whether lines of that level are written at all. */
bool log_is_heard(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with fields; event may be NULL. */
void log_event(enum log_level level, const struct log_event *event, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
