#include "cli/top_view.h"

#include <stdio.h>
#include <string.h>

#include "cli/glyphs.h"
#include "cli/top_parts.h"
#include "lib/util.h"

/* The rows of the screen, decided before anything is drawn. */
struct layout {
        unsigned reason, machine, readings, past, runs, selected;
};

static struct layout lay_out(unsigned width, unsigned height)
{
        struct layout l = {
                .reason = width < 64 && height >= 16 ? 2 : 1,
                .readings = height >= 40   ? 6
                            : height >= 30 ? 4
                            : height >= 20 ? 2
                            : height >= 12 ? 1
                                           : 0,
                .past = height >= 20   ? 3
                        : height >= 16 ? 1
                                       : 0,
                .runs = 1 + (height / 5 > 2 ? height / 5 : 2),
                .selected = height >= 12 ? 1 : 0,
        };
        unsigned others = 2 + l.reason + l.readings + l.past + l.runs + l.selected;

        l.machine = height > others ? height - others : 1;
        return l;
}

static void draw_totals(const struct top_model *m, struct grid *grid)
{
        unsigned x = grid_put(grid, 0, 0, GRID_BOLD, "schedctl top"), n = (unsigned)m->status->n_leases;
        bool wide = grid->width >= 64;
        char lent[96], waiting[32] = "";

        if (m->headroom && wide)
                grid_put(grid, x, 0, GRID_PLAIN, "  policy %s", m->headroom->policy);
        if (m->n_waiting > 0 && wide)
                (void)snprintf(waiting, sizeof(waiting), ", %u wait%s", m->n_waiting, m->n_waiting == 1 ? "s" : "");
        (void)snprintf(lent, sizeof(lent), wide ? "%u of %u CPUs lent to %u run%s%s" : "%u of %u lent, %u run%s%s",
                       m->n_lent, m->status->budget, n, n == 1 ? "" : "s", waiting);
        grid_put_field(grid, x + 1, 0, grid->width - x - 1, true, GRID_PLAIN, lent);
}

/* Where a text of `width` columns a line is to be broken: behind a blank; NULL where it need not be. */
static const char *find_break(const char *text, unsigned width, bool utf8)
{
        const char *last = NULL;
        struct glyph g;
        unsigned columns = 0;

        if (glyph_columns(text, utf8) <= width)
                return NULL;
        while (columns <= width && glyph_next(&text, utf8, &g)) {
                columns += g.columns;
                if (g.character == L' ')
                        last = text;
        }
        return last;
}

static void draw_reason(const struct top_model *m, struct grid *grid, unsigned y, unsigned rows)
{
        const char *reason = m->headroom ? m->headroom->reason : m->status->budget_reason, *rest;
        bool cut = m->headroom && m->headroom->budget < m->headroom->of;
        unsigned style = m->headroom && m->headroom->hold ? GRID_RED | GRID_BOLD : cut ? GRID_YELLOW : GRID_PLAIN;

        rest = rows > 1 ? find_break(reason, grid->width, grid->utf8) : NULL;
        if (!rest) {
                grid_put_field(grid, 0, y, grid->width, false, style, reason);
                return;
        }
        grid_put(grid, 0, y, style, "%.*s", (int)(rest - reason), reason);
        grid_put_field(grid, 0, y + 1, grid->width, false, style, rest);
}

static void draw_last_line(const struct top_model *m, struct grid *grid)
{
        unsigned y = grid->height - 1;
        const char *keys = grid->width >= 76   ? "arrows select  p pause  i n b + - priority  w weight  ? help  q quit"
                           : grid->width >= 48 ? "arrows  p pause  i n b + - w  ? help  q quit"
                                               : "p pause  ? help  q quit";

        if (!m->status && !m->help)
                keys = "q quit";
        if (m->typing) {
                grid_put(grid, 0, y, GRID_BOLD, "Weight of run %s, 1 to 10000: %s_", m->selected, m->digits);
        } else if (*m->message) {
                grid_put_field(grid, 0, y, grid->width, false, GRID_BOLD, m->message);
        } else {
                grid_put_field(grid, 0, y, grid->width, false, GRID_DIM, keys);
        }
}

static int draw_all(struct top_model *m, struct grid *grid)
{
        struct layout l = lay_out(grid->width, grid->height);
        unsigned y = 1 + l.reason, rows = 0;
        int r = m->machine ? top_machine_draw(m, grid, y, l.machine, &rows) : 0;

        if (r < 0)
                return r;
        y += rows;
        /* What a small machine leaves is the readings' and the runs'. */
        y += top_readings_draw(m, grid, y, l.readings > 0 ? l.readings + (l.machine - rows) / 2 : 0);
        y += top_past_draw(m, grid, y, l.past);
        draw_totals(m, grid);
        draw_reason(m, grid, 1, l.reason);
        rows = grid->height - 1 - l.selected - y;
        m->page = rows > 1 ? rows - 1 : 1;
        top_runs_draw(m, grid, y, rows);
        if (l.selected)
                top_selected_draw(m, grid, grid->height - 2);
        draw_last_line(m, grid);
        return 0;
}

static void draw_absence(const struct top_model *m, struct grid *grid)
{
        unsigned y = grid->height / 2 - 1;

        grid_put(grid, 0, 0, GRID_BOLD, "schedctl top");
        grid_put_field(grid, 2, y, grid->width - 2, false, GRID_BOLD, m->problem);
        grid_put_field(grid, 2, y + 1, grid->width - 2, false, GRID_PLAIN, "It is looked for every second.");
        draw_last_line(m, grid);
}

static void draw_help(struct grid *grid)
{
        static const char *const lines[] = {
                "schedctl top: who holds which CPUs, and what limits them",
                "",
                "arrows, j k     select a run; its CPUs are highlighted",
                "p               pause it, or let it go on",
                "i n b           priority: interactive, normal, batch",
                "+ -             priority: one up, one down",
                "w               type its weight",
                "control-L       draw anew",
                "q               quit",
                "",
                "A letter is the run that holds a CPU; + several share it;",
                ". nobody; x or ! it cannot be used. SMT siblings stand in",
                "one bracket, or below each other.",
                "WORK: seconds of estimated work done a second.",
                "History: a column is 5 seconds.",
                "Only your own runs can be changed. Any key goes back.",
        };

        for (unsigned i = 0; i < ELEMENTSOF(lines); i++)
                grid_put_field(grid, 0, i, grid->width, false, i == 0 ? GRID_BOLD : GRID_PLAIN, lines[i]);
}

int top_view_draw(struct top_model *m, struct grid *grid)
{
        grid_clear(grid);
        if (grid->width < TOP_WIDTH_MIN || grid->height < TOP_HEIGHT_MIN) {
                grid_put(grid, 0, 0, GRID_PLAIN, "needs %dx%d", TOP_WIDTH_MIN, TOP_HEIGHT_MIN);
                return 0;
        }
        if (m->help)
                draw_help(grid);
        else if (!m->status)
                draw_absence(m, grid);
        else
                return draw_all(m, grid);
        return 0;
}
