#include "cli/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "lib/util.h"

enum {
        TEXT_MAX = 1024, /* bytes of what one grid_put() writes */
};

int grid_init(struct grid *grid, unsigned width, unsigned height, bool utf8)
{
        struct grid_cell *cells = calloc((size_t)width * height + 1, sizeof(*cells));

        if (!cells)
                return -ENOMEM;
        *grid = (struct grid){.width = width, .height = height, .utf8 = utf8, .cells = cells};
        grid_clear(grid);
        return 0;
}

void grid_finish(struct grid *grid)
{
        free(grid->cells);
        *grid = (struct grid){0};
}

void grid_clear(struct grid *grid)
{
        for (size_t i = 0; i < (size_t)grid->width * grid->height; i++)
                grid->cells[i] = (struct grid_cell){.character = L' '};
}

static void put_glyph(struct grid *grid, unsigned x, unsigned y, unsigned style, const struct glyph *g)
{
        struct grid_cell *cell = &grid->cells[(size_t)y * grid->width + x];

        cell[0] = (struct grid_cell){g->character, style};
        if (g->columns == 2)
                cell[1] = (struct grid_cell){0, style};
}

static unsigned put_text(struct grid *grid, unsigned x, unsigned y, unsigned style, const char *text)
{
        struct glyph g;

        while (x < grid->width && glyph_next(&text, grid->utf8, &g)) {
                if (x + g.columns > grid->width)
                        return grid->width;
                if (y < grid->height)
                        put_glyph(grid, x, y, style, &g);
                x += g.columns;
        }
        return x;
}

unsigned grid_put(struct grid *grid, unsigned x, unsigned y, unsigned style, const char *format, ...)
{
        char text[TEXT_MAX];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        return put_text(grid, x, y, style, text);
}

void grid_put_field(struct grid *grid, unsigned x, unsigned y, unsigned width, bool right, unsigned style,
                    const char *text)
{
        CLEANUP_FREE char *shown = width > 0 ? glyph_text(text, width, grid->utf8) : NULL;
        unsigned columns = shown ? glyph_columns(shown, grid->utf8) : 0;

        if (shown)
                put_text(grid, right && columns < width ? x + width - columns : x, y, style, shown);
}

void grid_paint_row(struct grid *grid, unsigned y, unsigned style)
{
        for (unsigned x = 0; y < grid->height && x < grid->width; x++)
                grid->cells[(size_t)y * grid->width + x].style |= style;
}
