/* What MAKEFLAGS says of a jobserver, as "Integrating GNU make" and "POSIX Jobserver Interaction" of GNU make's manual
 * have it: --jobserver-auth=fifo:PATH (4.4 and later), --jobserver-auth=R,W (4.2 and later), --jobserver-fds=R,W
 * (before). Pure. */
#pragma once

#include <stdbool.h>

enum {
        RUN_TOKENS_PATH_MAX = 4096,
};

enum run_tokens_kind {
        RUN_TOKENS_NONE, /* no jobserver is named, or in a way that nobody knows */
        RUN_TOKENS_FIFO,
        RUN_TOKENS_PIPE,
        RUN_TOKENS_CLOSED, /* one that this recipe is not to use: its descriptors are negative */
};

struct run_tokens_source {
        enum run_tokens_kind kind;
        int read_fd, write_fd;          /* of a pipe */
        char path[RUN_TOKENS_PATH_MAX]; /* of a FIFO */
};

/* The last word that names one counts; the words behind "--", variables' definitions, do not. NULL is no MAKEFLAGS. */
void run_tokens_parse(const char *makeflags, struct run_tokens_source *ret_source);
