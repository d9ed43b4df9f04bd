#include "lib/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static json_t *load_object(const char *text, size_t len)
{
        json_error_t error;
        json_t *message = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

        if (message && !json_is_object(message)) {
                json_decref(message);
                return NULL;
        }
        return message;
}

/* A field's value; NULL for null and absent alike. */
static json_t *field(json_t *message, const char *name)
{
        json_t *value = json_object_get(message, name);

        return json_is_null(value) ? NULL : value;
}

/* *parameters becomes the message's, or an empty object added to it. */
static int take_parameters(json_t *message, json_t **ret_parameters)
{
        json_t *parameters = field(message, "parameters");

        if (!parameters) {
                parameters = json_object();
                if (json_object_set_new(message, "parameters", parameters) < 0)
                        return -ENOMEM;
        }
        if (!json_is_object(parameters))
                return -EBADMSG;
        *ret_parameters = parameters;
        return 0;
}

static int take_flag(json_t *message, const char *name, unsigned flag, unsigned *flags)
{
        json_t *value = field(message, name);

        if (value && !json_is_boolean(value))
                return -EBADMSG;
        if (json_is_true(value))
                *flags |= flag;
        return 0;
}

static int read_call(json_t *message, struct varlink_call *call, const char **bad)
{
        static const struct {
                const char *name;
                unsigned flag;
        } flags[] = {{"oneway", VARLINK_ONEWAY}, {"more", VARLINK_MORE}, {"upgrade", VARLINK_UPGRADE}};

        *bad = "method";
        call->method = json_string_value(field(message, "method"));
        if (!call->method)
                return -EBADMSG;
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                *bad = flags[i].name;
                if (take_flag(message, flags[i].name, flags[i].flag, &call->flags) < 0)
                        return -EBADMSG;
        }
        *bad = "parameters";
        return take_parameters(message, &call->parameters);
}

int varlink_parse_call(const char *text, size_t len, struct varlink_call *ret_call, const char **ret_bad)
{
        struct varlink_call call = {.message = load_object(text, len)};
        const char *bad = "message";
        int r = call.message ? read_call(call.message, &call, &bad) : -EBADMSG;

        if (r < 0) {
                varlink_call_finish(&call);
                *ret_bad = bad;
                return r;
        }
        *ret_call = call;
        return 0;
}

void varlink_call_finish(struct varlink_call *call)
{
        json_decref(call->message);
        *call = (struct varlink_call){0};
}

static int read_reply(json_t *message, struct varlink_reply *reply)
{
        json_t *error = field(message, "error"), *continues = field(message, "continues");

        if ((error && !json_is_string(error)) || (continues && !json_is_boolean(continues)))
                return -EBADMSG;
        reply->error = json_string_value(error);
        reply->continues = json_is_true(continues);
        return take_parameters(message, &reply->parameters);
}

int varlink_parse_reply(const char *text, size_t len, struct varlink_reply *ret_reply)
{
        struct varlink_reply reply = {.message = load_object(text, len)};
        int r = reply.message ? read_reply(reply.message, &reply) : -EBADMSG;

        if (r < 0) {
                varlink_reply_finish(&reply);
                return r;
        }
        *ret_reply = reply;
        return 0;
}

void varlink_reply_finish(struct varlink_reply *reply)
{
        json_decref(reply->message);
        *reply = (struct varlink_reply){0};
}

/* Consumes the message, which is NULL where building it failed. */
static int dump(json_t *message, char **ret_text, size_t *ret_len)
{
        char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

        json_decref(message);
        if (!text)
                return -ENOMEM;
        *ret_text = text;
        *ret_len = strlen(text) + 1;
        return 0;
}

int varlink_format_call(const char *method, json_t *parameters, unsigned flags, char **ret_text, size_t *ret_len)
{
        json_t *message = json_pack("{s:s, s:O*}", "method", method, "parameters", parameters);
        int r = 0;

        if (flags & VARLINK_ONEWAY)
                r |= json_object_set_new(message, "oneway", json_true());
        if (flags & VARLINK_MORE)
                r |= json_object_set_new(message, "more", json_true());
        if (flags & VARLINK_UPGRADE)
                r |= json_object_set_new(message, "upgrade", json_true());
        if (r != 0) {
                json_decref(message);
                return -ENOMEM;
        }
        return dump(message, ret_text, ret_len);
}

int varlink_format_reply(json_t *parameters, bool continues, char **ret_text, size_t *ret_len)
{
        json_t *message = parameters ? json_pack("{s:O}", "parameters", parameters) : json_pack("{s:{}}", "parameters");

        if (continues && json_object_set_new(message, "continues", json_true()) < 0) {
                json_decref(message);
                return -ENOMEM;
        }
        return dump(message, ret_text, ret_len);
}

int varlink_format_error(const char *error, json_t *parameters, char **ret_text, size_t *ret_len)
{
        return dump(json_pack("{s:s, s:O*}", "error", error, "parameters", parameters), ret_text, ret_len);
}

size_t varlink_interface_len(const char *method)
{
        const char *dot = strrchr(method, '.');

        return dot ? (size_t)(dot - method) : 0;
}
