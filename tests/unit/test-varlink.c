#include "lib/varlink.h"

#include <errno.h>

#include "tests/unit/test.h"

/* Calls that are understood, and as what. */
static void test_calls(void)
{
        static const struct {
                const char *text;
                const char *method;
                unsigned flags;
                size_t n_parameters;
        } table[] = {
                {"{\"method\":\"a.B\"}", "a.B", 0, 0},
                {" {\"method\" : \"a.B\", \"parameters\": null, \"more\": null}\n", "a.B", 0, 0},
                {"{\"method\":\"a.B\",\"parameters\":{\"x\":-0,\"y\":null}}", "a.B", 0, 2},
                {"{\"method\":\"a.B\",\"more\":true,\"oneway\":false,\"other\":[1]}", "a.B", VARLINK_MORE, 0},
                {"{\"method\":\"\",\"oneway\":true,\"upgrade\":true}", "", VARLINK_ONEWAY | VARLINK_UPGRADE, 0},
        };

        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct varlink_call call;
                const char *bad;

                CHECK_INT(varlink_parse_call(table[i].text, strlen(table[i].text), &call, &bad), 0);
                CHECK_STR(call.method, table[i].method);
                CHECK_INT(call.flags, table[i].flags);
                CHECK_INT(json_object_size(call.parameters), table[i].n_parameters);
                varlink_call_finish(&call);
        }
}

static void check_bad_call(const char *text, size_t len, const char *expected)
{
        struct varlink_call call = {.method = "untouched"};
        const char *bad = NULL;

        CHECK_INT(varlink_parse_call(text, len, &call, &bad), -EBADMSG);
        CHECK_STR(bad, expected);
        CHECK_STR(call.method, "untouched");
}

static void test_bad_calls(void)
{
        static const struct {
                const char *text;
                const char *bad;
        } table[] = {
                {"", "message"},
                {"{", "message"},
                {"[]", "message"},
                {"\"a.B\"", "message"},
                {"null", "message"},
                {"{\"method\":\"a.B\"} x", "message"},
                {"{\"method\":\"a.B\",}", "message"},
                {"{\"method\":\"a.B\",\"method\":\"a.C\"}", "message"},
                {"{\"method\":\"a.B\",\"parameters\":{\"x\":1,\"x\":2}}", "message"},
                {"{\"method\":\"a\\u0000B\"}", "message"},
                {"{\"method\":\"\xff\"}", "message"},
                {"{\"method\":\"\xc0\xaf\"}", "message"},
                {"{\"method\":\"\\ud800\"}", "message"},
                {"{\"method\":\"a.B\",\"parameters\":{\"x\":9223372036854775808}}", "message"},
                {"{\"method\":\"a.B\",\"parameters\":{\"x\":1e999}}", "message"},
                {"{\"method\":\"a.B\",\"parameters\":{\"x\":NaN}}", "message"},
                {"{}", "method"},
                {"{\"method\":null}", "method"},
                {"{\"method\":7}", "method"},
                {"{\"method\":\"a.B\",\"parameters\":[]}", "parameters"},
                {"{\"method\":\"a.B\",\"more\":1}", "more"},
                {"{\"method\":\"a.B\",\"oneway\":\"true\"}", "oneway"},
                {"{\"method\":\"a.B\",\"upgrade\":{}}", "upgrade"},
        };

        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                check_bad_call(table[i].text, strlen(table[i].text), table[i].bad);
        check_bad_call("{\"method\":\"a\0B\"}", 16, "message");
}

/* Nesting is bounded, however deep it goes on. */
static void test_nesting(void)
{
        static const char head[] = "{\"method\":\"a.B\",\"parameters\":{\"x\":";
        enum { DEPTH = 100000 };
        char *text = malloc(sizeof(head) + DEPTH);

        CHECK(text);
        memcpy(text, head, sizeof(head) - 1);
        memset(text + sizeof(head) - 1, '[', DEPTH);
        check_bad_call(text, sizeof(head) - 1 + DEPTH, "message");
        free(text);
}

static void test_replies(void)
{
        struct varlink_reply reply;
        const char *good = "{\"parameters\":{\"x\":1},\"continues\":true}", *empty = "{}";
        const char *error = "{\"error\":\"a.B\",\"parameters\":null}",
                   *bad[] = {"", "[]", "{\"error\":1}", "{\"continues\":0}", "{\"parameters\":1}"};

        CHECK_INT(varlink_parse_reply(good, strlen(good), &reply), 0);
        CHECK(!reply.error && reply.continues && json_object_size(reply.parameters) == 1);
        varlink_reply_finish(&reply);
        CHECK_INT(varlink_parse_reply(empty, strlen(empty), &reply), 0);
        CHECK(!reply.error && !reply.continues && json_object_size(reply.parameters) == 0);
        varlink_reply_finish(&reply);
        CHECK_INT(varlink_parse_reply(error, strlen(error), &reply), 0);
        CHECK_STR(reply.error, "a.B");
        varlink_reply_finish(&reply);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                CHECK_INT(varlink_parse_reply(bad[i], strlen(bad[i]), &reply), -EBADMSG);
}

static void check_text(int r, char *text, size_t len, const char *expected)
{
        CHECK_INT(r, 0);
        CHECK_STR(text, expected);
        CHECK_INT(len, strlen(expected) + 1);
        free(text);
}

static void test_formats(void)
{
        json_t *parameters = json_pack("{s:i}", "x", 1);
        char *text = NULL;
        size_t len = 0;
        int r = varlink_format_call("a.B", parameters, VARLINK_MORE, &text, &len);

        check_text(r, text, len, "{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true}");
        r = varlink_format_call("a.B", NULL, VARLINK_ONEWAY, &text, &len);
        check_text(r, text, len, "{\"method\":\"a.B\",\"oneway\":true}");
        r = varlink_format_reply(NULL, false, &text, &len);
        check_text(r, text, len, "{\"parameters\":{}}");
        r = varlink_format_reply(parameters, true, &text, &len);
        check_text(r, text, len, "{\"parameters\":{\"x\":1},\"continues\":true}");
        r = varlink_format_error("a.B", NULL, &text, &len);
        check_text(r, text, len, "{\"error\":\"a.B\"}");
        json_decref(parameters);
}

int main(void)
{
        test_calls();
        test_bad_calls();
        test_nesting();
        test_replies();
        test_formats();
        CHECK_INT(varlink_interface_len("org.example.Method"), 11);
        CHECK_INT(varlink_interface_len("method"), 0);
        return 0;
}
