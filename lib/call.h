/* Calls to the service: finding it, one call and its reply, the service's errors as errno. */
#pragma once

#include "lib/channel.h"
#include "lib/client.h"

/* Opens a channel, makes the call and waits for the first reply, an error reply included. Where the service left before
 * answering (its idle exit came between), or answers that another has taken over, it starts again from the search, a
 * few times. The channel must be closed. */
int call_open(struct channel *c, const char *method, json_t *parameters, unsigned varlink_flags, bool no_start,
              struct varlink_reply *ret_reply);

/* One call and its reply over an open channel. */
int call_over(struct channel *c, const char *method, json_t *parameters, struct varlink_reply *ret_reply);

/* The errno of a reply: 0 for success; schedctl.h says which. */
int call_errno(const struct varlink_reply *reply);
