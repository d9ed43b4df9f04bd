#include "lib/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        ESCAPED_MAX = 6, /* "\u202e", for a character of two or more bytes; "\xNN" for one of one */
};

char *text_format(const char *format, va_list arguments)
{
        char *text;

        return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

/* The character at `s` and its length; 0 where it is not UTF-8. */
static unsigned decode(const unsigned char *s, uint32_t *ret_character)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        unsigned n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
        uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

        for (unsigned i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                return 0;
        *ret_character = c;
        return n;
}

bool text_is_utf8(const char *text)
{
        unsigned n = 1;

        for (uint32_t c; *text && n > 0; text += n)
                n = decode((const unsigned char *)text, &c);
        return n > 0;
}

static bool is_unsafe(uint32_t c)
{
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
               (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

char *text_escape(const char *text)
{
        const unsigned char *s = (const unsigned char *)text;
        char *escaped = malloc(strlen(text) * ESCAPED_MAX + 1), *out = escaped;

        while (out && *s) {
                uint32_t c = 0;
                unsigned n = decode(s, &c);

                if (n == 0 || (n == 1 && is_unsafe(c)))
                        out += sprintf(out, "\\x%02x", (unsigned)*s);
                else if (is_unsafe(c))
                        out += sprintf(out, "\\u%04x", (unsigned)c);
                else
                        out = (char *)memcpy(out, s, n) + n;
                s += n > 0 ? n : 1;
        }
        if (out)
                *out = '\0';
        return escaped;
}

void text_fit(const char *text, char *buf, size_t size)
{
        size_t used = 0;

        while (*text) {
                uint32_t c;
                unsigned n = decode((const unsigned char *)text, &c), len = n > 0 ? n : 1;

                if (used + len >= size)
                        break;
                memcpy(buf + used, n > 0 ? text : "?", len);
                used += len;
                text += len;
        }
        buf[used] = '\0';
}
