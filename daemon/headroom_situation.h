/* What the governor is told of the leases and of the desktop. */
#pragma once

#include "core/governor.h"
#include "daemon/leases.h"

/* Whether sampling is called for: some lease holds a PU, or waits for one. */
bool headroom_is_lending(const struct leases *l);

/* The least of `need` and of what the leases say that their next worker needs, bytes; 0 where one does not know. */
uint64_t headroom_least_need(const struct leases *l, uint64_t need);

/* *ret_lent are the PUs lent; *ret_situation points to it and to l. now in µs; root "" or a directory that stands in
 * for the system, in which nobody sits at a desktop. */
void headroom_situation(const struct leases *l, uint64_t now, const char *root, struct cpuset *ret_lent,
                        struct governor_situation *ret_situation);
