/* Grants as JSON, as the interface's Grant has them. NULL for want of memory. */
#pragma once

#include <jansson.h>

#include "daemon/leases.h"

/* The lease's latest grant, with its token if that is still to be sent. */
json_t *grants_json(const struct leases *l, const struct lease *lease);

/* PUs of a set, best first, as an array. */
json_t *grants_pus_json(const struct leases *l, const struct cpuset *pus);
