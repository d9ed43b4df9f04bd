/* Made trees of /sys and /proc for what reads sensors: in memory where there is /dev/shm, removed by tree_finish(). */
#pragma once

#include <stddef.h>

#include "core/machine.h"

struct tree {
        char root[64];
};

struct tree_file {
        const char *path, *text;
};

void tree_make(struct tree *tree);
void tree_finish(struct tree *tree);

/* The folders above are made; what there is in the path's place is replaced. */
void tree_write(const struct tree *tree, const char *path, const char *text);
void tree_print(const struct tree *tree, const char *text, const char *path_format, ...)
        __attribute__((format(printf, 3, 4)));
void tree_write_all(const struct tree *tree, const struct tree_file *files, size_t n);
void tree_write_bytes(const struct tree *tree, const char *path, const void *bytes, size_t n);
void tree_fifo(const struct tree *tree, const char *path);
void tree_folder(const struct tree *tree, const char *path);
void tree_link(const struct tree *tree, const char *path, const char *target);
/* With all below it; nothing where it is not there. */
void tree_remove(const struct tree *tree, const char *path);

/* Packages of so many like cores with so many threads each; PUs are numbered core by core. */
struct machine tree_machine(unsigned packages, unsigned cores, unsigned threads);

/* Machines whose sensors are all well, with the files that hold one reading each, at least. */
enum tree_model {
        TREE_LAPTOP,  /* Intel, 2 cores of 2 threads, on battery, with a skin zone */
        TREE_DESKTOP, /* AMD, 4 cores, no battery */
        TREE_SERVER,  /* Intel, 2 packages of 2 cores */
        TREE_BOARD,   /* ARM, thermal zones alone */
        TREE_MODELS,
};
const struct tree_file *tree_model_files(enum tree_model model, size_t *ret_n);
struct machine tree_model_machine(enum tree_model model);
