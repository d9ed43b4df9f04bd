/* Tables of text: columns as wide as their widest cell on the screen, two spaces between them.
 *
 * Cells are added from left to right and row by row; want of memory shows when the table is printed.
 */
#pragma once

#include <stdio.h>

#include "cli/terminal.h"

enum {
        TABLE_COLUMNS_MAX = 12,
};

struct table {
        unsigned n_columns;
        unsigned right; /* bit c: column c is flush right */
        char **cells;
        size_t n, n_allocated;
        int error;
};

void table_init(struct table *table, unsigned n_columns, unsigned right);
void table_finish(struct table *table);
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Every row indented by so many spaces, without blanks at its end. -ENOMEM. */
int table_print(const struct table *table, const struct terminal *terminal, unsigned indent, FILE *out);
