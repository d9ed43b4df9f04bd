/* Readings and history in top. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/amounts.h"
#include "cli/glyphs.h"
#include "cli/top_parts.h"

enum {
        FIELD_MIN = 38, /* columns of a reading, the gap behind it included */
        GAP = 3,
        VALUE_WIDTH = 9,
        NAME_MAX_WIDTH = 28,
        PAST_LABEL = 16, /* columns before a sparkline */
};

/* What is shown first: what changes and what one feels. */
static const enum view_reading_kind order[VIEW_READING_KINDS] = {
        VIEW_TEMPERATURE, VIEW_POWER,    VIEW_FREQUENCY, VIEW_THROTTLING,
        VIEW_MEMORY,      VIEW_PRESSURE, VIEW_SUPPLY,    VIEW_PROFILE,
};

/* Whether words are its value: "on mains", "balanced". One that is not there, not known or not allowed says so. */
static bool is_words(const struct view_reading *reading)
{
        return (reading->kind == VIEW_SUPPLY || reading->kind == VIEW_PROFILE) && reading->detail &&
               strncmp(reading->detail, "not ", 4) != 0;
}

static bool is_shown(const struct view_reading *reading)
{
        return !reading->ignored && (isfinite(reading->value) || is_words(reading));
}

/* The n-th that is shown; NULL none. */
static const struct view_reading *nth_reading(const struct view_headroom *headroom, unsigned n)
{
        for (unsigned i = 0; i < VIEW_READING_KINDS; i++)
                for (size_t j = 0; j < headroom->n_readings; j++)
                        if (headroom->readings[j].kind == order[i] && is_shown(&headroom->readings[j]) && n-- == 0)
                                return &headroom->readings[j];
        return NULL;
}

/* The columns that n readings take at most, details included. */
static unsigned measure_fields(const struct view_headroom *headroom, unsigned n, unsigned name_width, bool utf8)
{
        unsigned width = 0;

        for (unsigned i = 0; i < n; i++) {
                const struct view_reading *reading = nth_reading(headroom, i);
                unsigned detail = reading->detail ? glyph_columns(reading->detail, utf8) + 2 : 0;
                unsigned columns = name_width + (isfinite(reading->value) ? VALUE_WIDTH : 0) + detail;

                width = columns > width ? columns : width;
        }
        return width;
}

static unsigned measure_names(const struct view_headroom *headroom, unsigned n, bool utf8)
{
        unsigned width = 0;

        for (unsigned i = 0; i < n; i++) {
                unsigned columns = glyph_columns(nth_reading(headroom, i)->name, utf8);

                width = columns > width ? columns : width;
        }
        return width < NAME_MAX_WIDTH ? width : NAME_MAX_WIDTH;
}

/* The detail is worth its room only as a whole. */
static void draw_reading(struct grid *grid, unsigned x, unsigned y, unsigned width, unsigned name_width,
                         const struct view_reading *reading)
{
        unsigned name = name_width + VALUE_WIDTH < width ? name_width : width - VALUE_WIDTH;
        bool valued = isfinite(reading->value);
        unsigned behind = name + (valued ? VALUE_WIDTH : 0) + 2;
        char value[AMOUNT_MAX];

        grid_put_field(grid, x, y, name, false, GRID_PLAIN, reading->name);
        if (valued) {
                amount_value(reading->value, reading->unit, value);
                grid_put_field(grid, x + name, y, VALUE_WIDTH, true, GRID_BOLD, value);
        }
        if (reading->detail && behind + glyph_columns(reading->detail, grid->utf8) <= width)
                grid_put(grid, x + behind, y, GRID_DIM, "%s", reading->detail);
}

static unsigned least(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

/* As few columns as hold all in `most` rows; the readings beyond are left out. */
unsigned top_readings_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned most)
{
        unsigned n = 0, columns, rows, width, name_width;

        while (m->headroom && nth_reading(m->headroom, n))
                n++;
        if (n == 0 || most == 0)
                return 0;
        columns = least((n + most - 1) / most, grid->width / FIELD_MIN);
        columns = columns > 0 ? columns : 1;
        rows = least((n + columns - 1) / columns, most);
        n = least(n, rows * columns);
        name_width = measure_names(m->headroom, n, grid->utf8);
        width = least(measure_fields(m->headroom, n, name_width, grid->utf8) + GAP, (grid->width + GAP) / columns);
        for (unsigned i = 0; i < n; i++)
                draw_reading(grid, i / rows * width, y + i % rows, width - GAP, name_width,
                             nth_reading(m->headroom, i));
        return rows;
}

/* A share of 1 as a bar of one column; anything above 0 shows. */
static const char *bar(double share, bool utf8)
{
        static const char *const unicode[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
        static const char *const ascii[] = {" ", ".", ":", "-", "=", "+", "*", "#", "@"};
        double level = ceil(share * 8 - 1e-9);
        unsigned i = !(level > 0) ? 0 : level > 8 ? 8 : (unsigned)level;

        return utf8 ? unicode[i] : ascii[i];
}

enum series {
        BUDGET,
        LENT,
        HOTTEST,
};

/* Temperatures from that of a room to what silicon bears. */
static double share_of(const struct top_past *past, enum series series, unsigned of)
{
        if (series == HOTTEST)
                return isfinite(past->hottest) ? (past->hottest - 20) / (110 - 20) : 0;
        return of > 0 ? (series == BUDGET ? past->budget : past->lent) / (double)of : 0;
}

static void draw_series(const struct top_model *m, struct grid *grid, unsigned y, enum series series)
{
        static const char *const names[] = {[BUDGET] = "budget", [LENT] = "lent", [HOTTEST] = "hottest"};
        const struct top_past *now = top_model_past(m, 0);
        unsigned of = m->headroom ? m->headroom->of : cpuset_count(&m->status->usable);
        char value[AMOUNT_MAX] = "-";

        if (now && series == HOTTEST)
                amount_value(now->hottest, "C", value);
        else
                (void)snprintf(value, sizeof(value), "%u", series == BUDGET ? m->status->budget : m->n_lent);
        grid_put(grid, 0, y, GRID_PLAIN, "%s", names[series]);
        grid_put_field(grid, 8, y, 6, true, GRID_BOLD, value);
        for (unsigned ago = 0; PAST_LABEL + ago < grid->width; ago++) {
                const struct top_past *past = top_model_past(m, ago);

                if (past)
                        grid_put(grid, grid->width - 1 - ago, y, series == HOTTEST ? GRID_RED : GRID_GREEN, "%s",
                                 bar(share_of(past, series, of), grid->utf8));
        }
}

unsigned top_past_draw(const struct top_model *m, struct grid *grid, unsigned y, unsigned rows)
{
        if (rows >= 3) {
                draw_series(m, grid, y, BUDGET);
                draw_series(m, grid, y + 1, LENT);
                draw_series(m, grid, y + 2, HOTTEST);
                return 3;
        }
        if (rows > 0)
                draw_series(m, grid, y, LENT);
        return rows > 0;
}
