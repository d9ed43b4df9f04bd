/* schedctl status: what is lent to whom, who waits, and what limits it. */
#include <errno.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/options.h"
#include "cli/status_print.h"
#include "cli/status_watch.h"
#include "cli/verbs.h"

static const char usage[] =
        "usage: schedctl status [-v] [-w] [--json]\n"
        "\n"
        "Lists the runs, the CPUs they hold, and the waiting ones with the reason.\n"
        "\n"
        "  -v, --verbose  besides every reading of a sensor, the limits that follow, and the runs' units\n"
        "  -w, --watch    again at every change, until interrupted\n"
        "      --json     for programs\n"
        "  -h, --help     print this\n";

/* 0, 1 where there is no service, or negative after the error was printed. */
static int ask(bool verbose, struct view_status *status, struct view_headroom *headroom)
{
        CLEANUP_JSON json_t *s = NULL, *h = NULL;
        int r = ask_service("status", ASK_METHOD("GetStatus"), NULL, CLIENT_NO_START, &s);

        if (r == 0 && verbose)
                r = ask_service("status", ASK_METHOD("GetHeadroom"), NULL, CLIENT_NO_START, &h);
        if (r != 0)
                return r;
        r = view_read_status(s, status);
        if (r == 0 && verbose)
                r = view_read_headroom(json_object_get(h, "headroom"), headroom);
        if (r < 0)
                fprintf(stderr, "schedctl status: the service's answer is not understood\n");
        else
                view_name_users(status);
        return r;
}

static int print_text(const struct view_status *status, const struct view_headroom *headroom, bool verbose)
{
        struct terminal t = terminal_look();
        int r = 0;

        if (headroom->source) {
                r = headroom_print(headroom, &t, stdout);
                putchar('\n');
        }
        return r < 0 ? r : status_print(status, verbose, &t, stdout);
}

/* Programs are told by "running"; the rest is GetStatus's reply, and GetHeadroom's as "headroom". */
static int print_json(const struct view_status *status, const struct view_headroom *headroom)
{
        CLEANUP_JSON json_t *o = json_pack("{s:b}", "running", status->source != NULL);

        if (!o || (status->source && json_object_update(o, status->source) < 0) ||
            (headroom->source && json_object_set(o, "headroom", headroom->source) < 0))
                return -ENOMEM;
        json_dumpf(o, stdout, JSON_INDENT(2));
        putchar('\n');
        return 0;
}

/* No service is the usual state of an idle machine, and no failure. */
static int show(bool verbose, bool json)
{
        CLEANUP(view_status_finish) struct view_status status = {0};
        CLEANUP(view_headroom_finish) struct view_headroom headroom = {0};
        int r = ask(verbose, &status, &headroom);

        if (r < 0)
                return r;
        if (json)
                return print_json(&status, &headroom);
        if (r == 0)
                return print_text(&status, &headroom, verbose);
        puts("No service is running: nothing is lent.");
        return 0;
}

int verb_status(int argc, char **argv)
{
        bool json = false, verbose = false, watch = false;
        const struct option_rule rules[] = {
                OPTION_FLAG("verbose", 'v', &verbose),
                OPTION_FLAG("watch", 'w', &watch),
                OPTION_FLAG("json", 0, &json),
        };
        int r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), NULL);

        if (r != 0)
                return r - 1;
        r = watch ? status_watch(verbose, json) : show(verbose, json);
        return r >= 0 && fflush(stdout) == 0 ? 0 : VERB_FAILED;
}
