/* Text on terminals: columns, what is cut, what ASCII makes of it; amounts; replies that are none. */
#include <errno.h>
#include <locale.h>
#include <math.h>

#include "cli/amounts.h"
#include "cli/glyphs.h"
#include "cli/grid.h"
#include "cli/view.h"
#include "tests/unit/test.h"

static void check_text(const char *text, unsigned most, bool utf8, const char *expected)
{
        char *shown = glyph_text(text, most, utf8);

        CHECK_STR(shown, expected);
        CHECK(most == 0 || glyph_columns(shown, utf8) <= most);
        free(shown);
}

static void test_glyphs(void)
{
        CHECK_INT(glyph_columns("94 °C", true), 5);
        CHECK_INT(glyph_columns("94 °C", false), 4);
        CHECK_INT(glyph_columns("日本", true), 4);
        CHECK_INT(glyph_columns("e\xcc\x81", true), 1); /* a combining accent */
        check_text("94 °C", 0, true, "94 °C");
        check_text("94 °C", 0, false, "94 C");
        check_text("5 µs · 2 × 3", 0, false, "5 us - 2 x 3");
        check_text("größe", 0, false, "gr??e");
        check_text("abcdef", 6, true, "abcdef");
        check_text("abcdef", 5, true, "abcd…");
        check_text("abcdef", 5, false, "abcd.");
        check_text("日本語", 6, true, "日本語");
        check_text("日本語", 5, true, "日本…");
        check_text("日本語", 4, true, "日…");
        check_text("a\033[2Jb\n\x7f", 0, true, "a?[2Jb??");
        check_text("\xc2\x9b", 0, true, "?"); /* a control character of two bytes */
        /* Broken, overlong, a surrogate half, cut short. */
        check_text("a\xff\xc0\xaf", 0, false, "a??");
        check_text("\xed\xa0\x80x", 0, false, "?x");
        check_text("\xe6\x97", 0, false, "??");
}

static void test_grid(void)
{
        struct grid grid;

        CHECK_INT(grid_init(&grid, 4, 2, true), 0);
        CHECK_INT(grid_put(&grid, 2, 0, GRID_BOLD, "%s", "abc"), 4);
        CHECK_INT(grid.cells[3].character, 'b');
        CHECK_INT(grid.cells[4].character, ' '); /* the next row is not written into */
        CHECK_INT(grid_put(&grid, 3, 1, GRID_PLAIN, "日"), 4);
        CHECK_INT(grid.cells[7].character, ' ');
        CHECK_INT(grid_put(&grid, 1, 1, GRID_PLAIN, "日"), 3);
        CHECK_INT(grid.cells[5].character, L'日');
        CHECK_INT(grid.cells[6].character, 0);
        grid_put_field(&grid, 0, 0, 4, true, GRID_PLAIN, "7");
        CHECK_INT(grid.cells[3].character, '7');
        CHECK_INT(grid_put(&grid, 0, 9, GRID_PLAIN, "below"), 4);
        grid_paint_row(&grid, 9, GRID_REVERSE);
        grid_finish(&grid);
}

static void check_value(double value, const char *unit, const char *expected)
{
        char text[AMOUNT_MAX];

        amount_value(value, unit, text);
        CHECK_STR(text, expected);
}

static void check_rate(double rate, const char *expected)
{
        char text[AMOUNT_MAX];

        amount_rate(rate, text);
        CHECK_STR(text, expected);
}

static void check_time(uint64_t ms, const char *expected)
{
        char text[AMOUNT_MAX];

        amount_time(ms, text);
        CHECK_STR(text, expected);
}

static void test_amounts(void)
{
        check_value(94, "C", "94 °C");
        check_value(-3.2, "C", "-3 °C");
        check_value(41.66, "W", "41.7 W");
        check_value(0.25, "%", "0.2 %");
        check_value(85, "%", "85 %");
        check_value(2812.4, "MHz", "2812 MHz");
        check_value(512, "B", "512 B");
        check_value(5.5 * 1024 * 1024 * 1024, "B", "5.5 GiB");
        check_value(700.0 * 1024 * 1024, "B", "700 MiB");
        check_value(1.5, "", "1.5");
        check_value((double)NAN, "C", "-");
        check_value((double)INFINITY, "B", "-");
        check_value(1e300, "B", "8881784197001252789725003246740"); /* cut, never overrun */
        check_rate(-1, "-");
        check_rate(0, "0.0x");
        check_rate(99.9, "99.9x");
        check_rate(99.97, "100x");
        check_rate(1e300, "1000000x");
        check_time(999, "0s");
        check_time(59999, "59s");
        check_time(125000, "2m05s");
        check_time(3723000, "1h02m");
}

static void check_status(const char *text, int expected)
{
        json_t *json = json_loads(text, 0, NULL);
        struct view_status status = {0};

        CHECK(json);
        CHECK_INT(view_read_status(json, &status), expected);
        view_status_finish(&status);
        json_decref(json);
}

#define STATUS                                                                                                         \
        "\"version\": \"1\", \"budgetReason\": \"\", \"pid\": 7, \"budget\": 2, \"usable\": \"0-1\", \"leases\": "

static void test_replies(void)
{
        check_status("{" STATUS "[]}", 0);
        check_status("{" STATUS "[{\"lease\": \"1\", \"reason\": \"\", \"uid\": 0, \"pus\": [0]}]}", 0);
        check_status("{}", -EPROTO);
        check_status("[]", -EPROTO);
        check_status("{" STATUS "{}}", -EPROTO);
        check_status("{" STATUS "[7]}", -EPROTO);
        check_status("{" STATUS "[{}]}", -EPROTO);
        check_status("{" STATUS "[{\"lease\": \"1\", \"reason\": \"\", \"uid\": 0, \"pus\": [5000]}]}", -EPROTO);
        check_status("{" STATUS "[{\"lease\": \"1\", \"reason\": \"\", \"uid\": 0, \"pus\": [0],"
                     " \"priority\": \"urgent\"}]}",
                     -EPROTO);
}

int main(void)
{
        CHECK(setlocale(LC_CTYPE, "C.UTF-8"));
        test_glyphs();
        test_grid();
        test_amounts();
        test_replies();
        return 0;
}
