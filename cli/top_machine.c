/* The machine in top: who holds which PU. */
#include <string.h>

#include "cli/top_parts.h"
#include "cli/topo_rows.h"
#include "lib/util.h"

enum detail {
        DETAIL_CELLS,  /* every PU with its number, cores in brackets */
        DETAIL_MARKS,  /* a mark a PU; a core's PUs below each other */
        DETAIL_COUNTS, /* a line a package and kind */
        DETAIL_TOTAL,
};

enum {
        COUNTS_WIDE = 64, /* columns from which on cores are counted besides PUs */
};

struct drawing {
        const struct top_model *model;
        struct grid *grid;
        const struct topo_rows *rows;
        unsigned y, label_width, digits;
};

static void mark_of(const struct top_model *m, unsigned pu, bool utf8, const char **ret_mark, unsigned *ret_style)
{
        static const char letters[] = "A\0B\0C\0D\0E\0F\0G\0H\0I\0J\0K\0L\0M\0N\0O\0P\0Q\0R\0S\0T\0U\0V\0W\0X\0Y\0Z\0"
                                      "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0t\0u\0v\0w\0x\0y\0z";
        int holder = m->holder[pu];
        char letter;

        *ret_style = holder == TOP_UNUSABLE ? GRID_DIM : GRID_PLAIN;
        *ret_mark = holder == TOP_UNUSABLE ? (utf8 ? "×" : "!") : holder == TOP_MANY ? "+" : NULL;
        if (holder < 0)
                return;
        letter = top_model_letter(m, m->status->leases[holder].id);
        *ret_style = top_lease_style(m, m->status->leases[holder].id);
        if (strcmp(m->status->leases[holder].id, m->selected) == 0)
                *ret_style |= GRID_REVERSE;
        *ret_mark = letter == '#' ? "#" : &letters[2 * (letter >= 'a' ? letter - 'a' + 26 : letter - 'A')];
}

/* "package 0  P  cache 1": what tells a row from the others of the machine. */
static void format_label(const struct drawing *d, const struct topo_row *row, char *buf, size_t size)
{
        const struct machine *m = d->model->machine;
        static const char *const boxes[] = {[TOPO_BY_PACKAGE] = "package", [TOPO_BY_NODE] = "node", [TOPO_WHOLE] = ""};
        size_t used = 0;

        buf[0] = '\0';
        if (d->rows->n_boxes > 1)
                used += (size_t)snprintf(buf + used, size - used, "%s %u ", boxes[d->rows->boxes], row->box);
        if (m->n_nodes > 1 && d->rows->boxes == TOPO_BY_PACKAGE && m->n_nodes != m->n_packages)
                used += (size_t)snprintf(buf + used, size - used, "node %u ", row->node);
        if (m->n_kinds > 1)
                used += (size_t)snprintf(buf + used, size - used, "%-4s ", m->kinds[row->kind].name);
        if (m->n_caches < m->n_cores && m->n_caches > d->rows->n_boxes && row->n_groups == 1)
                used += (size_t)snprintf(buf + used, size - used, "cache %u ", row->cache_first);
}

static unsigned measure_labels(const struct drawing *d)
{
        unsigned width = 0;
        char label[96];

        for (unsigned i = 0; i < d->rows->n; i++) {
                format_label(d, &d->rows->rows[i], label, sizeof(label));
                if (strlen(label) > width)
                        width = (unsigned)strlen(label);
        }
        return width;
}

static void put_label(const struct drawing *d, const struct topo_row *row)
{
        char label[96];

        format_label(d, row, label, sizeof(label));
        grid_put(d->grid, 0, d->y, GRID_PLAIN, "%s", label);
}

static unsigned count_pus(const struct topo_row *row)
{
        return row->n * row->n_groups;
}

static unsigned count_siblings(const struct machine_pu *pus, unsigned n)
{
        unsigned i = 1;

        while (i < n && pus[i].core == pus[0].core)
                i++;
        return i;
}

static unsigned most_siblings(const struct machine_pu *pus, unsigned n)
{
        unsigned most = 1;

        for (unsigned i = 0; i < n; i++)
                most = pus[i].smt_rank + 1 > most ? pus[i].smt_rank + 1 : most;
        return most;
}

/* So many of `n` in a line that the lines are about as long as each other. */
static unsigned spread(unsigned n, unsigned fit)
{
        unsigned lines = fit > 0 ? (n + fit - 1) / fit : n;

        return lines > 0 ? (n + lines - 1) / lines : 1;
}

static unsigned room(const struct drawing *d)
{
        return d->grid->width > d->label_width ? d->grid->width - d->label_width : 1;
}

/* "[ 0A  1 ]" */
static void draw_core(const struct drawing *d, unsigned x, const struct machine_pu *pus, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                const char *mark;
                unsigned style;

                mark_of(d->model, pus[i].os, d->grid->utf8, &mark, &style);
                x = grid_put(d->grid, x, d->y, GRID_PLAIN, i == 0 ? "[" : " ");
                x = grid_put(d->grid, x, d->y, style, "%*u%s", (int)d->digits, pus[i].os, mark ? mark : " ");
        }
        grid_put(d->grid, x, d->y, GRID_PLAIN, "]");
}

static void draw_cells(struct drawing *d, const struct topo_row *row)
{
        const struct machine_pu *pus = &d->rows->pus[row->first];
        unsigned n = count_pus(row), width = most_siblings(pus, n) * (d->digits + 2) + 2;
        unsigned per_line = spread(row->n_cores * row->n_groups, (room(d) + 1) / width), n_drawn = 0;

        put_label(d, row);
        for (unsigned i = 0, siblings; i < n; i += siblings, n_drawn++) {
                siblings = count_siblings(&pus[i], n - i);
                if (n_drawn > 0 && n_drawn % per_line == 0)
                        d->y++;
                draw_core(d, d->label_width + n_drawn % per_line * width, &pus[i], siblings);
        }
        d->y++;
}

static void draw_mark(const struct drawing *d, unsigned x, unsigned y, unsigned pu)
{
        const char *mark;
        unsigned style;

        mark_of(d->model, pu, d->grid->utf8, &mark, &style);
        grid_put(d->grid, x, y, style, "%s", mark ? mark : ".");
}

/* A core is a column: its first PU above its siblings. */
static void draw_marks(struct drawing *d, const struct topo_row *row)
{
        const struct machine_pu *pus = &d->rows->pus[row->first];
        unsigned n = count_pus(row), rows = most_siblings(pus, n);
        unsigned per_line = spread(row->n_cores * row->n_groups, room(d)), column = 0;

        put_label(d, row);
        for (unsigned i = 0, siblings; i < n; i += siblings) {
                siblings = count_siblings(&pus[i], n - i);
                if (column == per_line) {
                        column = 0;
                        d->y += rows;
                }
                for (unsigned k = 0; k < siblings; k++)
                        draw_mark(d, d->label_width + column, d->y + k, pus[i + k].os);
                column++;
        }
        d->y += rows;
}

/* "A 34  B 60  1 shared  98 free", from column x on. */
static void put_counts(const struct drawing *d, unsigned x, const struct machine_pu *pus, unsigned n)
{
        const struct top_model *m = d->model;
        unsigned n_free = 0, n_many = 0, n_unusable = 0;

        for (unsigned i = 0; i < n; i++) {
                n_free += m->holder[pus[i].os] == TOP_FREE;
                n_many += m->holder[pus[i].os] == TOP_MANY;
                n_unusable += m->holder[pus[i].os] == TOP_UNUSABLE;
        }
        x = grid_put(d->grid, x, d->y, GRID_PLAIN, "%u free", n_free);
        if (n_unusable > 0)
                x = grid_put(d->grid, x, d->y, GRID_DIM, "  %u not usable", n_unusable);
        if (n_many > 0)
                x = grid_put(d->grid, x, d->y, GRID_PLAIN, "  %u shared", n_many);
        for (size_t lease = 0; lease < m->status->n_leases; lease++) {
                const char *id = m->status->leases[lease].id;
                unsigned held = 0, style = top_lease_style(m, id);

                for (unsigned i = 0; i < n; i++)
                        held += m->holder[pus[i].os] == (int)lease;
                if (held == 0)
                        continue;
                if (strcmp(id, m->selected) == 0)
                        style |= GRID_REVERSE;
                x = grid_put(d->grid, x, d->y, GRID_PLAIN, "  ");
                x = grid_put(d->grid, x, d->y, style, "%c %u", top_model_letter(m, id), held);
        }
}

static void draw_counts(struct drawing *d, const struct topo_row *row)
{
        unsigned n_cores = row->n_cores * row->n_groups, x;

        put_label(d, row);
        x = d->label_width;
        if (d->grid->width >= COUNTS_WIDE || row->n == row->n_cores)
                x = grid_put(d->grid, x, d->y, GRID_PLAIN, "%3u core%s  ", n_cores, n_cores == 1 ? " " : "s");
        if (row->n > row->n_cores)
                x = grid_put(d->grid, x, d->y, GRID_PLAIN, "%3u PUs  ", count_pus(row));
        put_counts(d, x, &d->rows->pus[row->first], count_pus(row));
        d->y++;
}

static void draw_total(struct drawing *d)
{
        const struct machine *m = d->model->machine;
        unsigned x = grid_put(d->grid, 0, d->y, GRID_PLAIN, "%u PUs: ", m->n_pus);

        put_counts(d, x, d->rows->pus, m->n_pus);
        d->y++;
}

/* The rows taken. */
static unsigned draw(const struct top_model *m, const struct topo_rows *rows, struct grid *grid, unsigned y,
                     enum detail detail)
{
        struct drawing d = {.model = m, .grid = grid, .rows = rows, .y = y, .digits = 1};

        for (unsigned os = m->machine->pus[m->machine->n_pus - 1].os; os >= 10; os /= 10)
                d.digits++;
        d.label_width = measure_labels(&d);
        if (detail == DETAIL_TOTAL)
                draw_total(&d);
        for (unsigned i = 0; detail != DETAIL_TOTAL && i < rows->n; i++)
                if (detail == DETAIL_CELLS)
                        draw_cells(&d, &rows->rows[i]);
                else if (detail == DETAIL_MARKS)
                        draw_marks(&d, &rows->rows[i]);
                else
                        draw_counts(&d, &rows->rows[i]);
        return d.y - y;
}

int top_machine_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned most, unsigned *ret_rows)
{
        /* As if nothing were lent: what is drawn together is not to depend on who holds what. */
        const struct cpuset none = {0}, all = machine_cpuset(m->machine);
        struct grid nowhere = {.width = grid->width, .utf8 = grid->utf8};
        struct topo_rows rows;
        enum detail detail;
        int r = topo_rows_init(&rows, &(struct topo_view){.machine = m->machine, .usable = &all, .lent = &none});

        if (r < 0)
                return r;
        detail = rows.detailed ? DETAIL_CELLS : DETAIL_MARKS;
        while (detail < DETAIL_TOTAL && draw(m, &rows, &nowhere, 0, detail) > most) {
                topo_rows_merge(&rows);
                detail++;
        }
        *ret_rows = most > 0 ? draw(m, &rows, grid, y, detail) : 0;
        topo_rows_finish(&rows);
        return 0;
}
