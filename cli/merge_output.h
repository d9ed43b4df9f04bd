/* A file that is written whole or not at all: into one that has no name, where the filesystem knows such (O_TMPFILE),
 * or one beside it, which then takes its place. What is there and no plain file (/dev/stdout, a FIFO) is written to
 * directly, "-" is standard output. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct merge_output {
        FILE *file;
        char *path;      /* that it gets; links to what is there are followed. NULL: it is written directly */
        char *temporary; /* its name until then; NULL: it has none */
};

/* A negative errno; the directory has to be there. */
int merge_output_open(struct merge_output *output, const char *path);
/* Closes it and puts it into its place, unless writing it has failed: then `error` is what the writer says, which may
 * know less than the file does. A negative errno: the old file is still there. */
int merge_output_end(struct merge_output *output, int error);
/* Gives up what has not been ended. */
void merge_output_finish(struct merge_output *output);

bool merge_output_is_stdout(const char *path);
/* Whether it is written to directly. */
bool merge_output_is_direct(const char *path);
/* Whether both paths lead to the same file, which need not be there. */
bool merge_output_is_same(const char *a, const char *b);
/* What a path leads to in the end, if that is not there then in a directory that is. A negative errno. */
int merge_output_resolve(const char *path, char **ret_path);
/* $TMPDIR, or what stands for it. */
const char *merge_temporary_directory(void);
/* A file without a name to write and read, in the directory of the output or, where that is no file, in $TMPDIR. A
 * negative errno. */
int merge_spool_open(const char *output, FILE **ret_spool);
