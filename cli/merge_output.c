#include "cli/merge_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

#define OWN_FILES "/proc/self/fd"

enum { NAMES_MAX = 100 }; /* that are tried */

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

/* One that nobody has to remove; -EOPNOTSUPP where the filesystem knows none. */
static int open_unnamed(const char *directory)
{
        int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

        if (fd >= 0)
                return fd;
        return errno == EISDIR || errno == EINVAL || errno == ENOENT ? -EOPNOTSUPP : -errno;
}

static int open_named(const char *where, const char *what, char **ret_name)
{
        CLEANUP_FREE char *name = NULL;
        int fd;

        if (asprintf(&name, "%s%s.XXXXXX", where, what) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(name, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_name = TAKE(name);
        return fd;
}

static int open_temporary(struct merge_output *output)
{
        CLEANUP_FREE char *directory = directory_of(output->path);
        CLEANUP_CLOSE int fd = -EOPNOTSUPP;
        int r;

        if (!directory)
                return -ENOMEM;
        if (access(OWN_FILES, X_OK) == 0)
                fd = open_unnamed(directory);
        if (fd == -EOPNOTSUPP)
                fd = open_named(output->path, "", &output->temporary);
        if (fd < 0)
                return fd;
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
        if (failed && output->path) { /* what it was nobody has kept: one byte more, of what is given up, tells */
                clearerr(file);
                fputc('\n', file);
        }
        failed |= file == stdout ? fflush(file) : fclose(file);
        if (!failed)
                return 0;
        return errno ? -errno : -EIO;
}

/* For the moment until it takes its place. */
static int give_name(struct merge_output *output)
{
        char file[sizeof(OWN_FILES "/") + 3 * sizeof(int)];
        int r = fflush(output->file) == EOF ? -errno : -EEXIST;

        snprintf(file, sizeof(file), OWN_FILES "/%d", fileno(output->file));
        for (unsigned i = 0; r == -EEXIST && i < NAMES_MAX; i++) {
                CLEANUP_FREE char *name = NULL;

                if (asprintf(&name, "%s.%d.%u", output->path, (int)getpid(), i) < 0) {
                        name = NULL;
                        return -ENOMEM;
                }
                r = linkat(AT_FDCWD, file, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
                if (r == 0)
                        output->temporary = TAKE(name);
        }
        return r;
}

int merge_output_end(struct merge_output *output, int error)
{
        int r, named = 0;

        if (output->path && !output->temporary && error == 0)
                named = give_name(output);
        r = close_file(output);
        if (r == 0)
                r = error ? error : named;
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

static int open_nameless(const char *directory)
{
        CLEANUP_FREE char *name = NULL;
        int fd = open_unnamed(directory);

        if (fd != -EOPNOTSUPP)
                return fd;
        fd = open_named(directory, "/schedctl", &name);
        if (name)
                unlink(name);
        return fd;
}

const char *merge_temporary_directory(void)
{
        const char *directory = getenv("TMPDIR");

        return directory && *directory ? directory : P_tmpdir;
}

int merge_spool_open(const char *output, FILE **ret_spool)
{
        CLEANUP_FREE char *directory = NULL, *path = NULL;
        CLEANUP_CLOSE int fd = -1;
        int r;

        if (!merge_output_is_direct(output)) {
                r = merge_output_resolve(output, &path);
                if (!path)
                        return r;
                directory = directory_of(path);
        } else {
                directory = strdup(merge_temporary_directory());
        }
        if (!directory)
                return -ENOMEM;
        fd = open_nameless(directory);
        if (fd < 0)
                return fd;
        *ret_spool = fdopen(fd, "w+");
        if (!*ret_spool)
                return -errno;
        fd = -1;
        return 0;
}
