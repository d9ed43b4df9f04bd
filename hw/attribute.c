#include "hw/attribute.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "hw/root.h"
#include "lib/util.h"

struct hw_path hw_path(const char *format, ...)
{
        struct hw_path path;
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(path.text, sizeof(path.text), format, args);
        va_end(args);
        if (n < 0 || (size_t)n >= sizeof(path.text))
                path.text[0] = '\0';
        return path;
}

static char *trim(char *text)
{
        size_t length = strlen(text);

        while (length > 0 && isspace((unsigned char)text[length - 1]))
                text[--length] = '\0';
        while (isspace((unsigned char)*text))
                text++;
        return text;
}

int hw_attribute_signed(const char *root, const char *path, int64_t *ret_number)
{
        char line[64], *text, *end;
        long long number;
        int r = hw_root_read_line(root, path, line, sizeof(line));

        if (r < 0)
                return r == -EFBIG ? -EINVAL : r;
        text = trim(line);
        if (!*text)
                return -ENODATA;
        errno = 0;
        number = strtoll(text, &end, 10);
        if (*end != '\0')
                return -EINVAL;
        if (errno != 0)
                return -ERANGE;
        *ret_number = number;
        return 0;
}

int hw_attribute_unsigned(const char *root, const char *path, uint64_t *ret_number)
{
        int64_t number;
        int r = hw_attribute_signed(root, path, &number);

        if (r < 0)
                return r;
        if (number < 0)
                return -ERANGE;
        *ret_number = (uint64_t)number;
        return 0;
}

int hw_attribute_text(const char *root, const char *path, char *buf, size_t size)
{
        char line[256], *text;
        int r = hw_root_read_line(root, path, line, sizeof(line));

        if (r < 0)
                return r == -EFBIG ? -EINVAL : r;
        text = trim(line);
        if (!*text)
                return -ENODATA;
        for (char *p = text; *p; p++)
                if (!isascii(*p) || !isprint((unsigned char)*p))
                        *p = '?';
        (void)snprintf(buf, size, "%s", text);
        return 0;
}

/* Whether the name is the prefix, a number without leading zeros, and the suffix. */
static bool parse_entry(const char *name, const char *prefix, const char *suffix, unsigned *ret_number)
{
        size_t length = strlen(prefix);
        unsigned long number;
        char *end;

        if (strncmp(name, prefix, length) != 0 || !isdigit((unsigned char)name[length]) ||
            (name[length] == '0' && isdigit((unsigned char)name[length + 1])))
                return false;
        errno = 0;
        number = strtoul(name + length, &end, 10);
        if (errno != 0 || number > INT_MAX || strcmp(end, suffix) != 0)
                return false;
        *ret_number = (unsigned)number;
        return true;
}

static int compare_numbers(const void *a, const void *b)
{
        unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

        return (x > y) - (x < y);
}

DIR *hw_folder_open(const char *root, const char *folder)
{
        char path[HW_PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s%s", root, folder);

        if (n < 0 || (size_t)n >= sizeof(path)) {
                errno = ENAMETOOLONG;
                return NULL;
        }
        return opendir(path);
}

int hw_attribute_numbers(const char *root, const char *folder, const char *prefix, const char *suffix,
                         unsigned **ret_numbers, size_t *ret_n)
{
        CLEANUP(hw_folder_closep) DIR *dir = hw_folder_open(root, folder);
        CLEANUP_FREE unsigned *numbers = NULL;
        size_t n = 0, size = 0;
        const struct dirent *entry;

        if (!dir)
                return -errno;
        while (n < HW_NUMBERS_MAX && (entry = readdir(dir))) {
                unsigned number;

                if (!parse_entry(entry->d_name, prefix, suffix, &number))
                        continue;
                if (n == size) {
                        unsigned *larger = reallocarray(numbers, size = size ? 2 * size : 16, sizeof(*numbers));

                        if (!larger)
                                return -ENOMEM;
                        numbers = larger;
                }
                numbers[n++] = number;
        }
        if (n > 0)
                qsort(numbers, n, sizeof(*numbers), compare_numbers);
        *ret_numbers = TAKE(numbers);
        *ret_n = n;
        return 0;
}
