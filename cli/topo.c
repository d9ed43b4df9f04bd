/* schedctl topo: the machine as the service lends it. */
#include <errno.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/machine_reply.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "cli/topo_render.h"
#include "cli/verbs.h"

struct options {
        bool json, order;
};

static const char usage[] = "usage: schedctl topo [--order] [--json]\n"
                            "\n"
                            "Draws the machine: packages, cores with their SMT siblings, kinds, and what is lent.\n"
                            "\n"
                            "      --order  the order in which PUs are lent, with the reasons\n"
                            "      --json   all of it, for programs\n"
                            "  -h, --help   print this\n";

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
        const struct option_rule rules[] = {
                OPTION_FLAG("order", 0, &options.order),
                OPTION_FLAG("json", 0, &options.json),
        };
        int r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), NULL);

        if (r != 0)
                return r - 1;
        if (ask_service("topo", ASK_METHOD("GetMachine"), NULL, 0, &reply) < 0 ||
            ask_service("topo", ASK_METHOD("GetStatus"), NULL, 0, &status) < 0)
                return VERB_FAILED;

        struct terminal t = terminal_look();
        struct topo_style style = {.width = t.columns, .utf8 = t.utf8, .colour = t.colour};
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
