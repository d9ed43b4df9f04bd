/* schedctl: finds the verb and hands it the rest of the command line. */
#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"

struct verb {
        const char *name;
        int (*run)(int argc, char **argv);
        const char *help;
};

static const struct verb verbs[] = {
        {"run", verb_run, "run a command, its tests in parallel on borrowed CPUs"},
        {"status", verb_status, "list the runs, their CPUs and who waits"},
        {"nproc", verb_nproc, "print how many workers a run would get now"},
        {"topo", verb_topo, "draw the machine and what is lent"},
};

static const size_t n_verbs = sizeof(verbs) / sizeof(verbs[0]);

static void print_help(FILE *to)
{
        fputs("usage: schedctl VERB [options]\n"
              "       schedctl --help | --version\n\n",
              to);
        for (size_t i = 0; i < n_verbs; i++)
                fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].help);
        fputs("\n'schedctl VERB --help' lists a verb's options; man schedctl-VERB explains them.\n", to);
}

static const struct verb *find_verb(const char *name)
{
        for (size_t i = 0; i < n_verbs; i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

int main(int argc, char **argv)
{
        const struct verb *verb;

        if (argc < 2) {
                print_help(stderr);
                return VERB_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
                print_help(stdout);
                return 0;
        }
        if (strcmp(argv[1], "--version") == 0) {
                puts("schedctl " SCHEDCTL_VERSION);
                return 0;
        }
        verb = find_verb(argv[1]);
        if (!verb) {
                fprintf(stderr, "schedctl: no verb '%s'; 'schedctl --help' lists them\n", argv[1]);
                return VERB_USAGE;
        }
        return verb->run(argc - 1, argv + 1);
}
