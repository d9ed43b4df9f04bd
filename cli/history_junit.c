/* JUnit's XML, as pytest --junitxml writes it: <testcase classname name time [file]>, inside which <failure> and
 * <error> say that it failed and <skipped> that it did not run. Read with expat as a stream.
 *
 * A document type declaration, which no such file has, ends the reading: without one there are no entities to expand.
 */
#include <errno.h>
#include <expat.h>
#include <string.h>

#include "cli/history_import.h"
#include "cli/history_junit_id.h"
#include "cli/xml.h"
#include "lib/util.h"

enum { DEPTH_MAX = 64 }; /* of elements; JUnit has six */

struct reading {
        XML_Parser parser;
        unsigned depth;
        const char *root;
        struct history_import *import;
        char *classname, *path; /* the latest classname with its file's path and classes, up to the name; NULL none */
        char *id;               /* of the testcase that is open; NULL none, or it is left out */
        double seconds;
        bool in_case, failed, skipped;
        const char *refused; /* what the file has and should not */
        bool out_of_memory;
};

static void finish(struct reading *r)
{
        if (r->parser)
                XML_ParserFree(r->parser);
        free(r->classname);
        free(r->path);
        free(r->id);
}

static void run_out_of_memory(struct reading *r)
{
        r->out_of_memory = true;
        XML_StopParser(r->parser, XML_FALSE);
}

static void refuse(struct reading *r, const char *why)
{
        r->refused = why;
        XML_StopParser(r->parser, XML_FALSE);
}

/* The id in *ret_id, or NULL. Tests of one class follow each other; their files are looked for once. */
static int find_id(struct reading *r, const char *classname, const char *name, const char *file, char **ret_id)
{
        static const char mark[] = "x";
        CLEANUP_FREE char *id = NULL;
        int error;

        *ret_id = NULL;
        if (!r->classname || strcmp(r->classname, classname) != 0) {
                free(r->classname);
                free(r->path);
                r->path = NULL;
                r->classname = strdup(classname);
                error = r->classname ? history_junit_id(r->root, classname, mark, file, &id) : -ENOMEM;
                if (error < 0)
                        return error;
                if (id)
                        id[strlen(id) - strlen(mark)] = '\0';
                r->path = TAKE(id);
        }
        if (r->path && *name && asprintf(ret_id, "%s%s", r->path, name) < 0)
                return -ENOMEM;
        return 0;
}

static void begin_case(struct reading *r, const char **attributes)
{
        const char *classname = xml_attribute(attributes, "classname"), *name = xml_attribute(attributes, "name");
        const char *time = xml_attribute(attributes, "time");

        r->in_case = true;
        r->failed = r->skipped = false;
        free(r->id);
        r->id = NULL;
        if (!classname || !name || !time || !history_import_seconds(time, &r->seconds))
                return;
        if (find_id(r, classname, name, xml_attribute(attributes, "file"), &r->id) < 0)
                run_out_of_memory(r);
}

static void end_case(struct reading *r)
{
        struct estimate e = history_import_estimate(r->seconds, r->failed ? ESTIMATE_FAILED : ESTIMATE_PASSED);

        r->in_case = false;
        if (!r->id || r->skipped)
                r->import->n_left_out++;
        else if (history_import_add_item(r->import, r->id, &e) < 0)
                run_out_of_memory(r);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
        struct reading *r = user;
        const char *local = xml_local_name(name);

        if (++r->depth > DEPTH_MAX)
                refuse(r, "elements are nested too deeply");
        else if (strcmp(local, "testcase") == 0)
                begin_case(r, attributes);
        else if (r->in_case && (strcmp(local, "failure") == 0 || strcmp(local, "error") == 0))
                r->failed = true;
        else if (r->in_case && strcmp(local, "skipped") == 0)
                r->skipped = true;
}

static void on_end(void *user, const XML_Char *name)
{
        struct reading *r = user;

        r->depth--;
        if (r->in_case && strcmp(xml_local_name(name), "testcase") == 0)
                end_case(r);
}

static void on_doctype(void *user, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
        refuse(user, "a document type declaration, which no JUnit file has");
}

static int explain(const struct reading *r, char **ret_error)
{
        unsigned long line = XML_GetCurrentLineNumber(r->parser), column = XML_GetCurrentColumnNumber(r->parser);

        if (r->out_of_memory || XML_GetErrorCode(r->parser) == XML_ERROR_NO_MEMORY)
                return -ENOMEM;
        return history_import_fail(ret_error, "line %lu, column %lu: %s", line, column + 1,
                                   r->refused ? r->refused : XML_ErrorString(XML_GetErrorCode(r->parser)));
}

int history_import_junit(const char *text, size_t size, const char *root, struct history_import *import,
                         char **ret_error)
{
        CLEANUP(finish) struct reading r = {.root = root, .import = import, .parser = XML_ParserCreate(NULL)};

        if (!r.parser)
                return -ENOMEM;
        XML_SetUserData(r.parser, &r);
        XML_SetElementHandler(r.parser, on_start, on_end);
        XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
        if (XML_Parse(r.parser, text, (int)size, XML_TRUE) != XML_STATUS_OK)
                return explain(&r, ret_error);
        if (history_import_sum(import) < 0)
                return -ENOMEM;
        return history_import_group(import);
}
