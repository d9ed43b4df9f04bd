#include <string.h>
#include <unistd.h>

#include "cli/run_tree.h"
#include "cli/run_watch.h"
#include "lib/util.h"

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

/* Asked for its version alone, pytest loads no plugins. */
static bool asks_version(const char *words, const char *end)
{
        for (const char *word = words; word < end; word += strlen(word) + 1)
                if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
                        return true;
        return false;
}

/* `pytest …`, `python pytest …` (a script's interpreter comes first), and `-m pytest` after any options. Deliberately
 * nothing else: an editor with a file of that name is no pytest. */
static bool runs_pytest(const char *words, const char *end)
{
        const char *word = words;
        bool python = false, module = false;

        for (unsigned i = 0; word < end; i++, word += strlen(word) + 1) {
                if (module)
                        return is_pytest_name(word);
                if (i == 0 && is_pytest_name(word))
                        return true;
                if (i == 0)
                        python = strncmp(base_name(word), "python", 6) == 0 || strncmp(base_name(word), "pypy", 4) == 0;
                else if (python && *word != '-')
                        return is_pytest_name(word);
                else if (python && *word == '-' && word[1] != '-' && word[strlen(word) - 1] == 'm')
                        module = true;
                if (!python)
                        return false;
        }
        return false;
}

bool run_watch_is_pytest(const char *words, size_t len)
{
        return runs_pytest(words, words + len) && !asks_version(words, words + len);
}

static void look_around(struct run_watch *w)
{
        CLEANUP(run_pids_finish) struct run_pids pids = {0};
        char words[RUN_WATCH_CMDLINE_MAX];
        ssize_t n;

        (void)run_tree_descendants(getpid(), &pids); /* what could be listed is looked at */
        for (size_t i = 0; i < pids.n && !w->unreached; i++) {
                n = run_tree_cmdline(pids.items[i], words, sizeof(words));
                w->unreached = n > 0 && run_watch_is_pytest(words, (size_t)n);
        }
        if (w->unreached)
                uv_timer_stop(&w->timer);
}

static void on_time(uv_timer_t *timer)
{
        look_around(timer->data);
}

static void look_at_command(struct run_watch *w, char *const *command)
{
        char words[RUN_WATCH_CMDLINE_MAX];
        size_t used = 0;

        for (size_t i = 0; command[i] && used + strlen(command[i]) + 1 <= sizeof(words); i++) {
                memcpy(words + used, command[i], strlen(command[i]) + 1);
                used += strlen(command[i]) + 1;
        }
        w->unreached = run_watch_is_pytest(words, used);
}

void run_watch_start(struct run_watch *w, uv_loop_t *loop, char *const *command)
{
        *w = (struct run_watch){0};
        look_at_command(w, command);
        uv_timer_init(loop, &w->timer);
        w->timer.data = w;
        if (!w->unreached)
                uv_timer_start(&w->timer, on_time, RUN_WATCH_FIRST_MS, RUN_WATCH_EVERY_MS);
}

void run_watch_reached(struct run_watch *w)
{
        w->reached = true;
        uv_timer_stop(&w->timer);
}

void run_watch_stop(struct run_watch *w)
{
        uv_close((uv_handle_t *)&w->timer, NULL);
}
