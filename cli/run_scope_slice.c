#include "cli/run_scope_slice.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "cli/run_scope.h"
#include "cli/run_scope_limits.h"
#include "lib/util.h"

static void cleanup_closedirp(DIR **d)
{
        if (*d)
                closedir(*d);
}

static unsigned read_weight(const char *directory, const char *group)
{
        char path[2 * HW_PATH_MAX];
        int64_t weight;

        (void)snprintf(path, sizeof(path), "%s/%s/cpu.weight", directory, group);
        return hw_root_read_number("", path, &weight) < 0 ? 0 : (unsigned)weight;
}

static unsigned heaviest_in(const char *slice)
{
        CLEANUP(cleanup_closedirp) DIR *d = opendir(slice);
        const struct dirent *entry;
        unsigned most = 0;

        while (d && (entry = readdir(d))) {
                unsigned weight = entry->d_type == DT_DIR && strstr(entry->d_name, ".scope")
                                          ? read_weight(slice, entry->d_name)
                                          : 0;

                most = weight > most ? weight : most;
        }
        return most;
}

void run_scope_slice_follow(struct run_scope *s)
{
        const struct run_manager_limits none = {
                .memory_high = UINT64_MAX, .memory_max = UINT64_MAX, .swap_max = UINT64_MAX};
        struct run_manager_limits limits = none;
        char slice[HW_PATH_MAX];
        char *slash;

        (void)snprintf(slice, sizeof(slice), "%s", s->directory);
        slash = strrchr(slice, '/');
        if (!slash)
                return;
        *slash = '\0';
        limits.weight = heaviest_in(slice);
        if (limits.weight > RUN_SCOPE_SLICE_WEIGHT)
                limits.weight = RUN_SCOPE_SLICE_WEIGHT;
        if (limits.weight == 0 || limits.weight == read_weight(slice, "."))
                return;
        (void)run_manager_change(s->manager, RUN_MANAGER_SLICE, &none, &limits);
}
