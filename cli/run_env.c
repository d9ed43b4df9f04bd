#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run_env.h"
#include "lib/util.h"

/* What of the plugin's directory is in PYTHONPATH too where pytest does not look for entry points. */
#define STARTUP_DIR         "schedctl_pytest/startup"
/* `pip list` and `pip freeze` see all that is in PYTHONPATH. The user may have installed the same plugin under its own
 * name, schedctl-pytest, and is to see that. */
#define PLUGIN_DISTRIBUTION "schedctl-run"

static bool holds_plugin(const char *dir)
{
        CLEANUP_FREE char *path = NULL;

        return asprintf(&path, "%s/schedctl_pytest/__init__.py", dir) >= 0 && access(path, R_OK) == 0;
}

static int take_if_good(const char *dir, char *ret_path, size_t size)
{
        CLEANUP_FREE char *real = realpath(dir, NULL);

        if (!real || strchr(real, ':') || strlen(real) >= size || !holds_plugin(real))
                return -ENOENT;
        memcpy(ret_path, real, strlen(real) + 1);
        return 0;
}

static int take_beside_program(const char *relative, char *ret_path, size_t size)
{
        CLEANUP_FREE char *exe = realpath("/proc/self/exe", NULL);
        CLEANUP_FREE char *dir = NULL;
        char *slash = exe ? strrchr(exe, '/') : NULL;

        if (!slash)
                return -ENOENT;
        *slash = '\0';
        if (asprintf(&dir, "%s/%s", exe, relative) < 0)
                return -ENOMEM;
        return take_if_good(dir, ret_path, size);
}

int run_env_python_dir(char *ret_path, size_t size)
{
        const char *told = getenv("SCHEDCTL_PYTHON_DIR");

        if (told && *told)
                return take_if_good(told, ret_path, size);
        if (take_beside_program("../python", ret_path, size) == 0 ||
            take_beside_program("../share/schedctl/python", ret_path, size) == 0)
                return 0;
        return take_if_good(SCHEDCTL_PYTHON_DIR, ret_path, size);
}

bool run_env_has_word(const char *list, const char *word, char separator)
{
        size_t len = strlen(word);
        const char *next;

        for (const char *at = list; at; at = next) {
                next = strchr(at, separator);
                if ((next ? (size_t)(next - at) : strlen(at)) == len && memcmp(at, word, len) == 0)
                        return true;
                if (next)
                        next++;
        }
        return false;
}

static int join(const char *variable, const char *first, char separator, const char *second)
{
        CLEANUP_FREE char *value = NULL;

        if (asprintf(&value, "%s%c%s", first, separator, second) < 0)
                return -ENOMEM;
        return setenv(variable, value, 1) < 0 ? -errno : 0;
}

int run_env_prepend(const char *variable, const char *word, char separator)
{
        const char *old = getenv(variable);

        if (!old || !*old)
                return setenv(variable, word, 1) < 0 ? -errno : 0;
        return run_env_has_word(old, word, separator) ? 0 : join(variable, word, separator, old);
}

int run_env_append(const char *variable, const char *word, char separator)
{
        const char *old = getenv(variable);

        if (!old || !*old)
                return setenv(variable, word, 1) < 0 ? -errno : 0;
        return run_env_has_word(old, word, separator) ? 0 : join(variable, old, separator, word);
}

/* Naming the plugin in PYTEST_PLUGINS would be the end of every pytest that has another PYTHONPATH. */
static int prepend_startup(const char *python_dir)
{
        CLEANUP_FREE char *path = NULL;

        if (asprintf(&path, "%s/%s", python_dir, STARTUP_DIR) < 0)
                return -ENOMEM;
        return run_env_prepend("PYTHONPATH", path, ':');
}

int run_env_set(const struct run_options *options, const char *socket, const char *python_dir)
{
        const char *no_autoload = getenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD");
        int r;

        r = run_env_prepend("PYTHONPATH", python_dir, ':');
        if (r == 0 && no_autoload && *no_autoload)
                r = prepend_startup(python_dir);
        if (r == 0)
                r = run_env_append("PIP_EXCLUDE", PLUGIN_DISTRIBUTION, ' ');
        if (r < 0)
                return r;
        if (setenv("SCHEDCTL_RUN", socket, 1) < 0 || setenv("SCHEDCTL_PYTHONPATH", python_dir, 1) < 0 ||
            setenv("SCHEDCTL_START", run_start_text(options->start), 1) < 0 ||
            setenv("SCHEDCTL_ENGINE", run_engine_text(options->engine), 1) < 0 ||
            setenv("SCHEDCTL_VERBOSE", options->verbose ? "1" : "0", 1) < 0)
                return -errno;
        return 0;
}
