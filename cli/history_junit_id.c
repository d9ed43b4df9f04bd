#include "cli/history_junit_id.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/util.h"

enum kind { KIND_NONE, KIND_FILE, KIND_DIRECTORY };

struct search {
        char path[PATH_MAX]; /* root/…; what is tried is written behind what is there */
        size_t root;         /* length of "ROOT/" */
        unsigned steps;
        const char *classes; /* found: the rest of the classname, "" or beginning with a dot */
};

static enum kind look_at(struct search *s)
{
        struct stat st;

        if (s->steps++ >= HISTORY_JUNIT_STEPS_MAX || stat(s->path, &st) < 0)
                return KIND_NONE;
        return S_ISREG(st.st_mode) ? KIND_FILE : S_ISDIR(st.st_mode) ? KIND_DIRECTORY : KIND_NONE;
}

/* Writes text behind the first `length` bytes of the path. */
static bool put(struct search *s, size_t length, const char *text, size_t n, const char *suffix)
{
        size_t n_suffix = strlen(suffix);

        if (length + n + n_suffix >= sizeof(s->path))
                return false;
        memcpy(s->path + length, text, n);
        memcpy(s->path + length + n, suffix, n_suffix + 1);
        return true;
}

/* A name in a directory, and not a way out of it. */
static bool is_name(const char *text, size_t n)
{
        return n > 0 && strspn(text, ".") < n && !memchr(text, '/', n);
}

/* Whether a file's dotted name is at the beginning of `rest`, in the directory that is the path's first `length` bytes.
 * A dot may be a slash, or one in a name (a directory v1.2, a text file with doctests). */
static bool find_file(struct search *s, size_t length, const char *rest)
{
        for (const char *end = rest; *end; end += *end != '\0') {
                size_t n;

                end += strcspn(end, ".");
                n = (size_t)(end - rest);
                if (is_name(rest, n) && ((put(s, length, rest, n, ".py") && look_at(s) == KIND_FILE) ||
                                         (put(s, length, rest, n, "") && look_at(s) == KIND_FILE))) {
                        s->classes = end;
                        return true;
                }
                if (is_name(rest, n) && *end && put(s, length, rest, n, "") && look_at(s) == KIND_DIRECTORY) {
                        s->path[length + n] = '/';
                        if (find_file(s, length + n + 1, end + 1))
                                return true;
                }
                if (!*end)
                        break;
        }
        return false;
}

/* `file` says where the path ends, if it is one of the project and the classname begins with it. */
static bool take_file(struct search *s, const char *classname, const char *file)
{
        size_t n = strlen(file), stem = n > 3 && strcmp(file + n - 3, ".py") == 0 ? n - 3 : n;

        if (*file == '/' || strstr(file, "..") || !put(s, s->root, file, n, "") || look_at(s) != KIND_FILE)
                return false;
        for (size_t i = 0; i < stem; i++)
                if (classname[i] != (file[i] == '/' ? '.' : file[i]))
                        return false;
        s->classes = classname + stem;
        return *s->classes == '\0' || *s->classes == '.';
}

/* path "::" class "::" … name */
static char *join(const struct search *s, const char *name)
{
        const char *path = s->path + s->root;
        size_t size = strlen(path) + 2 * strlen(s->classes) + strlen(name) + 3;
        char *id = malloc(size), *to = id;

        if (!id)
                return NULL;
        to = stpcpy(to, path);
        for (const char *from = s->classes; *from; from++)
                if (*from == '.')
                        to = stpcpy(to, "::");
                else
                        *to++ = *from;
        strcpy(stpcpy(to, "::"), name);
        return id;
}

int history_junit_id(const char *root, const char *classname, const char *name, const char *file, char **ret_id)
{
        struct search s = {0};
        size_t n = strlen(root);
        char *id;

        *ret_id = NULL;
        if (!*name || !put(&s, 0, root, n, n > 0 && root[n - 1] == '/' ? "" : "/"))
                return 0;
        s.root = strlen(s.path);
        if (!(file && take_file(&s, classname, file)) && !find_file(&s, s.root, classname))
                return 0;
        id = join(&s, name);
        if (!id)
                return -ENOMEM;
        *ret_id = id;
        return 0;
}
