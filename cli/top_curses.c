#include "cli/top_curses.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "cli/top_model.h"

enum {
        ESCAPE_MS = 50, /* in which the rest of a key's sequence has to come, over a slow line too */
};

static SCREEN *screen;
static bool with_colour;

/* ncurses' own checks end the process. */
static const char *check_terminal(void)
{
        const char *term = getenv("TERM");
        bool moves;
        int error;

        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
                return "needs a terminal; 'schedctl status --watch' does not";
        if (!term || !*term)
                return "TERM is not set: what the terminal can do is not known";
        if (setupterm(NULL, STDOUT_FILENO, &error) != OK)
                return "the terminal that TERM names is not known here";
        moves = cursor_address != NULL;
        del_curterm(cur_term); /* newterm() makes its own */
        if (!moves)
                return "the terminal that TERM names cannot move its cursor; 'schedctl status --watch' does without";
        return NULL;
}

static void start_colour(void)
{
        with_colour = start_color() == OK && use_default_colors() == OK;
        for (short i = 1; with_colour && i <= GRID_COLOURS; i++)
                init_pair(i, i, -1);
}

const char *top_curses_open(bool colour)
{
        const char *problem = check_terminal();

        if (problem)
                return problem;
        screen = newterm(NULL, stdout, stdin);
        if (!screen)
                return "the terminal cannot be used";
        set_escdelay(ESCAPE_MS);
        cbreak();
        noecho();
        nonl();
        keypad(stdscr, TRUE);
        nodelay(stdscr, TRUE);
        (void)curs_set(0);
        if (colour && has_colors())
                start_colour();
        return NULL;
}

void top_curses_close(void)
{
        if (!screen)
                return;
        endwin();
        delscreen(screen);
        screen = NULL;
}

void top_curses_resize(void)
{
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
                resizeterm(size.ws_row, size.ws_col);
}

void top_curses_size(unsigned *ret_width, unsigned *ret_height)
{
        int height, width;

        getmaxyx(stdscr, height, width);
        *ret_width = (unsigned)(width > 0 ? width : 1);
        *ret_height = (unsigned)(height > 0 ? height : 1);
}

static attr_t attributes_of(unsigned style)
{
        return (style & GRID_BOLD ? A_BOLD : A_NORMAL) | (style & GRID_DIM ? A_DIM : A_NORMAL) |
               (style & GRID_REVERSE ? A_REVERSE : A_NORMAL);
}

void top_curses_show(const struct grid *grid)
{
        for (unsigned y = 0; y < grid->height; y++)
                for (unsigned x = 0; x < grid->width; x++) {
                        const struct grid_cell *cell = &grid->cells[(size_t)y * grid->width + x];
                        wchar_t text[2] = {cell->character};
                        short colour = with_colour ? (short)(cell->style & GRID_COLOUR_MASK) : 0;
                        cchar_t c;

                        if (cell->character != 0 && setcchar(&c, text, attributes_of(cell->style), colour, NULL) == OK)
                                mvadd_wch((int)y, (int)x, &c);
                }
        refresh();
}

void top_curses_repaint(void)
{
        clearok(curscr, TRUE);
}

unsigned top_curses_key(bool *ret_more)
{
        static const struct {
                wint_t from;
                unsigned to;
        } keys[] = {
                {KEY_UP, TOP_KEY_UP},           {KEY_DOWN, TOP_KEY_DOWN},           {KEY_PPAGE, TOP_KEY_PAGE_UP},
                {KEY_NPAGE, TOP_KEY_PAGE_DOWN}, {KEY_HOME, TOP_KEY_HOME},           {KEY_END, TOP_KEY_END},
                {KEY_ENTER, TOP_KEY_ENTER},     {KEY_BACKSPACE, TOP_KEY_BACKSPACE},
        };
        wint_t key;
        int r = get_wch(&key);

        *ret_more = r != ERR;
        if (r == KEY_CODE_YES) {
                for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                        if (keys[i].from == key)
                                return keys[i].to;
                return 0;
        }
        if (r == ERR)
                return 0;
        if (key == '\r' || key == '\n')
                return TOP_KEY_ENTER;
        if (key == 0x7f || key == '\b')
                return TOP_KEY_BACKSPACE;
        return key == 0x1b ? (unsigned)TOP_KEY_ESCAPE : (unsigned)key;
}
