/* A grant out of a reply's parameters. */
#pragma once

#include "lib/client.h"

/* `parameters` holds "grant". Fills *ret_grant, which must be zeroed or finished, and new references' worth of text;
 * ret_lease and ret_token are malloc'ed, the token NULL where the grant has none. -EPROTO where a field is missing,
 * of the wrong type or out of range; -ENOMEM. */
int grant_read(json_t *parameters, struct client_grant *ret_grant, char **ret_lease, char **ret_token);
/* An array of numbers as the wire has it; NULL for want of memory. */
json_t *grant_numbers(const unsigned *numbers, size_t n);
void grant_finish(struct client_grant *grant);
