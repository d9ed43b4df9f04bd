#include "cli/run_scope_leave.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hw/cgroup.h"
#include "lib/util.h"

/* Where systemd puts itself, beside the units that it manages. */
#define INIT_SCOPE "/init.scope"

static const struct limit {
        const char *file, *what;
} limits[] = {
        {"cpuset.cpus", "CPUs"},
        {"cpu.max", "CPU time"},
        {"memory.high", "memory"},
        {"memory.max", "memory"},
};

/* The group that the manager's units are below; "" where that cannot be told. */
static void find_units(const char *root, const char *manager, struct hw_cgroup_place *ret_units)
{
        size_t length;

        if (hw_cgroup_find(root, manager, "", ret_units) < 0)
                ret_units->directory[0] = '\0';
        length = strlen(ret_units->directory);
        if (length >= strlen(INIT_SCOPE) && strcmp(ret_units->directory + length - strlen(INIT_SCOPE), INIT_SCOPE) == 0)
                (void)hw_cgroup_up(ret_units);
}

static bool is_within(const char *group, const char *directory)
{
        size_t length = strlen(directory);

        return strncmp(group, directory, length) == 0 && (group[length] == '/' || !group[length]);
}

/* What the group itself limits; NULL nothing. Where nothing is set there is "max", or no CPU in the list. */
static const char *limited_by(const char *root, const char *directory)
{
        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                char path[HW_PATH_MAX + 64], text[64];

                (void)snprintf(path, sizeof(path), "%s/%s", directory, limits[i].file);
                int r = hw_root_read_line(root, path, text, sizeof(text));

                if (r == -EFBIG || (r >= 0 && *text && strncmp(text, "max", 3) != 0))
                        return limits[i].what;
        }
        return NULL;
}

bool run_scope_leaves(const char *root, const char *manager, size_t size, char *ret_why)
{
        struct hw_cgroup_place own, units;

        if (hw_cgroup_find(root, "self", "", &own) < 0 || !*own.directory)
                return false;
        find_units(root, manager, &units);
        while (*units.directory && !is_within(units.directory, own.directory)) {
                const char *what = limited_by(root, own.directory);

                if (what) {
                        (void)snprintf(ret_why, size, "%.150s limits its %s, which a scope of its own would leave",
                                       strrchr(own.directory, '/') + 1, what);
                        return true;
                }
                if (!hw_cgroup_up(&own))
                        break;
        }
        return false;
}

bool run_scope_leaves_for(pid_t manager, size_t size, char *ret_why)
{
        char pid[16];

        if (manager == 0) {
                (void)snprintf(ret_why, size, "the manager is outside of this container, which a scope would leave");
                return true;
        }
        (void)snprintf(pid, sizeof(pid), "%d", (int)manager);
        return run_scope_leaves("", pid, size, ret_why);
}
