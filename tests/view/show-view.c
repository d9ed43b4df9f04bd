/* Prints what the user would see of a state that standard input describes, as the golden files have it.
 *
 * One JSON object: what ("top", "status", "explain", or "sizes" for every size), width, height, utf8; machine:
 * GetMachine's reply; steps: an array of [ms, Monitor's reply, or null and then the problem]; keys: an array of
 * numbers. top's screen comes as text, a row a line without its blanks at the end, then the calls that the keys ask
 * for; with "styles" the row's styles as well.
 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/machine_reply.h"
#include "cli/status_print.h"
#include "cli/top_view.h"
#include "lib/client.h"

#define CHECK(condition)                                                                                               \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                        \
                        exit(1);                                                                                       \
                }                                                                                                      \
        } while (0)

struct show {
        const json_t *scene;
        struct terminal terminal;
        struct machine machine;
        struct view_status status;
        struct view_headroom headroom;
        const char *problem;
        uint64_t ms;
};

static long long number(const json_t *object, const char *name)
{
        return json_integer_value(json_object_get(object, name));
}

static bool is_true(const json_t *object, const char *name)
{
        return json_is_true(json_object_get(object, name));
}

static void take_step(struct show *s, const json_t *step)
{
        const json_t *reply = json_array_get(step, 1);

        view_status_finish(&s->status);
        view_headroom_finish(&s->headroom);
        s->ms = (uint64_t)json_integer_value(json_array_get(step, 0));
        s->problem = json_string_value(json_array_get(step, 2));
        if (json_is_null(reply))
                return;
        CHECK(view_read_status(json_object_get(reply, "status"), &s->status) == 0);
        CHECK(view_read_headroom(json_object_get(reply, "headroom"), &s->headroom) == 0);
}

static void print_character(wchar_t c)
{
        if (c != 0)
                printf("%lc", (wint_t)c);
}

static void print_row(const struct grid *grid, unsigned y)
{
        const struct grid_cell *row = &grid->cells[(size_t)y * grid->width];
        unsigned n = grid->width;

        while (n > 0 && row[n - 1].character == L' ')
                n--;
        for (unsigned x = 0; x < n; x++)
                print_character(row[x].character);
        putchar('\n');
}

/* A character a cell: R reverse, d dim, a colour's number, B bold. */
static void print_styles(const struct grid *grid, unsigned y)
{
        for (unsigned x = 0; x < grid->width; x++) {
                unsigned style = grid->cells[(size_t)y * grid->width + x].style;

                putchar(style == 0             ? '.'
                        : style & GRID_REVERSE ? 'R'
                        : style & GRID_DIM     ? 'd'
                        : style & 7            ? '0' + (int)(style & 7)
                                               : 'B');
        }
        putchar('\n');
}

static void press(struct top_model *m, const json_t *key)
{
        static const char *const names[] = {"nothing", "quit", "repaint", "priority", "weight", "paused"};
        struct top_action action = top_model_key(m, (unsigned)json_integer_value(key));

        if (action.type != TOP_NOTHING)
                printf("call: %s %s %u\n", names[action.type], action.lease, action.value);
}

static void show_top(struct show *s)
{
        struct top_model *m = malloc(sizeof(*m));
        struct grid grid;
        json_t *step, *key;
        size_t i;

        CHECK(m && grid_init(&grid, s->terminal.columns, s->terminal.rows, s->terminal.utf8) == 0);
        top_model_init(m);
        json_array_foreach (json_object_get(s->scene, "steps"), i, step) {
                take_step(s, step);
                top_model_update(m, s->status.source ? &s->status : NULL, s->headroom.source ? &s->headroom : NULL,
                                 &s->machine, s->problem, s->ms);
        }
        /* Once before the keys: a page is as long as what was shown. */
        CHECK(top_view_draw(m, &grid) == 0);
        json_array_foreach (json_object_get(s->scene, "keys"), i, key)
                press(m, key);
        CHECK(top_view_draw(m, &grid) == 0);
        for (unsigned y = 0; y < grid.height; y++)
                is_true(s->scene, "styles") ? print_styles(&grid, y) : print_row(&grid, y);
        grid_finish(&grid);
        free(m);
}

/* At every size up to the one given: nothing may be written beyond the grid, which a sanitizer would see. */
static void show_sizes(struct show *s)
{
        struct top_model *m = malloc(sizeof(*m));
        struct grid grid;

        CHECK(m);
        top_model_init(m);
        take_step(s, json_array_get(json_object_get(s->scene, "steps"), 0));
        top_model_update(m, &s->status, &s->headroom, &s->machine, NULL, s->ms);
        for (unsigned width = 1; width <= s->terminal.columns; width++)
                for (unsigned height = 1; height <= s->terminal.rows; height++) {
                        CHECK(grid_init(&grid, width, height, s->terminal.utf8) == 0);
                        CHECK(top_view_draw(m, &grid) == 0);
                        CHECK(width < TOP_WIDTH_MIN || height < TOP_HEIGHT_MIN || (m->page >= 1 && m->page < height));
                        grid_finish(&grid);
                }
        free(m);
        puts("drawn");
}

static void show_text(struct show *s, bool explain)
{
        take_step(s, json_array_get(json_object_get(s->scene, "steps"), 0));
        CHECK(headroom_print(&s->headroom, &s->terminal, stdout) == 0);
        if (explain)
                CHECK(explain_print(&s->status, &s->terminal, stdout) == 0);
        else {
                putchar('\n');
                CHECK(status_print(&s->status, false, &s->terminal, stdout) == 0);
        }
}

int main(void)
{
        CLEANUP_JSON json_t *scene = json_loadf(stdin, 0, NULL);
        const char *what = json_string_value(json_object_get(scene, "what"));
        struct show s = {
                .scene = scene,
                .terminal = {.columns = (unsigned)number(scene, "width"),
                             .rows = (unsigned)number(scene, "height"),
                             .utf8 = is_true(scene, "utf8")},
        };

        CHECK(scene && what);
        CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
        CHECK(machine_reply_read(json_object_get(scene, "machine"), &s.machine) == 0);
        if (strcmp(what, "top") == 0)
                show_top(&s);
        else if (strcmp(what, "sizes") == 0)
                show_sizes(&s);
        else
                show_text(&s, strcmp(what, "explain") == 0);
        view_status_finish(&s.status);
        view_headroom_finish(&s.headroom);
        machine_finish(&s.machine);
        return 0;
}
