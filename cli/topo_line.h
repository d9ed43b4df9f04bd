/* Lines of text for drawings: built piece by piece, with their width on the screen known. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
        TOPO_LINE_SIZE = 4096, /* bytes, colour codes included; what does not fit is cut */
};

struct topo_style {
        unsigned width; /* columns of the screen */
        bool utf8;
        bool colour;
};

enum topo_paint {
        TOPO_PLAIN,
        TOPO_TITLE,
        TOPO_LENT,
        TOPO_OUT, /* not usable */
};

struct topo_line {
        char text[TOPO_LINE_SIZE];
        size_t used;
        unsigned columns;
};

/* Adds text; every code point counts as one column. */
void topo_line_add(struct topo_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same in colour, where the style has colour. */
void topo_line_paint(struct topo_line *line, const struct topo_style *style, enum topo_paint paint, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
/* Adds spaces up to a column; nothing where the line is that long already. */
void topo_line_pad(struct topo_line *line, unsigned column);
