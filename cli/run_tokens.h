/* A run below somebody else's make: a client of that one's jobserver, as GNU make's manual has it ("POSIX Jobserver
 * Interaction"). Each job but the first needs a token, a byte read from the jobserver's FIFO or pipe; the same byte is
 * written back when the job is over.
 *
 * All of it is memory that the engine and the guardian share, so that whoever is left of the two gives back what is
 * held. A kill of both at once loses it, and so does one in the instant between two instructions of giving a token
 * back. Nobody else's descriptor is read or written: O_NONBLOCK is a property of the open file, which make shares.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/cpuset.h"

enum {
        RUN_TOKENS_MAX = CPUSET_MAX - 1, /* held at a time */
};

struct run_tokens {
        bool is_client;
        int read_fd, write_fd;               /* own open files of it; -1 none */
        unsigned char bytes[RUN_TOKENS_MAX]; /* as they were read */
        bool held[RUN_TOKENS_MAX];
        unsigned n;
};

/* A jobserver named by MAKEFLAGS is opened. Where there is none, or it cannot be reached, is_client stays false, and
 * *ret_why says why not: NULL where none is named. */
void run_tokens_open(const char *makeflags, struct run_tokens *ret_tokens, const char **ret_why);
/* Below a jobserver that can be reached: none is to be offered. NULL is none. */
bool run_tokens_is_client(const struct run_tokens *tokens);
/* Takes one if there is one, without waiting: whether it did. */
bool run_tokens_take(struct run_tokens *tokens);
void run_tokens_give(struct run_tokens *tokens);
/* Gives all back that are held, of the other process's taking too; it is over with. */
void run_tokens_close(struct run_tokens *tokens);
