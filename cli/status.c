/* schedctl status: what is lent to whom, and who waits. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <string.h>

#include "cli/verbs.h"
#include "lib/client.h"

enum {
        OPTION_JSON = 256,
        COLUMNS = 7,
        CELL_MAX = 48,
};

static const char usage[] = "usage: schedctl status [--json]\n"
                            "\n"
                            "Lists the runs, the CPUs they hold, and the waiting ones with the reason.\n";

/* 0 to go on, else the exit status + 1. */
static int parse_options(int argc, char **argv, bool *json)
{
        static const struct option table[] = {
                {"json", no_argument, NULL, OPTION_JSON},
                {"help", no_argument, NULL, 'h'},
                {0},
        };
        int option;

        while ((option = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (option) {
                case OPTION_JSON:
                        *json = true;
                        break;
                case 'h':
                        fputs(usage, stdout);
                        return 0 + 1;
                default:
                        return VERB_USAGE + 1;
                }
        if (optind == argc)
                return 0;
        fprintf(stderr, "schedctl status: '%s' is not understood; see schedctl status --help\n", argv[optind]);
        return VERB_USAGE + 1;
}

/* The table: cells as text, widths from the widest. */

struct row {
        char cells[COLUMNS][CELL_MAX];
        const char *label; /* last: as long as it is */
};

static const char *text_of(json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text ? text : "";
}

static long long number_of(json_t *object, const char *name)
{
        return json_integer_value(json_object_get(object, name));
}

static void format_pus(json_t *array, char cell[static CELL_MAX])
{
        char list[CPUSET_TEXT_MAX] = "";
        struct cpuset pus = {0};
        size_t i;
        json_t *pu;

        json_array_foreach (array, i, pu)
                if (json_integer_value(pu) >= 0 && json_integer_value(pu) < CPUSET_MAX)
                        cpuset_add(&pus, (unsigned)json_integer_value(pu));
        cpuset_format(&pus, list, sizeof(list));
        snprintf(cell, CELL_MAX, "%.*s%s", CELL_MAX - 4, *list ? list : "-", strlen(list) > CELL_MAX - 4 ? "..." : "");
}

static void format_user(json_t *lease, char cell[static CELL_MAX])
{
        uid_t uid = (uid_t)number_of(lease, "uid");
        const struct passwd *user = getpwuid(uid);

        if (user)
                snprintf(cell, CELL_MAX, "%s", user->pw_name);
        else
                snprintf(cell, CELL_MAX, "%u", (unsigned)uid);
}

static void format_age(long long ms, char cell[static CELL_MAX])
{
        long long s = ms / 1000;

        if (s < 60)
                snprintf(cell, CELL_MAX, "%llds", s);
        else if (s < 3600)
                snprintf(cell, CELL_MAX, "%lldm%02llds", s / 60, s % 60);
        else
                snprintf(cell, CELL_MAX, "%lldh%02lldm", s / 3600, s / 60 % 60);
}

static void fill_row(json_t *lease, struct row *row)
{
        json_t *shared = json_object_get(lease, "shared");
        long long position = number_of(lease, "position");

        snprintf(row->cells[0], CELL_MAX, "%s", text_of(lease, "lease"));
        format_user(lease, row->cells[1]);
        format_pus(json_object_get(lease, "pus"), row->cells[2]);
        format_pus(shared, row->cells[3]);
        format_age(number_of(lease, "ageMs"), row->cells[4]);
        if (position > 0)
                snprintf(row->cells[5], CELL_MAX, "waits, %lld.", position);
        else
                snprintf(row->cells[5], CELL_MAX, "%s",
                         json_is_true(json_object_get(lease, "detached")) ? "awaits claim" : "runs");
        snprintf(row->cells[6], CELL_MAX, "%s", text_of(lease, "reason"));
        row->label = text_of(lease, "label");
}

static void print_rows(const struct row *rows, size_t n)
{
        size_t widths[COLUMNS] = {0};

        for (size_t i = 0; i < n; i++)
                for (size_t c = 0; c < COLUMNS; c++) {
                        size_t len = strlen(rows[i].cells[c]);

                        widths[c] = len > widths[c] ? len : widths[c];
                }
        for (size_t i = 0; i < n; i++) {
                for (size_t c = 0; c < COLUMNS; c++)
                        printf("%-*s  ", (int)widths[c], rows[i].cells[c]);
                puts(rows[i].label);
        }
}

static int print_status(json_t *status)
{
        json_t *leases = json_object_get(status, "leases"), *lease;
        size_t n = json_array_size(leases), i;
        CLEANUP_FREE struct row *rows = calloc(n + 1, sizeof(*rows));

        if (!rows)
                return -ENOMEM;
        printf("schedd %s (pid %lld): lends up to %lld CPUs of %s (%s)\n", text_of(status, "version"),
               number_of(status, "pid"), number_of(status, "budget"), text_of(status, "usable"),
               text_of(status, "budgetReason"));
        if (n == 0) {
                puts("Nothing is lent.");
                return 0;
        }
        putchar('\n');
        rows[0] = (struct row){{"LEASE", "USER", "CPUS", "SHARED", "AGE", "STATE", "WHY"}, "LABEL"};
        json_array_foreach (leases, i, lease)
                fill_row(lease, &rows[i + 1]);
        print_rows(rows, n + 1);
        return 0;
}

/* Programs are told by "running"; the rest is GetStatus's reply. */
static int print_json(json_t *status)
{
        CLEANUP_JSON json_t *o = json_pack("{s:b}", "running", status != NULL);

        if (!o || (status && json_object_update(o, status) < 0))
                return -ENOMEM;
        json_dumpf(o, stdout, JSON_INDENT(2));
        putchar('\n');
        return 0;
}

/* No service is the usual state of an idle machine, and no failure. */
static int get_status(json_t **ret_status)
{
        CLEANUP_JSON json_t *status = NULL;
        CLEANUP_FREE char *error = NULL;
        int r = client_call("org.schedctl.Scheduler.GetStatus", NULL, CLIENT_NO_START, &status, &error);

        if (r == -ENOENT)
                return 0;
        if (r < 0) {
                fprintf(stderr, "schedctl status: cannot ask the service: %s\n", strerror(-r));
                return r;
        }
        if (r > 0) {
                fprintf(stderr, "schedctl status: the service answers %s\n", error);
                return -EPROTO;
        }
        *ret_status = TAKE(status);
        return 0;
}

int verb_status(int argc, char **argv)
{
        CLEANUP_JSON json_t *status = NULL;
        bool json = false;
        int r = parse_options(argc, argv, &json);

        if (r != 0)
                return r - 1;
        r = get_status(&status);
        if (r < 0)
                return VERB_FAILED;
        if (json)
                r = print_json(status);
        else if (status)
                r = print_status(status);
        else
                puts("No service is running: nothing is lent.");
        return r == 0 && fflush(stdout) == 0 ? 0 : VERB_FAILED;
}
