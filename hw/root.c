#include "hw/root.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "lib/util.h"

static int open_below(const char *root, const char *path)
{
        char full[HW_PATH_MAX];
        int n = snprintf(full, sizeof(full), "%s%s", root, path);

        if (n < 0 || (size_t)n >= sizeof(full))
                return -ENAMETOOLONG;

        int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        return fd < 0 ? -errno : fd;
}

bool hw_root_has(const char *root, const char *path)
{
        CLEANUP_CLOSE int fd = open_below(root, path);

        return fd >= 0;
}

/* Reads up to size bytes; returns how many there were. */
static ssize_t read_up_to(int fd, char *buf, size_t size)
{
        size_t used = 0;

        while (used < size) {
                ssize_t n = read(fd, buf + used, size - used);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                used += (size_t)n;
        }
        return (ssize_t)used;
}

int hw_root_read(const char *root, const char *path, char **ret_text, size_t *ret_length)
{
        CLEANUP_CLOSE int fd = open_below(root, path);
        CLEANUP_FREE char *text = NULL;
        size_t used = 0, size = 4096;

        if (fd < 0)
                return fd;
        /* sysfs and proc files do not say how large they are. */
        for (;;) {
                char *larger = realloc(text, size);
                ssize_t n;

                if (!larger)
                        return -ENOMEM;
                text = larger;
                n = read_up_to(fd, text + used, size - used);
                if (n < 0)
                        return (int)n;
                used += (size_t)n;
                if (used > HW_FILE_MAX)
                        return -EFBIG;
                if (used < size)
                        break;
                size *= 2;
        }
        text[used] = '\0';
        if (ret_length)
                *ret_length = used;
        *ret_text = TAKE(text);
        return 0;
}

int hw_root_read_line(const char *root, const char *path, char *buf, size_t size)
{
        CLEANUP_CLOSE int fd = open_below(root, path);
        char line[4096];
        ssize_t n;

        if (fd < 0)
                return fd;
        n = read_up_to(fd, line, sizeof(line));
        if (n < 0)
                return (int)n;
        if (n > 0 && line[n - 1] == '\n')
                n--;
        if ((size_t)n >= size || (size_t)n == sizeof(line))
                return -EFBIG;
        if (memchr(line, '\n', (size_t)n) || memchr(line, '\0', (size_t)n))
                return -EINVAL;
        memcpy(buf, line, (size_t)n);
        buf[n] = '\0';
        return 0;
}

int hw_root_read_number(const char *root, const char *path, int64_t *ret_number)
{
        char line[32];
        char *end;
        long long number;
        int r = hw_root_read_line(root, path, line, sizeof(line));

        if (r < 0)
                return r == -EFBIG ? -EINVAL : r;
        if (!isdigit((unsigned char)line[0]))
                return -EINVAL;
        errno = 0;
        number = strtoll(line, &end, 10);
        if (errno != 0 || *end != '\0')
                return -EINVAL;
        *ret_number = number;
        return 0;
}

/* Behind "KEY " at the start of a line; NULL where there is no such line. */
static const char *find_value(const char *text, const char *key)
{
        size_t length = strlen(key);

        while (text && !(strncmp(text, key, length) == 0 && text[length] == ' ')) {
                text = strchr(text, '\n');
                text = text ? text + 1 : NULL;
        }
        return text ? text + length + 1 : NULL;
}

int hw_root_read_keyed(const char *root, const char *path, const char *key, uint64_t *ret_number)
{
        CLEANUP_FREE char *text = NULL;
        const char *value;
        int r = hw_root_read(root, path, &text, NULL);

        if (r < 0)
                return r;
        value = find_value(text, key);
        if (!value)
                return -ENOENT;
        if (!isdigit((unsigned char)*value))
                return -EINVAL;
        *ret_number = strtoull(value, NULL, 10);
        return 0;
}

int hw_root_read_cpuset(const char *root, const char *path, struct cpuset *ret_set)
{
        CLEANUP_FREE char *text = NULL;
        size_t length;
        int r = hw_root_read(root, path, &text, &length);

        if (r < 0)
                return r;
        return cpuset_parse(text, length, ret_set);
}
