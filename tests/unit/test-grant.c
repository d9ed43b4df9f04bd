/* Grants and facts between the service and the client's library. */
#include "lib/grant.h"

#include <errno.h>

#include "lib/facts.h"
#include "tests/unit/test.h"

#define GRANT "\"lease\": \"7\", \"generation\": 3, \"pus\": [2, 0], \"slots\": [1], \"reason\": \"r\""

static int read_text(const char *text, struct client_grant *grant)
{
        CLEANUP_JSON json_t *json = json_loads(text, 0, NULL);
        CLEANUP_FREE char *lease = NULL, *token = NULL;

        CHECK(json);
        return grant_read(json, grant, &lease, &token);
}

static void test_absent(void)
{
        struct client_grant grant = {0};

        CHECK_INT(read_text("{\"grant\": {" GRANT "}}", &grant), 0);
        CHECK(grant.n_pus == 2 && grant.pus[0] == 2 && grant.generation == 3);
        CHECK(grant.expected_ms == 0 && grant.nice == 0 && !grant.paused && grant.position == 0);
        grant_finish(&grant);
}

static void test_present(void)
{
        struct client_grant grant = {0};

        CHECK_INT(read_text("{\"grant\": {" GRANT ", \"position\": 2, \"expectedMs\": 5000000000, \"paused\": true, "
                            "\"nice\": 19}}",
                            &grant),
                  0);
        CHECK_INT(grant.expected_ms, 5000000000);
        CHECK(grant.nice == 19 && grant.paused && grant.position == 2);
        grant_finish(&grant);
}

static void test_nonsense(void)
{
        static const char *const bad[] = {
                "{}",
                "{\"grant\": []}",
                "{\"grant\": {" GRANT ", \"nice\": 20}}",
                "{\"grant\": {" GRANT ", \"nice\": -1}}",
                "{\"grant\": {" GRANT ", \"paused\": 1}}",
                "{\"grant\": {" GRANT ", \"expectedMs\": -1}}",
                "{\"grant\": {" GRANT ", \"expectedMs\": \"soon\"}}",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct client_grant grant = {.nice = 5};

                CHECK_INT(read_text(bad[i], &grant), -EPROTO);
                CHECK_INT(grant.nice, 5);
        }
}

static void check_changes(const struct facts *before, const struct facts *now, int changed, const char *expected)
{
        CLEANUP_JSON json_t *json = json_object();
        CLEANUP_FREE char *text = NULL;

        CHECK_INT(facts_add_changes(before, now, json), changed);
        text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        CHECK_STR(text, expected);
}

/* Only what differs is told, and a quota that is gone as 0. */
static void test_changes(void)
{
        struct facts before = {0}, now;

        cpuset_add_range(&before.allowed, 0, 3);
        now = before;
        check_changes(&before, &now, 0, "{}");
        check_changes(NULL, &now, 1, "{\"allowed\":\"0-3\",\"quota\":0.0}");
        cpuset_remove(&now.allowed, 2);
        check_changes(&before, &now, 1, "{\"allowed\":\"0-1,3\"}");
        before = now;
        now.quota = 1.5;
        snprintf(now.group, sizeof(now.group), "/a#7");
        check_changes(&before, &now, 1, "{\"cgroup\":\"/a#7\",\"quota\":1.5}");
        before = now;
        snprintf(now.group, sizeof(now.group), "/b#8");
        check_changes(&before, &now, 1, "{\"cgroup\":\"/b#8\",\"quota\":1.5}");
        before = now;
        now.quota = 0;
        now.group[0] = '\0';
        check_changes(&before, &now, 1, "{\"quota\":0.0}");
}

int main(void)
{
        test_absent();
        test_present();
        test_nonsense();
        test_changes();
        return 0;
}
