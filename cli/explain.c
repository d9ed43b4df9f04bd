/* schedctl explain: why the budget is what it is, and why every run has what it has. */
#include <errno.h>

#include "cli/ask.h"
#include "cli/options.h"
#include "cli/status_print.h"
#include "cli/verbs.h"

static const char usage[] = "usage: schedctl explain [--json]\n"
                            "\n"
                            "Says how many CPUs may be lent and why: every reading of a sensor, every limit that\n"
                            "follows from them, and which one binds; and why each run has what it has.\n"
                            "\n"
                            "      --json  for programs\n"
                            "  -h, --help  print this\n";

static int print_text(const struct view_status *status, const struct view_headroom *headroom)
{
        struct terminal t = terminal_look();
        int r = headroom_print(headroom, &t, stdout);

        return r < 0 ? r : explain_print(status, &t, stdout);
}

static int print_json(json_t *status, json_t *headroom)
{
        CLEANUP_JSON json_t *o = json_pack("{s:b, s:O*, s:O*}", "running", status != NULL, "headroom",
                                           json_object_get(headroom, "headroom"), "status", status);

        if (!o)
                return -ENOMEM;
        json_dumpf(o, stdout, JSON_INDENT(2));
        putchar('\n');
        return 0;
}

static int read_and_print(json_t *s, json_t *h)
{
        CLEANUP(view_status_finish) struct view_status status = {0};
        CLEANUP(view_headroom_finish) struct view_headroom headroom = {0};
        int r = view_read_status(s, &status);

        if (r == 0)
                r = view_read_headroom(json_object_get(h, "headroom"), &headroom);
        if (r < 0) {
                fprintf(stderr, "schedctl explain: the service's answer is not understood\n");
                return r;
        }
        view_name_users(&status);
        return print_text(&status, &headroom);
}

static int explain(bool json)
{
        CLEANUP_JSON json_t *status = NULL, *headroom = NULL;
        int r = ask_service("explain", ASK_METHOD("GetStatus"), NULL, CLIENT_NO_START, &status);

        if (r == 0)
                r = ask_service("explain", ASK_METHOD("GetHeadroom"), NULL, CLIENT_NO_START, &headroom);
        if (r < 0)
                return r;
        if (json)
                return print_json(status, headroom);
        if (r == 0)
                return read_and_print(status, headroom);
        puts("No service is running: nothing is lent, and nothing is measured.\n"
             "A run starts one; so does 'schedctl nproc'.");
        return 0;
}

int verb_explain(int argc, char **argv)
{
        bool json = false;
        const struct option_rule rules[] = {OPTION_FLAG("json", 0, &json)};
        int r = options_read(argc, argv, usage, rules, ELEMENTSOF(rules), NULL);

        if (r != 0)
                return r - 1;
        return explain(json) >= 0 && fflush(stdout) == 0 ? 0 : VERB_FAILED;
}
