/* COMMAND's environment: through it everything below COMMAND finds the run. docs/run-protocol.md lists it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/run_options.h"

enum {
        RUN_PYTHON_DIR_MAX = 4096,
};

/* The directory that holds schedctl_pytest/: $SCHEDCTL_PYTHON_DIR, beside this program in a build tree or an
 * installation, or where it was to be installed. -ENOENT where there is none. */
int run_env_python_dir(char *ret_path, size_t size);

/* Sets this process's environment to what COMMAND gets. `socket` is the run's control socket, python_dir as above.
 * -ENOMEM. */
int run_env_set(const struct run_options *options, const char *socket, const char *python_dir);

/* Whether `word` is among the words of a list. */
bool run_env_has_word(const char *list, const char *word, char separator);

/* Puts `word` before (or after) the words of a list variable, unless it is among them. -ENOMEM. */
int run_env_prepend(const char *variable, const char *word, char separator);
int run_env_append(const char *variable, const char *word, char separator);
