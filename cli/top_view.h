/* The screen of `schedctl top`, drawn into a grid: a line of totals and one of reasons, the machine with who holds
 * what, readings, history, the runs, the selected run in words, a line of keys or messages. What there is room for
 * depends on the size, the machine and the readings alone, so that nothing jumps when runs come and go.
 */
#pragma once

#include "cli/grid.h"
#include "cli/top_model.h"

enum {
        TOP_WIDTH_MIN = 32,
        TOP_HEIGHT_MIN = 8,
};

/* Draws all of it; tells the model how many runs fit. -ENOMEM. */
int top_view_draw(struct top_model *m, struct grid *grid);
