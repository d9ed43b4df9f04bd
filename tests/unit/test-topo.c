#include "cli/topo_render.h"

#include "tests/unit/test.h"

static void check_list(const char *cpulist, size_t size, const char *expected)
{
        struct cpuset set;
        char text[64];

        CHECK_INT(cpuset_parse(cpulist, strlen(cpulist), &set), 0);
        topo_format_list(&set, text, size);
        CHECK_STR(text, expected);
}

static void test_lists(void)
{
        check_list("", 64, "");
        check_list("7", 64, "7");
        check_list("0-3,8", 64, "0-3,8");
        check_list("0,2,4,6,8", 64, "0-8:2");
        check_list("0,2", 64, "0,2");
        check_list("0,2-5", 64, "0,2-5");
        check_list("1,3,5,6,7", 64, "1-5:2,6-7");
        check_list("0,4,8,100,104,108", 64, "0-8:4,100-108:4");
        check_list("4095", 64, "4095");
        /* What does not fit is cut between entries. */
        check_list("0-3,8", 6, "0-3,8");
        check_list("0-3,8,10,13", 9, "0-3,...");
        check_list("0-3,8,10,13", 10, "0-3,8,...");
        check_list("1000-1001,5", 4, "...");
}

static void test_lines(void)
{
        const struct topo_style plain = {.width = 80}, coloured = {.width = 80, .colour = true};
        struct topo_line line = {0};

        topo_line_add(&line, "%s %u", "╭─", 5);
        CHECK_INT(line.columns, 4);
        topo_line_paint(&line, &plain, TOPO_LENT, "●");
        CHECK_INT(line.columns, 5);
        CHECK(!strchr(line.text, '\033'));
        topo_line_paint(&line, &coloured, TOPO_LENT, "●");
        CHECK_INT(line.columns, 6);
        CHECK(strchr(line.text, '\033'));
        topo_line_pad(&line, 10);
        CHECK_INT(line.columns, 10);
        topo_line_pad(&line, 3);
        CHECK_INT(line.columns, 10);

        /* Cut, never overrun. */
        for (unsigned i = 0; i < TOPO_LINE_SIZE; i++)
                topo_line_paint(&line, &coloured, TOPO_OUT, "%u", i);
        topo_line_pad(&line, 2 * TOPO_LINE_SIZE);
        CHECK(strlen(line.text) < TOPO_LINE_SIZE);
}

int main(void)
{
        test_lists();
        test_lines();
        return 0;
}
