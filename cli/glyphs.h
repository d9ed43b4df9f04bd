/* Text as it comes out on a terminal: character by character, with the columns that each takes.
 *
 * Everything inside is UTF-8. Where the locale is not, what has no place in ASCII is written in the nearest way (94 °C
 * becomes 94 C) or as a question mark; so are control characters and broken sequences everywhere. Columns are
 * wcwidth()'s, which needs setlocale(LC_CTYPE).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

struct glyph {
        wchar_t character;
        unsigned columns; /* 1 or 2 */
};

/* The next character that takes room, and moves on behind it (and behind what takes none); false at the end. */
bool glyph_next(const char **text, bool utf8, struct glyph *ret_glyph);

unsigned glyph_columns(const char *text, bool utf8);

/* The text as it can be printed, in at most `most` columns (0: any number); what is cut ends in an ellipsis. malloc'ed,
 * NULL for want of memory. */
char *glyph_text(const char *text, unsigned most, bool utf8);
