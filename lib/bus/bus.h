/* D-Bus on a loop of libuv's: sd-bus by way of sd-event, whose one descriptor the loop polls
 * (sd_event_get_fd(3)). Connecting, authenticating and every call go on while the loop does: a bus that never answers
 * holds nothing up. */
#pragma once

#include <systemd/sd-bus.h>
#include <uv.h>

#define BUS_CALL_MAX_US UINT64_C(10000000) /* a call that was not answered by then has failed with -ETIMEDOUT */

struct bus;

/* Connects to who listens at a D-Bus address without a bus between, or, where it is NULL, to the system's bus at
 * $DBUS_SYSTEM_BUS_ADDRESS or the usual place. gone() is called once where the connection ends, and after
 * it nothing. -ENOMEM, -ENOENT and whatever else connecting fails with at once. */
int bus_open(uv_loop_t *loop, const char *address, void (*gone)(void *arg), void *arg, struct bus **ret_bus);
/* Ends it at once. Not from a handler of its messages, whose slots are to be unreferenced before. Takes NULL. */
void bus_close(struct bus *b);

/* To make calls and matches on, asynchronously only. Those that are not made in a handler set out by bus_go_on(), which
 * does nothing in one. */
sd_bus *bus_connection(struct bus *b);
void bus_go_on(struct bus *b);
