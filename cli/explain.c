/* schedctl explain: why the budget is what it is, and why every run has what it has. */
#include <errno.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/options.h"
#include "cli/run_join.h"
#include "cli/run_manager.h"
#include "cli/run_scope_leave.h"
#include "cli/status_print.h"
#include "cli/verbs.h"

static const char usage[] = "usage: schedctl explain [--json]\n"
                            "\n"
                            "Says how many CPUs may be lent and why: every reading of a sensor, every limit that\n"
                            "follows from them, and which one binds; why each run has what it has; and what\n"
                            "holds it together.\n"
                            "\n"
                            "      --json  for programs\n"
                            "  -h, --help  print this\n";

static int print_text(const struct view_status *status, const struct view_headroom *headroom)
{
        struct terminal t = terminal_look();
        int r = headroom_print(headroom, &t, stdout);

        return r < 0 ? r : explain_print(status, &t, stdout);
}

/* What a run begun here and now would be held together by. */
struct prospect {
        char socket[PATH_MAX]; /* the manager's that would make it a unit; "": none would */
        char why[PATH_MAX + RUN_MANAGER_WHY_MAX];
        bool inside; /* it would be part of a run that is there */
};

static struct prospect look_for_manager(void)
{
        struct prospect p = {.inside = run_join_is_inside(), .why = "it would be part of a run"};
        pid_t pid;
        int r;

        if (p.inside)
                return p;
        run_manager_find(p.socket, p.why);
        if (!*p.socket)
                return p;
        r = run_manager_probe(p.socket, &pid);
        if (r < 0)
                (void)snprintf(p.why, sizeof(p.why), "the manager at %s: %s", p.socket, strerror(-r));
        if (r < 0 || run_scope_leaves_for(pid, sizeof(p.why), p.why))
                p.socket[0] = '\0';
        return p;
}

static void print_prospect(const struct prospect *p)
{
        if (p->inside)
                puts("\nA run begun here would be part of the run that this is in.");
        else if (*p->socket)
                printf("\nA run begun here would be a unit of its own: the manager at %s answers.\n", p->socket);
        else
                printf("\nA run begun here would be held together by process groups: %s.\n", p->why);
}

static int print_json(json_t *status, json_t *headroom, const struct prospect *p)
{
        CLEANUP_JSON json_t *o = json_pack("{s:b, s:O*, s:O*, s:{s:s*, s:s*}}", "running", status != NULL, "headroom",
                                           json_object_get(headroom, "headroom"), "status", status, "newRun", "manager",
                                           *p->socket ? p->socket : NULL, "noUnit", *p->socket ? NULL : p->why);

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
        struct prospect prospect;
        int r = ask_service("explain", ASK_METHOD("GetStatus"), NULL, CLIENT_NO_START, &status);

        if (r == 0)
                r = ask_service("explain", ASK_METHOD("GetHeadroom"), NULL, CLIENT_NO_START, &headroom);
        if (r < 0)
                return r;
        prospect = look_for_manager();
        if (json)
                return print_json(status, headroom, &prospect);
        if (r == 0)
                r = read_and_print(status, headroom);
        else
                puts("No service is running: nothing is lent, and nothing is measured.\n"
                     "A run starts one; so does 'schedctl nproc'.");
        if (r >= 0)
                print_prospect(&prospect);
        return r < 0 ? r : 0;
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
