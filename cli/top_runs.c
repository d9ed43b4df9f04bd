/* The runs in top. */
#include <stdio.h>
#include <string.h>

#include "cli/amounts.h"
#include "cli/top_parts.h"
#include "cli/topo_render.h"
#include "lib/params.h"
#include "lib/util.h"

enum {
        CELL_MAX = 64, /* bytes */
};

unsigned top_lease_style(const struct top_model *m, const char *lease)
{
        char letter = top_model_letter(m, lease);

        if (letter == '#')
                return GRID_BOLD;
        return (unsigned)((letter >= 'a' ? letter - 'a' + 26 : letter - 'A') % GRID_COLOURS + 1) | GRID_BOLD;
}

static void format_lease(const struct view_lease *lease, char cell[static CELL_MAX])
{
        (void)snprintf(cell, CELL_MAX, "%s", lease->id);
}

static void format_user(const struct view_lease *lease, char cell[static CELL_MAX])
{
        (void)snprintf(cell, CELL_MAX, "%s", lease->user);
}

static void format_priority(const struct view_lease *lease, char cell[static CELL_MAX])
{
        (void)snprintf(cell, CELL_MAX, "%s", params_priorities[lease->priority]);
}

static void format_weight(const struct view_lease *lease, char cell[static CELL_MAX])
{
        (void)snprintf(cell, CELL_MAX, "%u", lease->weight);
}

static void format_count(const struct view_lease *lease, char cell[static CELL_MAX])
{
        (void)snprintf(cell, CELL_MAX, "%u", cpuset_count(&lease->pus));
}

static void format_list(const struct view_lease *lease, char cell[static CELL_MAX])
{
        topo_format_list(&lease->pus, cell, 25);
}

static void format_work(const struct view_lease *lease, char cell[static CELL_MAX])
{
        amount_rate(lease->work_rate, cell);
}

static void format_age(const struct view_lease *lease, char cell[static CELL_MAX])
{
        amount_time(lease->age_ms, cell);
}

static void format_ends(const struct view_lease *lease, char cell[static CELL_MAX])
{
        if (lease->paused)
                (void)snprintf(cell, CELL_MAX, "paused");
        else if (lease->position > 0)
                (void)snprintf(cell, CELL_MAX, "waits %u", lease->position);
        else if (lease->detached)
                (void)snprintf(cell, CELL_MAX, "unclaimed");
        else if (lease->ends_in_ms == VIEW_UNKNOWN)
                (void)snprintf(cell, CELL_MAX, "-");
        else
                amount_time(lease->ends_in_ms, cell);
}

/* Left to right; those that need a wider screen are left out of narrower ones. The label takes what is left. */
static const struct column {
        const char *title;
        unsigned width;
        bool right;
        unsigned from; /* columns of the screen */
        void (*format)(const struct view_lease *lease, char cell[static CELL_MAX]);
} columns[] = {
        {"LEASE", 5, true, 0, format_lease},          {"USER", 8, false, 60, format_user},
        {"PRIORITY", 11, false, 50, format_priority}, {"WEIGHT", 6, true, 100, format_weight},
        {"CPUS", 4, true, 0, format_count},           {"WHICH", 24, false, 120, format_list},
        {"WORK", 6, true, 70, format_work},           {"AGE", 7, true, 60, format_age},
        {"ENDS IN", 9, true, 0, format_ends},
};

static void draw_titles(struct grid *grid, unsigned y)
{
        unsigned x = 2;

        for (size_t i = 0; i < ELEMENTSOF(columns); i++)
                if (grid->width >= columns[i].from) {
                        grid_put_field(grid, x, y, columns[i].width, columns[i].right, GRID_BOLD, columns[i].title);
                        x += columns[i].width + 1;
                }
        grid_put(grid, x + 1, y, GRID_BOLD, "LABEL");
}

static void draw_run(const struct top_model *m, struct grid *grid, unsigned y, const struct view_lease *lease)
{
        unsigned x = 2;
        char cell[CELL_MAX];

        grid_put(grid, 0, y, top_lease_style(m, lease->id), "%c", top_model_letter(m, lease->id));
        for (size_t i = 0; i < ELEMENTSOF(columns); i++)
                if (grid->width >= columns[i].from) {
                        columns[i].format(lease, cell);
                        grid_put_field(grid, x, y, columns[i].width, columns[i].right, GRID_PLAIN, cell);
                        x += columns[i].width + 1;
                }
        if (lease->label && x + 1 < grid->width)
                grid_put_field(grid, x + 1, y, grid->width - x - 1, false, GRID_PLAIN, lease->label);
        if (lease == top_model_selected(m))
                grid_paint_row(grid, y, GRID_REVERSE);
}

/* Page by page, so that the rows stand still while the selection moves. */
void top_runs_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned rows)
{
        unsigned page = rows > 1 ? rows - 1 : 1, first = m->index / page * page;

        draw_titles(grid, y);
        if (m->status->n_leases == 0)
                grid_put(grid, 2, y + 1, GRID_DIM, "Nothing is lent.");
        for (unsigned i = 0; i < page && first + i < m->status->n_leases; i++)
                draw_run(m, grid, y + 1 + i, &m->status->leases[first + i]);
        if (m->status->n_leases > page && grid->width >= 60) {
                unsigned last = first + page < m->status->n_leases ? first + page : (unsigned)m->status->n_leases;
                char shown[CELL_MAX];

                (void)snprintf(shown, sizeof(shown), "%u to %u of %zu", first + 1, last, m->status->n_leases);
                grid_put_field(grid, grid->width - 20, y, 20, true, GRID_DIM, shown);
        }
}

void top_selected_draw(const struct top_model *m, struct grid *grid, unsigned y)
{
        const struct view_lease *lease = top_model_selected(m);
        unsigned x, n = lease ? cpuset_count(&lease->pus) : 0;
        char list[CELL_MAX], expected[AMOUNT_MAX];

        if (!lease)
                return;
        topo_format_list(&lease->pus, list, 40);
        x = grid_put(grid, 0, y, top_lease_style(m, lease->id), "%c ", top_model_letter(m, lease->id));
        x = grid_put(grid, x, y, GRID_PLAIN, "%u CPU%s", n, n == 1 ? "" : "s");
        if (lease->max < cpuset_count(&m->status->usable))
                x = grid_put(grid, x, y, GRID_PLAIN, " of at most %u", lease->max);
        x = grid_put(grid, x, y, GRID_PLAIN, "%s%s: %s", *list ? ", " : "", list, lease->reason);
        if (lease->position > 0 && lease->expected_ms != VIEW_UNKNOWN) {
                amount_time(lease->expected_ms, expected);
                x = grid_put(grid, x, y, GRID_PLAIN, "; one expected in %s", expected);
        }
        grid_put(grid, x, y, GRID_PLAIN, "; weight %u", lease->weight);
}
