/* The messages that make a run's units and change them. Three units where a manager keeps a run together: the scope;
 * a path unit that sees the last descriptor of a file closed; and a service that this starts, which the scope cannot be
 * beside (Conflicts=), so that the manager stops the scope. The service's condition never holds: no process runs for
 * any of it. All three go with the scope. */
#pragma once

#include <systemd/sd-bus.h>

#include "cli/run_manager.h"

#define RUN_MANAGER_NAME      "org.freedesktop.systemd1"
#define RUN_MANAGER_OBJECT    "/org/freedesktop/systemd1"
#define RUN_MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

/* Properties of a scope that managers in use may not know, and as many times it may be asked for with one less:
 * OOMPolicy (253) and AllowedCPUs (244). */
enum { RUN_MANAGER_NEWER = 2 };

/* StartTransientUnit with the sender's process in it, without the `dropped` newest properties. *ret_message is set
 * where anything was begun, also on failure. */
int run_manager_scope_message(sd_bus *bus, const char *unit, const struct run_manager_request *request,
                              unsigned dropped, sd_bus_message **ret_message);
/* SetUnitProperties of what differs. Likewise. */
int run_manager_change_message(sd_bus *bus, const char *unit, const struct run_manager_limits *before,
                               const struct run_manager_limits *limits, sd_bus_message **ret_message);
