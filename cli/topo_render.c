#include "cli/topo_render.h"

#include <string.h>

#include "cli/topo_rows.h"
#include "lib/util.h"

struct glyphs {
        const char *top_left, *top_right, *bottom_left, *bottom_right, *horizontal, *vertical;
        const char *mark[TOPO_STATES]; /* beside a PU's number */
        const char *dot[TOPO_STATES];  /* in place of a PU */
        const char *times, *separator;
};

static const struct glyphs ascii = {
        .top_left = "+",
        .top_right = "+",
        .bottom_left = "+",
        .bottom_right = "+",
        .horizontal = "-",
        .vertical = "|",
        .mark = {" ", "*", "x"},
        .dot = {".", "*", "x"},
        .times = "x",
        .separator = ",",
};

static const struct glyphs unicode = {
        .top_left = "╭",
        .top_right = "╮",
        .bottom_left = "╰",
        .bottom_right = "╯",
        .horizontal = "─",
        .vertical = "│",
        .mark = {" ", "●", "×"},
        .dot = {"○", "●", "×"},
        .times = "×",
        .separator = " ·",
};

static const enum topo_paint state_paint[TOPO_STATES] = {TOPO_PLAIN, TOPO_LENT, TOPO_OUT};
static const enum topo_state state_order[TOPO_STATES] = {TOPO_IS_LENT, TOPO_FREE, TOPO_UNUSABLE};
static const char *const state_name[TOPO_STATES] = {"free", "lent", "not usable"};

/* The drawing while it is made. */
struct page {
        const struct topo_view *view;
        struct topo_style style; /* width within bounds */
        const struct glyphs *glyphs;
        struct topo_rows rows;
        struct topo_line *lines; /* of the boxes' insides */
        unsigned *box_of_line;
        unsigned n_lines, n_allocated;
        unsigned label_width, list_width, digits;
};

static void page_finishp(struct page *page)
{
        topo_rows_finish(&page->rows);
        free(page->lines);
        free(page->box_of_line);
}

static struct topo_line *page_add_line(struct page *page, unsigned box)
{
        if (page->n_lines == page->n_allocated) {
                unsigned n = page->n_allocated * 2 + 16;
                struct topo_line *lines = reallocarray(page->lines, n, sizeof(*lines));

                if (!lines)
                        return NULL;
                page->lines = lines;

                unsigned *boxes = reallocarray(page->box_of_line, n, sizeof(*boxes));

                if (!boxes)
                        return NULL;
                page->box_of_line = boxes;
                page->n_allocated = n;
        }
        page->box_of_line[page->n_lines] = box;
        page->lines[page->n_lines] = (struct topo_line){0};
        return &page->lines[page->n_lines++];
}

static const char *plural(unsigned n)
{
        return n == 1 ? "" : "s";
}

/* "P    node 0  cache 1": what tells this row from the others of the machine. */
static void add_label(struct page *page, struct topo_line *line, const struct topo_row *row)
{
        const struct machine *m = page->view->machine;

        if (m->n_kinds > 1)
                topo_line_add(line, "%-5s", m->kinds[row->kind].name);
        if (m->n_nodes > 1 && page->rows.boxes != TOPO_BY_NODE && m->n_nodes != m->n_packages)
                topo_line_add(line, "node %-3u", row->node);
        if (m->n_caches < m->n_cores && m->n_caches > page->rows.n_boxes) {
                char range[32];

                if (row->n_groups > 1)
                        (void)snprintf(range, sizeof(range), "%u-%u", row->cache_first, row->cache_last);
                else
                        (void)snprintf(range, sizeof(range), "%u", row->cache_first);
                topo_line_add(line, "cache %-*s", page->rows.detailed ? 3 : 6, range);
        }
        topo_line_pad(line, page->label_width);
}

static unsigned measure_label(struct page *page)
{
        unsigned width = 0;

        for (unsigned i = 0; i < page->rows.n; i++) {
                struct topo_line line = {0};

                add_label(page, &line, &page->rows.rows[i]);
                if (line.columns > width)
                        width = line.columns;
        }
        return width;
}

static unsigned inside_width(const struct page *page)
{
        return page->style.width - 4;
}

/* One core: its PUs in brackets, each with a mark. */
static void add_core(const struct page *page, struct topo_line *line, const struct machine_pu *pus, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                enum topo_state state = topo_state_of(page->view, pus[i].os);

                topo_line_add(line, "%s", i == 0 ? "[" : " ");
                topo_line_paint(line, &page->style, state_paint[state], "%*u%s", (int)page->digits, pus[i].os,
                                page->glyphs->mark[state]);
        }
        topo_line_add(line, "]");
}

static unsigned count_siblings(const struct machine_pu *pus, unsigned n)
{
        unsigned i = 1;

        while (i < n && pus[i].core == pus[0].core)
                i++;
        return i;
}

/* How many cores go into a line, so that the lines of a row are about as long as each other. */
static unsigned cores_per_line(const struct page *page, const struct topo_row *row)
{
        unsigned widest = 1, room = inside_width(page) - page->label_width, fit, n_lines;

        for (unsigned i = 0; i < row->n; i++)
                if (page->rows.pus[row->first + i].smt_rank + 1 > widest)
                        widest = page->rows.pus[row->first + i].smt_rank + 1;
        fit = (room + 1) / (widest * (page->digits + 2) + 2);
        if (fit == 0)
                return 1;
        n_lines = (row->n_cores + fit - 1) / fit;
        return (row->n_cores + n_lines - 1) / n_lines;
}

static int draw_cores(struct page *page, const struct topo_row *row)
{
        unsigned per_line = cores_per_line(page, row), n_drawn = 0;
        struct topo_line *line = NULL;

        for (unsigned i = 0; i < row->n;) {
                const struct machine_pu *pus = &page->rows.pus[row->first + i];
                unsigned n = count_siblings(pus, row->n - i);

                if (n_drawn % per_line == 0) {
                        line = page_add_line(page, row->box);
                        if (!line)
                                return -ENOMEM;
                        if (n_drawn == 0)
                                add_label(page, line, row);
                        topo_line_pad(line, page->label_width);
                } else {
                        topo_line_add(line, " ");
                }
                add_core(page, line, pus, n);
                n_drawn++;
                i += n;
        }
        return 0;
}

enum {
        COUNT_WIDTH = 15,
        LIST_WIDTH_MIN = 12,
        STATE_WIDTH = 24,
};

/* As wide as the longest list, if that leaves room for the states. */
static unsigned measure_list(const struct page *page)
{
        unsigned used = page->label_width + COUNT_WIDTH + STATE_WIDTH, room = inside_width(page), width = 0;
        char list[TOPO_WIDTH_MAX];

        room = room > used + LIST_WIDTH_MIN ? room - used : LIST_WIDTH_MIN;
        for (unsigned i = 0; i < page->rows.n; i++) {
                topo_format_list(&page->rows.rows[i].set, list, room + 1);
                if (strlen(list) > width)
                        width = (unsigned)strlen(list);
        }
        return width;
}

/* "free", or "10 lent, 6 free". */
static void add_states(const struct page *page, struct topo_line *line, const struct topo_row *row)
{
        unsigned n_pus = cpuset_count(&row->set);
        const char *comma = "";

        for (unsigned i = 0; i < TOPO_STATES; i++) {
                enum topo_state state = state_order[i];

                if (row->in_state[state] == 0)
                        continue;
                topo_line_add(line, "%s", comma);
                if (row->in_state[state] == n_pus)
                        topo_line_paint(line, &page->style, state_paint[state], "%s", state_name[state]);
                else
                        topo_line_paint(line, &page->style, state_paint[state], "%u %s", row->in_state[state],
                                        state_name[state]);
                comma = ", ";
        }
}

static unsigned count_rank(const struct page *page, const struct topo_row *row, unsigned rank)
{
        unsigned n = 0;

        for (unsigned i = 0; i < row->n; i++)
                n += page->rows.pus[row->first + i].smt_rank == rank;
        return n;
}

static struct topo_line *add_dots_line(struct page *page, const struct topo_row *row)
{
        struct topo_line *line = page_add_line(page, row->box);

        if (line)
                topo_line_pad(line, page->label_width);
        return line;
}

/* A dot a PU: the cores' first PUs, their second ones…; each of these together in a line if that can be. */
static int draw_dots(struct page *page, const struct topo_row *row)
{
        struct topo_line *line = add_dots_line(page, row);
        unsigned n, end = inside_width(page);

        for (unsigned rank = 0; line && (n = count_rank(page, row, rank)) > 0; rank++) {
                if (rank > 0 && line->columns + 1 + n > end)
                        line = add_dots_line(page, row);
                else if (rank > 0)
                        topo_line_add(line, " ");
                for (unsigned i = 0; line && i < row->n; i++) {
                        const struct machine_pu *pu = &page->rows.pus[row->first + i];
                        enum topo_state state = topo_state_of(page->view, pu->os);

                        if (pu->smt_rank != rank)
                                continue;
                        if (line->columns >= end)
                                line = add_dots_line(page, row);
                        if (line)
                                topo_line_paint(line, &page->style, state_paint[state], "%s", page->glyphs->dot[state]);
                }
        }
        return line ? 0 : -ENOMEM;
}

static int draw_counts(struct page *page, const struct topo_row *row)
{
        struct topo_line *line = page_add_line(page, row->box);
        unsigned start = page->label_width + COUNT_WIDTH;
        char list[TOPO_WIDTH_MAX];

        if (!line)
                return -ENOMEM;
        add_label(page, line, row);
        if (row->n_groups > 1)
                topo_line_add(line, "%u %s ", row->n_groups, page->glyphs->times);
        topo_line_add(line, "%u core%s", row->n_cores, plural(row->n_cores));
        topo_line_pad(line, start);
        topo_format_list(&row->set, list, page->list_width + 1);
        topo_line_add(line, "%s", list);
        topo_line_pad(line, start + page->list_width + 2);
        add_states(page, line, row);
        for (unsigned i = 0; i < TOPO_STATES; i++)
                if (row->in_state[i] > 0 && row->in_state[i] < row->n)
                        return draw_dots(page, row);
        return 0;
}

static void print_rule(const struct page *page, const char *left, const char *title, const char *right, unsigned width,
                       FILE *out)
{
        struct topo_line line = {0};

        topo_line_add(&line, "%s%s", left, page->glyphs->horizontal);
        if (*title) {
                topo_line_add(&line, " ");
                topo_line_paint(&line, &page->style, TOPO_TITLE, "%s", title);
                topo_line_add(&line, " ");
        }
        while (line.columns < width + 3 && line.used + 8 < sizeof(line.text))
                topo_line_add(&line, "%s", page->glyphs->horizontal);
        topo_line_add(&line, "%s", right);
        fprintf(out, "%s\n", line.text);
}

/* "package 0, node 0" where the two are the same, "node 3, packages 24-31" where nodes are drawn. */
static void format_title(const struct page *page, unsigned box, char *buf, size_t size)
{
        const struct machine *m = page->view->machine;
        struct cpuset packages = {0};
        char list[64];

        for (unsigned i = 0; i < m->n_pus; i++)
                if (page->rows.boxes != TOPO_BY_NODE || m->pus[i].node == box)
                        cpuset_add(&packages, m->pus[i].package);
        topo_format_list(&packages, list, sizeof(list));
        if (page->rows.boxes == TOPO_BY_NODE)
                (void)snprintf(buf, size, "node %u, package%s %s", box, plural(cpuset_count(&packages)), list);
        else if (page->rows.boxes == TOPO_WHOLE)
                (void)snprintf(buf, size, "packages %s", list);
        else if (m->n_nodes == m->n_packages && m->n_nodes > 1)
                (void)snprintf(buf, size, "package %u, node %u", box, box);
        else
                (void)snprintf(buf, size, "package %u", box);
}

static void print_box(const struct page *page, unsigned box, unsigned width, FILE *out)
{
        const struct glyphs *g = page->glyphs;
        char title[96];

        format_title(page, box, title, sizeof(title));
        print_rule(page, g->top_left, title, g->top_right, width, out);
        for (unsigned i = 0; i < page->n_lines; i++) {
                struct topo_line *line = &page->lines[i];

                if (page->box_of_line[i] != box)
                        continue;
                topo_line_pad(line, width);
                fprintf(out, "%s %s %s\n", g->vertical, line->text, g->vertical);
        }
        print_rule(page, g->bottom_left, "", g->bottom_right, width, out);
}

static int draw_boxes(struct page *page, FILE *out)
{
        unsigned width = TOPO_WIDTH_MIN - 4;
        int r = 0;

        page->label_width = measure_label(page);
        page->list_width = measure_list(page);
        for (unsigned i = 0; r >= 0 && i < page->rows.n; i++)
                r = page->rows.detailed ? draw_cores(page, &page->rows.rows[i])
                                        : draw_counts(page, &page->rows.rows[i]);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < page->n_lines; i++)
                if (page->lines[i].columns > width)
                        width = page->lines[i].columns;
        for (unsigned box = 0; box < page->rows.n_boxes; box++)
                print_box(page, box, width, out);
        return 0;
}

static void print_numbers(const struct page *page, FILE *out)
{
        const struct machine *m = page->view->machine;

        fprintf(out, "%u package%s", m->n_packages, plural(m->n_packages));
        if (m->n_nodes > 1)
                fprintf(out, ", %u NUMA nodes", m->n_nodes);
        if (m->n_caches > 1 && m->n_caches < m->n_cores)
                fprintf(out, ", %u last-level caches", m->n_caches);
        fprintf(out, ", %u core%s, %u PU%s\n", m->n_cores, plural(m->n_cores), m->n_pus, plural(m->n_pus));
        for (unsigned kind = 0; m->n_kinds > 1 && kind < m->n_kinds; kind++) {
                const struct machine_kind *k = &m->kinds[kind];
                struct cpuset set = machine_kind_cpuset(m, kind);
                unsigned n_pus = cpuset_count(&set);

                fprintf(out, "  %-5s%u core%s", k->name, k->n_cores, plural(k->n_cores));
                if (n_pus > k->n_cores)
                        fprintf(out, ", %u PUs", n_pus);
                fprintf(out, ", speed %.2f\n", k->speed);
        }
}

static void print_legend(const struct page *page, FILE *out)
{
        struct topo_line line = {0};
        unsigned n[TOPO_STATES] = {0};
        const char *between = "";

        for (unsigned i = 0; i < page->view->machine->n_pus; i++)
                n[topo_state_of(page->view, page->view->machine->pus[i].os)]++;
        for (unsigned i = 0; i < TOPO_STATES; i++) {
                enum topo_state state = state_order[i];
                const char *glyph = page->rows.detailed ? page->glyphs->mark[state] : page->glyphs->dot[state];

                if (n[state] == 0)
                        continue;
                topo_line_add(&line, "%s", between);
                if (*glyph != ' ')
                        topo_line_paint(&line, &page->style, state_paint[state], "%s ", glyph);
                topo_line_add(&line, "%u %s", n[state], state_name[state]);
                between = "   ";
        }
        fprintf(out, "%s\n", line.text);
}

static unsigned count_digits(const struct machine *m)
{
        unsigned digits = 1;

        for (unsigned os = m->pus[m->n_pus - 1].os; os >= 10; os /= 10)
                digits++;
        return digits;
}

static struct topo_style bounded(const struct topo_style *style)
{
        struct topo_style result = *style;

        if (result.width < TOPO_WIDTH_MIN)
                result.width = TOPO_WIDTH_MIN;
        if (result.width > TOPO_WIDTH_MAX)
                result.width = TOPO_WIDTH_MAX;
        return result;
}

int topo_render(const struct topo_view *view, const struct topo_style *style, FILE *out)
{
        CLEANUP(page_finishp)
        struct page page = {
                .view = view,
                .style = bounded(style),
                .glyphs = style->utf8 ? &unicode : &ascii,
                .digits = count_digits(view->machine),
        };
        int r = topo_rows_init(&page.rows, view);

        if (r < 0)
                return r;
        print_numbers(&page, out);
        r = draw_boxes(&page, out);
        if (r < 0)
                return r;
        print_legend(&page, out);
        return ferror(out) ? -EIO : 0;
}
