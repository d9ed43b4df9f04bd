/* What `schedctl status` and `schedctl explain` print, apart from asking for it. */
#pragma once

#include <stdio.h>

#include "cli/terminal.h"
#include "cli/view.h"

/* The service in a line and a table of the runs; with_units: and in which systemd unit each is. -ENOMEM. */
int status_print(const struct view_status *status, bool with_units, const struct terminal *t, FILE *out);
/* The reason, a table of limits and one of readings. -ENOMEM. */
int headroom_print(const struct view_headroom *headroom, const struct terminal *t, FILE *out);
/* Every run with what it holds or waits for and why, in sentences. -ENOMEM. */
int explain_print(const struct view_status *status, const struct terminal *t, FILE *out);
