/* The parts of top's screen. Each draws from row `y` on, as far as the grid goes, and returns the rows it takes. */
#pragma once

#include "cli/grid.h"
#include "cli/top_model.h"

/* The colour of a lease, the same wherever it shows. */
unsigned top_lease_style(const struct top_model *m, const char *lease);

/* The machine in at most `most` rows: every PU with its number, or a mark a PU, SMT siblings below each other, or
 * counts for each kind and package, or one line. -ENOMEM; ret_rows stays untouched then. */
int top_machine_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned most, unsigned *ret_rows);

/* Temperatures and power first, as many readings as `most` rows hold. */
unsigned top_readings_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned most);
/* Budget, lent and hottest over time: three rows, or what is lent in one. */
unsigned top_past_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned rows);

/* The table of runs, its title included, in exactly `rows` rows. */
void top_runs_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned rows);
/* The selected run in a line. */
void top_selected_draw(const struct top_model *m, struct grid *grid, unsigned y);
