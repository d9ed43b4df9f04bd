#include "hw/oom.h"

#include <string.h>

#include "hw/cgroup.h"
#include "lib/util.h"

#define VMSTAT "/proc/vmstat"

int hw_oom_count(const char *root, const char *path, uint64_t *ret_count)
{
        return hw_root_read_keyed(root, path, "oom_kill", ret_count);
}

static bool counts(const char *root, const char *path)
{
        uint64_t count;

        return hw_oom_count(root, path, &count) == 0;
}

int hw_oom_counter(const char *root, int pid, char ret_path[static HW_PATH_MAX])
{
        struct hw_cgroup_place place;
        char process[16] = "self", path[HW_PATH_MAX + 64];
        int r;

        if (pid > 0)
                (void)snprintf(process, sizeof(process), "%d", pid);
        r = hw_cgroup_find(root, process, "memory", &place);
        if (r < 0)
                return r;
        snprintf(path, sizeof(path), "%s/%s", place.directory, place.v2 ? "memory.events" : "memory.oom_control");
        if (!*place.directory || !counts(root, path))
                snprintf(path, sizeof(path), "%s", counts(root, VMSTAT) ? VMSTAT : "");
        if (strlen(path) >= HW_PATH_MAX)
                path[0] = '\0';
        memcpy(ret_path, path, strlen(path) + 1);
        return 0;
}
