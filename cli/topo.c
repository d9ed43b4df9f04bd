/* schedctl topo: the machine as the service lends it. */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli/machine_reply.h"
#include "cli/topo_render.h"
#include "cli/verbs.h"
#include "lib/client.h"

enum {
        OPTION_JSON = 256,
        OPTION_ORDER,
};

struct options {
        bool json, order;
};

static const char usage[] = "usage: schedctl topo [--order] [--json]\n"
                            "\n"
                            "Draws the machine: packages, cores with their SMT siblings, kinds, and what is lent.\n"
                            "\n"
                            "  --order   the order in which PUs are lent, with the reasons\n"
                            "  --json    all of it, for programs\n";

/* 0 to go on, else the exit status + 1. */
static int parse_options(int argc, char **argv, struct options *options)
{
        static const struct option table[] = {
                {"json", no_argument, NULL, OPTION_JSON},
                {"order", no_argument, NULL, OPTION_ORDER},
                {"help", no_argument, NULL, 'h'},
                {0},
        };
        int option;

        while ((option = getopt_long(argc, argv, "h", table, NULL)) >= 0)
                switch (option) {
                case OPTION_JSON:
                        options->json = true;
                        break;
                case OPTION_ORDER:
                        options->order = true;
                        break;
                case 'h':
                        fputs(usage, stdout);
                        return 0 + 1;
                default:
                        return VERB_USAGE + 1;
                }
        if (optind == argc)
                return 0;
        fprintf(stderr, "schedctl topo: '%s' is not understood; see schedctl topo --help\n", argv[optind]);
        return VERB_USAGE + 1;
}

static int ask(const char *method, json_t **ret_reply)
{
        CLEANUP_JSON json_t *reply = NULL;
        CLEANUP_FREE char *error = NULL;
        int r = client_call(method, NULL, 0, &reply, &error);

        if (r < 0) {
                fprintf(stderr, "schedctl topo: cannot ask the service: %s\n", strerror(-r));
                return r;
        }
        if (r > 0) {
                fprintf(stderr, "schedctl topo: the service answers %s\n", error);
                return -EPROTO;
        }
        *ret_reply = TAKE(reply);
        return 0;
}

/* What any lease holds. */
static struct cpuset lent_of(const json_t *status)
{
        struct cpuset lent = {0};
        json_t *lease, *pu;
        size_t i, j;

        json_array_foreach (json_object_get(status, "leases"), i, lease)
                json_array_foreach (json_object_get(lease, "pus"), j, pu)
                        if (json_is_integer(pu) && json_integer_value(pu) >= 0 && json_integer_value(pu) < CPUSET_MAX)
                                cpuset_add(&lent, (unsigned)json_integer_value(pu));
        return lent;
}

static unsigned terminal_width(void)
{
        const char *variable = getenv("COLUMNS");
        unsigned long columns = variable ? strtoul(variable, NULL, 10) : 0;
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                return size.ws_col;
        return columns > 0 && columns <= TOPO_WIDTH_MAX ? (unsigned)columns : 80;
}

/* Colour as https://no-color.org has it. */
static struct topo_style terminal_style(void)
{
        const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

        (void)setlocale(LC_CTYPE, "");
        return (struct topo_style){
                .width = terminal_width(),
                .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                .colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0,
        };
}

static int print_order(const json_t *reply, const struct topo_style *style)
{
        const json_t *array = json_object_get(reply, "order");
        size_t n = json_array_size(array);
        CLEANUP_FREE struct topo_choice *choices = calloc(n + 1, sizeof(*choices));

        if (!choices)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const json_t *choice = json_array_get(array, i);

                choices[i].pu = (unsigned)json_integer_value(json_object_get(choice, "pu"));
                choices[i].reason = json_string_value(json_object_get(choice, "reason"));
                if (!choices[i].reason)
                        return -EPROTO;
        }
        return topo_render_order(choices, n, style, stdout);
}

static int print_drawing(const json_t *reply, const json_t *status, const struct topo_style *style)
{
        struct cpuset usable, lent = lent_of(status);
        struct machine machine;
        int r = machine_reply_read(reply, &machine);

        if (r < 0)
                return r;
        r = machine_reply_cpuset(reply, "usable", &usable);
        if (r >= 0)
                r = topo_render(&(struct topo_view){.machine = &machine, .usable = &usable, .lent = &lent}, style,
                                stdout);
        machine_finish(&machine);
        return r;
}

/* GetMachine's reply, and what is lent. */
static int print_json(json_t *reply, const json_t *status)
{
        struct cpuset lent = lent_of(status);
        char text[CPUSET_TEXT_MAX];

        if (cpuset_format(&lent, text, sizeof(text)) < 0 || json_object_set_new(reply, "lent", json_string(text)) < 0)
                return -ENOMEM;
        if (json_dumpf(reply, stdout, JSON_INDENT(2)) < 0)
                return -EIO;
        putchar('\n');
        return 0;
}

int verb_topo(int argc, char **argv)
{
        CLEANUP_JSON json_t *reply = NULL, *status = NULL;
        struct options options = {0};
        struct topo_style style;
        int r = parse_options(argc, argv, &options);

        if (r != 0)
                return r - 1;
        if (ask("org.schedctl.Scheduler.GetMachine", &reply) < 0 ||
            ask("org.schedctl.Scheduler.GetStatus", &status) < 0)
                return VERB_FAILED;
        style = terminal_style();
        if (options.json)
                r = print_json(reply, status);
        else if (options.order)
                r = print_order(reply, &style);
        else
                r = print_drawing(reply, status, &style);
        if (r == -EPROTO)
                fprintf(stderr, "schedctl topo: the service's reply is not understood\n");
        else if (r < 0)
                fprintf(stderr, "schedctl topo: %s\n", strerror(-r));
        return r >= 0 && fflush(stdout) == 0 ? 0 : VERB_FAILED;
}
