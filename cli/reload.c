/* schedctl reload: the service reads its configuration and the machine again. */
#include "cli/ask.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "lib/text.h"

static const char usage[] = "usage: schedctl reload\n"
                            "\n"
                            "Has the service read its configuration and the machine again, as SIGHUP does.\n"
                            "\n"
                            "  -h, --help  print this\n";

/* The lines that the service did not understand. */
static void tell_problems(const json_t *reply)
{
        const json_t *problem;
        size_t i;

        json_array_foreach (json_object_get(reply, "problems"), i, problem) {
                CLEANUP_FREE char *text = json_is_string(problem) ? text_escape(json_string_value(problem)) : NULL;

                if (text)
                        fprintf(stderr, "schedctl reload: %s\n", text);
        }
}

int verb_reload(int argc, char **argv)
{
        CLEANUP_JSON json_t *reply = NULL;
        int r = options_read(argc, argv, usage, NULL, 0, NULL);

        if (r != 0)
                return r - 1;
        r = ask_service("reload", ASK_METHOD("Reload"), NULL, CLIENT_NO_START, &reply);
        if (r > 0)
                fputs("schedctl reload: no service is running; one that starts reads its configuration anyway\n",
                      stderr);
        if (r == 0)
                tell_problems(reply);
        return r == 0 ? 0 : VERB_FAILED;
}
