/* Where the service is: its socket's addresses in the order they are tried, and connecting to one safely.
 *
 * $SCHEDCTL_SOCKET, and then nothing else; or the system's service; or the user's own, in $XDG_RUNTIME_DIR/schedd,
 * where that is no directory of the user's in /tmp/schedd-UID. A service is trusted if its socket was opened by root,
 * by the caller's user or, at the system's address, by the owner of the directory: only root can have made that in
 * /run. Nobody else can pose as the service.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/un.h>

#define ADDRESS_SYSTEM_PATH "/run/schedd/schedd.sock"

enum {
        ADDRESS_PATH_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path),
        ADDRESSES_MAX = 2,
};

enum address_kind {
        ADDRESS_EXPLICIT, /* $SCHEDCTL_SOCKET */
        ADDRESS_SYSTEM,
        ADDRESS_USER,
};

struct address {
        enum address_kind kind;
        char path[ADDRESS_PATH_MAX];
};

/* The addresses to try, in order; the last is where a service may be started. -ENAMETOOLONG or -EINVAL:
 * $SCHEDCTL_SOCKET cannot be a socket's path. */
int address_list(struct address ret_list[ADDRESSES_MAX], size_t *ret_n);

/* The address of a path given by the user; a relative one is made absolute. Errors as above. */
int address_from_path(const char *path, struct address *ret_address);

/* Makes the user's directory where it is missing (mode 0700), and checks that nobody else can replace what the caller
 * puts at the address: -EPERM. */
int address_prepare(const struct address *a);

/* A connection, close-on-exec, blocking. -ENOENT and -ECONNREFUSED: nobody listens; -EPERM: somebody else does. */
int address_connect(const struct address *a, int *ret_fd);
/* The same without waiting: a non-blocking one, or -EBUSY while more wait to be accepted than may. */
int address_try(const struct address *a, int *ret_fd);
/* Whether an error of these says that nobody is there: go on with the next address. The system's may also be closed to
 * this user. */
bool address_is_absent(const struct address *a, int r);

/* The address's path with a suffix, as for its lock and log; malloc'ed. */
int address_beside(const struct address *a, const char *suffix, char **ret_path);
