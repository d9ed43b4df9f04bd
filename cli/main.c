/* schedctl: finds the verb and hands it the rest of the command line. */
#include <fcntl.h>
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
        {"plan", verb_plan, "say how long a project's tests would take, and what would help"},
        {"history", verb_history, "show, export, import and forget what earlier runs measured"},
        {"merge", verb_merge, "join what CI nodes have left: JUnit files, histories, coverage"},
        {"status", verb_status, "list the runs, their CPUs and who waits"},
        {"top", verb_top, "show the machine, the runs and what limits them, full screen"},
        {"explain", verb_explain, "say what limits the CPUs that are lent, and why each run has what it has"},
        {"set", verb_set, "change a run's priority or weight, pause it, let it go on"},
        {"reload", verb_reload, "have the service read its configuration again"},
        {"nproc", verb_nproc, "print how many workers a run would get now"},
        {"topo", verb_topo, "draw the machine and what is lent"},
        {"attach", verb_attach, "borrow CPUs for a pytest that is there already; for its plugin"},
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

enum { VERB_NAME_MAX = 16 };

/* The edits that make one word of the other (Levenshtein 1966), row by row. `b` is at most VERB_NAME_MAX long. */
static size_t edits(const char *a, const char *b)
{
        size_t row[VERB_NAME_MAX + 1], n = strlen(b);

        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t best = diagonal + (a[i - 1] != b[j - 1]);

                        diagonal = row[j];
                        best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
                        row[j] = row[j] + 1 < best ? row[j] + 1 : best;
                }
        }
        return row[n];
}

/* The verb that was probably meant, at most two letters away; NULL none. */
static const struct verb *nearest_verb(const char *name)
{
        const struct verb *nearest = NULL;
        size_t least = 0;

        for (size_t i = 0; i < n_verbs; i++) {
                size_t n = edits(name, verbs[i].name);

                if (n <= 2 && n < strlen(verbs[i].name) && (!nearest || n < least)) {
                        nearest = &verbs[i];
                        least = n;
                }
        }
        return nearest;
}

static int unknown_verb(const char *name)
{
        const struct verb *nearest = nearest_verb(name);

        fprintf(stderr, "schedctl: no verb '%s'; ", name);
        if (nearest)
                fprintf(stderr, "did you mean '%s'?\n", nearest->name);
        else
                fputs("'schedctl --help' lists them\n", stderr);
        return VERB_USAGE;
}

/* Where the user has closed one of standard input, output and error nothing that we open is to be taken for it. To use
 * it is an error as before, and for COMMAND it is closed. */
static void fill_standard_files(void)
{
        static const int useless[] = {O_WRONLY, O_RDONLY, O_RDONLY};

        for (int fd = 0; fd < 3; fd++)
                if (fcntl(fd, F_GETFD) < 0)
                        (void)open("/dev/null", useless[fd] | O_CLOEXEC);
}

int main(int argc, char **argv)
{
        const struct verb *verb;

        fill_standard_files();
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
        return verb ? verb->run(argc - 1, argv + 1) : unknown_verb(argv[1]);
}
