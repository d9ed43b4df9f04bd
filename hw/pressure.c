#include "hw/pressure.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "hw/root.h"
#include "lib/util.h"

static const char *path_of(enum hw_pressure what)
{
        return what == HW_PRESSURE_CPU ? "/proc/pressure/cpu" : "/proc/pressure/memory";
}

/* "avg10=12.34": by hand, since strtod() takes the locale's decimal point. */
static bool parse_average(const char *text, double *ret_percent)
{
        static const char key[] = "avg10=";
        double percent = 0, unit = 1;
        const char *p = text + sizeof(key) - 1;

        if (strncmp(text, key, sizeof(key) - 1) != 0 || !isdigit((unsigned char)*p))
                return false;
        for (; isdigit((unsigned char)*p) && percent < 1000; p++)
                percent = percent * 10 + (*p - '0');
        if (*p == '.')
                for (p++; isdigit((unsigned char)*p); p++)
                        percent += (*p - '0') * (unit /= 10);
        if (!isspace((unsigned char)*p) || percent > 100)
                return false;
        *ret_percent = percent;
        return true;
}

static bool parse_total(const char *line, uint64_t *ret_us)
{
        static const char key[] = " total=";
        const char *at = strstr(line, key), *end_of_line = strchr(line, '\n');
        char *end;
        uint64_t us;

        if (!at || (end_of_line && at > end_of_line) || !isdigit((unsigned char)at[sizeof(key) - 1]))
                return false;
        errno = 0;
        us = strtoull(at + sizeof(key) - 1, &end, 10);
        if (errno != 0 || (*end != '\0' && !isspace((unsigned char)*end)))
                return false;
        *ret_us = us;
        return true;
}

int hw_pressure_parse(const char *text, struct readings_pressure *ret_pressure)
{
        struct readings_pressure pressure = {0};
        const char *full = strstr(text, "\nfull ");

        if (strncmp(text, "some ", 5) != 0 || !parse_average(text + 5, &pressure.some10) ||
            !parse_total(text, &pressure.some_us))
                return -EINVAL;
        if (full && !parse_average(full + 6, &pressure.full10))
                return -EINVAL;
        *ret_pressure = pressure;
        return 0;
}

int hw_pressure_read(const char *root, enum hw_pressure what, struct readings_pressure *ret_pressure)
{
        CLEANUP_FREE char *text = NULL;
        int r = hw_root_read(root, path_of(what), &text, NULL);

        if (r == -ENOMEM)
                return r;
        *ret_pressure = (struct readings_pressure){0};
        if (r >= 0)
                r = hw_pressure_parse(text, ret_pressure);
        ret_pressure->error = r == -EOPNOTSUPP ? -ENOENT : r;
        return 0;
}

/* The kernel's own file: in a made tree a trigger's text would only spoil the file. */
static bool is_proc(int fd)
{
        struct statfs fs;

        return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int hw_pressure_trigger(const char *root, enum hw_pressure what, unsigned stall_us, unsigned window_us)
{
        CLEANUP_CLOSE int fd = -1;
        char path[HW_PATH_MAX], text[64];
        int n = snprintf(path, sizeof(path), "%s%s", root, path_of(what));

        if (n < 0 || (size_t)n >= sizeof(path))
                return -ENAMETOOLONG;
        fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (!is_proc(fd))
                return -EOPNOTSUPP;
        n = snprintf(text, sizeof(text), "some %u %u", stall_us, window_us);
        if (write(fd, text, (size_t)n + 1) < 0)
                return -errno;
        return TAKE_FD(fd);
}
