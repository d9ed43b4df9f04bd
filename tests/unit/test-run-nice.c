/* Whose weight a run lowers besides its own, in made trees of /proc and cgroups. */
#include <sys/resource.h>

#include "cli/run_nice.h"
#include "lib/util.h"
#include "tests/unit/sensor-tree.h"
#include "tests/unit/test.h"

#define V2_MOUNTS  "1 0 0:1 / /cg rw - cgroup2 cgroup2 rw\n"
#define V1_MOUNTS  "1 0 0:1 / /cg rw - cgroup cgroup rw,cpu\n"
#define SWITCH     "/proc/sys/kernel/sched_autogroup_enabled"
#define AUTOGROUP  "/proc/self/autogroup"
#define MEMBERSHIP "/proc/self/cgroup"
#define MOUNTS     "/proc/self/mountinfo"

/* This process's, once it is at least 7; the tests may have been started with more. */
static int own;

static const char *read_file(const struct tree *tree, const char *name)
{
        static char text[128];
        CLEANUP_FREE char *path = NULL;
        CLEANUP_FCLOSE FILE *f = NULL;

        CHECK(asprintf(&path, "%s%s", tree->root, name) > 0);
        f = fopen(path, "r");
        text[0] = '\0';
        return f && fgets(text, sizeof(text), f) ? text : "";
}

static const struct {
        struct tree_file files[6];
        const char *path, *during, *after; /* of the group's file; NULL: nothing is written */
} cases[] = {
        {.files = {{NULL, NULL}}},
        {.files = {{SWITCH, "0\n"}, {AUTOGROUP, "/autogroup-7 nice 0\n"}},
         .path = AUTOGROUP,
         .during = "/autogroup-7 nice 0\n",
         .after = "/autogroup-7 nice 0\n"},
        {.files = {{SWITCH, "1\n"}, {AUTOGROUP, "/autogroup-7 nice 0\n"}},
         .path = AUTOGROUP,
         .during = "7\n",
         .after = "0\n"},
        {.files = {{SWITCH, "1\n"}, {AUTOGROUP, "/autogroup-7 nice -3\n"}},
         .path = AUTOGROUP,
         .during = "7\n",
         .after = "-3\n"},
        {.files = {{SWITCH, "1\n"}, {AUTOGROUP, "/autogroup-7 nice 12\n"}},
         .path = AUTOGROUP,
         .during = "/autogroup-7 nice 12\n",
         .after = "/autogroup-7 nice 12\n"},
        {.files = {{SWITCH, "1\n"}, {AUTOGROUP, "garbage\n"}},
         .path = AUTOGROUP,
         .during = "garbage\n",
         .after = "garbage\n"},
        {.files = {{SWITCH, "1\n"}, {AUTOGROUP, "/autogroup-7 nice 99\n"}},
         .path = AUTOGROUP,
         .during = "/autogroup-7 nice 99\n",
         .after = "/autogroup-7 nice 99\n"},
        /* its own cgroup counts for the scheduler, and so the session's does not */
        {.files = {{SWITCH, "1\n"},
                   {AUTOGROUP, "/autogroup-7 nice 0\n"},
                   {MEMBERSHIP, "0::/a/b\n"},
                   {MOUNTS, V2_MOUNTS},
                   {"/cg/a/b/cpu.weight.nice", "1\n"}},
         .path = "/cg/a/b/cpu.weight.nice",
         .during = "7\n",
         .after = "1\n"},
        {.files = {{SWITCH, "1\n"},
                   {AUTOGROUP, "/autogroup-7 nice 0\n"},
                   {MEMBERSHIP, "0::/a/b\n"},
                   {MOUNTS, V2_MOUNTS},
                   {"/cg/a/b/cpu.weight.nice", "0\n"}},
         .path = AUTOGROUP,
         .during = "/autogroup-7 nice 0\n",
         .after = "/autogroup-7 nice 0\n"},
        /* an ancestor's, which is others' too */
        {.files = {{SWITCH, "1\n"},
                   {AUTOGROUP, "/autogroup-7 nice 0\n"},
                   {MEMBERSHIP, "0::/a/b\n"},
                   {MOUNTS, V2_MOUNTS},
                   {"/cg/a/cpu.weight", "100\n"}},
         .path = AUTOGROUP,
         .during = "/autogroup-7 nice 0\n",
         .after = "/autogroup-7 nice 0\n"},
        {.files = {{SWITCH, "1\n"},
                   {AUTOGROUP, "/autogroup-7 nice 0\n"},
                   {MEMBERSHIP, "0::/a/b\n"},
                   {MOUNTS, V2_MOUNTS},
                   {"/cg/a/pids.max", "1\n"}},
         .path = AUTOGROUP,
         .during = "7\n",
         .after = "0\n"},
        {.files = {{SWITCH, "1\n"},
                   {AUTOGROUP, "/autogroup-7 nice 0\n"},
                   {MEMBERSHIP, "4:cpu:/\n"},
                   {MOUNTS, V1_MOUNTS}},
         .path = AUTOGROUP,
         .during = "7\n",
         .after = "0\n"},
        {.files = {{SWITCH, "1\n"},
                   {AUTOGROUP, "/autogroup-7 nice 0\n"},
                   {MEMBERSHIP, "4:cpu:/a\n"},
                   {MOUNTS, V1_MOUNTS}},
         .path = AUTOGROUP,
         .during = "/autogroup-7 nice 0\n",
         .after = "/autogroup-7 nice 0\n"},
};

static void test_case(size_t i)
{
        struct run_nice nice;
        struct tree tree;

        tree_make(&tree);
        for (size_t k = 0; k < ELEMENTSOF(cases[i].files) && cases[i].files[k].path; k++)
                tree_write(&tree, cases[i].files[k].path, cases[i].files[k].text);
        run_nice_apply(tree.root, 7, &nice);
        run_nice_become(&nice);
        CHECK_INT(getpriority(PRIO_PROCESS, 0), own);
        if (cases[i].path)
                CHECK_STR(read_file(&tree, cases[i].path), cases[i].during);
        run_nice_restore(&nice);
        if (cases[i].path)
                CHECK_STR(read_file(&tree, cases[i].path), cases[i].after);
        tree_finish(&tree);
}

/* One that is set back by somebody else is set anew, and not set back where it was changed. */
static void test_keeping(void)
{
        struct run_nice nice;
        struct tree tree;

        tree_make(&tree);
        tree_write(&tree, SWITCH, "1\n");
        tree_write(&tree, AUTOGROUP, "/autogroup-7 nice 2\n");
        run_nice_apply(tree.root, 7, &nice);
        tree_write(&tree, AUTOGROUP, "/autogroup-7 nice 5\n");
        run_nice_keep(tree.root, &nice);
        CHECK_STR(read_file(&tree, AUTOGROUP), "7\n");
        CHECK_INT(nice.before, 5);
        tree_write(&tree, AUTOGROUP, "/autogroup-7 nice 9\n");
        run_nice_keep(tree.root, &nice);
        run_nice_restore(&nice);
        CHECK_STR(read_file(&tree, AUTOGROUP), "/autogroup-7 nice 9\n");
        tree_finish(&tree);
}

/* Without a service, or where it asks for nothing, nothing happens; nobody becomes less nice. */
static void test_less(void)
{
        struct run_nice nice;

        run_nice_apply("/nowhere", 0, &nice);
        run_nice_become(&nice);
        CHECK_INT(nice.own, own);
        CHECK_INT(getpriority(PRIO_PROCESS, 0), own);
        run_nice_keep("/nowhere", &nice);
        run_nice_restore(&nice);
        run_nice_apply("/nowhere", 3, &nice);
        run_nice_become(&nice);
        CHECK_INT(getpriority(PRIO_PROCESS, 0), own);
}

int main(void)
{
        own = getpriority(PRIO_PROCESS, 0);
        own = own > 7 ? own : 7;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                test_case(i);
        test_keeping();
        test_less();
        return 0;
}
