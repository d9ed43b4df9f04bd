/* What GNU make says and is told about jobs: its options, MAKEFLAGS, and which of its releases a program is. Pure but
 * for run_make_knows(). See the GNU make manual, "Sharing Job Slots with GNU make".
 */
#pragma once

#include <stdbool.h>

/* Whether a COMMAND's first word is make. */
bool run_make_is(const char *program);

/* Takes -j out of make's command line, as it would make it leave a jobserver that it is offered. 1: there was one (the
 * last one counts; *ret_jobs 0: any number), *ret_command is the caller's to free, its words are not, but for those in
 * *ret_words. 0: there was none, or it is wrong, which make may say; nothing is returned. -ENOMEM. */
int run_make_take_jobs(char *const *command, char ***ret_command, char **ret_words, unsigned *ret_jobs);

/* Whether these MAKEFLAGS have a number of jobs or a jobserver. */
bool run_make_has_jobs(const char *makeflags);

/* MAKEFLAGS with more in it: options for make; and words that make does not read, which come last. -ENOMEM. */
int run_make_add_flags(const char *makeflags, const char *options, const char *unread, char **ret_makeflags);

enum run_make_kind {
        RUN_MAKE_NONE, /* there is none */
        RUN_MAKE_PIPE, /* it knows descriptors alone: GNU make before 4.4, or nobody knows what it is */
        RUN_MAKE_FIFO, /* it knows named FIFOs: GNU make since 4.4 */
};

/* Of the first `program` in a list of directories as PATH is one. Nothing is executed: whoever knows FIFOs has an
 * option for them, which its help text names. */
enum run_make_kind run_make_find(const char *program, const char *path);
