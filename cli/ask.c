#include "cli/ask.h"

#include <string.h>

#include "lib/text.h"
#include "lib/varlink.h"

static const char *text_of(const json_t *parameters, const char *name)
{
        const char *text = json_string_value(json_object_get(parameters, name));

        return text ? text : "";
}

static bool is(const char *error, const char *name)
{
        return strcmp(error, name) == 0;
}

/* Quotes what the service says as it is. */
static void describe(const char *error, const json_t *parameters, const char *lease,
                     char ret_text[static ASK_ERROR_MAX])
{
        if (is(error, ASK_METHOD("NoSuchLease")))
                (void)snprintf(ret_text, ASK_ERROR_MAX, "there is no lease '%s' of yours", lease ? lease : "");
        else if (is(error, ASK_METHOD("NotPermitted")))
                (void)snprintf(ret_text, ASK_ERROR_MAX,
                               "not permitted: that is for root and for the user that the service runs as");
        else if (is(error, ASK_METHOD("BadConfiguration")))
                (void)snprintf(ret_text, ASK_ERROR_MAX, "the configuration is wrong, the former one stays in force: %s",
                               text_of(parameters, "problem"));
        else if (is(error, ASK_METHOD("Moved")))
                (void)snprintf(ret_text, ASK_ERROR_MAX, "another service has taken over, at %s",
                               text_of(parameters, "address"));
        else if (is(error, VARLINK_INVALID_PARAMETER))
                (void)snprintf(ret_text, ASK_ERROR_MAX, "the service refuses the value of '%s'",
                               text_of(parameters, "parameter"));
        else if (is(error, VARLINK_METHOD_NOT_FOUND) || is(error, VARLINK_METHOD_NOT_IMPLEMENTED))
                (void)snprintf(ret_text, ASK_ERROR_MAX, "the service is older than this schedctl and cannot do that");
        else
                (void)snprintf(ret_text, ASK_ERROR_MAX, "the service answers %s", error);
}

void ask_error_text(const char *error, const json_t *parameters, const char *lease, char ret_text[static ASK_ERROR_MAX])
{
        CLEANUP_FREE char *escaped = NULL;
        char text[ASK_ERROR_MAX];

        describe(error, parameters, lease, text);
        escaped = text_escape(text);
        (void)snprintf(ret_text, ASK_ERROR_MAX, "%s", escaped ? escaped : "the service answers an error");
}

const char *ask_problem(int r)
{
        return r == -ETIMEDOUT ? "it does not answer" : strerror(-r);
}

int ask_service(const char *verb, const char *method, json_t *parameters, unsigned flags, json_t **ret_reply)
{
        const char *lease = json_string_value(json_object_get(parameters, "lease"));
        CLEANUP_JSON json_t *reply = NULL;
        CLEANUP_FREE char *error = NULL;
        char text[ASK_ERROR_MAX];
        int r = client_call(method, parameters, flags, &reply, &error);

        if (r == -ENOENT && (flags & CLIENT_NO_START))
                return 1;
        if (r < 0) {
                fprintf(stderr, "schedctl %s: cannot ask the service: %s\n", verb, ask_problem(r));
                return r;
        }
        if (r > 0) {
                ask_error_text(error, reply, lease, text);
                fprintf(stderr, "schedctl %s: %s\n", verb, text);
                return -EPROTO;
        }
        *ret_reply = TAKE(reply);
        return 0;
}
