#include "cli/merge_xml.h"

#include <stdbool.h>
#include <string.h>

static const char *reference(char c, bool in_attribute)
{
        switch (c) {
        case '&':
                return "&amp;";
        case '<':
                return "&lt;";
        case '>':
                return "&gt;";
        case '\r':
                return "&#13;";
        case '"':
                return in_attribute ? "&quot;" : NULL;
        case '\n':
                return in_attribute ? "&#10;" : NULL;
        case '\t':
                return in_attribute ? "&#9;" : NULL;
        default:
                return NULL;
        }
}

static void write_escaped(FILE *to, const char *text, size_t size, bool in_attribute)
{
        size_t from = 0;

        for (size_t i = 0; i < size; i++) {
                const char *instead = reference(text[i], in_attribute);

                if (!instead)
                        continue;
                fwrite(text + from, 1, i - from, to);
                fputs(instead, to);
                from = i + 1;
        }
        fwrite(text + from, 1, size - from, to);
}

void merge_xml_text(FILE *to, const char *text, size_t size)
{
        write_escaped(to, text, size, false);
}

void merge_xml_attribute(FILE *to, const char *name, const char *value)
{
        fprintf(to, " %s=\"", name);
        write_escaped(to, value, strlen(value), true);
        fputc('"', to);
}
