#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "cli/glyphs.h"
#include "lib/util.h"

enum {
        SIZE_MAX_BELIEVED = 10000, /* columns or rows, of what the environment says */
};

static unsigned size_of(unsigned from_terminal, const char *variable, unsigned otherwise)
{
        const char *text = getenv(variable);
        unsigned long value = text ? strtoul(text, NULL, 10) : 0;

        if (from_terminal > 0)
                return from_terminal;
        return value > 0 && value <= SIZE_MAX_BELIEVED ? (unsigned)value : otherwise;
}

struct terminal terminal_look(void)
{
        const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
        bool able = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
        struct winsize size = {0};

        (void)setlocale(LC_CTYPE, "");
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        return (struct terminal){
                .columns = size_of(size.ws_col, "COLUMNS", 80),
                .rows = size_of(size.ws_row, "LINES", 24),
                .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                .colour = able && !(no_colour && *no_colour),
                .redraws = able,
        };
}

int terminal_take_signals(int *ret_fd)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
        sigset_t set;
        int fd;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&set, signals[i]);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

bool terminal_is_over(int signal_fd, bool *resized)
{
        struct signalfd_siginfo info;

        while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
                if (info.ssi_signo != SIGWINCH)
                        return true;
                *resized = true;
        }
        return false;
}

/* Line by line: a newline is no glyph. */
static int print_lines(char *text, bool utf8, FILE *out)
{
        for (char *line = text, *end; line; line = end) {
                end = strchr(line, '\n');
                if (end)
                        *end++ = '\0';

                CLEANUP_FREE char *shown = glyph_text(line, 0, utf8);

                if (!shown)
                        return -ENOMEM;
                fputs(shown, out);
                if (end)
                        fputc('\n', out);
        }
        return 0;
}

int terminal_print(const struct terminal *t, FILE *out, const char *format, ...)
{
        CLEANUP_FREE char *text = NULL;
        va_list args;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return print_lines(text, t->utf8, out);
}
