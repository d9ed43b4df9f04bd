#include <errno.h>
#include <string.h>

#include "cli/topo_render.h"

enum {
        INDENT = 4,
};

/* PUs of one reason, in their order, wrapped. */
static void print_pus(const struct topo_choice *choices, size_t n, unsigned width, FILE *out)
{
        struct topo_line line = {0};

        topo_line_pad(&line, INDENT - 1);
        for (size_t i = 0; i < n; i++) {
                char number[16];
                int length = snprintf(number, sizeof(number), " %u", choices[i].pu);

                if (line.columns + (unsigned)length > width) {
                        fprintf(out, "%s\n", line.text);
                        line = (struct topo_line){0};
                        topo_line_pad(&line, INDENT - 1);
                }
                topo_line_add(&line, "%s", number);
        }
        fprintf(out, "%s\n", line.text);
}

int topo_render_order(const struct topo_choice *choices, size_t n_choices, const struct topo_style *style, FILE *out)
{
        unsigned width = style->width < TOPO_WIDTH_MIN ? TOPO_WIDTH_MIN : style->width;

        fprintf(out, "Lent in this order:\n");
        for (size_t i = 0; i < n_choices;) {
                size_t n = 1;

                while (i + n < n_choices && strcmp(choices[i + n].reason, choices[i].reason) == 0)
                        n++;
                fprintf(out, "  %zu", i + 1);
                if (n > 1)
                        fprintf(out, "-%zu", i + n);
                fprintf(out, "  %s\n", choices[i].reason);
                print_pus(&choices[i], n, width < TOPO_WIDTH_MAX ? width : TOPO_WIDTH_MAX, out);
                i += n;
        }
        return ferror(out) ? -EIO : 0;
}
