/* A verb's call to the service, and what went wrong with it in words. */
#pragma once

#include "lib/client.h"

#define ASK_METHOD(name) "org.schedctl.Scheduler." name

enum {
        ASK_ERROR_MAX = 512, /* bytes of an error's text */
};

/* Calls `method` (a name of the scheduler's interface, by ASK_METHOD). 0 and the reply; 1 where there is no service and
 * `flags` has CLIENT_NO_START, with nothing printed; negative after "schedctl VERB: " and the error on standard error.
 * `parameters` may be NULL and stays the caller's. */
int ask_service(const char *verb, const char *method, json_t *parameters, unsigned flags, json_t **ret_reply);

/* An error reply of the service in words. `lease`: what the call was about, or NULL. */
void ask_error_text(const char *error, const json_t *parameters, const char *lease,
                    char ret_text[static ASK_ERROR_MAX]);

/* A call that failed by itself (an errno of client_call()) in words. */
const char *ask_problem(int r);
