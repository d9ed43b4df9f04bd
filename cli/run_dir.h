/* The run's private directory: its control socket and a directory of FIFOs per suite. In XDG_RUNTIME_DIR where that
 * is a directory of ours, else in /tmp. Mode 0700.
 */
#pragma once

#include <stddef.h>

enum {
        RUN_DIR_MAX = 80, /* bytes, so that a socket's address below it fits sockaddr_un's 108 */
};

int run_dir_create(char ret_path[static RUN_DIR_MAX]);

/* Removes it with all that is in it; nothing to do is fine. */
void run_dir_remove(const char *path);
