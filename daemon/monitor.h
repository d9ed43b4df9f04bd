/* Monitors: connections that are told who holds what and what headroom there is, again and again.
 *
 * Each is told at every change of a lease, yet not more often than every MONITOR_LEAST_MS, and otherwise once in its
 * own interval. One that does not read misses what has been replaced meanwhile, and gets the latest. Without monitors
 * there is no timer.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <uv.h>

enum {
        MONITOR_LEAST_MS = 100,
        MONITOR_MOST_MS = 60000,
        MONITOR_DEFAULT_MS = 1000,
        MONITORS_PER_UID_MAX = 16,
};

struct connection;
struct monitor;
struct server;

/* The server's; zeroed but for what monitors_init() does is valid. */
struct monitors {
        struct server *server;
        uv_timer_t timer;
        struct monitor *first;
};
void monitors_init(struct monitors *m, struct server *server);
/* A lease has changed: everybody is told soon. */
void monitors_tell(struct monitors *m);

/* What a monitor of that user is told; NULL for want of memory. */
json_t *monitor_report(struct server *server, uint32_t uid);

/* Makes the connection a monitor and tells it at once. 0, 1 where its user has too many, -ENOMEM. */
int monitor_add(struct connection *c, unsigned interval_ms);
/* Before its connection goes. */
void monitor_remove(struct connection *c);
/* Everything that was sent to it is written: what has waited for that. */
void monitor_send(struct monitor *monitor);
