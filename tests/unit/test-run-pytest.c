/* Which command lines are a pytest's, and why it was not reached. */
#include "tests/unit/test.h"
#include "cli/run_pytest.h"

#define TEXTS(text)                                                                                                    \
        {                                                                                                              \
                text, sizeof(text)                                                                                     \
        }

static void test_command_lines(void)
{
        static const struct {
                struct run_texts words;
                bool pytest;
        } cases[] = {
                {TEXTS("pytest"), true},
                {TEXTS("/usr/bin/py.test\0-q"), true},
                {TEXTS("python3\0-m\0pytest"), true},
                {TEXTS("/venv/bin/python\0-I\0-m\0pytest\0tests"), true},
                {TEXTS("python3\0-Im\0pytest"), true},
                {TEXTS("python3\0-mpytest"), true},
                {TEXTS("python3\0-W\0error\0-X\0dev\0-bb\0-m\0pytest"), true},
                {TEXTS("python3\0-Werror\0/usr/bin/pytest"), true},
                {TEXTS("python3\0/usr/bin/pytest\0-q"), true},
                {TEXTS("/usr/bin/python3\0-sE\0/usr/bin/pytest"), true},
                {TEXTS("pypy3\0-m\0pytest"), true},
                {TEXTS("coverage\0run\0-m\0pytest"), true},
                {TEXTS("python3\0/usr/bin/coverage\0run\0--branch\0-m\0pytest\0-q"), true},
                {TEXTS("python3\0-m\0coverage\0run\0-m\0pytest"), true},
                {TEXTS("python3\0-m\0coverage\0report"), false},
                {TEXTS("python3\0-c\0pytest"), false},
                {TEXTS("python3\0-c\0import x\0-m\0pytest"), false},
                {TEXTS("python3\0-m"), false},
                {TEXTS("python3\0-m\0http.server"), false},
                {TEXTS("python3\0-m\0http.server\0pytest"), false},
                {TEXTS("python3\0setup.py\0pytest"), false},
                {TEXTS("vi\0pytest"), false},
                {TEXTS("pytest\0--version"), false},
                {TEXTS("make\0pytest"), false},
                {TEXTS("sh\0-c\0pytest -q"), false},
                {TEXTS("python3"), false},
                {TEXTS(""), false},
                {{"", 0}, false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                CHECK_INT(run_pytest_is(cases[i].words), cases[i].pytest);
}

static void test_why_missed(void)
{
        static const struct {
                struct run_texts words, environment;
                enum run_missed why;
        } cases[] = {
                {TEXTS("pytest\0-p\0no:schedctl"), {"", 0}, RUN_MISSED_BLOCKED},
                {TEXTS("pytest\0-pno:schedctl"), {"", 0}, RUN_MISSED_BLOCKED},
                {TEXTS("pytest"), TEXTS("PYTEST_ADDOPTS=-q -p no:schedctl"), RUN_MISSED_BLOCKED},
                {TEXTS("python\0-I\0-m\0pytest"), TEXTS("SCHEDCTL_RUN=x\0PYTHONPATH=/p"), RUN_MISSED_FLAGS},
                {TEXTS("python\0-sE\0/bin/pytest"), TEXTS("SCHEDCTL_RUN=x\0PYTHONPATH=/p"), RUN_MISSED_FLAGS},
                {TEXTS("python\0-m\0pytest\0-E"), TEXTS("SCHEDCTL_RUN=x\0PYTHONPATH=/p"), RUN_MISSED_UNKNOWN},
                {TEXTS("pytest"), {"", 0}, RUN_MISSED_ENVIRON},
                {TEXTS("pytest"), TEXTS("PATH=/bin\0PYTHONPATH=/p"), RUN_MISSED_ENVIRON},
                {TEXTS("pytest"), TEXTS("XSCHEDCTL_RUN=x\0PYTHONPATH=/p"), RUN_MISSED_ENVIRON},
                {TEXTS("pytest"), TEXTS("SCHEDCTL_RUN=x"), RUN_MISSED_PYTHONPATH},
                {TEXTS("pytest"), TEXTS("SCHEDCTL_RUN=x\0PYTHONPATH=/pp:src"), RUN_MISSED_PYTHONPATH},
                {TEXTS("pytest"), TEXTS("SCHEDCTL_RUN=x\0PYTHONPATH=src:/p\0PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"),
                 RUN_MISSED_AUTOLOAD},
                {TEXTS("pytest"), TEXTS("SCHEDCTL_RUN=x\0PYTHONPATH=src:/p\0PYTEST_DISABLE_PLUGIN_AUTOLOAD="),
                 RUN_MISSED_UNKNOWN},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                CHECK_INT(run_pytest_missed(cases[i].words, cases[i].environment, "/p"), cases[i].why);
}

static void test_texts(void)
{
        for (enum run_missed why = 0; why < RUN_MISSED_N; why++)
                CHECK(run_missed_text(why));
}

int main(void)
{
        test_command_lines();
        test_why_missed();
        test_texts();
        return 0;
}
