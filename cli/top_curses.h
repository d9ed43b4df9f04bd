/* The terminal of `schedctl top`, by ncurses: cells onto the screen, keys from it. One at a time. */
#pragma once

#include "cli/grid.h"

/* Takes over the terminal. NULL, or why it cannot be done. */
const char *top_curses_open(bool colour);
/* Leaves the terminal as it was. */
void top_curses_close(void);
/* Reads the terminal's size anew. */
void top_curses_resize(void);
void top_curses_size(unsigned *ret_width, unsigned *ret_height);
/* Shows the grid; ncurses sends what differs. */
void top_curses_show(const struct grid *grid);
/* What is on the screen may be somebody else's: the next show sends everything. */
void top_curses_repaint(void);
/* The next key, a character or an enum top_key; 0 none is there, or none that means something. *ret_more: read on. */
unsigned top_curses_key(bool *ret_more);
