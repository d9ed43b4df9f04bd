/* The line that the service manager shows of the service: "Lending 5 of 8 CPUs to 2 runs; 6 of 8: package at 94 °C".
 *
 * It is told when it has changed, and at most every SUMMARY_LEAST_MS. The timer runs only while something is held back
 * for that, or the manager does not read: a service for which nothing changes does not wake up. Without a manager
 * nothing happens.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
        SUMMARY_LEAST_MS = 1000,
        SUMMARY_MAX = 768, /* bytes; what is longer is cut */
};

struct server;

/* The server's; zeroed but for what summary_init() does is valid. */
struct summary {
        struct server *server;
        uv_timer_t timer;
        bool is_heard;
        uint64_t told_at; /* µs */
        char told[SUMMARY_MAX];
        char limit[SUMMARY_MAX]; /* the budget's reason as it was last looked at */
};

void summary_init(struct summary *m, struct server *server);
/* What is to be told now, with READY. */
const char *summary_ready(struct summary *m);
/* Something may have changed: the server's leases say whether they have, the budget is compared. */
void summary_update(struct summary *m);
/* Something else may have. */
void summary_refresh(struct summary *m);
