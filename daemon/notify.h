/* What schedd tells the service manager, and what it is given by it. Nothing happens where there is none. Only
 * notify_ready() and notify_reloading() wait where the manager does not read, and not for ever: what a full queue has
 * no room for is lost.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The one listening Unix socket passed by LISTEN_FDS; -ENOENT where none is, -EINVAL where it is something else. */
int notify_listen_fd(int *ret_fd);
/* Whether there is a manager to tell. */
bool notify_is_heard(void);
/* READY=1 with a status line. */
void notify_ready(const char *status);
/* A negative errno where it could not be told. */
int notify_status(const char *status);
/* The configuration is being read again; notify_ready() says when that is done. */
void notify_reloading(void);
void notify_stopping(void);
void notify_watchdog(void);
/* µs between two notify_watchdog() calls, half of what the manager allows; 0 where it does not watch. */
uint64_t notify_watchdog_interval(void);
