/* Attributes of sysfs: one number or one short text, alone in its file (Documentation/filesystems/sysfs.rst); and the
 * numbered folders that they are in. Below a root prefix as hw/root.h has it.
 *
 * Whatever is in the file's place, reading it neither blocks nor takes more than a page: a FIFO reads as empty, a
 * folder as -EISDIR. White space around a value is no part of it, so "42", "42\n" and "42\r\n" are the same number.
 * Errors are negative errno: what open(2) and read(2) say, -ENODATA for an empty file (the kernel shows one where a CPU
 * is offline), -ERANGE for a number that its type cannot hold, -EINVAL for anything else. Outputs stay untouched then.
 */
#pragma once

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>

struct hw_path {
        char text[192];
};

/* A path for the calls below: hw_attribute_signed(root, hw_path("/sys/class/hwmon/hwmon%u/temp1_input", n).text, &t).
 * One that is too long becomes "", which no file has. */
struct hw_path hw_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

int hw_attribute_signed(const char *root, const char *path, int64_t *ret_number);
/* 0 to INT64_MAX: no counter that the kernel shows has more bits in use. */
int hw_attribute_unsigned(const char *root, const char *path, uint64_t *ret_number);

/* Cut to size; bytes that are no printable ASCII become '?', since the text ends up on terminals and in JSON. */
int hw_attribute_text(const char *root, const char *path, char *buf, size_t size);

enum {
        HW_NUMBERS_MAX = 8192, /* entries of one folder that are considered: hwmon folders, an hwmon's attributes */
};

/* The numbers n for which the folder has an entry PREFIXnSUFFIX, ascending and malloc'ed: "hwmon", "" in
 * /sys/class/hwmon. -ENOMEM, or what opening the folder failed with. */
int hw_attribute_numbers(const char *root, const char *folder, const char *prefix, const char *suffix,
                         unsigned **ret_numbers, size_t *ret_n);

/* For who has to look at the entries themselves; NULL with errno where it cannot be opened. The caller closes it. */
DIR *hw_folder_open(const char *root, const char *folder);

static inline void hw_folder_closep(DIR **dir)
{
        if (*dir)
                (void)closedir(*dir);
}
