#include "cli/merge_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

bool merge_output_is_stdout(const char *path)
{
        return path && strcmp(path, "-") == 0;
}

static bool is_special(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

bool merge_output_is_direct(const char *path)
{
        return merge_output_is_stdout(path) || is_special(path);
}

/* Up to the last slash, "." where there is none. */
static char *directory_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return strdup(".");
        return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int merge_output_resolve(const char *path, char **ret_path)
{
        CLEANUP_FREE char *directory = NULL, *real = realpath(path, NULL);
        const char *slash = strrchr(path, '/');

        if (!real && errno != ENOENT)
                return -errno;
        if (!real) {
                directory = directory_of(path);
                real = directory ? realpath(directory, NULL) : NULL;
                if (!real)
                        return directory ? -errno : -ENOMEM;
                return asprintf(ret_path, "%s/%s", real, slash ? slash + 1 : path) < 0 ? -ENOMEM : 0;
        }
        *ret_path = TAKE(real);
        return 0;
}

bool merge_output_is_same(const char *a, const char *b)
{
        CLEANUP_FREE char *real_a = NULL, *real_b = NULL;

        if (strcmp(a, b) == 0)
                return true;
        (void)merge_output_resolve(a, &real_a);
        (void)merge_output_resolve(b, &real_b);
        return real_a && real_b && strcmp(real_a, real_b) == 0;
}

/* What fopen() would give it, or what the old one has. */
static int set_mode(int fd, const char *path)
{
        struct stat old;
        mode_t mask;

        if (stat(path, &old) == 0)
                return fchmod(fd, old.st_mode & 07777) < 0 ? -errno : 0;
        mask = umask(0);
        umask(mask);
        return fchmod(fd, 0666 & ~mask) < 0 ? -errno : 0;
}

static int open_temporary(struct merge_output *output)
{
        CLEANUP_CLOSE int fd = -1;
        int r;

        if (asprintf(&output->temporary, "%s.XXXXXX", output->path) < 0) {
                output->temporary = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(output->temporary, O_CLOEXEC);
        if (fd < 0) {
                r = -errno;
                free(TAKE(output->temporary));
                return r;
        }
        r = set_mode(fd, output->path);
        if (r < 0)
                return r;
        output->file = fdopen(fd, "w");
        if (!output->file)
                return -errno;
        fd = -1;
        return 0;
}

int merge_output_open(struct merge_output *output, const char *path)
{
        int r;

        *output = (struct merge_output){0};
        if (merge_output_is_stdout(path)) {
                output->file = stdout;
                return 0;
        }
        if (is_special(path)) {
                output->file = fopen(path, "we");
                return output->file ? 0 : -errno;
        }
        r = merge_output_resolve(path, &output->path);
        if (r == 0)
                r = open_temporary(output);
        if (r < 0)
                merge_output_finish(output);
        return r;
}

static int close_file(struct merge_output *output)
{
        FILE *file = TAKE(output->file);
        int failed = ferror(file);

        errno = 0;
        if (failed && output->temporary) { /* what it was nobody has kept: one byte more, of what is given up, tells */
                clearerr(file);
                fputc('\n', file);
        }
        failed |= file == stdout ? fflush(file) : fclose(file);
        if (!failed)
                return 0;
        return errno ? -errno : -EIO;
}

int merge_output_end(struct merge_output *output, int error)
{
        int r = close_file(output);

        if (r == 0)
                r = error;
        if (r == 0 && output->temporary) {
                if (rename(output->temporary, output->path) < 0)
                        r = -errno;
                else
                        free(TAKE(output->temporary));
        }
        merge_output_finish(output);
        return r;
}

void merge_output_finish(struct merge_output *output)
{
        if (output->file && output->file != stdout)
                fclose(output->file);
        if (output->temporary)
                unlink(output->temporary);
        free(output->temporary);
        free(output->path);
        *output = (struct merge_output){0};
}

/* The spool */

static int open_unnamed(const char *directory)
{
        CLEANUP_FREE char *path = NULL;
        int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT))
                return fd;
        if (asprintf(&path, "%s/schedctl.XXXXXX", directory) < 0)
                return -1;
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
                unlink(path);
        return fd;
}

int merge_spool_open(const char *output, FILE **ret_spool)
{
        const char *temporary = getenv("TMPDIR");
        CLEANUP_FREE char *directory = NULL, *path = NULL;
        CLEANUP_CLOSE int fd = -1;
        int r;

        if (!merge_output_is_direct(output)) {
                r = merge_output_resolve(output, &path);
                if (!path)
                        return r;
                directory = directory_of(path);
        } else {
                directory = strdup(temporary && *temporary ? temporary : P_tmpdir);
        }
        if (!directory)
                return -ENOMEM;
        fd = open_unnamed(directory);
        if (fd < 0)
                return -errno;
        *ret_spool = fdopen(fd, "w+");
        if (!*ret_spool)
                return -errno;
        fd = -1;
        return 0;
}
