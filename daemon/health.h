/* Whether the service does what it is there for: asked each time before the manager's watchdog is fed.
 *
 * A loop that turns is not enough. The watchdog is not fed
 *   - while somebody has been waiting to be accepted since the check before, and nobody was, or
 *   - while nothing is lent and the state file, which could be written before, no longer can: the manager makes the
 *     runtime directory anew and the next service begins with nothing to lose.
 * A state file that cannot be written while something is lent is no reason: a restart would lose just what it could
 * not record. Nor is a full disk, which is as full for the next service, nor one that has never been written. All of
 * that, and a socket whose path leads elsewhere, is said in the log once and in the manager's status line.
 *
 * Each check first tries to mend the state file: one that has been removed is written again.
 * Without a watchdog nothing is checked, and no timer runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
        HEALTH_TEXT_MAX = 256,
};

struct server;

/* The server's; zeroed but for what health_init() does is valid. */
struct health {
        struct server *server;
        uv_timer_t timer;
        bool somebody_waited;          /* at the check before */
        uint64_t n_accepted;           /* then */
        bool was_recorded;             /* the state file could be written once */
        char trouble[HEALTH_TEXT_MAX]; /* what is wrong, healthy or not; empty: nothing */
};

/* Starts checking where the manager watches. */
void health_init(struct health *h, struct server *server);
/* One check; false where the watchdog is not to be fed. */
bool health_check(struct health *h);
