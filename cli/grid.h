/* A screen as cells in memory: drawn into by cli/top_view.c, shown by cli/top_curses.c, compared by tests.
 *
 * What lies outside is clipped, so that a grid without rows measures. Text is UTF-8 and comes out as cli/glyphs.h says.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

enum {
        GRID_COLOURS = 6, /* 1 to 6, as ECMA-48 counts them: red, green, yellow, blue, magenta, cyan; 0 none */
        GRID_COLOUR_MASK = 7,
};

enum grid_style {
        GRID_PLAIN = 0,
        GRID_RED = 1,
        GRID_GREEN = 2,
        GRID_YELLOW = 3,
        GRID_BOLD = 8,
        GRID_DIM = 16,
        GRID_REVERSE = 32,
};

struct grid_cell {
        wchar_t character; /* 0: the right half of the one before */
        unsigned style;    /* of enum grid_style, or'ed */
};

struct grid {
        unsigned width, height;
        bool utf8;
        struct grid_cell *cells; /* row by row */
};

/* Blank. -ENOMEM. */
int grid_init(struct grid *grid, unsigned width, unsigned height, bool utf8);
void grid_finish(struct grid *grid);
void grid_clear(struct grid *grid);

/* Writes from column x on, at most to the end of the row; the column behind what was written. */
unsigned grid_put(struct grid *grid, unsigned x, unsigned y, unsigned style, const char *format, ...)
        __attribute__((format(printf, 5, 6)));
/* Writes into a field of `width` columns, flush left or right; what is too long ends in an ellipsis. */
void grid_put_field(struct grid *grid, unsigned x, unsigned y, unsigned width, bool right, unsigned style,
                    const char *text);
/* The whole row in this style, besides what it has. */
void grid_paint_row(struct grid *grid, unsigned y, unsigned style);
