/* schedctl history: shows, exports, imports and forgets what is known of a project's tests. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "cli/history.h"
#include "cli/history_export.h"
#include "cli/history_import.h"
#include "cli/history_show.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "lib/util.h"

enum {
        SHOWN = 20, /* tests, where it is not said how many */
};

struct options {
        const char *project; /* a directory */
        bool json, replace, all;
        unsigned most; /* tests to show */
        enum history_format format;
        char **files;
        int n_files;
};

static const char usage[] = "usage: schedctl history show [-n N | --all] [--json]\n"
                            "       schedctl history export\n"
                            "       schedctl history import [--format FORMAT] [--replace] FILE...\n"
                            "       schedctl history forget\n"
                            "\n"
                            "What earlier runs measured of a project's tests: how long each takes, and how it ended.\n"
                            "\n"
                            "      --project DIR    the project at or above DIR, not the current directory\n"
                            "  -n, --number N       show the N longest tests (20)\n"
                            "      --all            show all tests\n"
                            "      --json           show all that is known, for programs\n"
                            "      --format FORMAT  pytest-split, junit, ctest or schedctl; auto: as the file looks\n"
                            "      --replace        let the files' times replace those measured here\n"
                            "  -h, --help           print this\n";

/* 0 to go on, else the exit status + 1. */
static int parse_options(int argc, char **argv, struct options *o)
{
        const char *format = NULL;
        const struct option_rule rules[] = {
                OPTION_TEXT("project", 0, &o->project), OPTION_NUMBER("number", 'n', &o->most, 0, UINT_MAX),
                OPTION_FLAG("all", 0, &o->all),         OPTION_FLAG("json", 0, &o->json),
                OPTION_TEXT("format", 0, &format),      OPTION_FLAG("replace", 0, &o->replace),
        };
        int first, r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), &first);

        if (r != 0)
                return r;
        if (format && !history_format_parse(format, &o->format))
                return options_refuse("history", "'%s' is no format", format) + 1;
        o->files = argv + first;
        o->n_files = argc - first;
        return 0;
}

static void say(const char *what, const char *why)
{
        fprintf(stderr, "schedctl history: %s%s%s\n", what, why ? ": " : "", why ? why : "");
}

/* The history and the directory that was asked for. */
static int open_all(const struct options *o, struct history **ret_history, char **ret_directory)
{
        CLEANUP_FREE char *warning = NULL, *directory = realpath(o->project, NULL);
        int r;

        if (!directory) {
                r = -errno;
                say(o->project, strerror(-r));
                return r;
        }
        r = history_open(NULL, ret_history, &warning);
        if (warning)
                say(warning, NULL);
        if (r < 0)
                return r;
        if (!*ret_history)
                return -ENOENT;
        *ret_directory = TAKE(directory);
        return 0;
}

/* The project, which has to be known. */
static int find_known(struct history *h, const char *directory, char **ret_project)
{
        int r = history_find_project(h, directory, ret_project);

        if (r < 0 || *ret_project)
                return r;
        fprintf(stderr,
                "schedctl history: nothing is known of tests in %s: 'schedctl run -- pytest' there measures them\n",
                directory);
        return -ENOENT;
}

/* The verbs of the verb */

static int show(const struct options *o, struct history *h, const char *directory)
{
        CLEANUP(history_list_finish) struct history_list list = {0};
        CLEANUP_FREE struct history_listed_speed *speeds = NULL;
        CLEANUP_FREE char *project = NULL;
        size_t n_speeds = 0;
        int r = find_known(h, directory, &project);

        if (r == 0)
                r = history_list(h, project, &list);
        if (r >= 0)
                r = history_list_speeds(h, &speeds, &n_speeds);
        if (r < 0)
                return r;
        return o->json ? history_show_json(project, &list, speeds, n_speeds)
                       : history_show_table(project, &list, speeds, n_speeds, o->all ? SIZE_MAX : o->most);
}

static int export(const struct options *o, struct history *h, const char *directory)
{
        CLEANUP(history_list_finish) struct history_list list = {0};
        CLEANUP_FREE char *project = NULL;
        int r = find_known(h, directory, &project);

        if (r == 0)
                r = history_list(h, project, &list);
        if (r < 0)
                return r;
        r = history_export_write(&list, stdout);
        if (r < 0)
                say("cannot write", strerror(-r));
        return r;
}

static void finish_imports(struct history_import *imports, size_t n)
{
        for (size_t i = 0; i < n; i++)
                history_import_finish(&imports[i]);
        free(imports);
}

static int read_files(const struct options *o, const char *project, struct history_import *imports)
{
        for (int i = 0; i < o->n_files; i++) {
                CLEANUP_FREE char *error = NULL;
                int r = history_import_read(o->files[i], o->format, project, &imports[i], &error);

                if (error)
                        say(error, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void tell_imported(const char *project, const struct history_merged *merged, size_t n_left_out)
{
        printf("%s: %zu test%s imported", project, merged->n_taken, merged->n_taken == 1 ? "" : "s");
        if (merged->n_kept)
                printf(", %zu left as measured before", merged->n_kept);
        if (n_left_out)
                printf(", %zu left out (not run, without a time, or in no file of the project)", n_left_out);
        putchar('\n');
}

static int merge(const struct options *o, struct history *h, const char *project, const struct history_import *imports)
{
        CLEANUP_FREE char *warning = NULL;
        struct history_merged merged;
        size_t n_found = 0, n_left_out = 0;
        int r;

        for (int i = 0; i < o->n_files; i++) {
                n_found += imports[i].n_items;
                n_left_out += imports[i].n_left_out;
        }
        if (n_found == 0 && n_left_out > 0) {
                fprintf(stderr, "schedctl history: none of %zu tests ran and is in a file of %s\n", n_left_out,
                        project);
                return -ENOENT;
        }
        r = history_merge(h, project, imports, (size_t)o->n_files, o->replace, time(NULL), &merged, &warning);
        if (warning) {
                say("nothing imported", warning);
                return -EIO;
        }
        if (r == 0)
                tell_imported(project, &merged, n_left_out);
        return r;
}

static int import(const struct options *o, struct history *h, const char *directory)
{
        struct history_import *imports = calloc((size_t)o->n_files + 1, sizeof(*imports));
        CLEANUP_FREE char *project = NULL;
        int r = imports ? history_find_project(h, directory, &project) : -ENOMEM;

        if (r == 0)
                r = read_files(o, project ? project : directory, imports);
        if (r == 0)
                r = merge(o, h, project ? project : directory, imports);
        if (imports)
                finish_imports(imports, (size_t)o->n_files);
        return r;
}

static int forget(const struct options *o, struct history *h, const char *directory)
{
        CLEANUP_FREE char *project = NULL, *warning = NULL;
        int r = find_known(h, directory, &project);

        if (r < 0)
                return r;
        r = history_forget(h, project, &warning);
        if (warning) {
                say("nothing forgotten", warning);
                return -EIO;
        }
        if (r == 0)
                printf("%s: forgotten\n", project);
        return r;
}

static const struct action {
        const char *name;
        int (*run)(const struct options *o, struct history *h, const char *directory);
        bool takes_files;
} actions[] = {
        {"show", show, false},
        {"export", export, false},
        {"import", import, true},
        {"forget", forget, false},
};

static const struct action *find_action(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                if (strcmp(actions[i].name, name) == 0)
                        return &actions[i];
        return NULL;
}

static int act(const struct action *action, const struct options *o)
{
        CLEANUP_FREE char *directory = NULL;
        struct history *h = NULL;
        int r = open_all(o, &h, &directory);

        if (r == 0)
                r = action->run(o, h, directory);
        history_close(h);
        if (r == -ENOMEM)
                say("out of memory", NULL);
        return r == 0 && fflush(stdout) == 0 ? 0 : VERB_FAILED;
}

int verb_history(int argc, char **argv)
{
        struct options o = {.project = ".", .most = SHOWN};
        const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
        int r;

        if (argc > 1 && !action && argv[1][0] != '-')
                return options_refuse("history", "'%s' is not understood", argv[1]);
        if (action)
                argv[1] = argv[0]; /* the verb's name, for messages */
        r = action ? parse_options(argc - 1, argv + 1, &o) : parse_options(argc, argv, &o);
        if (r != 0)
                return r - 1;
        if (!action) {
                fputs(usage, stderr);
                return VERB_USAGE;
        }
        if (!action->takes_files && o.n_files > 0)
                return options_refuse("history", "'%s' is not understood", o.files[0]);
        if (action->takes_files && o.n_files == 0)
                return options_refuse("history", "no file to import");
        return act(action, &o);
}
