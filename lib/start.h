/* Starting the service on demand: the client does what systemd's socket activation does.
 *
 * Under a lock beside the socket the caller tries to connect once more, removes a stale socket, binds and listens
 * itself, and starts schedd with the listening socket. So two clients that come at the same moment get one service,
 * and a connection can be made before schedd has run its first instruction: nothing is polled for.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "lib/address.h"

enum {
        START_IDLE_EXIT_S = 60, /* a service started here leaves after having been idle for so long */
};

/* The schedd to start: $SCHEDCTL_SCHEDD, or near the running program (../daemon/schedd in a build tree,
 * ../libexec/schedd), or at the installed place. -ENAMETOOLONG; whether it is there is not looked at. */
int start_find_schedd(char ret_path[static PATH_MAX]);

/* A service that is being started: the lock on its address is held. */
struct starting {
        int lock_fd;
        int error_fd; /* readable when it is decided whether it runs; -1: none is being started */
};

#define START_INIT                                                                                                     \
        {                                                                                                              \
                .lock_fd = -1, .error_fd = -1                                                                          \
        }

/* Begins to start a service at `a`: 0, and start_finish() is next; 1 and a non-blocking connection where another was
 * first. Waits for nothing, but it forks.
 *
 * -EBUSY: somebody else is starting one: try to connect again, and then this. -EPERM: the place is not the caller's
 * alone, or what is there is not the caller's; -ENOTSOCK: what is there is not a socket; -ENOENT, -EACCES, -ENOEXEC…:
 * schedd could not be started. */
int start_begin(const struct address *a, struct starting *starting, int *ret_fd);
/* Waits until it runs: 0, and it can be connected to; or what failed. It does not leave before start_abandon(), which
 * ends the lock: until then nobody else takes it for idle. */
int start_finish(const struct address *a, struct starting *starting);
/* Lets go of it: it may come to run or not. */
void start_abandon(struct starting *starting);

/* A socket listening at `a`, for a service that is started with an address but without a socket. -EADDRINUSE where one
 * answers there already; else as above. */
int start_listen(const struct address *a, int *ret_fd);

/* The lock on the socket's address, as start_service() takes it; schedd takes the same when it leaves. Closing the
 * descriptor ends it. wait: for a holder to finish; else -EWOULDBLOCK. */
int start_lock(const struct address *a, bool wait, int *ret_fd);
