#include "daemon/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/util.h"

#define SUFFIX ".conf"

void config_files_finish(struct config_files *files)
{
        for (size_t i = 0; i < files->n; i++)
                free(files->paths[i]);
        free(files->paths);
        *files = (struct config_files){0};
}

/* Takes over `path`, NULL for want of memory. */
static int add(struct config_files *files, char *path)
{
        if (path && files->n == files->allocated) {
                size_t allocated = files->allocated ? 2 * files->allocated : 16;
                char **paths = reallocarray(files->paths, allocated, sizeof(*paths));

                if (!paths) {
                        free(path);
                        return -ENOMEM;
                }
                files->paths = paths;
                files->allocated = allocated;
        }
        if (!path)
                return -ENOMEM;
        files->paths[files->n++] = path;
        return 0;
}

static char *join(const char *directory, const char *name)
{
        char *path;

        return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

/* Drop-ins. */

static const char *base_name(const char *path)
{
        return strrchr(path, '/') + 1;
}

static bool is_drop_in(const char *name)
{
        size_t len = strlen(name);

        return name[0] != '.' && len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* Adds a drop-in, in the place of one of the same name. */
static int add_drop_in(struct config_files *files, const char *directory, const char *name)
{
        char *path = join(directory, name);

        for (size_t i = 0; path && i < files->n; i++)
                if (strcmp(base_name(files->paths[i]), name) == 0) {
                        free(files->paths[i]);
                        files->paths[i] = path;
                        return 0;
                }
        return add(files, path);
}

static int read_entries(DIR *d, const char *directory, struct config_files *files)
{
        const struct dirent *entry;
        int r = 0;

        for (errno = 0; r == 0 && (entry = readdir(d)); errno = 0)
                if (is_drop_in(entry->d_name))
                        r = add_drop_in(files, directory, entry->d_name);
        return r < 0 ? r : -errno;
}

static int read_directory(const char *root, const char *directory, struct config_files *files)
{
        CLEANUP_FREE char *path = join(root, directory + 1);
        DIR *d;
        int r;

        if (!path)
                return -ENOMEM;
        d = opendir(path);
        if (!d)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        r = read_entries(d, directory, files);
        closedir(d);
        return r;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

/* Moves all of `from` behind `to`. */
static int append(struct config_files *to, struct config_files *from)
{
        int r = 0;

        for (size_t i = 0; i < from->n && r == 0; i++)
                r = add(to, TAKE(from->paths[i]));
        return r;
}

/* One authority's files: the main one, then the drop-ins of its directories, the first of which counts least. */
static int list_layer(const char *root, const char *main_file, const char *const *directories,
                      struct config_files *files, char **ret_path)
{
        CLEANUP(config_files_finish) struct config_files drop_ins = {0};
        int r = add(files, strdup(main_file));

        for (; r == 0 && *directories; directories++) {
                r = read_directory(root, *directories, &drop_ins);
                if (r < 0)
                        *ret_path = strdup(*directories);
        }
        if (r < 0)
                return r;
        if (drop_ins.n > 0)
                qsort(drop_ins.paths, drop_ins.n, sizeof(*drop_ins.paths), compare_names);
        return append(files, &drop_ins);
}

/* The user's directory of configuration, or NULL where the environment names none. */
static int find_home(char **ret_home)
{
        const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");

        if (config && config[0] == '/')
                *ret_home = join(config, "schedctl");
        else if (home && home[0] == '/')
                *ret_home = join(home, ".config/schedctl");
        else
                return 0;
        return *ret_home ? 1 : -ENOMEM;
}

static int list_users(const char *root, struct config_files *files, char **ret_path)
{
        CLEANUP_FREE char *home = NULL;
        int r = find_home(&home);

        if (r <= 0)
                return r;
        CLEANUP_FREE char *main_file = join(home, "schedd.conf"), *directory = join(home, "schedd.conf.d");
        if (!main_file || !directory)
                return -ENOMEM;
        return list_layer(root, main_file, (const char *const[]){directory, NULL}, files, ret_path);
}

int config_files_list(const char *root, struct config_files *ret_files, char **ret_path)
{
        static const char *const directories[] = {"/usr/lib/schedd.conf.d", "/run/schedd.conf.d", "/etc/schedd.conf.d",
                                                  NULL};
        struct config_files files = {0};
        char *path = NULL;
        int r = list_layer(root, "/etc/schedd.conf", directories, &files, &path);

        if (r == 0)
                r = list_users(root, &files, &path);
        if (r < 0) {
                config_files_finish(&files);
                *ret_path = path;
                return r;
        }
        *ret_files = files;
        return 0;
}
