/* One call to the service, and the service's errors as errno. */
#pragma once

#include "lib/client.h"
#include "lib/varlink.h"

enum { CALL_SOON_MS = 2000 };

/* Makes the call over a connection of its own and waits for the first reply, an error reply included. Of the client's
 * flags CLIENT_NO_START and CLIENT_SOON count. Errors as of exchange_step(). */
int call_once(const char *method, json_t *parameters, unsigned varlink_flags, unsigned flags,
              struct varlink_reply *ret_reply);

/* The errno of a reply: 0 for success; schedctl.h says which. */
int call_errno(const struct varlink_reply *reply);
/* Whether it says that another service has the authority. */
bool call_is_moved(const struct varlink_reply *reply);
