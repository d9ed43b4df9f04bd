/* Reads of small files in /sys and /proc, below a root prefix.
 *
 * root is "" for the running system, else a directory that holds a recorded or made tree ("DIR/sys/…").
 * path is absolute. Files are regular or sysfs ones; nothing here writes, and every read is bounded.
 * Errors are negative errno: -ENOENT and the like as open(2) gives them, -EFBIG above the bound,
 * -EINVAL where the content is not what was asked for. Outputs stay untouched on failure.
 */
#pragma once

#include <stdint.h>

#include "core/cpuset.h"

enum {
        HW_FILE_MAX = 256 * 1024, /* bytes of a file; mountinfo of a busy container host is the largest read */
        HW_PATH_MAX = 4096,
};

/* Whether a file or folder is there. */
bool hw_root_has(const char *root, const char *path);

/* The whole file, NUL-terminated, malloc'ed; ret_length may be NULL. */
int hw_root_read(const char *root, const char *path, char **ret_text, size_t *ret_length);

/* Up to size - 1 bytes of a file of one short line, without its newline; -EFBIG where it is longer. */
int hw_root_read_line(const char *root, const char *path, char *buf, size_t size);

/* A decimal number, 0 to INT64_MAX, alone in its file. */
int hw_root_read_number(const char *root, const char *path, int64_t *ret_number);

/* The number on the line "KEY NUMBER" of a file; -ENOENT also where there is no such line. */
int hw_root_read_keyed(const char *root, const char *path, const char *key, uint64_t *ret_number);

/* A cpulist; "" and a lone newline are the empty set. */
int hw_root_read_cpuset(const char *root, const char *path, struct cpuset *ret_set);
