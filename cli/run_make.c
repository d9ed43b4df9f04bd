#include "cli/run_make.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/util.h"

#define JOBS           "--jobs"
#define OPTION_OF_FIFO "jobserver-style"

/* Options of GNU make 4.4 with a value, which is the word's rest or the next word; or the rest alone. */
static const char with_value[] = "CEIWfo", with_rest[] = "Ol";
static const char *const long_with_value[] = {
        "assume-new",      "assume-old", "directory", "eval",     "file",       "include-dir",
        "jobserver-style", "makefile",   "new-file",  "old-file", "sync-mutex", "what-if",
};

bool run_make_is(const char *program)
{
        const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

        return strcmp(name, "make") == 0 || strcmp(name, "gmake") == 0;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool parse_jobs(const char *text, unsigned *ret_jobs)
{
        unsigned long value;
        char *end;

        if (!is_digit(*text))
                return false;
        value = strtoul(text, &end, 10);
        if (*end || value == 0)
                return false;
        *ret_jobs = value < UINT_MAX ? (unsigned)value : UINT_MAX;
        return true;
}

static bool takes_next(const char *word)
{
        size_t len = strlen(word);

        for (size_t i = 0; i < ELEMENTSOF(long_with_value); i++)
                if (strcmp(word + 2, long_with_value[i]) == 0 && len > 2)
                        return true;
        return false;
}

/* What one word says. */
struct word {
        bool jobs;         /* it has the option; value is its rest, or NULL: the next word may be */
        const char *value; /* of jobs */
        size_t before;     /* bytes of the word before that option */
        bool next;         /* the next word is its other option's value */
};

/* letters: several short options, as after a '-'. */
static struct word read_letters(const char *word, const char *letters)
{
        for (const char *at = letters; *at; at++) {
                if (*at == 'j')
                        return (struct word){
                                .jobs = true, .value = at[1] ? at + 1 : NULL, .before = (size_t)(at - word)};
                if (strchr(with_value, *at))
                        return (struct word){.next = !at[1]};
                if (strchr(with_rest, *at))
                        break;
        }
        return (struct word){0};
}

static struct word read_word(const char *word)
{
        if (strncmp(word, "--", 2) == 0) {
                if (strcmp(word, JOBS) == 0)
                        return (struct word){.jobs = true};
                if (strncmp(word, JOBS "=", strlen(JOBS "=")) == 0)
                        return (struct word){.jobs = true, .value = word + strlen(JOBS "=")};
                return (struct word){.next = takes_next(word)};
        }
        return word[0] == '-' ? read_letters(word, word + 1) : (struct word){0};
}

/* Room for all that may remain of words, one behind the other. */
static char *room_for(char *const *command)
{
        size_t size = 1;

        for (size_t i = 0; command[i]; i++)
                size += strlen(command[i]) + 1;
        return malloc(size);
}

struct taking {
        char **command, *rest; /* the new words; room for what remains of old ones */
        size_t n;
        unsigned jobs;
        bool any;
};

static void keep_before(struct taking *t, const char *word, size_t before)
{
        if (before <= 1)
                return; /* nothing but the '-' */
        t->command[t->n++] = t->rest;
        memcpy(t->rest, word, before);
        t->rest[before] = '\0';
        t->rest += before + 1;
}

/* False where make is to complain. */
static bool take_words(struct taking *t, char *const *command)
{
        size_t i = 1;

        t->command[t->n++] = command[0];
        for (; command[i] && strcmp(command[i], "--") != 0; i++) {
                struct word word = read_word(command[i]);

                if (!word.jobs) {
                        t->command[t->n++] = command[i];
                        if (word.next && command[i + 1])
                                t->command[t->n++] = command[++i];
                        continue;
                }
                keep_before(t, command[i], word.before);
                t->any = true;
                t->jobs = 0;
                if (!word.value && command[i + 1] && is_digit(command[i + 1][0]))
                        word.value = command[++i];
                if (word.value && !parse_jobs(word.value, &t->jobs))
                        return false;
        }
        while (command[i])
                t->command[t->n++] = command[i++];
        t->command[t->n] = NULL;
        return t->any;
}

int run_make_take_jobs(char *const *command, char ***ret_command, char **ret_words, unsigned *ret_jobs)
{
        struct taking t = {0};
        char *words;
        size_t n = 0;

        while (command[n])
                n++;
        t.command = calloc(n + 1, sizeof(*t.command));
        t.rest = words = room_for(command);
        if (t.command && words && take_words(&t, command)) {
                *ret_command = t.command;
                *ret_words = words;
                *ret_jobs = t.jobs;
                return 1;
        }
        n = t.command && words;
        free(t.command);
        free(words);
        return n ? 0 : -ENOMEM;
}

/* Behind these words make reads nothing but variables. */
static const char *end_of_options(const char *makeflags)
{
        for (const char *at = makeflags; (at = strstr(at, "--")); at += 2)
                if ((at == makeflags || at[-1] == ' ') && (at[2] == ' ' || !at[2]))
                        return at;
        return NULL;
}

bool run_make_has_jobs(const char *makeflags)
{
        CLEANUP_FREE char *copy = NULL;
        const char *end = end_of_options(makeflags);
        char *word, *state = NULL;
        bool first = true;

        copy = end ? strndup(makeflags, (size_t)(end - makeflags)) : strdup(makeflags);
        for (word = copy ? strtok_r(copy, " \t", &state) : NULL; word; word = strtok_r(NULL, " \t", &state)) {
                /* make itself writes single letters first, and without a '-' */
                bool letters = first && *makeflags != ' ' && *word != '-' && !strchr(word, '=');

                if (strncmp(word, "--jobserver", strlen("--jobserver")) == 0 ||
                    (letters ? read_letters(word, word) : read_word(word)).jobs)
                        return true;
                first = false;
        }
        return false;
}

int run_make_add_flags(const char *makeflags, const char *options, const char *unread, char **ret_makeflags)
{
        const char *end = end_of_options(makeflags);
        size_t before = end ? (size_t)(end - makeflags) : strlen(makeflags);
        const char *behind = end ? end : "", *dashes = unread ? end ? " " : " -- " : "";
        char *made;

        while (before > 0 && makeflags[before - 1] == ' ')
                before--;
        if (asprintf(&made, "%.*s %s%s%s%s%s", (int)before, makeflags, options, *behind ? " " : "", behind, dashes,
                     unread ? unread : "") < 0)
                return -ENOMEM;
        *ret_makeflags = made;
        return 0;
}

static bool has_text(const char *path, const char *text)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        void *bytes;
        bool has;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
                return false;
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
                return false;
        has = memmem(bytes, (size_t)st.st_size, text, strlen(text)) != NULL;
        munmap(bytes, (size_t)st.st_size);
        return has;
}

static enum run_make_kind kind_of(const char *path)
{
        return has_text(path, OPTION_OF_FIFO) ? RUN_MAKE_FIFO : RUN_MAKE_PIPE;
}

enum run_make_kind run_make_find(const char *program, const char *path)
{
        const char *next;

        if (strchr(program, '/'))
                return access(program, X_OK) == 0 ? kind_of(program) : RUN_MAKE_NONE;
        for (const char *at = path; at; at = next ? next + 1 : NULL) {
                CLEANUP_FREE char *file = NULL;

                next = strchr(at, ':');
                if (asprintf(&file, "%.*s/%s", next ? (int)(next - at) : (int)strlen(at), at, program) < 0)
                        return RUN_MAKE_PIPE;
                if (access(file, X_OK) == 0)
                        return kind_of(file);
        }
        return RUN_MAKE_NONE;
}
