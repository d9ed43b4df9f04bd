/* One call to the service, and the service's errors as errno. */
#pragma once

#include "lib/client.h"
#include "lib/varlink.h"

/* Makes the call over a connection of its own and waits for the first reply, an error reply included. Errors as of
 * exchange_step(). */
int call_once(const char *method, json_t *parameters, unsigned varlink_flags, bool no_start,
              struct varlink_reply *ret_reply);

/* The errno of a reply: 0 for success; schedctl.h says which. */
int call_errno(const struct varlink_reply *reply);
/* Whether it says that another service has the authority. */
bool call_is_moved(const struct varlink_reply *reply);
