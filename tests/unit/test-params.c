#include "lib/params.h"

#include <errno.h>

#include "core/cpuset.h"
#include "lib/text.h"
#include "tests/unit/test.h"

struct values {
        const char *string;
        bool boolean;
        unsigned number;
        uint64_t u64;
        double real;
        struct cpuset list;
        struct cpuset pus;
        enum { FIRST, SECOND, THIRD } choice;
};

static const char *const choices[] = {"first", "second", "third", NULL};

static const struct param table[] = {
        {PARAM("string", PARAM_STRING, struct values, string), .most = 4},
        {PARAM("boolean", PARAM_BOOL, struct values, boolean)},
        {PARAM("number", PARAM_UNSIGNED, struct values, number), .least = 1, .most = 4096},
        {PARAM("u64", PARAM_U64, struct values, u64)},
        {PARAM("real", PARAM_DOUBLE, struct values, real)},
        {PARAM("list", PARAM_CPULIST, struct values, list)},
        {PARAM("pus", PARAM_PUS, struct values, pus)},
        {PARAM("choice", PARAM_CHOICE, struct values, choice), .choices = choices},
};

static int read_text(const char *text, struct values *values, const char **ret_bad)
{
        json_t *json = json_loads(text, 0, NULL);

        CHECK(json);
        int r = params_read(json, table, sizeof(table) / sizeof(table[0]), values, ret_bad);
        if (r == 0 && values->string)
                CHECK_STR(values->string, "abcd"); /* while the object that owns it is alive */
        json_decref(json);
        return r;
}

static void test_good(void)
{
        struct values values = {.number = 7, .boolean = true, .choice = SECOND};
        const char *bad = NULL;

        CHECK_INT(read_text("{\"number\": null, \"other\": []}", &values, &bad), 0);
        CHECK(values.number == 7 && values.boolean && !values.string && values.choice == SECOND);
        CHECK_INT(read_text("{\"string\": \"abcd\", \"boolean\": false, \"number\": 4096, \"u64\": 9223372036854775807,"
                            " \"real\": 2, \"list\": \"0-3\", \"pus\": [5, 4095, 5], \"choice\": \"third\"}",
                            &values, &bad),
                  0);
        CHECK_INT(values.choice, THIRD);
        CHECK(values.number == 4096 && !values.boolean && values.u64 == INT64_MAX);
        CHECK(values.real > 1.9 && values.real < 2.1);
        CHECK(cpuset_count(&values.list) == 4 && cpuset_count(&values.pus) == 2 && cpuset_has(&values.pus, 4095));
}

/* What is wrong is named, and nothing was taken from the rest. */
static void test_bad(void)
{
        static const struct {
                const char *text;
                const char *bad;
        } cases[] = {
                {"{\"string\": 1}", "string"},
                {"{\"string\": \"abcde\"}", "string"},
                {"{\"boolean\": 1}", "boolean"},
                {"{\"number\": 0}", "number"},
                {"{\"number\": 4097}", "number"},
                {"{\"number\": -1}", "number"},
                {"{\"number\": 1.0}", "number"},
                {"{\"number\": \"1\"}", "number"},
                {"{\"number\": true}", "number"},
                {"{\"u64\": -1}", "u64"},
                {"{\"real\": \"1\"}", "real"},
                {"{\"real\": -0.5}", "real"},
                {"{\"list\": \"0-\"}", "list"},
                {"{\"list\": \"4096\"}", "list"},
                {"{\"list\": [0]}", "list"},
                {"{\"pus\": \"0\"}", "pus"},
                {"{\"pus\": [4096]}", "pus"},
                {"{\"pus\": [-1]}", "pus"},
                {"{\"pus\": [null]}", "pus"},
                {"{\"boolean\": true, \"pus\": {}}", "pus"},
                {"{\"choice\": \"fourth\"}", "choice"},
                {"{\"choice\": \"First\"}", "choice"},
                {"{\"choice\": \"\"}", "choice"},
                {"{\"choice\": 1}", "choice"},
                {"{\"pus\": 1, \"string\": 1}", "string"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct values values = {.number = 7};
                const char *bad = NULL;

                CHECK_INT(read_text(cases[i].text, &values, &bad), -EINVAL);
                CHECK_STR(bad, cases[i].bad);
                CHECK(values.number == 7 && !values.boolean && !values.string);
        }
}

static void test_required(void)
{
        static const struct param required[] = {
                {PARAM("number", PARAM_UNSIGNED, struct values, number), .required = true}};
        json_t *absent = json_object(), *null = json_pack("{s:n}", "number");
        struct values values = {0};
        const char *bad = NULL;

        CHECK_INT(params_read(absent, required, 1, &values, &bad), -EINVAL);
        CHECK_STR(bad, "number");
        CHECK_INT(params_read(null, required, 1, &values, &bad), -EINVAL);
        json_decref(absent);
        json_decref(null);
}

static void test_utf8(void)
{
        CHECK(text_is_utf8(""));
        CHECK(text_is_utf8("/run/gr\xc3\xbc\xc3\x9f"));
        CHECK(!text_is_utf8("\xff/run"));
        CHECK(!text_is_utf8("/run/\xc3"));
}

static void check_escaped(const char *text, const char *expected)
{
        char *escaped = text_escape(text);

        CHECK_STR(escaped, expected);
        free(escaped);
}

static void test_escape(void)
{
        check_escaped("", "");
        check_escaped("plain gr\xc3\xbc\xc3\x9f \\n", "plain gr\xc3\xbc\xc3\x9f \\n");
        check_escaped("\x1b[2J\t\x7f", "\\x1b[2J\\x09\\x7f");
        check_escaped("\xc2\x9b", "\\u009b");
        check_escaped("a\xe2\x80\xae"
                      "b",
                      "a\\u202eb");
        check_escaped("\xff\xc3", "\\xff\\xc3");
        check_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");
        check_escaped("\xc0\xaf", "\\xc0\\xaf");
        check_escaped("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80");
}

static void check_fitted(const char *text, size_t size, const char *expected)
{
        char buf[16];

        memset(buf, 'x', sizeof(buf));
        text_fit(text, buf, size);
        CHECK_STR(buf, expected);
        CHECK(size == sizeof(buf) || buf[size] == 'x');
}

static void test_fit(void)
{
        check_fitted("", 1, "");
        check_fitted("abc", 4, "abc");
        check_fitted("abc", 3, "ab");
        check_fitted("a\xe4\xb8\xad", 5, "a\xe4\xb8\xad");
        check_fitted("a\xe4\xb8\xad", 4, "a");
        check_fitted("a\xe4\xb8\xad", 3, "a");
        check_fitted("caf\xe9 \xf0\x9f\x98", 16, "caf? ???");
}

int main(void)
{
        test_good();
        test_bad();
        test_required();
        test_utf8();
        test_escape();
        test_fit();
        return 0;
}
