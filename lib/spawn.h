/* Starts a program as a service of its own: detached from the caller's session, with one listening socket passed
 * as systemd passes it (LISTEN_FDS, descriptor 3).
 *
 * The child has /dev/null as standard input and output, log_fd as standard error, no other descriptor, the root as
 * its directory, default signals, every CPU, and an environment without what systemd meant for the caller alone.
 * Safe in programs with threads: between fork and exec nothing but async-signal-safe calls.
 *
 * Returns once the program runs, or the negative errno of what failed, the exec included. Both descriptors stay
 * the caller's.
 */
#pragma once

int spawn_activated(char *const argv[], int listen_fd, int log_fd);
