/* Varlink messages (https://varlink.org/Method-Call): calls, replies and errors as text and as structs.
 *
 * Text in, text out; no I/O. What is refused as malformed, because two readers could understand it differently
 * or because it cannot be represented: invalid UTF-8, a NUL in a string, an object with the same key twice,
 * integers beyond 64 bits, numbers beyond a double, nesting deeper than 2,048 levels, anything after the object.
 * A number written -0 is 0. Unknown fields are ignored; absent and null are the same.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define VARLINK_INTERFACE_NOT_FOUND    "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND       "org.varlink.service.MethodNotFound"
#define VARLINK_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_INVALID_PARAMETER      "org.varlink.service.InvalidParameter"
#define VARLINK_EXPECTED_MORE          "org.varlink.service.ExpectedMore"

enum varlink_flags {
        VARLINK_ONEWAY = 1,
        VARLINK_MORE = 2,
        VARLINK_UPGRADE = 4,
};

/* Owns message; the rest points into it. */
struct varlink_call {
        json_t *message;
        const char *method;
        json_t *parameters; /* never NULL */
        unsigned flags;     /* of enum varlink_flags */
};

/* 0, or -EBADMSG with *ret_bad naming what is wrong: a field's name, or "message" where it is no JSON object. A flag
 * that was understood before the fault is not reported: whether an answer was wanted is then unknown. */
int varlink_parse_call(const char *text, size_t len, struct varlink_call *ret_call, const char **ret_bad);
void varlink_call_finish(struct varlink_call *call);

struct varlink_reply {
        json_t *message;
        const char *error;  /* NULL for success */
        json_t *parameters; /* never NULL */
        bool continues;
};

/* 0 or -EBADMSG. */
int varlink_parse_reply(const char *text, size_t len, struct varlink_reply *ret_reply);
void varlink_reply_finish(struct varlink_reply *reply);

/* Message texts with their closing NUL, which ret_len counts; free() them. parameters may be NULL and stay the
 * caller's. -ENOMEM. */
int varlink_format_call(const char *method, json_t *parameters, unsigned flags, char **ret_text, size_t *ret_len);
int varlink_format_reply(json_t *parameters, bool continues, char **ret_text, size_t *ret_len);
int varlink_format_error(const char *error, json_t *parameters, char **ret_text, size_t *ret_len);

/* "org.example.Interface.Method" cut at the last dot: the interface's length, or 0 where there is no interface. */
size_t varlink_interface_len(const char *method);
