#include "cli/table.h"

#include <assert.h>
#include <stdarg.h>

#include "cli/glyphs.h"
#include "lib/util.h"

void table_init(struct table *table, unsigned n_columns, unsigned right)
{
        assert(n_columns >= 1 && n_columns <= TABLE_COLUMNS_MAX);
        *table = (struct table){.n_columns = n_columns, .right = right};
}

void table_finish(struct table *table)
{
        for (size_t i = 0; i < table->n; i++)
                free(table->cells[i]);
        free(table->cells);
        *table = (struct table){0};
}

static int reserve(struct table *table)
{
        size_t n = table->n_allocated * 2 + 64;
        char **cells;

        if (table->n < table->n_allocated)
                return 0;
        cells = reallocarray(table->cells, n, sizeof(*cells));
        if (!cells)
                return -ENOMEM;
        table->cells = cells;
        table->n_allocated = n;
        return 0;
}

void table_add(struct table *table, const char *format, ...)
{
        char *cell;
        va_list args;
        int n;

        if (table->error == 0)
                table->error = reserve(table);
        if (table->error < 0)
                return;
        va_start(args, format);
        n = vasprintf(&cell, format, args);
        va_end(args);
        if (n < 0)
                table->error = -ENOMEM;
        else
                table->cells[table->n++] = cell;
}

static void measure(const struct table *table, bool utf8, unsigned widths[static TABLE_COLUMNS_MAX])
{
        for (size_t i = 0; i < table->n; i++) {
                unsigned columns = glyph_columns(table->cells[i], utf8), *width = &widths[i % table->n_columns];

                *width = columns > *width ? columns : *width;
        }
}

static bool rest_is_empty(const struct table *table, size_t from)
{
        for (size_t i = from; i < table->n && (i == from || i % table->n_columns != 0); i++)
                if (*table->cells[i])
                        return false;
        return true;
}

static int print_cell(const struct table *table, size_t i, unsigned width, const struct terminal *terminal, FILE *out)
{
        unsigned pad = width - glyph_columns(table->cells[i], terminal->utf8);
        bool right = table->right >> (i % table->n_columns) & 1;
        bool last = (i + 1) % table->n_columns == 0 || rest_is_empty(table, i + 1);
        CLEANUP_FREE char *text = glyph_text(table->cells[i], 0, terminal->utf8);

        if (!text)
                return -ENOMEM;
        fprintf(out, "%*s%s%*s", right ? (int)pad : 0, "", text, right || last ? 0 : (int)pad, "");
        return last;
}

int table_print(const struct table *table, const struct terminal *terminal, unsigned indent, FILE *out)
{
        unsigned widths[TABLE_COLUMNS_MAX] = {0};

        if (table->error < 0)
                return table->error;
        measure(table, terminal->utf8, widths);
        for (size_t row = 0; row < table->n; row += table->n_columns) {
                int r = 0;

                fprintf(out, "%*s", (int)indent, "");
                for (size_t i = row; r == 0 && i < table->n; i++) {
                        fputs(i > row ? "  " : "", out);
                        r = print_cell(table, i, widths[i - row], terminal, out);
                }
                if (r < 0)
                        return r;
                fputc('\n', out);
        }
        return 0;
}
