/* `schedctl status --watch`: the status at every change. On a terminal drawn over the one before, as much as its
 * height shows; else a block for each change of the runs or of what limits them; with json a line for each reply.
 * Until SIGINT or SIGTERM: 0. Negative after the error was printed. */
#pragma once

#include <stdbool.h>

int status_watch(bool verbose, bool json);
