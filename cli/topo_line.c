#include "cli/topo_line.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const paint_code[] = {
        [TOPO_PLAIN] = "",
        [TOPO_TITLE] = "\033[1m",
        [TOPO_LENT] = "\033[1;32m",
        [TOPO_OUT] = "\033[2m",
};

static unsigned count_columns(const char *text)
{
        unsigned n = 0;

        for (; *text; text++)
                n += ((unsigned char)*text & 0xc0) != 0x80;
        return n;
}

/* Colour codes take bytes and no columns. */
static void add_code(struct topo_line *line, const char *code)
{
        int n = snprintf(line->text + line->used, sizeof(line->text) - line->used, "%s", code);

        if (n > 0 && (size_t)n < sizeof(line->text) - line->used)
                line->used += (size_t)n;
        line->text[line->used] = '\0';
}

static void add_formatted(struct topo_line *line, const char *format, va_list args)
        __attribute__((format(printf, 2, 0)));

static void add_formatted(struct topo_line *line, const char *format, va_list args)
{
        size_t room = sizeof(line->text) - line->used;
        int n = vsnprintf(line->text + line->used, room, format, args);

        if (n < 0 || (size_t)n >= room) {
                line->text[line->used] = '\0';
                return;
        }
        line->columns += count_columns(line->text + line->used);
        line->used += (size_t)n;
}

void topo_line_add(struct topo_line *line, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        add_formatted(line, format, args);
        va_end(args);
}

void topo_line_paint(struct topo_line *line, const struct topo_style *style, enum topo_paint paint, const char *format,
                     ...)
{
        bool coloured = style->colour && paint != TOPO_PLAIN;
        va_list args;

        if (coloured)
                add_code(line, paint_code[paint]);
        va_start(args, format);
        add_formatted(line, format, args);
        va_end(args);
        if (coloured)
                add_code(line, "\033[0m");
}

void topo_line_pad(struct topo_line *line, unsigned column)
{
        while (line->columns < column && line->used + 1 < sizeof(line->text)) {
                line->text[line->used++] = ' ';
                line->text[line->used] = '\0';
                line->columns++;
        }
}
