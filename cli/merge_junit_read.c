/* A JUnit file as a stream, with expat: what is in its suites goes into the spool as it comes, written anew in UTF-8.
 *
 * A document type declaration, which no such file has, ends the reading: without one there are no entities to expand.
 */
#include <errno.h>
#include <expat.h>
#include <string.h>

#include "cli/history_import.h"
#include "cli/merge_junit.h"
#include "cli/xml.h"
#include "lib/util.h"

#define MARK "schedctl."

enum where {
        IN_SUITES,     /* in <testsuites> or a <testsuite>, and not in what follows */
        IN_PROPERTIES, /* in its <properties> */
        COPYING,       /* in an element that is copied, or whose inside is */
};

struct testcase {
        char *class, *name, *file;
        enum merge_outcome outcome;
};

struct reading {
        XML_Parser parser;
        struct merge_suites suites;
        struct merge_tests *tests;
        unsigned input;
        uint32_t suite; /* that is open */
        unsigned depth; /* of elements that are open */
        enum where where;
        bool words, gap; /* since the last tag there was text in the suite; blanks after it */
        /* While COPYING */
        unsigned copied_from; /* depth of the element that is copied */
        FILE *to;             /* the spool, or the property's text */
        enum merge_part part;
        off_t begin;
        bool inside;          /* only what is in the element */
        bool tag_open, cdata; /* a start tag without its end; in a CDATA section */
        struct testcase testcase;
        bool in_testcase;
        char *property;
        size_t property_size;

        FILE *spool;
        const char *refused; /* what the file has and should not */
        int error;           /* of anything but the file */
};

static void forget_testcase(struct reading *r)
{
        free(r->testcase.class);
        free(r->testcase.name);
        free(r->testcase.file);
        r->testcase = (struct testcase){0};
        r->in_testcase = false;
}

static void finish(struct reading *r)
{
        if (r->parser)
                XML_ParserFree(r->parser);
        if (r->to && r->to != r->spool)
                fclose(r->to);
        free(r->property);
        forget_testcase(r);
        merge_suites_finish(&r->suites);
}

static void fail(struct reading *r, int error)
{
        r->error = error;
        XML_StopParser(r->parser, XML_FALSE);
}

static void refuse(struct reading *r, const char *why)
{
        r->refused = why;
        XML_StopParser(r->parser, XML_FALSE);
}

/* expat calls some more after it has been stopped. */
static bool is_stopped(const struct reading *r)
{
        return r->error || r->refused;
}

/* Copying */

static void close_tag(struct reading *r)
{
        if (r->tag_open)
                fputc('>', r->to);
        r->tag_open = false;
}

static void copy_start(struct reading *r, const char *name, const char **attributes)
{
        close_tag(r);
        fprintf(r->to, "<%s", name);
        for (; attributes[0]; attributes += 2)
                xml_write_attribute(r->to, attributes[0], attributes[1]);
        r->tag_open = true;
}

static void copy_end(struct reading *r, const char *name)
{
        if (r->tag_open)
                fputs("/>", r->to);
        else
                fprintf(r->to, "</%s>", name);
        r->tag_open = false;
}

/* From here on the spool gets something for a part of the suite. */
static void begin_part(struct reading *r, enum merge_part part)
{
        r->to = r->spool;
        r->part = part;
        r->begin = ftello(r->spool);
}

static void end_part(struct reading *r)
{
        struct merge_extents *extents = &r->suites.list[r->suite].parts[r->part];
        struct merge_extent extent = {r->begin, ftello(r->spool)};

        r->to = NULL;
        if (extent.begin < 0 || extent.end < 0 || ferror(r->spool)) {
                fail(r, -EIO);
        } else if (extents->n && extents->list[extents->n - 1].end == extent.begin) {
                extents->list[extents->n - 1].end = extent.end;
        } else if (extent.end > extent.begin) {
                if (array_reserve(&extents->list, extents->n, &extents->allocated, sizeof(*extents->list)) < 0)
                        fail(r, -ENOMEM);
                else
                        extents->list[extents->n++] = extent;
        }
}

static void begin_copy(struct reading *r, enum merge_part part, bool inside, const char *name, const char **attributes)
{
        begin_part(r, part);
        r->where = COPYING;
        r->copied_from = r->depth;
        r->inside = inside;
        if (inside)
                return;
        fputc('\n', r->to);
        copy_start(r, name, attributes);
}

/* Testcases */

static void begin_testcase(struct reading *r, const char **attributes)
{
        const char *class = xml_attribute(attributes, "classname"), *name = xml_attribute(attributes, "name");
        const char *file = xml_attribute(attributes, "file");

        r->in_testcase = true;
        r->testcase = (struct testcase){
                .class = strdup(class ? class : ""),
                .name = strdup(name ? name : ""),
                .file = strdup(file ? file : ""),
        };
        if (!r->testcase.class || !r->testcase.name || !r->testcase.file)
                fail(r, -ENOMEM);
}

/* An element in a testcase: of several that say what became of it the worst counts. */
static void judge_testcase(struct reading *r, const char *name)
{
        enum merge_outcome *outcome = &r->testcase.outcome;

        if (strcmp(name, "error") == 0)
                *outcome = MERGE_ERROR;
        else if (strcmp(name, "failure") == 0 && *outcome != MERGE_ERROR)
                *outcome = MERGE_FAILED;
        else if (strcmp(name, "skipped") == 0 && *outcome == MERGE_PASSED)
                *outcome = MERGE_SKIPPED;
}

static void end_testcase(struct reading *r)
{
        struct merge_test test = {
                .suite = r->suites.list[r->suite].path,
                .class = r->testcase.class,
                .name = r->testcase.name,
                .file = r->testcase.file,
                .outcome = r->testcase.outcome,
        };
        int error = merge_tests_add(r->tests, r->input, &test);

        if (error < 0)
                fail(r, error);
        forget_testcase(r);
}

/* Properties */

static void begin_property(struct reading *r, const char *name, const char **attributes)
{
        const char *key = xml_attribute(attributes, "name"), *value = xml_attribute(attributes, "value");

        r->to = open_memstream(&r->property, &r->property_size);
        if (!r->to) {
                fail(r, -ENOMEM);
                return;
        }
        if (key && value && strncmp(key, MARK, strlen(MARK)) == 0 &&
            merge_attributes_add(&r->suites.list[r->suite].marks, key, value) < 0) {
                fail(r, -ENOMEM);
                return;
        }
        r->where = COPYING;
        r->copied_from = r->depth;
        r->inside = false;
        copy_start(r, name, attributes);
}

static void end_property(struct reading *r)
{
        struct merge_texts *texts = &r->suites.list[r->suite].properties;
        FILE *to = r->to;

        r->to = NULL;
        r->where = IN_PROPERTIES;
        if (fclose(to) != 0 || array_reserve(&texts->list, texts->n, &texts->allocated, sizeof(*texts->list)) < 0)
                fail(r, -ENOMEM);
        else
                texts->list[texts->n++] = TAKE(r->property);
}

/* Suites */

/* Its name behind those of the suites around it. */
static int set_path(struct merge_suites *suites, uint32_t index, const char *name)
{
        struct merge_suite *suite = &suites->list[index];
        const char *around = suites->list[suite->parent].path;
        int n = index == 0 || !*around ? asprintf(&suite->path, "%s", index == 0 ? "" : name)
                                       : asprintf(&suite->path, "%s > %s", around, name);

        return n < 0 ? -ENOMEM : 0;
}

static void begin_suite(struct reading *r, const char **attributes)
{
        const char *name = xml_attribute(attributes, "name");
        int error = merge_suites_add(&r->suites, r->suite, &r->suite);

        if (error == 0)
                error = set_path(&r->suites, r->suite, name ? name : "");
        for (; attributes[0] && error == 0; attributes += 2)
                error = merge_attributes_add(&r->suites.list[r->suite].attributes, attributes[0], attributes[1]);
        if (error < 0)
                fail(r, error);
        else
                r->suites.list[r->suite].n_elements = 1;
}

/* <testsuites> is the first suite; where a <testsuite> stands alone, that is put around it. */
static void begin_root(struct reading *r, const char *name, const char **attributes)
{
        static const char *none[] = {NULL};

        if (strcmp(name, "testsuites") != 0 && strcmp(name, "testsuite") != 0) {
                refuse(r, "the root is neither <testsuites> nor <testsuite>");
                return;
        }
        if (strcmp(name, "testsuites") == 0) {
                begin_suite(r, attributes);
                return;
        }
        begin_suite(r, none);
        if (!r->error) {
                r->suites.list[0].n_elements = 0;
                begin_suite(r, attributes);
        }
}

static void begin_in_suite(struct reading *r, const char *name, const char **attributes)
{
        const char *local = xml_local_name(name);

        if (r->depth == 1) {
                begin_root(r, local, attributes);
        } else if (strcmp(local, "testsuite") == 0) {
                begin_suite(r, attributes);
        } else if (strcmp(local, "properties") == 0 && !attributes[0]) {
                r->where = IN_PROPERTIES;
        } else if (strcmp(local, "system-out") == 0 && !attributes[0]) {
                begin_copy(r, MERGE_OUT, true, name, attributes);
        } else if (strcmp(local, "system-err") == 0 && !attributes[0]) {
                begin_copy(r, MERGE_ERR, true, name, attributes);
        } else {
                begin_copy(r, MERGE_CASES, false, name, attributes);
                if (strcmp(local, "testcase") == 0)
                        begin_testcase(r, attributes);
        }
}

/* What expat calls */

/* expat takes these for letters in ISO-8859-1, but not in UTF-8, nor does XML. */
static bool is_name(const char *name)
{
        return !strstr(name, "\u00aa") && !strstr(name, "\u00b5") && !strstr(name, "\u00ba");
}

static bool are_names(const char *name, const char **attributes)
{
        bool names = is_name(name);

        for (; attributes[0] && names; attributes += 2)
                names = is_name(attributes[0]);
        return names;
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
        struct reading *r = user;

        if (is_stopped(r))
                return;
        r->words = r->gap = false;
        if (++r->depth > MERGE_DEPTH_MAX) {
                refuse(r, "elements are nested too deeply");
        } else if (!are_names(name, attributes)) {
                refuse(r, "a name that is none");
        } else if (r->where == IN_SUITES) {
                begin_in_suite(r, name, attributes);
        } else if (r->where == IN_PROPERTIES) {
                begin_property(r, name, attributes);
        } else {
                if (r->in_testcase && r->depth == r->copied_from + 1)
                        judge_testcase(r, xml_local_name(name));
                copy_start(r, name, attributes);
        }
}

static void end_copied(struct reading *r, const char *name)
{
        bool last = r->depth == r->copied_from;

        if (last && r->inside)
                close_tag(r);
        else
                copy_end(r, name);
        if (!last)
                return;
        if (r->to != r->spool) {
                end_property(r);
                return;
        }
        end_part(r);
        r->where = IN_SUITES;
        if (r->in_testcase && !r->error)
                end_testcase(r);
}

static void on_end(void *user, const XML_Char *name)
{
        struct reading *r = user;

        if (is_stopped(r))
                return;
        r->words = r->gap = false;
        if (r->where == COPYING)
                end_copied(r, name);
        else if (r->where == IN_PROPERTIES)
                r->where = IN_SUITES;
        else
                r->suite = r->suites.list[r->suite].parent;
        r->depth--;
}

/* Text between elements, where no runner writes any but blanks: its words are kept, with single spaces between, in
 * whatever pieces it comes. */
static void keep_words(struct reading *r, const char *text, size_t size)
{
        for (size_t i = 0, n; i < size; i += n) {
                bool blank = strchr(" \t\r\n", text[i]);

                for (n = 1; i + n < size && blank == !!strchr(" \t\r\n", text[i + n]); n++)
                        ;
                if (blank) {
                        r->gap = true;
                        continue;
                }
                begin_part(r, MERGE_CASES);
                if (r->words && r->gap)
                        fputc(' ', r->to);
                xml_write_text(r->to, text + i, n);
                end_part(r);
                r->words = true;
                r->gap = false;
        }
}

static void on_text(void *user, const XML_Char *text, int size)
{
        struct reading *r = user;

        if (is_stopped(r))
                return;
        if (r->where == COPYING) {
                close_tag(r);
                if (r->cdata)
                        fwrite(text, 1, (size_t)size, r->to);
                else
                        xml_write_text(r->to, text, (size_t)size);
        } else if (r->where == IN_SUITES) {
                keep_words(r, text, (size_t)size);
        }
}

static void on_cdata_start(void *user)
{
        struct reading *r = user;

        if (is_stopped(r) || r->where != COPYING)
                return;
        close_tag(r);
        fputs("<![CDATA[", r->to);
        r->cdata = true;
}

static void on_cdata_end(void *user)
{
        struct reading *r = user;

        if (r->cdata && !is_stopped(r))
                fputs("]]>", r->to);
        r->cdata = false;
}

static void on_comment(void *user, const XML_Char *text)
{
        struct reading *r = user;

        if (is_stopped(r))
                return;
        if (r->where == COPYING) {
                close_tag(r);
                fprintf(r->to, "<!--%s-->", text);
        } else if (r->where == IN_SUITES && r->depth > 0) {
                begin_part(r, MERGE_CASES);
                fprintf(r->to, "\n<!--%s-->", text);
                end_part(r);
        }
}

static void on_instruction(void *user, const XML_Char *target, const XML_Char *data)
{
        struct reading *r = user;

        if (is_stopped(r) || r->where != COPYING)
                return;
        if (!is_name(target)) {
                refuse(r, "a name that is none");
                return;
        }
        close_tag(r);
        fprintf(r->to, "<?%s %s?>", target, data);
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
        refuse(user, "a document type declaration, which no JUnit file has");
}

/* The file */

static bool is_cut_off(enum XML_Error code)
{
        return code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN || code == XML_ERROR_PARTIAL_CHAR ||
               code == XML_ERROR_UNCLOSED_CDATA_SECTION;
}

static int explain(const struct reading *r, char **ret_error)
{
        enum XML_Error code = XML_GetErrorCode(r->parser);
        unsigned long line = XML_GetCurrentLineNumber(r->parser), column = XML_GetCurrentColumnNumber(r->parser);
        const char *why = r->refused ? r->refused : is_cut_off(code) ? "the file is cut off" : XML_ErrorString(code);

        if (r->error)
                return r->error;
        if (code == XML_ERROR_NO_MEMORY)
                return -ENOMEM;
        return history_import_fail(ret_error, "line %lu, column %lu: %s", line, column + 1, why);
}

static int parse(struct reading *r, FILE *file, char **ret_error)
{
        enum { CHUNK = 64 * 1024 };
        bool end = false;

        while (!end) {
                void *buffer = XML_GetBuffer(r->parser, CHUNK);
                size_t n;

                if (!buffer)
                        return -ENOMEM;
                n = fread(buffer, 1, CHUNK, file);
                if (ferror(file))
                        return history_import_fail(ret_error, "%s", strerror(errno));
                end = n == 0;
                if (XML_ParseBuffer(r->parser, (int)n, end) != XML_STATUS_OK)
                        return explain(r, ret_error);
        }
        return ferror(r->spool) ? -EIO : 0;
}

int merge_junit_read(FILE *file, FILE *spool, struct merge_tests *tests, unsigned input,
                     struct merge_suites *ret_suites, char **ret_error)
{
        CLEANUP(finish)
        struct reading r = {
                .parser = XML_ParserCreate(NULL),
                .tests = tests,
                .input = input,
                .spool = spool,
        };
        int error;

        if (!r.parser)
                return -ENOMEM;
        XML_SetUserData(r.parser, &r);
        XML_SetElementHandler(r.parser, on_start, on_end);
        XML_SetCharacterDataHandler(r.parser, on_text);
        XML_SetCdataSectionHandler(r.parser, on_cdata_start, on_cdata_end);
        XML_SetCommentHandler(r.parser, on_comment);
        XML_SetProcessingInstructionHandler(r.parser, on_instruction);
        XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
        XML_SetUnknownEncodingHandler(r.parser, xml_on_encoding, NULL);
        error = parse(&r, file, ret_error);
        if (error < 0)
                return error;
        *ret_suites = r.suites;
        r.suites = (struct merge_suites){0};
        return 0;
}
