/* The run's private directory: its control socket and a directory of FIFOs per suite. In XDG_RUNTIME_DIR where that
 * is a directory of ours, and UTF-8 as what names it to pytest has to be, else in /tmp. Mode 0700.
 *
 * It is in use while a process holds it: has its file "held" open for writing, with a shared flock. One that nobody
 * holds any more, as the guardian and the engine were killed, is removed when the next run makes its own beside it.
 */
#pragma once

#include <stddef.h>

#define RUN_DIR_HELD "held"

enum {
        RUN_DIR_MAX = 80, /* bytes, so that a socket's address below it fits sockaddr_un's 108 */
};

/* *ret_held is the caller's, and closed by exec; a forked process's copy holds the directory too. */
int run_dir_create(char ret_path[static RUN_DIR_MAX], int *ret_held);

/* Removes it with all that is in it; nothing to do is fine. */
void run_dir_remove(const char *path);
