/* The service's side of headroom: samples the sensors while something is lent or somebody watches, asks the governor
 * what they come to, and tells the leases.
 *
 * While nothing is lent and nobody watches it has no timer, no descriptor and no connection. Everything runs on the
 * server's loop and nothing waits for another process: what comes over D-Bus comes when it comes.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/governor.h"

#define HEADROOM_REPORT_MAX_US UINT64_C(5000000) /* a work rate that was reported longer ago than this is not known */

struct headroom;
struct server;

/* -ENOMEM. The server's leases and settings must be there. */
int headroom_create(struct server *server, struct headroom **ret_headroom);
/* Closes its handles, which the loop must still run for; then headroom_destroy(). Both take NULL. */
void headroom_stop(struct headroom *h);
void headroom_destroy(struct headroom *h);

/* Something has changed that sampling depends on: what is lent, or who watches. Called by server_update(). */
void headroom_update(struct headroom *h);

/* Somebody watches from now on, or no longer; counted. While anybody does, samples are taken once a second. */
void headroom_watch(struct headroom *h, bool watch);

/* Sees to it that the decision is no older than a period, or than twice what a sample takes where that is longer: takes
 * a sample now where it is. To be called before anybody is told. Never fails: without memory or sensors what was
 * decided last goes on to hold. */
void headroom_refresh(struct headroom *h);
/* The same before a lease is opened, whose workers need so many bytes each (0: not known): what it is granted first is
 * to be what it can keep. Where sampling has been found to take long the lease does not wait for it; a sample follows
 * at once. */
void headroom_prepare(struct headroom *h, uint64_t worker_memory);

/* Other settings from now on; takes a sample at once if there is anything it could change. */
void headroom_set(struct headroom *h, const struct governor_settings *settings);
/* The machine was read anew: sensors are looked for again, and a sample is taken if there is anything to decide. */
void headroom_machine_changed(struct headroom *h);

/* What was decided last: GetStatus's budget and budgetReason (text), a grant's nice. Before the first sample: every
 * usable PU. Valid until the next call that takes a sample. */
const struct governor_decision *headroom_decision(const struct headroom *h);

/* The interface's Headroom: every reading and every limit. NULL for want of memory. */
json_t *headroom_json(const struct headroom *h);
