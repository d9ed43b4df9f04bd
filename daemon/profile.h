/* The power profile, as the desktop's power profiles service has it: power-profiles-daemon, or tuned in its place.
 *
 * Asked over D-Bus under its present name, org.freedesktop.UPower.PowerProfiles, and under the older one,
 * net.hadess.PowerProfiles; where both answer the present one counts. It is never started for that. Answers come when
 * they come: until then, and where there is no bus or no service, the reading says so.
 */
#pragma once

#include <uv.h>

#include "core/readings.h"

struct profile;

/* changed() is called on the loop whenever profile_read() would give something else than before. -ENOMEM; having no
 * bus is no error. */
int profile_open(uv_loop_t *loop, void (*changed)(void *arg), void *arg, struct profile **ret_profile);
/* Not from changed(). Takes NULL. */
void profile_close(struct profile *p);

/* Fills profile_error, profile and degraded. -ENOENT: there is no bus or no such service; -EINPROGRESS: it has not
 * answered yet. */
void profile_read(const struct profile *p, struct readings *readings);
