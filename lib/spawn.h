/* Starts a program as a service of its own: detached from the caller's session, with one listening socket passed
 * as systemd passes it (LISTEN_FDS, descriptor 3).
 *
 * The child has /dev/null as standard input and output, log_fd as standard error, no other descriptor, the root as
 * its directory, default signals, every CPU, and an environment without what systemd meant for the caller alone.
 * Safe in programs with threads: between fork and exec nothing but async-signal-safe calls.
 *
 * Both descriptors stay the caller's.
 */
#pragma once

/* Begins: takes the time of two forks. ret_fd becomes readable once the program runs or has failed to. */
int spawn_begin(char *const argv[], int listen_fd, int log_fd, int *ret_fd);
/* What came of it, waiting for it: 0 where the program runs, or the negative errno of what failed, the exec included.
 * The descriptor stays the caller's. */
int spawn_result(int fd);
