/* What the allocator's actions say is written to the state file before anybody hears of it. */
#pragma once

#include "daemon/leases.h"

/* Writes the records of the leases' latest actions, or all of them where the file has grown large. Errors are
 * logged once, and everything is written again later. */
void leases_record(struct leases *l);
/* Writes one lease's record: something of it has changed that the allocator does not know of. Errors are logged. */
void leases_record_one(struct leases *l, alloc_id id);
/* Whether what is lent is recorded; where it is not, all of it is written anew. 0, or why that fails. */
int leases_record_check(struct leases *l);
/* Starts the file anew with every lease; to be committed. -ENOMEM. */
int leases_record_all(struct leases *l);
