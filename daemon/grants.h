/* Grants as JSON, as the interface's Grant has them. NULL for want of memory. */
#pragma once

#include <jansson.h>

#include "daemon/leases.h"

/* The lease's latest grant, with its token if that is still to be sent. */
json_t *grants_json(const struct leases *l, const struct lease *lease);

/* PUs of a set, best first, as an array. */
json_t *grants_pus_json(const struct leases *l, const struct cpuset *pus);

/* Adds position and expectedMs where the lease waits. */
void grants_add_waiting(json_t *json, const struct alloc_grant *grant);
/* Milliseconds from now until a time in µs; 0 where it is over. */
json_t *grants_until_json(uint64_t at);
