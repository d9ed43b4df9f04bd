/* What a run says while it waits for its first PU. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/run_wait.h"
#include "lib/client.h"
#include "tests/unit/test.h"

static const char *text(const char *reason, unsigned position, uint64_t expected_ms, uint64_t waited_ms)
{
        static char buf[RUN_WAIT_TEXT_MAX];
        char copy[512];
        struct client_grant grant = {.reason = copy, .position = position, .expected_ms = expected_ms};

        snprintf(copy, sizeof(copy), "%s", reason);
        run_wait_text(&grant, waited_ms, buf);
        return buf;
}

static void test_texts(void)
{
        char longest[400];

        CHECK_STR(text("all lent", 2, 0, 0), "waiting for CPUs: all lent (place 2 in the queue)");
        CHECK_STR(text("all lent", 2, 40000, 0), "waiting for CPUs: all lent (place 2 in the queue; about 40 s)");
        CHECK_STR(text("all lent", 1, 40000, 38500), "waiting for CPUs: all lent (place 1 in the queue; about 2 s)");
        CHECK_STR(text("all lent", 1, 40000, 40000), "waiting for CPUs: all lent (place 1 in the queue)");
        CHECK_STR(text("all lent", 1, 180000, 0), "waiting for CPUs: all lent (place 1 in the queue; about 3 min)");
        CHECK_STR(text("paused", 0, 0, 0), "waiting for CPUs: paused");
        memset(longest, 'x', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        CHECK(strstr(text(longest, UINT_MAX, UINT64_MAX, 0), "(place 4294967295 in the queue; about "));
}

int main(void)
{
        test_texts();
        return 0;
}
