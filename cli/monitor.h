/* The service followed as it changes: Monitor's stream, the machine anew whenever its PUs change, calls besides.
 *
 * Where the service is gone, or none runs, it is tried again every MONITOR_RETRY_MS; none is ever started. Nothing here
 * waits for a reply: poll monitor_fd(), then call monitor_dispatch().
 */
#pragma once

#include "cli/view.h"
#include "core/machine.h"

enum {
        MONITOR_INTERVAL_MS = 1000,
        MONITOR_RETRY_MS = 1000,
        MONITOR_SILENCE_MS = 2000, /* after which it is said that the service does not answer */
};

enum monitor_news {
        MONITOR_CHANGED = 1,  /* status and headroom are new */
        MONITOR_LOST = 2,     /* the service is gone, or its answer makes no sense, or another problem than before */
        MONITOR_MACHINE = 4,  /* the machine is new */
        MONITOR_ANSWERED = 8, /* a call has its reply: monitor_answer() */
};

struct monitor;

/* Tries to connect at once; that nobody is there is no error. */
int monitor_open(bool with_machine, struct monitor **ret_monitor);
void monitor_close(struct monitor *m);
int monitor_fd(const struct monitor *m);
/* What is new, of enum monitor_news, 0 nothing; negative where memory is out. */
int monitor_dispatch(struct monitor *m);

/* The latest; NULL until there is one and while the service is gone. Valid until the next monitor_dispatch(). */
const struct view_status *monitor_status(const struct monitor *m);
const struct view_headroom *monitor_headroom(const struct monitor *m);
const struct machine *monitor_machine(const struct monitor *m);
/* No service answers; it is tried again by and by. */
bool monitor_is_lost(const struct monitor *m);
/* Why. */
const char *monitor_problem(const struct monitor *m);

/* Calls a method of the scheduler; one at a time: -EBUSY. -ENOTCONN without a service. */
int monitor_call(struct monitor *m, const char *method, json_t *parameters);
/* What was wrong with the latest call; "" nothing. */
const char *monitor_answer(const struct monitor *m);
