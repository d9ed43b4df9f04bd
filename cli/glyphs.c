#include "cli/glyphs.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

/* A character of valid UTF-8; else one byte is taken, as U+FFFD. */
static uint32_t decode(const char **text)
{
        const unsigned char *s = (const unsigned char *)*text;
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        unsigned n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
        uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

        for (unsigned i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        n = 0;
                else
                        c = c << 6 | (s[i] & 0x3f);
        }
        *text += n > 0 ? n : 1;
        return n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c;
}

/* 0: left out. */
static wchar_t nearest_ascii(uint32_t c)
{
        static const struct {
                uint32_t from;
                wchar_t to;
        } table[] = {
                {0xb0, 0},      {0xb5, L'u'},   {0x3bc, L'u'},   {0xd7, L'x'},    {0xb7, L'-'},
                {0x2013, L'-'}, {0x2014, L'-'}, {0x2018, L'\''}, {0x2019, L'\''}, {0x201c, L'"'},
                {0x201d, L'"'}, {0x2026, L'.'}, {0x2264, L'<'},  {0x2265, L'>'},  {0xa0, L' '},
        };

        if (c >= 0x20 && c < 0x7f)
                return (wchar_t)c;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].from == c)
                        return table[i].to;
        return L'?';
}

bool glyph_next(const char **text, bool utf8, struct glyph *ret_glyph)
{
        while (**text) {
                uint32_t c = decode(text);
                wchar_t shown = utf8 ? (wchar_t)c : nearest_ascii(c);
                int columns = shown == 0 ? 0 : wcwidth(shown);

                if (columns == 0)
                        continue;
                *ret_glyph = columns < 0 ? (struct glyph){L'?', 1} : (struct glyph){shown, (unsigned)columns};
                return true;
        }
        return false;
}

unsigned glyph_columns(const char *text, bool utf8)
{
        struct glyph g;
        unsigned n = 0;

        while (glyph_next(&text, utf8, &g))
                n += g.columns;
        return n;
}

static size_t encode(wchar_t character, char *out)
{
        uint32_t c = (uint32_t)character;

        if (c < 0x80) {
                out[0] = (char)c;
                return 1;
        }
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

        for (size_t i = n - 1; i > 0; i--, c >>= 6)
                out[i] = (char)(0x80 | (c & 0x3f));
        out[0] = (char)(lead[n] | c);
        return n;
}

char *glyph_text(const char *text, unsigned most, bool utf8)
{
        const char *ellipsis = utf8 ? "…" : ".";
        bool cut = most > 0 && glyph_columns(text, utf8) > most;
        unsigned room = cut ? most - 1 : (unsigned)-1;
        char *result = malloc(strlen(text) + strlen(ellipsis) + 1), *out = result;
        struct glyph g;

        while (result && glyph_next(&text, utf8, &g) && g.columns <= room) {
                out += encode(g.character, out);
                room -= g.columns;
        }
        if (result)
                strcpy(out, cut ? ellipsis : "");
        return result;
}
