/* What standard output is: a terminal of some size or not, what characters it takes, whether it has colour. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct terminal {
        unsigned columns, rows; /* 80 and 24 where nobody says */
        bool utf8;              /* the locale's character set */
        bool colour;            /* it is a terminal that has colour, and https://no-color.org does not object */
        bool redraws;           /* it is a terminal whose cursor can be moved by ECMA-48's sequences */
};

/* Sets LC_CTYPE from the environment. */
struct terminal terminal_look(void);

/* A view's signals through a descriptor: SIGWINCH, and those that end it (SIGINT, SIGTERM, SIGHUP), which are blocked
 * from here on. Negative errno. */
int terminal_take_signals(int *ret_fd);
/* What has come since: true where the view is to end; *resized is set where the size has changed. */
bool terminal_is_over(int signal_fd, bool *resized);

/* Prints UTF-8 text as the terminal takes it (cli/glyphs.h), newlines and all; negative where memory is out. */
int terminal_print(const struct terminal *t, FILE *out, const char *format, ...) __attribute__((format(printf, 3, 4)));
