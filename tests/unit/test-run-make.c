/* make's -j on a command line and in MAKEFLAGS. */
#include "cli/run_make.h"
#include "lib/util.h"
#include "tests/unit/test.h"

enum { WORDS_MAX = 16, NONE = 12345 };

/* The command's words without -j, with '|' between them, or "" where nothing was taken. */
static unsigned take(const char *line, char *ret_line, size_t size)
{
        CLEANUP_FREE char *copy = strdup(line), *words = NULL;
        CLEANUP_FREE char **command = NULL;
        char *argv[WORDS_MAX] = {0}, *state = NULL;
        unsigned jobs = NONE, n = 0;

        for (char *w = strtok_r(copy, "|", &state); w; w = strtok_r(NULL, "|", &state))
                argv[n++] = w;
        *ret_line = '\0';
        if (run_make_take_jobs(argv, &command, &words, &jobs) == 0)
                return NONE;
        for (unsigned i = 0; command[i]; i++)
                snprintf(ret_line + strlen(ret_line), size - strlen(ret_line), "%s%s", i ? "|" : "", command[i]);
        return jobs;
}

static void check_take(const char *line, const char *left, unsigned jobs)
{
        char buf[256];

        CHECK_INT(take(line, buf, sizeof(buf)), jobs);
        CHECK_STR(buf, left);
}

static void jobs_are_taken_out(void)
{
        check_take("make", "", NONE);
        check_take("make|check", "", NONE);
        check_take("make|-j", "make", 0);
        check_take("make|-j4|check", "make|check", 4);
        check_take("make|-j|4|check", "make|check", 4);
        check_take("make|-j|check", "make|check", 0);
        check_take("make|check|-j8", "make|check", 8);
        check_take("make|--jobs|all", "make|all", 0);
        check_take("make|--jobs=3|all", "make|all", 3);
        check_take("make|--jobs|3|all", "make|all", 3);
        check_take("make|-ksj2|all", "make|-ks|all", 2);
        check_take("make|-kj|2|-s", "make|-k|-s", 2);
        check_take("make|-j2|-j", "make", 0);
        check_take("make|-j|-j5", "make", 5);
        check_take("make|-Csub|-j5", "make|-Csub", 5);
}

static void what_only_looks_like_it_stays(void)
{
        check_take("make|-C|-j4", "", NONE);
        check_take("make|-fj4", "", NONE);
        check_take("make|-kf|-j4", "", NONE);
        check_take("make|--directory|-j4", "", NONE);
        check_take("make|--directory=x|-j4", "make|--directory=x", 4);
        check_take("make|--|-j4", "", NONE);
        check_take("make|-j2|--|-j4", "make|--|-j4", 2);
        check_take("make|-Ojob", "", NONE);
        check_take("make|J=-j4", "", NONE);
        check_take("make|--jobserver-style=pipe", "", NONE);
}

/* What make is to complain about it gets. */
static void wrong_ones_stay(void)
{
        check_take("make|-j0", "", NONE);
        check_take("make|-jx", "", NONE);
        check_take("make|-j4x", "", NONE);
        check_take("make|--jobs=", "", NONE);
        check_take("make|-j3|-j0", "", NONE);
}

static void flags_that_have_jobs(void)
{
        CHECK(!run_make_has_jobs(""));
        CHECK(!run_make_has_jobs("ks"));
        CHECK(!run_make_has_jobs(" -k --no-print-directory"));
        CHECK(!run_make_has_jobs("-- J=-j4"));
        CHECK(!run_make_has_jobs(" --no-print-directory -- X=a -j4"));
        CHECK(!run_make_has_jobs("CFLAGS=-j"));
        CHECK(!run_make_has_jobs("k --"));
        CHECK(run_make_has_jobs("-j4"));
        CHECK(run_make_has_jobs("kj"));
        CHECK(run_make_has_jobs("-k -j"));
        CHECK(run_make_has_jobs("k --jobs=4"));
        CHECK(run_make_has_jobs(" --jobserver-auth=3,4"));
        CHECK(run_make_has_jobs(" --jobserver-fds=3,4 -j"));
}

static void check_add(const char *before, const char *unread, const char *after)
{
        CLEANUP_FREE char *made = NULL;

        CHECK_INT(run_make_add_flags(before, "-j8", unread, &made), 0);
        CHECK_STR(made, after);
}

static void flags_are_added(void)
{
        check_add("", NULL, " -j8");
        check_add("ks", NULL, "ks -j8");
        check_add("k --no-print-directory", NULL, "k --no-print-directory -j8");
        check_add("k -- X=1", NULL, "k -j8 -- X=1");
        check_add("-- X=1", NULL, " -j8 -- X=1");
        check_add("", "u", " -j8 -- u");
        check_add("k -- X=1", "u", "k -j8 -- X=1 u");
        check_add("--", "u", " -j8 -- u");
        check_add("k --", "u", "k -j8 -- u");
}

static void make_is_told_by_its_name(void)
{
        CHECK(run_make_is("make") && run_make_is("/usr/bin/gmake"));
        CHECK(!run_make_is("cmake") && !run_make_is("/make/sh") && !run_make_is("makefile"));
}

int main(void)
{
        jobs_are_taken_out();
        what_only_looks_like_it_stays();
        wrong_ones_stay();
        flags_that_have_jobs();
        flags_are_added();
        make_is_told_by_its_name();
        return 0;
}
