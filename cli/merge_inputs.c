#include "cli/merge_inputs.h"

#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <fts.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/history_export.h"
#include "cli/history_file.h"
#include "cli/xml.h"
#include "lib/text.h"
#include "lib/util.h"

enum {
        HEAD_BYTES = 64 * 1024, /* in which it shows what a file is */
        SQLITE_HEADER = 100,    /* bytes; of these the application's id begins at the 68th */
        SQLITE_APPLICATION = 68,
};

const char *merge_kind_text(enum merge_kind kind)
{
        static const char *const texts[] = {
                [MERGE_JUNIT] = "junit",       [MERGE_HISTORY_EXPORT] = "history", [MERGE_HISTORY_DATABASE] = "history",
                [MERGE_COVERAGE] = "coverage", [MERGE_UNKNOWN] = "unknown",
        };

        return texts[kind];
}

void merge_inputs_finish(struct merge_inputs *inputs)
{
        for (size_t i = 0; i < inputs->n; i++) {
                free(inputs->list[i].path);
                free(inputs->list[i].error);
        }
        free(inputs->list);
        *inputs = (struct merge_inputs){0};
}

int merge_input_fail(struct merge_input *input, const char *format, ...)
{
        CLEANUP_FREE char *text = NULL;
        va_list args;

        va_start(args, format);
        text = text_format(format, args);
        va_end(args);
        free(input->error);
        input->error = text ? text_escape(text) : NULL;
        return input->error ? 0 : -ENOMEM;
}

/* What a file is */

static void on_root(void *user, const XML_Char *name, const XML_Char **attributes)
{
        XML_Parser parser = *(XML_Parser *)user;
        const char *local = xml_local_name(name);

        if (strcmp(local, "testsuites") != 0 && strcmp(local, "testsuite") != 0)
                XML_SetUserData(parser, NULL);
        XML_StopParser(parser, XML_TRUE);
}

/* Whether its first element is one of JUnit's. */
static bool is_junit(const char *head, size_t size)
{
        XML_Parser parser = XML_ParserCreate(NULL);
        bool found;

        if (!parser)
                return false;
        XML_SetUserData(parser, &parser);
        XML_SetStartElementHandler(parser, on_root);
        XML_SetUnknownEncodingHandler(parser, xml_on_encoding, NULL);
        found = XML_Parse(parser, head, (int)size, XML_FALSE) == XML_STATUS_SUSPENDED && XML_GetUserData(parser);
        if (XML_GetErrorCode(parser) == XML_ERROR_UNKNOWN_ENCODING)
                found = true; /* so that it is said */
        XML_ParserFree(parser);
        return found;
}

/* What one that is not schedctl's has in it. MERGE_UNKNOWN and a text, the caller's: it is damaged; and none: it is
 * another program's. */
static enum merge_kind recognise_tables(const char *path, char **ret_error)
{
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        int r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);

        if (r == SQLITE_OK)
                r = sqlite3_prepare_v2(db, "SELECT version FROM coverage_schema", -1, &s, NULL);
        if (r != SQLITE_OK && r != SQLITE_ERROR) /* which means: no such table */
                *ret_error = strdup(sqlite3_errmsg(db));
        sqlite3_finalize(s);
        sqlite3_close(db);
        return r == SQLITE_OK ? MERGE_COVERAGE : MERGE_UNKNOWN;
}

static enum merge_kind recognise_database(const char *path, const char *head, size_t size, char **ret_error)
{
        const unsigned char *id = (const unsigned char *)head + SQLITE_APPLICATION;

        if (size >= SQLITE_HEADER &&
            ((uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3]) == HISTORY_APPLICATION_ID)
                return MERGE_HISTORY_DATABASE;
        return recognise_tables(path, ret_error);
}

static enum merge_kind recognise(const char *path, const char *head, size_t size, char **ret_error)
{
        static const char sqlite[] = "SQLite format 3", key[] = "\"" HISTORY_EXPORT_KEY "\"";
        size_t blank = 0;

        while (blank < size && strchr(" \t\r\n", head[blank]) && head[blank])
                blank++;
        if (size >= sizeof(sqlite) && memcmp(head, sqlite, sizeof(sqlite)) == 0)
                return recognise_database(path, head, size, ret_error);
        if (blank < size && head[blank] == '{')
                return memmem(head, size, key, strlen(key)) ? MERGE_HISTORY_EXPORT : MERGE_UNKNOWN;
        return is_junit(head, size) ? MERGE_JUNIT : MERGE_UNKNOWN;
}

/* Reads the head: how many bytes, or -1 and errno. */
static ssize_t read_head(const char *path, char *head)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        size_t n = 0;

        while (fd >= 0 && n < HEAD_BYTES) {
                ssize_t r = read(fd, head + n, HEAD_BYTES - n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -1;
                if (r == 0)
                        break;
                n += (size_t)r;
        }
        return fd < 0 ? -1 : (ssize_t)n;
}

/* Finding */

static bool ends_in_xml(const char *path)
{
        size_t n = strlen(path);

        return n > 4 && strcasecmp(path + n - 4, ".xml") == 0;
}

/* What is wrong with a file that is nothing to merge, NULL for nothing. In a directory anything may lie about, but not
 * what a runner had begun to write. */
static const char *say_unknown(const char *path, size_t size, bool named)
{
        if (size == 0 && (named || ends_in_xml(path)))
                return "is empty";
        return named ? "is neither JUnit's XML nor a history nor coverage's data" : NULL;
}

static bool is_known(const struct merge_inputs *inputs, const struct stat *st)
{
        for (size_t i = 0; i < inputs->n; i++)
                if (inputs->list[i].device == st->st_dev && inputs->list[i].inode == st->st_ino)
                        return true;
        return false;
}

static int add(struct merge_inputs *inputs, const char *path, const struct stat *st, enum merge_kind kind,
               const char *why)
{
        struct merge_input *input;

        if (array_reserve(&inputs->list, inputs->n, &inputs->allocated, sizeof(*inputs->list)) < 0)
                return -ENOMEM;
        input = &inputs->list[inputs->n++];
        *input = (struct merge_input){.path = strdup(path), .kind = kind};
        if (st) {
                input->device = st->st_dev;
                input->inode = st->st_ino;
        }
        if (!input->path)
                return -ENOMEM;
        return why ? merge_input_fail(input, "%s: %s", path, why) : 0;
}

struct finding {
        struct merge_inputs *inputs;
        const char *const *outputs;
        size_t n_outputs;
        char *head;
};

/* The output that it is, or NULL. */
static const char *find_output(const struct finding *f, const struct stat *st)
{
        struct stat output;

        for (size_t i = 0; i < f->n_outputs; i++)
                if (f->outputs[i] && stat(f->outputs[i], &output) == 0 && output.st_dev == st->st_dev &&
                    output.st_ino == st->st_ino)
                        return f->outputs[i];
        return NULL;
}

static int add_file(struct finding *f, const char *path, const struct stat *st, bool named)
{
        const char *why, *output = find_output(f, st);
        CLEANUP_FREE char *error = NULL;
        enum merge_kind kind;
        ssize_t n;

        if (output && named)
                f->inputs->output = output;
        if (output || is_known(f->inputs, st))
                return 0;
        if (!S_ISREG(st->st_mode)) /* nor wait for a FIFO */
                return named ? add(f->inputs, path, st, MERGE_UNKNOWN, "is no file") : 0;
        n = read_head(path, f->head);
        if (n < 0)
                return add(f->inputs, path, st, MERGE_UNKNOWN, strerror(errno));
        kind = recognise(path, f->head, (size_t)n, &error);
        if (kind != MERGE_UNKNOWN || error)
                return add(f->inputs, path, st, kind, error);
        why = say_unknown(path, (size_t)n, named);
        if (why)
                return add(f->inputs, path, st, MERGE_UNKNOWN, why);
        f->inputs->n_ignored++;
        return 0;
}

/* 2 before 10. */
static int compare_entries(const FTSENT **a, const FTSENT **b)
{
        return strverscmp((*a)->fts_name, (*b)->fts_name);
}

static int add_entry(struct finding *f, const FTSENT *entry)
{
        switch (entry->fts_info) {
        case FTS_F:
        case FTS_DEFAULT:
                return add_file(f, entry->fts_path, entry->fts_statp, entry->fts_level == 0);
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
                return add(f->inputs, entry->fts_path, NULL, MERGE_UNKNOWN, strerror(entry->fts_errno));
        case FTS_SLNONE: /* a link to nothing is nobody's loss unless it is what the user names */
                return entry->fts_level == 0 ? add(f->inputs, entry->fts_path, NULL, MERGE_UNKNOWN, strerror(ENOENT))
                                             : 0;
        default: /* directories, and links in a circle */
                return 0;
        }
}

static int walk(struct finding *f, char *path)
{
        char *const paths[] = {path, NULL};
        FTS *fts = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, compare_entries);
        FTSENT *entry;
        int r = 0;

        if (!fts)
                return add(f->inputs, path, NULL, MERGE_UNKNOWN, strerror(errno));
        while (r == 0 && (entry = fts_read(fts)))
                r = add_entry(f, entry);
        fts_close(fts);
        return r;
}

int merge_inputs_find(struct merge_inputs *inputs, char *const *paths, size_t n_paths, const char *const *outputs,
                      size_t n_outputs)
{
        CLEANUP_FREE char *head = malloc(HEAD_BYTES);
        struct finding f = {inputs, outputs, n_outputs, head};
        int r = head ? 0 : -ENOMEM;

        for (size_t i = 0; i < n_paths && r == 0; i++)
                r = walk(&f, paths[i]);
        return r;
}
