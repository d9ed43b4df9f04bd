#include "cli/run_tokens_parse.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"

static const char *const options[] = {"--jobserver-auth=", "--jobserver-fds="};

static const char fifo_prefix[] = "fifo:";

/* Takes the next word, as make undoes its own quoting: a backslash before any byte, "$$" for a dollar. What does not
 * fit is cut, and *ret_cut set. NULL: there is none. */
static const char *take_word(const char *at, char *word, size_t size, bool *ret_cut)
{
        size_t n = 0;

        at += strspn(at, " \t\n");
        if (!*at)
                return NULL;
        *ret_cut = false;
        while (*at && !strchr(" \t\n", *at)) {
                if ((*at == '\\' && at[1]) || (*at == '$' && at[1] == '$'))
                        at++;
                if (n + 1 < size)
                        word[n++] = *at;
                else
                        *ret_cut = true;
                at++;
        }
        word[n] = '\0';
        return at;
}

static bool parse_fd(const char *text, char end, const char **ret_rest, int *ret_fd)
{
        char *rest;
        long fd;

        if (*text != '-' && (*text < '0' || *text > '9'))
                return false;
        errno = 0;
        fd = strtol(text, &rest, 10);
        if (errno || rest == text || *rest != end || fd < INT_MIN || fd > INT_MAX)
                return false;
        *ret_rest = rest + 1;
        *ret_fd = (int)fd;
        return true;
}

static void parse_value(const char *value, struct run_tokens_source *s)
{
        const char *rest;

        *s = (struct run_tokens_source){0};
        if (strncmp(value, fifo_prefix, strlen(fifo_prefix)) == 0) {
                value += strlen(fifo_prefix);
                if (!*value || strlen(value) >= sizeof(s->path))
                        return;
                s->kind = RUN_TOKENS_FIFO;
                memcpy(s->path, value, strlen(value) + 1);
        } else if (parse_fd(value, ',', &rest, &s->read_fd) && parse_fd(rest, '\0', &rest, &s->write_fd)) {
                s->kind = s->read_fd < 0 || s->write_fd < 0 ? RUN_TOKENS_CLOSED : RUN_TOKENS_PIPE;
        }
}

void run_tokens_parse(const char *makeflags, struct run_tokens_source *ret_source)
{
        char word[RUN_TOKENS_PATH_MAX + 64] = "";
        const char *at = makeflags ? makeflags : "";
        bool cut;

        *ret_source = (struct run_tokens_source){0};
        while ((at = take_word(at, word, sizeof(word), &cut)) && strcmp(word, "--") != 0)
                for (size_t i = 0; i < ELEMENTSOF(options); i++)
                        if (strncmp(word, options[i], strlen(options[i])) == 0)
                                parse_value(cut ? "" : word + strlen(options[i]), ret_source);
}
