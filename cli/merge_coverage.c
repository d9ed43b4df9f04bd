#include "cli/merge_coverage.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/merge_output.h"
#include "lib/util.h"

int merge_coverage_check(struct merge_input *input)
{
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        const char *said = NULL;
        int r = sqlite3_open_v2(input->path, &db, SQLITE_OPEN_READONLY, NULL);

        if (r == SQLITE_OK)
                r = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        if (r == SQLITE_ROW)
                said = (const char *)sqlite3_column_text(s, 0);
        r = said && strcmp(said, "ok") == 0
                    ? 0
                    : merge_input_fail(input, "%s: %s", input->path, said ? said : sqlite3_errmsg(db));
        sqlite3_finalize(s);
        sqlite3_close(db);
        return r;
}

/* The command */

static const char *python(void)
{
        const char *path = getenv("PYTHON");

        return path && *path ? path : "python3";
}

static char **make_arguments(const struct merge_inputs *inputs)
{
        static const char *const head[] = {"-m", "coverage", "combine", "--keep", "--"};
        char **arguments = calloc(inputs->n + ELEMENTSOF(head) + 2, sizeof(*arguments));
        size_t n = 0;

        if (!arguments)
                return NULL;
        arguments[n++] = (char *)python();
        for (size_t i = 0; i < ELEMENTSOF(head); i++)
                arguments[n++] = (char *)head[i];
        for (size_t i = 0; i < inputs->n; i++)
                if (inputs->list[i].kind == MERGE_COVERAGE && !inputs->list[i].error)
                        arguments[n++] = inputs->list[i].path;
        return arguments;
}

static bool is_variable(const char *entry, const char *name)
{
        size_t n = strlen(name);

        return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

/* The environment with COVERAGE_FILE, an array to free; the texts are the environment's and `file`. Older ones than 6.4
 * know no --data-file for this. */
static char **make_environment(char *file)
{
        size_t n = 0, m = 0;
        char **list;

        while (environ[n])
                n++;
        list = calloc(n + 2, sizeof(*list));
        for (size_t i = 0; list && i < n; i++)
                if (!is_variable(environ[i], "COVERAGE_FILE"))
                        list[m++] = environ[i];
        if (list)
                list[m] = file;
        return list;
}

static int spawn_into(int to, char *const arguments[], char *const environment[], pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, to, STDERR_FILENO);
        if (r == 0)
                r = posix_spawnp(ret_pid, arguments[0], &actions, NULL, arguments, environment);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

static int read_all(FILE *from, char **ret_text)
{
        char *text = NULL, buffer[4096];
        size_t size, n;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0)
                fwrite(buffer, 1, n, f);
        if (fclose(f) != 0 || !text) {
                free(text);
                return -ENOMEM;
        }
        *ret_text = text;
        return 0;
}

/* Its exit status, and what it said. A negative errno where it could not be started. */
static int run(char *const arguments[], char *const environment[], char **ret_text, int *ret_status)
{
        CLEANUP_FCLOSE FILE *from = NULL;
        int ends[2], r;
        pid_t pid = -1;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        r = spawn_into(ends[1], arguments, environment, &pid);
        close(ends[1]);
        from = fdopen(ends[0], "r");
        if (!from)
                close(ends[0]);
        if (r != 0)
                return r;
        r = from ? read_all(from, ret_text) : -ENOMEM;
        while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
                ;
        return r;
}

/* What it says of the files that went well, of each or, as newer ones do, of all in a line, nobody needs to read. */
static void leave_out_progress(char *text)
{
        char *to = text;

        for (char *line = text; *line;) {
                size_t n = strcspn(line, "\n");

                n += line[n] == '\n';
                if (strncmp(line, "Combined ", 9) != 0 && strncmp(line, "Skipping duplicate data", 23) != 0) {
                        memmove(to, line, n);
                        to += n;
                }
                line += n;
        }
        *to = '\0';
}

static int copy(const char *from, const char *path)
{
        CLEANUP(merge_output_finish) struct merge_output output = {0};
        CLEANUP_FCLOSE FILE *file = fopen(from, "re");
        char buffer[4096];
        size_t n;
        int r;

        if (!file)
                return -errno;
        r = merge_output_open(&output, path);
        if (r < 0)
                return r;
        while ((n = fread(buffer, 1, sizeof(buffer), file)) > 0)
                fwrite(buffer, 1, n, output.file);
        return merge_output_end(&output, ferror(file) ? -EIO : 0);
}

/* In a new directory: coverage's data file, and whatever else it makes there. */
static int combine_in(const char *directory, const struct merge_inputs *inputs, const char *path, char **ret_text)
{
        CLEANUP_FREE char *variable = NULL, *said = NULL, **arguments = make_arguments(inputs), **environment = NULL;
        const char *file;
        int status = 0, r;

        if (asprintf(&variable, "COVERAGE_FILE=%s/data", directory) < 0)
                variable = NULL;
        environment = variable ? make_environment(variable) : NULL;
        if (!arguments || !environment)
                return -ENOMEM;
        file = strchr(variable, '=') + 1;
        r = run(arguments, environment, &said, &status);
        if (r < 0 || !said)
                return asprintf(ret_text, "cannot run %s (PYTHON says which): %s", arguments[0], strerror(-r)) < 0
                               ? -ENOMEM
                               : -EIO;
        leave_out_progress(said);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                unlink(file);
                return asprintf(ret_text, "'%s -m coverage combine' failed%s%s", arguments[0], *said ? ": " : "",
                                said) < 0
                               ? -ENOMEM
                               : -EIO;
        }
        r = copy(file, path);
        unlink(file);
        if (r < 0)
                return asprintf(ret_text, "%s: %s", path, strerror(-r)) < 0 ? -ENOMEM : -EIO;
        *ret_text = *said ? TAKE(said) : NULL;
        return 0;
}

int merge_coverage_combine(const struct merge_inputs *inputs, const char *path, char **ret_text)
{
        CLEANUP_FREE char *directory = NULL;
        int r;

        *ret_text = NULL;
        if (asprintf(&directory, "%s/schedctl.XXXXXX", merge_temporary_directory()) < 0) {
                directory = NULL;
                return -ENOMEM;
        }
        if (!mkdtemp(directory))
                return asprintf(ret_text, "%s: %s", directory, strerror(errno)) < 0 ? -ENOMEM : -EIO;
        r = combine_in(directory, inputs, path, ret_text);
        rmdir(directory);
        return r;
}
