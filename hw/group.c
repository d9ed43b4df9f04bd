#include "hw/group.h"

#include <stdio.h>

#include "hw/root.h"

static uint64_t read_keyed(const char *root, const char *directory, const char *name, const char *key)
{
        char path[HW_PATH_MAX + 64];
        uint64_t number = UINT64_MAX;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        (void)hw_root_read_keyed(root, path, key, &number);
        return number;
}

static uint64_t read_number(const char *root, const char *directory, const char *name)
{
        char path[HW_PATH_MAX + 64];
        int64_t number;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        return hw_root_read_number(root, path, &number) < 0 ? UINT64_MAX : (uint64_t)number;
}

void hw_group_read(const char *root, const char *directory, struct hw_group *ret_group)
{
        *ret_group = (struct hw_group){
                .cpu_us = read_keyed(root, directory, "cpu.stat", "usage_usec"),
                .memory = read_number(root, directory, "memory.current"),
                .memory_peak = read_number(root, directory, "memory.peak"),
                .droppable = read_keyed(root, directory, "memory.stat", "inactive_file"),
                .oom_kills = read_keyed(root, directory, "memory.events", "oom_kill"),
        };
}
