#include "cli/xml.h"

#include <iconv.h>
#include <stdbool.h>
#include <string.h>

const char *xml_local_name(const XML_Char *name)
{
        const char *colon = strrchr(name, ':');

        return colon ? colon + 1 : name;
}

const char *xml_attribute(const XML_Char **attributes, const char *name)
{
        for (; attributes[0]; attributes += 2)
                if (strcmp(attributes[0], name) == 0)
                        return attributes[1];
        return NULL;
}

int xml_on_encoding(void *user, const XML_Char *name, XML_Encoding *info)
{
        iconv_t converter = iconv_open("UTF-32LE", name);

        if (converter == (iconv_t)-1)
                return XML_STATUS_ERROR;
        for (int i = 0; i < 256; i++) {
                unsigned char byte = (unsigned char)i, code[8] = {0};
                char *in = (char *)&byte, *out = (char *)code;
                size_t n_in = 1, n_out = sizeof(code);
                bool known = iconv(converter, &in, &n_in, &out, &n_out) != (size_t)-1 && n_out == sizeof(code) - 4;

                info->map[i] = known ? (int)(code[0] | code[1] << 8 | code[2] << 16) : -1;
                iconv(converter, NULL, NULL, NULL, NULL);
        }
        iconv_close(converter);
        return XML_STATUS_OK;
}

/* Writing */

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

void xml_write_text(FILE *to, const char *text, size_t size)
{
        write_escaped(to, text, size, false);
}

void xml_write_attribute(FILE *to, const char *name, const char *value)
{
        fprintf(to, " %s=\"", name);
        write_escaped(to, value, strlen(value), true);
        fputc('"', to);
}
