/* What the command line and the environment of a process say: whether it is a pytest, and why the run's plugin may not
 * have been loaded into it.
 *
 * Both are blocks of texts, each ended by NUL, as /proc shows them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct run_texts {
        const char *data;
        size_t len;
};

/* Why a pytest was not reached, as far as one can see from outside. */
enum run_missed {
        RUN_MISSED_USER,       /* another user's: the control socket refuses it */
        RUN_MISSED_BLOCKED,    /* -p no:schedctl */
        RUN_MISSED_FLAGS,      /* python -I or -E */
        RUN_MISSED_ENVIRON,    /* an environment of its own */
        RUN_MISSED_PYTHONPATH, /* PYTHONPATH was set anew */
        RUN_MISSED_AUTOLOAD,   /* PYTEST_DISABLE_PLUGIN_AUTOLOAD was set */
        RUN_MISSED_UNKNOWN,
        RUN_MISSED_N,
};

/* Whether this is the command line of a pytest that loads plugins. */
bool run_pytest_is(struct run_texts words);

/* Of a pytest of this user. `python_dir` is what PYTHONPATH has to hold; NULL where there is no plugin. */
enum run_missed run_pytest_missed(struct run_texts words, struct run_texts environment, const char *python_dir);

/* An English clause. */
const char *run_missed_text(enum run_missed why);
