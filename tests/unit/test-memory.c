/* How much memory there is to be had, from made trees of /proc and cgroups. */
#include <errno.h>
#include <stdint.h>

#include "hw/memory.h"
#include "hw/oom.h"
#include "lib/util.h"
#include "tests/unit/sensor-tree.h"
#include "tests/unit/test.h"

#define MEMINFO     "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    4000 kB\n"
#define V2_MOUNTS   "1 0 0:1 / /cg rw - cgroup2 cgroup2 rw\n"
#define V1_MOUNTS   "1 0 0:1 / /cg rw - cgroup cgroup rw,memory\n"
#define V1_NO_LIMIT "9223372036854771712\n"

static void make(struct tree *tree, const struct tree_file files[static 8])
{
        tree_make(tree);
        for (size_t i = 0; i < 8 && files[i].path; i++)
                tree_write(tree, files[i].path, files[i].text);
}

static uint64_t available(const struct tree_file files[static 8])
{
        uint64_t bytes = 0;
        struct tree tree;

        make(&tree, files);
        CHECK_INT(hw_memory_available(tree.root, 0, &bytes), 0);
        tree_finish(&tree);
        return bytes;
}

/* Its own group's count, or the system's where the group has none. */
static void test_oom(void)
{
        static const struct {
                struct tree_file files[8];
                const char *path;
                int result;
                uint64_t count;
        } cases[] = {
                {{{NULL, NULL}}, "", -EISDIR, 0},
                {{{"/proc/vmstat", "oom_killer 9\npgfault 1\noom_kill 4\n"}}, "/proc/vmstat", 0, 4},
                {{{"/proc/vmstat", "pgfault 1\n"}}, "", -EISDIR, 0},
                {{{"/proc/vmstat", "oom_kill 4\n"},
                  {"/proc/self/cgroup", "0::/a\n"},
                  {"/proc/self/mountinfo", V2_MOUNTS},
                  {"/cg/a/memory.events", "oom 3\noom_kill 2\noom_group_kill 0\n"}},
                 "/cg/a/memory.events",
                 0,
                 2},
                {{{"/proc/vmstat", "oom_kill 4\n"},
                  {"/proc/self/cgroup", "4:memory:/a\n"},
                  {"/proc/self/mountinfo", V1_MOUNTS},
                  {"/cg/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"}},
                 "/cg/a/memory.oom_control",
                 0,
                 1},
                {{{"/proc/vmstat", "oom_kill 4\n"},
                  {"/proc/self/cgroup", "0::/a\n"},
                  {"/proc/self/mountinfo", V2_MOUNTS},
                  {"/cg/a/memory.events", "oom_kill many\n"}},
                 "/proc/vmstat",
                 0,
                 4},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char path[HW_PATH_MAX];
                uint64_t count = 0;
                struct tree tree;

                make(&tree, cases[i].files);
                CHECK_INT(hw_oom_counter(tree.root, 0, path), 0);
                CHECK_STR(path, cases[i].path);
                CHECK_INT(hw_oom_count(tree.root, path, &count), cases[i].result);
                CHECK_INT(count, cases[i].count);
                tree_finish(&tree);
        }
}

int main(void)
{
        static const struct {
                struct tree_file files[8];
                uint64_t bytes;
        } cases[] = {
                {{{NULL, NULL}}, UINT64_MAX},
                {{{"/proc/meminfo", MEMINFO}}, 4000 * 1024},
                {{{"/proc/meminfo", "MemAvailable: much\n"}}, UINT64_MAX},
                {{{"/proc/meminfo", "MemTotal: 9000 kB\n"}}, UINT64_MAX},
                /* Less by the group's parent, cache that can be dropped not counted. */
                {{{"/proc/meminfo", MEMINFO},
                  {"/proc/self/cgroup", "0::/a/b\n"},
                  {"/proc/self/mountinfo", V2_MOUNTS},
                  {"/cg/a/b/memory.max", "max\n"},
                  {"/cg/a/memory.max", "3000000\n"},
                  {"/cg/a/memory.current", "1000000\n"},
                  {"/cg/a/memory.stat", "anon 5\ninactive_file 400000\n"}},
                 2400000},
                /* The limit from which on a group is slowed down counts, and one that is exceeded leaves nothing. */
                {{{"/proc/meminfo", MEMINFO},
                  {"/proc/self/cgroup", "0::/a\n"},
                  {"/proc/self/mountinfo", V2_MOUNTS},
                  {"/cg/a/memory.max", "3000000\n"},
                  {"/cg/a/memory.high", "900000\n"},
                  {"/cg/a/memory.current", "1000000\n"}},
                 0},
                {{{"/proc/meminfo", MEMINFO},
                  {"/proc/self/cgroup", "4:memory:/a\n"},
                  {"/proc/self/mountinfo", V1_MOUNTS},
                  {"/cg/memory.limit_in_bytes", V1_NO_LIMIT},
                  {"/cg/memory.usage_in_bytes", "7\n"},
                  {"/cg/a/memory.limit_in_bytes", "500\n"},
                  {"/cg/a/memory.usage_in_bytes", "200\n"}},
                 300},
                /* What is no number limits nothing. */
                {{{"/proc/meminfo", MEMINFO},
                  {"/proc/self/cgroup", "0::/a\n"},
                  {"/proc/self/mountinfo", V2_MOUNTS},
                  {"/cg/a/memory.max", "-1\n"},
                  {"/cg/a/memory.current", "200\n"}},
                 4000 * 1024},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK(available(cases[i].files) == cases[i].bytes);
        test_oom();
        return 0;
}
