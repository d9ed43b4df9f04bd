#include <string.h>

#include "cli/run_env.h"
#include "cli/run_pytest.h"

/* The word after this one; NULL for none. */
static const char *next_word(const char *word, struct run_texts words)
{
        word += strlen(word) + 1;
        return word < words.data + words.len ? word : NULL;
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

static bool is_pytest_name(const char *word)
{
        const char *name = base_name(word);

        return strcmp(name, "pytest") == 0 || strcmp(name, "py.test") == 0 || strcmp(name, "pytest.py") == 0;
}

static bool has_prefix(const char *text, const char *prefix)
{
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_python_name(const char *word)
{
        return has_prefix(base_name(word), "python") || has_prefix(base_name(word), "pypy");
}

/* One of python's words that begin with "-": single letters, of which some take the rest of the word or the next one
 * for their value. Sets `program` for -m, and `last` for -c, after which nothing is python's. Returns the last word
 * that belongs to it. */
struct python_line {
        const char *program; /* the script or module; NULL: none */
        bool last, isolated;
};

static const char *read_option(const char *word, struct run_texts words, struct python_line *line)
{
        for (const char *at = word + 1; *at; at++) {
                const char *value = at[1] ? at + 1 : next_word(word, words);

                if (*at == 'I' || *at == 'E')
                        line->isolated = true;
                if (*at == 'm')
                        line->program = value;
                if (*at == 'm' || *at == 'c')
                        line->last = true;
                if (strchr("mcWX", *at))
                        return at[1] || !value ? word : value;
        }
        return word;
}

static struct python_line read_python(struct run_texts words)
{
        struct python_line line = {0};
        const char *word = words.data;

        while (!line.last && (word = next_word(word, words))) {
                if (*word != '-') {
                        line.program = word;
                        line.last = true;
                } else if (word[1] != '-') {
                        word = read_option(word, words, &line);
                }
        }
        return line;
}

/* `coverage run … -m pytest`, from the word coverage on. */
static bool measures_pytest(const char *word, struct run_texts words)
{
        const char *next;

        if (!has_prefix(base_name(word), "coverage"))
                return false;
        for (; (next = next_word(word, words)); word = next)
                if (strcmp(word, "-m") == 0 && is_pytest_name(next))
                        return true;
        return false;
}

/* Asked for its version alone, pytest loads no plugins. */
static bool asks_version(struct run_texts words)
{
        for (const char *word = words.data; word; word = next_word(word, words))
                if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
                        return true;
        return false;
}

/* Deliberately nothing else: an editor with a file of that name is no pytest. */
bool run_pytest_is(struct run_texts words)
{
        const char *program = words.len > 0 ? words.data : NULL;

        if (program && is_python_name(program))
                program = read_python(words).program;
        return program && (is_pytest_name(program) || measures_pytest(program, words)) && !asks_version(words);
}

static bool is_blocked(struct run_texts words, const char *addopts)
{
        const char *no = "no:schedctl";

        for (const char *word = words.data; word; word = next_word(word, words))
                if (strcmp(word, no) == 0 || (has_prefix(word, "-p") && strcmp(word + 2, no) == 0))
                        return true;
        return addopts && strstr(addopts, no);
}

/* The value of a variable; NULL where it is not set. */
static const char *variable(struct run_texts environment, const char *name)
{
        if (environment.len == 0)
                return NULL;
        for (const char *text = environment.data; text; text = next_word(text, environment))
                if (has_prefix(text, name) && text[strlen(name)] == '=')
                        return text + strlen(name) + 1;
        return NULL;
}

enum run_missed run_pytest_missed(struct run_texts words, struct run_texts environment, const char *python_dir)
{
        const char *path = variable(environment, "PYTHONPATH");
        const char *no_autoload = variable(environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD");

        if (is_blocked(words, variable(environment, "PYTEST_ADDOPTS")))
                return RUN_MISSED_BLOCKED;
        if (is_python_name(words.data) && read_python(words).isolated)
                return RUN_MISSED_FLAGS;
        if (!variable(environment, "SCHEDCTL_RUN"))
                return RUN_MISSED_ENVIRON;
        if (python_dir && !(path && run_env_has_word(path, python_dir, ':')))
                return RUN_MISSED_PYTHONPATH;
        if (no_autoload && *no_autoload)
                return RUN_MISSED_AUTOLOAD;
        return RUN_MISSED_UNKNOWN;
}

const char *run_missed_text(enum run_missed why)
{
        static const char *const texts[RUN_MISSED_N] = {
                [RUN_MISSED_USER] = "another user runs it",
                [RUN_MISSED_BLOCKED] = "-p no:schedctl",
                [RUN_MISSED_FLAGS] = "python -I and -E ignore the environment",
                [RUN_MISSED_ENVIRON] = "its environment was made anew, without SCHEDCTL_RUN",
                [RUN_MISSED_PYTHONPATH] = "its PYTHONPATH was set anew, without $SCHEDCTL_PYTHONPATH",
                [RUN_MISSED_AUTOLOAD] = "PYTEST_DISABLE_PLUGIN_AUTOLOAD was set for it",
                [RUN_MISSED_UNKNOWN] = "it did not load the plugin",
        };

        return texts[why];
}
